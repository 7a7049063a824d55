"""``pocketid purge list|show|retry``: purges, for operators."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Column, Table

from cli.asking import ask
from shared.contracts import retention
from shared.kernel.clock import rfc3339

purge = typer.Typer(help="Purges: list them, show one, have one start over.", no_args_is_help=True)

PurgeId = Annotated[UUID, typer.Argument(help="A purge id.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@purge.command("list")
def list_purges(
    status: Annotated[
        str, typer.Option("--status", help="requested, fenced, purging, verifying, completed or stuck")
    ] = "",
    limit: Annotated[int, typer.Option("--limit")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Shows purges, newest first; whose they are, nobody is told."""
    found = ask(retention.ListPurges(status=status or None, limit=limit))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    table = Table(
        Column("purge", no_wrap=True), "status", "reason", "requested", "attempts", "waiting for", "trouble", box=None
    )
    for one in found.items:
        waiting = ", ".join(one.waiting_for)
        requested = rfc3339(one.requested_at)
        table.add_row(
            str(one.purge_id), one.status, one.reason, requested, str(one.attempts), waiting, one.trouble or ""
        )
    Console().print(table if found.items else "no purges")


@purge.command()
def show(purge_id: PurgeId) -> None:
    """Shows one purge: its timeline, its counts, its certificate."""
    typer.echo(ask(retention.ShowPurge(purge_id=purge_id)).model_dump_json(indent=2))


@purge.command()
def retry(purge_id: PurgeId) -> None:
    """Has a purge that is stuck start over now."""
    summary = ask(retention.RetryPurge(purge_id=purge_id))
    typer.echo(f"{summary.purge_id}: {summary.status}, attempt {summary.attempts}")
