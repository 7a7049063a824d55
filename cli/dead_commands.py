"""``pocketid dead list|replay|drop``: what failed for good, and what an operator does about it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.connection import amqp_url
from shared.contracts.queues import LISTENERS, Listener
from shared.messaging.dead import DeadLetter, Fate, listener_named, walk

dead = typer.Typer(help="Dead letters: list, replay or drop them.", no_args_is_help=True)

QueueOption = Annotated[str, typer.Option("--queue", help="Only this queue; all when left out.")]
IdArgument = Annotated[list[str] | None, typer.Argument(help="Message ids, as 'pocketid dead list' shows them.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every dead letter (of --queue, when it is given).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@dead.command("list")
def list_letters(queue: QueueOption = "", as_json: JsonOption = False) -> None:
    """Shows what rests: which message, why, after how many attempts. Never its content."""
    letters = [letter for letter, _ in walk(amqp_url(), _listeners(queue), lambda _: Fate.KEEP)]
    if as_json:
        typer.echo(json.dumps([asdict(letter) for letter in letters], indent=2))
        return
    table = Table("queue", "message", "type", "subject", "attempts", "error", "said at", box=None)
    for one in letters:
        table.add_row(one.queue, one.message_id, one.type, one.subject_id, str(one.attempts), one.error, one.at)
    Console().print(table if letters else "no dead letters")


@dead.command()
def replay(ids: IdArgument = None, queue: QueueOption = "", everything: AllOption = False) -> None:
    """Sends dead letters back to the queue they failed on, with all attempts before them."""
    _decide(Fate.REPLAY, ids or [], queue, everything)


@dead.command()
def drop(ids: IdArgument = None, queue: QueueOption = "", everything: AllOption = False) -> None:
    """Throws dead letters away."""
    _decide(Fate.DROP, ids or [], queue, everything)


def _decide(fate: Fate, ids: list[str], queue: str, everything: bool) -> None:
    if not ids and not everything:
        typer.echo("pocketid: name message ids, or say --all", err=True)
        raise typer.Exit(2)

    def chosen(letter: DeadLetter) -> Fate:
        return fate if everything or letter.message_id in ids else Fate.KEEP

    done = [letter for letter, what in walk(amqp_url(), _listeners(queue), chosen) if what is fate]
    typer.echo(f"{'replayed' if fate is Fate.REPLAY else 'dropped'}: {len(done)}")
    missing = set(ids) - {letter.message_id for letter in done}
    if missing:
        typer.echo(f"pocketid: not found: {', '.join(sorted(missing))}", err=True)
        raise typer.Exit(1)


def _listeners(queue: str) -> tuple[Listener, ...]:
    if not queue:
        return LISTENERS
    listener = listener_named(queue)
    if listener is None:
        known = ", ".join(one.queue for one in LISTENERS)
        typer.echo(f"pocketid: there is no queue {queue}; queues: {known}", err=True)
        raise typer.Exit(2)
    return (listener,)
