"""What the use cases about a person's rights need from outside; PostgreSQL and a memory twin both give it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.retention.domain.disclosures import Disclosure, Tally
from services.retention.domain.exports import Export
from services.retention.domain.feedback import Ticket
from shared.kernel.clock import Clock
from shared.kernel.personal import Secret
from shared.messaging.transaction import EveryTransaction
from shared.storage import ObjectStore


class RightsTransaction(EveryTransaction, Protocol):
    """One transaction on exports, disclosures and tickets."""

    def forget_answers(self, subject_id: UUID) -> int:
        """Delete what idempotency keys remember of a subject; how many."""

    # ---- exports

    def add_export(self, export: Export) -> None:
        """A new export."""

    def export(self, export_id: UUID) -> Export | None:
        """An export by id, held until this transaction ends."""

    def save_export(self, export: Export) -> None:
        """An export's new state and facts."""

    def exports_of(self, subject_id: UUID) -> list[Export]:
        """The subject's exports, newest first."""

    def exports_stalled(self, before: datetime, limit: int) -> list[Export]:
        """Exports under way of which nothing was heard since then, held; those that others hold are passed over."""

    def exports_past(self, now: datetime, limit: int) -> list[Export]:
        """Ready exports whose time is over, held; those that others hold are passed over."""

    def exports_to_clear(self, limit: int) -> list[Export]:
        """Ended exports that may still have objects."""

    def delete_exports_ended(self, before: datetime, limit: int) -> int:
        """Delete the rows of exports that ended before a moment and have no objects; how many."""

    def known_exports(self, export_ids: list[UUID]) -> set[UUID]:
        """Those of ``export_ids`` that have a row whose objects may be there."""

    # ---- disclosures

    def add_disclosure(self, line: Disclosure) -> None:
        """One more line of a ledger."""

    def disclosures_of(self, subject_id: UUID) -> list[Disclosure]:
        """The subject's ledger, oldest first."""

    def count_disclosure(self, tally: Tally) -> None:
        """Count a disclosure among those kept without a person."""

    def tallies(self) -> dict[Tally, int]:
        """All that is kept without a person."""

    def delete_tallies(self, before_month: str) -> int:
        """Delete the tallies of earlier months; how many."""

    # ---- tickets

    def add_ticket(self, ticket: Ticket) -> None:
        """A new ticket."""

    def ticket(self, ticket_id: UUID) -> Ticket | None:
        """A ticket by id, held until this transaction ends."""

    def save_ticket(self, ticket: Ticket) -> None:
        """A ticket's new state, answer, and whether its lateness was told."""

    def tickets_of(self, subject_id: UUID) -> list[Ticket]:
        """The subject's tickets, oldest first."""

    def tickets_listed(self, state: str | None, limit: int) -> list[Ticket]:
        """Tickets for operators, the earliest deadline first."""

    def tickets_without_login(self, after: UUID | None, limit: int) -> list[Ticket]:
        """Tickets of nobody we know, by id, after one."""

    def tickets_overdue(self, now: datetime) -> list[Ticket]:
        """Open tickets past their deadline."""

    def tickets_answered(self, before: datetime, limit: int) -> list[Ticket]:
        """Answered tickets whose answer was given before a moment."""

    def delete_tickets_closed(self, answered_before: datetime, limit: int) -> int:
        """Delete closed tickets that were answered before a moment; how many."""

    # ---- the subject as a whole

    def delete_rights(self, subject_id: UUID) -> dict[str, int]:
        """Delete every row of the subject; how many, by kind."""

    def rights_subjects(self, after: UUID | None, limit: int) -> list[UUID]:
        """Subjects that anything of theirs here names, in order, after one."""

    def count_rights(self, subject_id: UUID) -> dict[str, int]:
        """How many rows of the subject there are, by kind."""


class RightsWork(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractContextManager[RightsTransaction]:
        """A transaction: committed at the end of the block, rolled back on an exception."""


@dataclass(frozen=True, slots=True)
class RightsParts:
    """Everything these use cases depend on."""

    work: RightsWork
    store: ObjectStore
    receipt_key: Secret[bytes]
    clock: Clock
    export_life: timedelta = timedelta(hours=24)
    exports_a_day: int = 3
