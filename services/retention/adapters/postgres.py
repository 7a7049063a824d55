"""Retention's data in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from services.retention.adapters.postgres_rights import PostgresRights
from services.retention.domain.audits import SecondLook
from services.retention.domain.purges import Purge, PurgeState
from shared.kernel.clock import parse_rfc3339, rfc3339

_COLUMNS = (
    "purge_id, subject_id, tombstone, reason, state, requested_at, next_look_at, patience_from, timeline, fenced,"
    " reported, identity_asked, counts, attempts, opened_with, trouble, certificate, heir_id"
)
_SETTLED = ("completed", "stuck")


class PostgresRetention(PostgresRights):
    """One transaction on retention's tables."""

    def add_purge(self, purge: Purge) -> None:
        """A new purge."""
        row = _row(purge)
        self.connection.execute(
            f"INSERT INTO purges ({_COLUMNS}) VALUES ({', '.join(f'%({name})s' for name in row)})",  # noqa: S608 - constant names
            row,
        )

    def purge(self, purge_id: UUID) -> Purge | None:
        """A purge by id, held until this transaction ends."""
        return self._one("purge_id = %s FOR UPDATE", purge_id)

    def purge_of_tombstone(self, tombstone: bytes) -> Purge | None:
        """The purge of a subject."""
        return self._one("tombstone = %s", tombstone)

    def save_purge(self, purge: Purge) -> None:
        """A purge's new state and facts."""
        row = _row(purge)
        changes = ", ".join(f"{name} = %({name})s" for name in row if name != "purge_id")
        self.connection.execute(f"UPDATE purges SET {changes} WHERE purge_id = %(purge_id)s", row)  # noqa: S608

    def purges_due(self, now: datetime, limit: int) -> list[Purge]:
        """Purges that are neither completed nor stuck and should be looked at, held until this transaction ends."""
        rows = self.connection.execute(
            f"SELECT {_COLUMNS} FROM purges WHERE state <> ALL(%s) AND next_look_at <= %s"  # noqa: S608
            " ORDER BY next_look_at LIMIT %s FOR UPDATE SKIP LOCKED",
            (list(_SETTLED), now, limit),
        )
        return [_purge(row) for row in rows]

    def purges_listed(self, state: str | None, limit: int) -> list[Purge]:
        """Purges for operators, newest first."""
        rows = self.connection.execute(
            f"SELECT {_COLUMNS} FROM purges WHERE %s::text IS NULL OR state = %s"  # noqa: S608 - constant columns
            " ORDER BY requested_at DESC LIMIT %s",
            (state, state, limit),
        )
        return [_purge(row) for row in rows]

    def add_second_look(self, look: SecondLook) -> None:
        """A look that is due minutes after the certificate."""
        self.save_second_look(look)

    def second_looks_due(self, now: datetime, limit: int) -> list[SecondLook]:
        """Looks whose time has come."""
        with self.connection.cursor(row_factory=class_row(SecondLook)) as cursor:
            return cursor.execute(
                "SELECT purge_id, sealed_id, due_at, looks FROM second_looks WHERE due_at <= %s ORDER BY due_at LIMIT %s",
                (now, limit),
            ).fetchall()

    def save_second_look(self, look: SecondLook) -> None:
        """Look (again) later."""
        self.connection.execute(
            "INSERT INTO second_looks (purge_id, sealed_id, due_at, looks) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (purge_id) DO UPDATE SET due_at = excluded.due_at, looks = excluded.looks",
            (look.purge_id, look.sealed_id, look.due_at, look.looks),
        )

    def forget_second_look(self, purge_id: UUID) -> None:
        """Nothing was found: the subject's id goes."""
        self.connection.execute("DELETE FROM second_looks WHERE purge_id = %s", (purge_id,))

    def completed_purges(self, tombstones: Sequence[bytes]) -> dict[bytes, UUID]:
        """Those of the tombstones whose purge is completed, with the purge."""
        rows = self.connection.execute(
            "SELECT tombstone, purge_id FROM purges WHERE state = 'completed' AND tombstone = ANY(%s)",
            (list(tombstones),),
        )
        return {bytes(row["tombstone"]): row["purge_id"] for row in rows}

    def purge_states(self) -> dict[str, int]:
        """How many purges are in each state that is not completed."""
        rows = self.connection.execute(
            "SELECT state, count(*) AS n FROM purges WHERE state <> 'completed' GROUP BY state"
        )
        return {row["state"]: int(row["n"]) for row in rows}

    def purge_figures(self, now: datetime) -> tuple[int, float]:
        """How many purges are stuck, and the age in seconds of the oldest that is not completed."""
        row = self.connection.execute(
            "SELECT count(*) FILTER (WHERE state = 'stuck') AS stuck, min(requested_at) AS oldest"
            " FROM purges WHERE state <> 'completed'"
        ).fetchone()
        if row is None or row["oldest"] is None:
            return 0, 0.0
        return int(row["stuck"]), (now - row["oldest"]).total_seconds()

    def _one(self, condition: str, value: object) -> Purge | None:
        row = self.connection.execute(
            f"SELECT {_COLUMNS} FROM purges WHERE {condition}",  # noqa: S608 - constant names
            (value,),
        ).fetchone()
        return _purge(row) if row else None


def _row(purge: Purge) -> dict[str, Any]:
    return {
        "purge_id": purge.purge_id,
        "subject_id": purge.subject_id,
        "tombstone": purge.tombstone,
        "reason": purge.reason,
        "state": purge.state,
        "requested_at": purge.requested_at,
        "next_look_at": purge.next_look_at,
        "patience_from": purge.patience_from,
        "timeline": Jsonb([[str(name), rfc3339(moment)] for name, moment in purge.timeline]),
        "fenced": purge.fenced,
        "reported": sorted(purge.reported),
        "identity_asked": purge.identity_asked,
        "counts": Jsonb(dict(purge.counts)),
        "attempts": purge.attempts,
        "opened_with": purge.opened_with,
        "trouble": purge.trouble,
        "certificate": purge.certificate,
        "heir_id": purge.heir_id,
    }


def _purge(row: dict[str, Any]) -> Purge:
    timeline = tuple((PurgeState(name), parse_rfc3339(moment)) for name, moment in row["timeline"])
    return Purge(
        **{**row, "state": PurgeState(row["state"]), "timeline": timeline, "reported": frozenset(row["reported"])}
    )
