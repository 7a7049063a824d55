"""Feedback tickets: kinds, deadlines in working days, states and the table of moves between them.

Working days are Monday to Friday in China. Public holidays and the weekends worked in their place are not known here:
they are announced year by year. A holiday makes the legal deadline later than ours; a worked weekend could make it
earlier by a day or two, which is why operators see tickets long before they are due.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from uuid import UUID

from shared.contracts.feedback import FeedbackKind
from shared.kernel.errors import Conflict
from shared.kernel.states import moved

CHINA = timezone(timedelta(hours=8))
WORKING_DAYS: Mapping[FeedbackKind, int] = {
    "complaint": 15,
    "other": 15,
    "access": 1,
    "correction": 1,
    "deletion": 1,
    "withdrawal": 1,
    "security": 1,
}
"""15 working days is what the law allows at most; what it wants done promptly is due at the end of the next one."""
CLOSED_AFTER = timedelta(days=30)
"""An answered ticket is closed when nobody came back to it for so long."""
KEPT_AFTER_CLOSING = timedelta(days=180)
"""What was written is deleted so long after the ticket was closed."""


class TicketState(StrEnum):
    """See the module."""

    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


MOVES: dict[TicketState, frozenset[TicketState]] = {
    TicketState.OPEN: frozenset({TicketState.ANSWERED}),
    TicketState.ANSWERED: frozenset({TicketState.CLOSED}),
    TicketState.CLOSED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """One complaint or request. All that a person wrote is sealed under ``sealed_key``, which is sealed itself."""

    ticket_id: UUID
    subject_id: UUID | None
    kind: FeedbackKind
    state: TicketState
    created_at: datetime
    deadline: datetime
    sealed_key: bytes
    sealed_text: bytes
    sealed_contact: bytes | None = None
    sealed_answer: bytes | None = None
    answered_at: datetime | None = None
    alarmed: bool = False

    def is_overdue(self, now: datetime) -> bool:
        """Whether nobody has answered in time."""
        return self.state is TicketState.OPEN and now > self.deadline


def deadline_of(kind: FeedbackKind, now: datetime) -> datetime:
    """The last second of the working day (in China) by which it must be answered."""
    day = now.astimezone(CHINA)
    left = WORKING_DAYS[kind]
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    return day.replace(hour=23, minute=59, second=59, microsecond=0).astimezone(UTC)


def answered(ticket: Ticket, sealed_answer: bytes, now: datetime) -> Ticket:
    """The ticket with its answer; raises :class:`Conflict` when it has one."""
    if ticket.state is not TicketState.OPEN:
        raise Conflict(f"the ticket is {ticket.state}")
    state = moved(MOVES, ticket.state, TicketState.ANSWERED, "ticket")
    return replace(ticket, state=state, sealed_answer=sealed_answer, answered_at=now)


def closed(ticket: Ticket) -> Ticket:
    """Nobody came back to it."""
    return replace(ticket, state=moved(MOVES, ticket.state, TicketState.CLOSED, "ticket"))
