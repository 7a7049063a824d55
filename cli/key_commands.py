"""``pocketid keys rewrap``: after a new master key was put first, for operators."""

from __future__ import annotations

import typer
from rich.progress import Progress

from cli.asking import ask
from shared.contracts import consents
from shared.contracts import feedback as tickets

keys = typer.Typer(help="Master keys: wrap every data key by the current one.", no_args_is_help=True)


@keys.callback()
def _group() -> None:
    """Master keys."""


@keys.command()
def rewrap() -> None:
    """Wraps every subject's data key, and the keys of tickets without a login, by the current master key; afterwards the old one may be taken away.

    May be broken off and repeated. Nothing that a data key seals changes.
    """
    total = 0
    with Progress(transient=True) as progress:
        progress.add_task("wrapping data keys anew", total=None)
        done = False
        while not done:
            answer = ask(consents.RewrapKeys())
            total, done = total + answer.rewrapped, answer.done
        of_tickets = _rewrap_tickets()
    typer.echo(f"{total} data keys and {of_tickets} tickets' keys wrapped anew; no other master key is in use")


def _rewrap_tickets() -> int:
    """Tickets without a login have keys that master keys seal; how many."""
    total, last = 0, None
    while (found := ask(tickets.KeysOfTickets(after=last))).items:
        anew = ask(consents.RewrapTicketKeys(items=found.items))
        ask(tickets.ReplaceTicketKeys(before=found.items, anew=anew.items))
        total, last = total + len(found.items), found.items[-1].ticket_id
    return total
