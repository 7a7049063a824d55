"""Exports, disclosures and tickets in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from services.retention.domain.disclosures import Disclosure, Tally
from services.retention.domain.exports import ENDED, UNDER_WAY, Export, ExportState
from services.retention.domain.feedback import Ticket, TicketState
from shared.testing.memory_work import ConstraintBroken, MemoryState, MemoryTransaction, delete_where


@dataclass
class RightsState(MemoryState):
    """The tables about a person's rights."""

    exports: dict[UUID, Export] = field(default_factory=dict)
    disclosures: dict[UUID, Disclosure] = field(default_factory=dict)
    tallied: dict[Tally, int] = field(default_factory=dict)
    tickets: dict[UUID, Ticket] = field(default_factory=dict)


S = TypeVar("S", bound=RightsState)


class MemoryRights(MemoryTransaction[S]):
    """The part of retention's transactions that is about a person's rights."""

    # ---- exports

    def add_export(self, export: Export) -> None:
        """A new export."""
        under_way = [e for e in self.exports_of(export.subject_id) if e.state in UNDER_WAY]
        if export.export_id in self.state.exports or (under_way and export.state in UNDER_WAY):
            raise ConstraintBroken("one export at a time")
        self._put_export(export)

    def export(self, export_id: UUID) -> Export | None:
        """An export by id."""
        return self.state.exports.get(export_id)

    def save_export(self, export: Export) -> None:
        """An export's new state and facts."""
        if export.export_id in self.state.exports:
            self._put_export(export)

    def exports_of(self, subject_id: UUID) -> list[Export]:
        """The subject's exports, newest first."""
        own = [export for export in self.state.exports.values() if export.subject_id == subject_id]
        return sorted(own, key=lambda export: (export.requested_at, export.export_id), reverse=True)

    def exports_stalled(self, before: datetime, limit: int) -> list[Export]:
        """Exports under way of which nothing was heard since then."""
        found = [e for e in self.state.exports.values() if e.state in UNDER_WAY and e.heard_at < before]
        return sorted(found, key=lambda export: export.heard_at)[:limit]

    def exports_past(self, now: datetime, limit: int) -> list[Export]:
        """Ready exports whose time is over."""
        ready = [e for e in self.state.exports.values() if e.state is ExportState.READY]
        found = [(e.expires_at, e) for e in ready if e.expires_at is not None and e.expires_at <= now]
        return [export for _, export in sorted(found, key=lambda pair: pair[0])][:limit]

    def exports_to_clear(self, limit: int) -> list[Export]:
        """Ended exports that may still have objects."""
        return [e for e in self.state.exports.values() if e.state in ENDED and not e.cleared][:limit]

    def delete_exports_ended(self, before: datetime, limit: int) -> int:
        """Delete the rows of exports that ended before a moment and have no objects; how many."""
        return delete_where(self.state.exports, lambda e: e.cleared and e.ended_at is not None and e.ended_at < before)

    def known_exports(self, export_ids: list[UUID]) -> set[UUID]:
        """Those of ``export_ids`` that have a row whose objects may be there."""
        return {i for i in export_ids if i in self.state.exports and not self.state.exports[i].cleared}

    def _put_export(self, export: Export) -> None:
        if export.state is ExportState.READY and (export.size is None or export.expires_at is None):
            raise ConstraintBroken("a ready export has a size and an end")
        self.state.exports[export.export_id] = export

    # ---- disclosures

    def add_disclosure(self, line: Disclosure) -> None:
        """One more line of a ledger."""
        taken = any(held.position == line.position for held in self.disclosures_of(line.subject_id))
        if taken or line.disclosure_id in self.state.disclosures:
            raise ConstraintBroken("this place in the ledger is taken")
        self.state.disclosures[line.disclosure_id] = line

    def disclosures_of(self, subject_id: UUID) -> list[Disclosure]:
        """The subject's ledger, oldest first."""
        own = [line for line in self.state.disclosures.values() if line.subject_id == subject_id]
        return sorted(own, key=lambda line: line.position)

    def count_disclosure(self, tally: Tally) -> None:
        """Count a disclosure among those kept without a person."""
        self.state.tallied[tally] = self.state.tallied.get(tally, 0) + 1

    def tallies(self) -> dict[Tally, int]:
        """All that is kept without a person."""
        return dict(self.state.tallied)

    def delete_tallies(self, before_month: str) -> int:
        """Delete the tallies of earlier months; how many."""
        doomed = [tally for tally in self.state.tallied if tally.month < before_month]
        for tally in doomed:
            del self.state.tallied[tally]
        return len(doomed)

    # ---- tickets

    def add_ticket(self, ticket: Ticket) -> None:
        """A new ticket."""
        if ticket.ticket_id in self.state.tickets:
            raise ConstraintBroken("ticket twice")
        self._put_ticket(ticket)

    def ticket(self, ticket_id: UUID) -> Ticket | None:
        """A ticket by id."""
        return self.state.tickets.get(ticket_id)

    def save_ticket(self, ticket: Ticket) -> None:
        """A ticket's new state, answer, and whether its lateness was told."""
        if ticket.ticket_id in self.state.tickets:
            self._put_ticket(ticket)

    def tickets_of(self, subject_id: UUID) -> list[Ticket]:
        """The subject's tickets, oldest first."""
        own = [ticket for ticket in self.state.tickets.values() if ticket.subject_id == subject_id]
        return sorted(own, key=lambda ticket: (ticket.created_at, ticket.ticket_id))

    def tickets_listed(self, state: str | None, limit: int) -> list[Ticket]:
        """Tickets for operators, the earliest deadline first."""
        found = [ticket for ticket in self.state.tickets.values() if state is None or ticket.state == state]
        return sorted(found, key=lambda ticket: (ticket.deadline, ticket.ticket_id))[:limit]

    def tickets_without_login(self, after: UUID | None, limit: int) -> list[Ticket]:
        """Tickets of nobody we know, by id, after one."""
        found = [
            t for t in self.state.tickets.values() if t.subject_id is None and (after is None or t.ticket_id > after)
        ]
        return sorted(found, key=lambda ticket: ticket.ticket_id)[:limit]

    def tickets_overdue(self, now: datetime) -> list[Ticket]:
        """Open tickets past their deadline."""
        return [ticket for ticket in self.tickets_listed(TicketState.OPEN, 10**9) if ticket.deadline < now]

    def tickets_answered(self, before: datetime, limit: int) -> list[Ticket]:
        """Answered tickets whose answer was given before a moment."""
        answered = [t for t in self.state.tickets.values() if t.state is TicketState.ANSWERED]
        return [t for t in answered if t.answered_at is not None and t.answered_at < before][:limit]

    def delete_tickets_closed(self, answered_before: datetime, limit: int) -> int:
        """Delete closed tickets that were answered before a moment; how many."""
        return delete_where(
            self.state.tickets,
            lambda t: t.state is TicketState.CLOSED and t.answered_at is not None and t.answered_at < answered_before,
        )

    def _put_ticket(self, ticket: Ticket) -> None:
        is_open = ticket.state is TicketState.OPEN
        if is_open != (ticket.sealed_answer is None) or is_open != (ticket.answered_at is None):
            raise ConstraintBroken("an open ticket has no answer; any other has one")
        self.state.tickets[ticket.ticket_id] = ticket

    # ---- the subject as a whole

    def delete_rights(self, subject_id: UUID) -> dict[str, int]:
        """Delete every row of the subject; how many, by kind."""
        counts = self.count_rights(subject_id)
        delete_where(self.state.exports, lambda export: export.subject_id == subject_id)
        delete_where(self.state.disclosures, lambda line: line.subject_id == subject_id)
        delete_where(self.state.tickets, lambda ticket: ticket.subject_id == subject_id)
        self.forget_answers(subject_id)
        return counts

    def rights_subjects(self, after: UUID | None, limit: int) -> list[UUID]:
        """Subjects that exports, disclosures or tickets name, in order, after one."""
        held = {export.subject_id for export in self.state.exports.values()}
        held |= {disclosure.subject_id for disclosure in self.state.disclosures.values()}
        held |= {ticket.subject_id for ticket in self.state.tickets.values() if ticket.subject_id is not None}
        return sorted(subject_id for subject_id in held if after is None or subject_id > after)[:limit]

    def count_rights(self, subject_id: UUID) -> dict[str, int]:
        """How many rows of the subject there are, by kind."""
        return {
            "exports": len(self.exports_of(subject_id)),
            "disclosures": len(self.disclosures_of(subject_id)),
            "tickets": len(self.tickets_of(subject_id)),
            "idempotency": self._count_answers(subject_id),
        }
