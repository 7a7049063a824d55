"""What only one person's rows hold: their ids, sealed values and keyed hashes. Found afterwards, something was kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from tests.system import scan
from tests.system.local import LocalSystem

SHORTEST, SHORTEST_HASH = 16, 32
NOT_ALONE = frozenset({"event_id", "disclosure_id", "fingerprint"})
"""Columns that name no person: a message, which inboxes remember; a request, which others may have made alike."""
BY_OTHERS = {"refresh_tokens": "session_id IN (SELECT session_id FROM sessions WHERE subject_id = %s)"}
"""Tables whose rows belong to somebody by way of another table."""


def belongings(system: LocalSystem, subject_id: str, *services: str) -> dict[str, bytes]:
    """Every id (in every spelling), sealed value and hash in rows of somebody, named by its column; in the databases of
    these services, or of all."""
    values: dict[Any, str] = {}
    for service in services or system.env["databases"]:
        for row in _rows_of(system, service, UUID(subject_id)):
            for column, value in row.items():
                if column not in NOT_ALONE and _is_a_mark(value, subject_id):
                    values.setdefault(value, column)
    marks: dict[str, bytes] = {}
    for number, (value, column) in enumerate(values.items()):
        marks |= _spelled(f"{column} {number}", value)
    return marks


def _rows_of(system: LocalSystem, service: str, subject_id: UUID) -> Iterator[dict[str, Any]]:
    with psycopg.connect(system.env["databases"][service], row_factory=dict_row) as connection:
        owned = connection.execute(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'subject_id'"
            " UNION SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename = ANY(%s)",
            (list(BY_OTHERS),),
        ).fetchall()
        for table in (row["table_name"] for row in owned):
            where = BY_OTHERS.get(table, "subject_id = %s")
            yield from connection.execute(f"SELECT * FROM {table} WHERE {where}", (subject_id,))  # type: ignore[arg-type]


def _is_a_mark(value: object, subject_id: str) -> bool:
    if isinstance(value, bytes):
        return len(value) >= SHORTEST
    if isinstance(value, str):
        return len(value) >= SHORTEST_HASH and value.isalnum() and subject_id not in value
    return isinstance(value, UUID)


def _spelled(name: str, value: UUID | bytes | str) -> dict[str, bytes]:
    if isinstance(value, UUID):
        return scan.of_id(name, value)
    return {name: value.encode() if isinstance(value, str) else value}
