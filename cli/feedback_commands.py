"""``pocketid feedback list|show|answer``: complaints and requests, for operators.

This process never holds a master key: auth hands over the key of one ticket, sealed to a key that lives for one command,
and writes down that it did.
"""

from __future__ import annotations

import sys
from base64 import b64decode, b64encode
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Column, Table

from cli.asking import ask
from shared.contracts import consents
from shared.contracts import feedback as tickets
from shared.crypto import DataKey, seal, unseal
from shared.crypto.handover import Taker
from shared.kernel.clock import rfc3339
from shared.kernel.personal import Secret

feedback = typer.Typer(help="Complaints and requests: list, show, answer.", no_args_is_help=True)

TicketId = Annotated[UUID, typer.Argument(help="A ticket's id, as the list shows it.")]


@feedback.command("list")
def list_feedback(
    status: Annotated[str, typer.Option("--status", help="open, answered, closed or all")] = "open",
    limit: Annotated[int, typer.Option("--limit")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Shows tickets, the most urgent first; what they say, and who wrote them, is not in the list."""
    found = ask(tickets.ListFeedback(status=None if status == "all" else status, limit=limit))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    table = Table(Column("ticket", no_wrap=True), "kind", "status", "came in", "due by", "", box=None)
    for one in found.items:
        due, came = rfc3339(one.deadline), rfc3339(one.created_at)
        table.add_row(str(one.ticket_id), one.kind, one.status, came, due, "OVERDUE" if one.overdue else "")
    Console().print(table if found.items else "no tickets")


@feedback.command()
def show(ticket_id: TicketId) -> None:
    """Shows what one ticket says. That it was opened is written to auth's log."""
    ticket = ask(tickets.FeedbackForOperators(ticket_id=ticket_id))
    key = _key_of(ticket)
    typer.echo(f"{ticket.kind}, {ticket.status}, due by {rfc3339(ticket.deadline)}")
    for part, sealed in (
        ("text", ticket.sealed_text),
        ("contact", ticket.sealed_contact),
        ("answer", ticket.sealed_answer),
    ):
        if sealed:
            opened = unseal(key, b64decode(sealed), tickets.ticket_bound(ticket_id, part)).decode()
            typer.echo(f"\n{part}:\n{opened}")


@feedback.command()
def answer(ticket_id: TicketId) -> None:
    """Answers a ticket, once, with what standard input says (so that it stands in no list of processes)."""
    if sys.stdin.isatty():
        typer.echo("The answer, then Ctrl-D:", err=True)
    text = sys.stdin.read().strip()
    if not text:
        typer.echo("pocketid: an answer is wanted on standard input", err=True)
        raise typer.Exit(2)
    ticket = ask(tickets.FeedbackForOperators(ticket_id=ticket_id))
    sealed = seal(_key_of(ticket), text.encode(), tickets.ticket_bound(ticket_id, "answer"))
    summary = ask(tickets.AnswerFeedback(ticket_id=ticket_id, sealed_answer=b64encode(sealed).decode()))
    typer.echo(f"{summary.ticket_id}: {summary.status}")


def _key_of(ticket: tickets.TicketState) -> DataKey:
    taker = Taker()
    handed = ask(
        consents.HandOverTicketKey(
            ticket_id=ticket.ticket_id,
            subject_id=ticket.subject_id,
            sealed_key=ticket.sealed_key,
            public_key=b64encode(taker.public).decode(),
        )
    )
    return Secret(taker.take(b64decode(handed.handed), str(ticket.ticket_id)))
