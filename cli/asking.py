"""One call of an operator's command to a running service."""

from __future__ import annotations

from typing import TypeVar

import typer
from pydantic import BaseModel

from cli.connection import amqp_url
from shared.contracts import Call
from shared.kernel.errors import PocketError
from shared.rpc.asking_plain import PlainAsker

A = TypeVar("A", bound=BaseModel)
PATIENCE_SECONDS = 30.0


def ask(call: Call[A]) -> A:
    """The service's answer; an error of ours ends the command with one clear line and exit 1."""
    try:
        return PlainAsker(amqp_url(), timeout_seconds=PATIENCE_SECONDS, connections=1).ask(call)
    except PocketError as error:
        typer.echo(f"pocketid: {error.public('en')} ({error.actual_code})", err=True)
        raise typer.Exit(1) from error
