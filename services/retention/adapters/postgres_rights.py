"""Exports, disclosures and tickets in PostgreSQL."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from services.retention.domain.disclosures import Disclosure, Tally
from services.retention.domain.exports import Export, ExportState
from services.retention.domain.feedback import Ticket, TicketState
from shared.db import Transaction

_EXPORT = "export_id, subject_id, state, requested_at, heard_at, attempt, parts, size, expires_at, ended_at, cleared"
_LINE = "disclosure_id, subject_id, position, who, what, ground, at, reference, source, chain"
_TICKET = (
    "ticket_id, subject_id, kind, state, created_at, deadline, sealed_key, sealed_text, sealed_contact, sealed_answer,"
    " answered_at, alarmed"
)
_TABLES = ("exports", "disclosures", "tickets", "idempotency")


class PostgresRights(Transaction):
    """The part of retention's transactions that is about a person's rights."""

    # ---- exports

    def add_export(self, export: Export) -> None:
        """A new export."""
        self._insert("exports", asdict(export))

    def export(self, export_id: UUID) -> Export | None:
        """An export by id, held until this transaction ends."""
        found = self._exports("export_id = %s FOR UPDATE", export_id)
        return found[0] if found else None

    def save_export(self, export: Export) -> None:
        """An export's new state and facts."""
        self._update("exports", "export_id", asdict(export))

    def exports_of(self, subject_id: UUID) -> list[Export]:
        """The subject's exports, newest first."""
        return self._exports("subject_id = %s ORDER BY requested_at DESC, export_id DESC", subject_id)

    def exports_stalled(self, before: datetime, limit: int) -> list[Export]:
        """Exports under way of which nothing was heard since then, held; those that others hold are passed over."""
        condition = "state IN ('queued', 'building') AND heard_at < %s ORDER BY heard_at LIMIT %s"
        return self._exports(f"{condition} FOR UPDATE SKIP LOCKED", before, limit)

    def exports_past(self, now: datetime, limit: int) -> list[Export]:
        """Ready exports whose time is over, held; those that others hold are passed over."""
        condition = "state = 'ready' AND expires_at <= %s ORDER BY expires_at LIMIT %s"
        return self._exports(f"{condition} FOR UPDATE SKIP LOCKED", now, limit)

    def exports_to_clear(self, limit: int) -> list[Export]:
        """Ended exports that may still have objects."""
        return self._exports("state IN ('failed', 'expired') AND NOT cleared ORDER BY ended_at LIMIT %s", limit)

    def delete_exports_ended(self, before: datetime, limit: int) -> int:
        """Delete the rows of exports that ended before a moment and have no objects; how many."""
        return self.connection.execute(
            "DELETE FROM exports WHERE export_id IN (SELECT export_id FROM exports"
            " WHERE cleared AND ended_at < %s LIMIT %s)",
            (before, limit),
        ).rowcount

    def known_exports(self, export_ids: list[UUID]) -> set[UUID]:
        """Those of ``export_ids`` that have a row whose objects may be there."""
        rows = self.connection.execute(
            "SELECT export_id FROM exports WHERE export_id = ANY(%s) AND NOT cleared", (export_ids,)
        )
        return {row["export_id"] for row in rows}

    # ---- disclosures

    def add_disclosure(self, line: Disclosure) -> None:
        """One more line of a ledger."""
        self._insert("disclosures", {**asdict(line), "what": list(line.what)})

    def disclosures_of(self, subject_id: UUID) -> list[Disclosure]:
        """The subject's ledger, oldest first."""
        rows = self.connection.execute(
            f"SELECT {_LINE} FROM disclosures WHERE subject_id = %s ORDER BY position",  # noqa: S608 - constant names
            (subject_id,),
        )
        return [Disclosure(**{**row, "what": tuple(row["what"])}) for row in rows]

    def count_disclosure(self, tally: Tally) -> None:
        """Count a disclosure among those kept without a person."""
        self.connection.execute(
            "INSERT INTO disclosure_tallies (month, who, what, ground, count) VALUES (%s, %s, %s, %s, 1)"
            " ON CONFLICT (month, who, what, ground) DO UPDATE SET count = disclosure_tallies.count + 1",
            (tally.month, tally.who, list(tally.what), tally.ground),
        )

    def tallies(self) -> dict[Tally, int]:
        """All that is kept without a person."""
        rows = self.connection.execute("SELECT month, who, what, ground, count FROM disclosure_tallies")
        return {Tally(r["month"], r["who"], tuple(r["what"]), r["ground"]): int(r["count"]) for r in rows}

    def delete_tallies(self, before_month: str) -> int:
        """Delete the tallies of earlier months; how many."""
        return self.connection.execute("DELETE FROM disclosure_tallies WHERE month < %s", (before_month,)).rowcount

    # ---- tickets

    def add_ticket(self, ticket: Ticket) -> None:
        """A new ticket."""
        self._insert("tickets", asdict(ticket))

    def ticket(self, ticket_id: UUID) -> Ticket | None:
        """A ticket by id, held until this transaction ends."""
        found = self._tickets("ticket_id = %s FOR UPDATE", ticket_id)
        return found[0] if found else None

    def save_ticket(self, ticket: Ticket) -> None:
        """A ticket's new state, answer, and whether its lateness was told."""
        self._update("tickets", "ticket_id", asdict(ticket))

    def tickets_of(self, subject_id: UUID) -> list[Ticket]:
        """The subject's tickets, oldest first."""
        return self._tickets("subject_id = %s ORDER BY created_at, ticket_id", subject_id)

    def tickets_listed(self, state: str | None, limit: int) -> list[Ticket]:
        """Tickets for operators, the earliest deadline first."""
        condition = "(%s::text IS NULL OR state = %s) ORDER BY deadline, ticket_id LIMIT %s"
        return self._tickets(condition, state, state, limit)

    def tickets_without_login(self, after: UUID | None, limit: int) -> list[Ticket]:
        """Tickets of nobody we know, by id, after one."""
        condition = "subject_id IS NULL AND (%s::uuid IS NULL OR ticket_id > %s) ORDER BY ticket_id LIMIT %s"
        return self._tickets(condition, after, after, limit)

    def tickets_overdue(self, now: datetime) -> list[Ticket]:
        """Open tickets past their deadline."""
        return self._tickets("state = 'open' AND deadline < %s ORDER BY deadline", now)

    def tickets_answered(self, before: datetime, limit: int) -> list[Ticket]:
        """Answered tickets whose answer was given before a moment."""
        condition = "state = 'answered' AND answered_at < %s ORDER BY answered_at LIMIT %s"
        return self._tickets(f"{condition} FOR UPDATE SKIP LOCKED", before, limit)

    def delete_tickets_closed(self, answered_before: datetime, limit: int) -> int:
        """Delete closed tickets that were answered before a moment; how many."""
        return self.connection.execute(
            "DELETE FROM tickets WHERE ticket_id IN (SELECT ticket_id FROM tickets"
            " WHERE state = 'closed' AND answered_at < %s LIMIT %s)",
            (answered_before, limit),
        ).rowcount

    # ---- the subject as a whole

    def delete_rights(self, subject_id: UUID) -> dict[str, int]:
        """Delete every row of the subject; how many, by kind."""
        return {
            table: self.connection.execute(f"DELETE FROM {table} WHERE subject_id = %s", (subject_id,)).rowcount  # noqa: S608
            for table in _TABLES
        }

    def rights_subjects(self, after: UUID | None, limit: int) -> list[UUID]:
        """Subjects that exports, disclosures or tickets name, in order, after one."""
        rows = self.connection.execute(
            "SELECT subject_id FROM (SELECT subject_id FROM exports UNION SELECT subject_id FROM disclosures"
            " UNION SELECT subject_id FROM tickets) held WHERE subject_id IS NOT NULL"
            " AND (%s::uuid IS NULL OR subject_id > %s) ORDER BY subject_id LIMIT %s",
            (after, after, limit),
        )
        return [row["subject_id"] for row in rows]

    def count_rights(self, subject_id: UUID) -> dict[str, int]:
        """How many rows of the subject there are, by kind."""
        counts: dict[str, int] = {}
        for table in _TABLES:
            row = self.connection.execute(
                f"SELECT count(*) AS n FROM {table} WHERE subject_id = %s",  # noqa: S608 - constant names
                (subject_id,),
            ).fetchone()
            counts[table] = int(row["n"]) if row else 0
        return counts

    # ---- rows

    def _exports(self, condition: str, *values: object) -> list[Export]:
        rows = self.connection.execute(f"SELECT {_EXPORT} FROM exports WHERE {condition}", values)  # noqa: S608
        return [Export(**{**row, "state": ExportState(row["state"])}) for row in rows]

    def _tickets(self, condition: str, *values: object) -> list[Ticket]:
        rows = self.connection.execute(f"SELECT {_TICKET} FROM tickets WHERE {condition}", values)  # noqa: S608
        return [_ticket(row) for row in rows]

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        names = ", ".join(row)
        places = ", ".join(f"%({name})s" for name in row)
        self.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", row)  # noqa: S608 - field names

    def _update(self, table: str, key: str, row: dict[str, Any]) -> None:
        changes = ", ".join(f"{name} = %({name})s" for name in row if name != key)
        self.connection.execute(f"UPDATE {table} SET {changes} WHERE {key} = %({key})s", row)  # noqa: S608


def _ticket(row: dict[str, Any]) -> Ticket:
    sealed = {name: bytes(value) for name, value in row.items() if name.startswith("sealed_") and value is not None}
    return Ticket(**{**row, "state": TicketState(row["state"]), **sealed})
