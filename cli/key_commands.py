"""``pocketid keys rewrap``: after a new master key was put first, for operators."""

from __future__ import annotations

import typer
from rich.progress import Progress

from cli.asking import ask
from shared.contracts import consents

keys = typer.Typer(help="Master keys: wrap every data key by the current one.", no_args_is_help=True)


@keys.callback()
def _group() -> None:
    """Master keys."""


@keys.command()
def rewrap() -> None:
    """Wraps every subject's data key by the current master key; afterwards the old one may be taken away.

    May be broken off and repeated. Nothing that a data key seals changes.
    """
    total = 0
    with Progress(transient=True) as progress:
        progress.add_task("wrapping data keys anew", total=None)
        done = False
        while not done:
            answer = ask(consents.RewrapKeys())
            total, done = total + answer.rewrapped, answer.done
    typer.echo(f"{total} data keys wrapped anew; no other master key is in use")
