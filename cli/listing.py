"""Lists for operators that stay readable at 80 columns: an entry's id whole on its first line, the rest below it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from textwrap import wrap
from uuid import UUID

import typer

WIDTH = 80
INDENT = "    "


def entry(identifier: UUID, status: str, at: datetime, facts: Iterable[str]) -> str:
    """One entry: id, state, and when it began; below, the facts that there are, wrapped."""
    first = f"{identifier}  {status:<9}  {moment(at)}"
    told = ", ".join(fact for fact in facts if fact)
    return "\n".join([first, *wrap(told, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)])


def moment(at: datetime) -> str:
    """``2026-11-24 08:00:05Z``: to the second, which is as much as a person needs."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def print_entries(entries: list[str], otherwise: str) -> None:
    """All entries, or what is said when there is none."""
    typer.echo("\n".join(entries) or otherwise)
