"""What retention can be asked about feedback: complaints and requests, each with its deadline.

``sealed_*`` fields are base64. A ticket has a key of its own (``sealed_key``): sealed under its subject's data key, or,
when it was sent without a login, by a master key for that ticket only; text, contact and answer are sealed under it.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.base import Answer, Call, Done

FeedbackKind = Literal["complaint", "access", "correction", "deletion", "withdrawal", "security", "other"]


def key_bound(subject_id: UUID, ticket_id: UUID) -> str:
    """What a ticket's key is bound to where it is sealed under a subject's key."""
    return f"{subject_id}/feedback/{ticket_id}"


def ticket_bound(ticket_id: UUID, part: str) -> str:
    """What a ticket's sealed parts (``text``, ``contact``, ``answer``) are bound to."""
    return f"feedback/{ticket_id}/{part}"


def master_bound(ticket_id: UUID) -> str:
    """What a ticket's key is bound to where a master key seals it: no subject's key opens so, and none is made so."""
    return f"feedback ticket {ticket_id}"


class FeedbackSent(Answer):
    """The ticket is the receipt: whoever holds it sees how far it is, without a login."""

    ticket: str
    deadline: datetime
    status: str


class SendFeedback(Call[FeedbackSent]):
    """A complaint or request. Its id and key are the gateway's, which seals it."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "send_feedback"
    answer: ClassVar[type[Answer]] = FeedbackSent
    ticket_id: UUID
    subject_id: UUID | None = None
    kind: FeedbackKind
    sealed_key: str
    sealed_text: str
    sealed_contact: str | None = None
    idempotency_key: str | None = None
    fingerprint: str = ""


class TicketState(Answer):
    """How far a ticket is, with what is needed to open it."""

    ticket_id: UUID
    subject_id: UUID | None
    kind: FeedbackKind
    status: str
    created_at: datetime
    deadline: datetime
    answered_at: datetime | None = None
    sealed_key: str
    sealed_text: str
    sealed_contact: str | None = None
    sealed_answer: str | None = None


class FeedbackByTicket(Call[TicketState]):
    """A ticket, for whoever holds it."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "feedback_by_ticket"
    answer: ClassVar[type[Answer]] = TicketState
    ticket: str


class FeedbackForOperators(Call[TicketState]):
    """For operators: one ticket by id."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "feedback_for_operators"
    answer: ClassVar[type[Answer]] = TicketState
    ticket_id: UUID


class TicketSummary(Answer):
    """A ticket as operators see it in a list: whose it is, and what it says, nobody is told."""

    ticket_id: UUID
    kind: FeedbackKind
    status: str
    created_at: datetime
    deadline: datetime
    overdue: bool
    has_contact: bool
    with_login: bool


class TicketList(Answer):
    """Tickets, the most urgent first."""

    items: list[TicketSummary]


class ListFeedback(Call[TicketList]):
    """For operators: tickets, all or in one state."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "list_feedback"
    answer: ClassVar[type[Answer]] = TicketList
    status: str | None = "open"
    limit: int = 100


class AnswerFeedback(Call[TicketSummary]):
    """For operators: the answer, sealed under the ticket's key. Given once."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "answer_feedback"
    answer: ClassVar[type[Answer]] = TicketSummary
    ticket_id: UUID
    sealed_answer: str


class TicketKey(BaseModel):
    """The key of a ticket that was sent without a login, as a master key sealed it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ticket_id: UUID
    sealed_key: str


class TicketKeys(Answer):
    """Keys of tickets, in the order of their ids."""

    items: list[TicketKey]


class KeysOfTickets(Call[TicketKeys]):
    """For operators, after a master key was exchanged: the keys of tickets without a login, after one of them."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "keys_of_tickets"
    answer: ClassVar[type[Answer]] = TicketKeys
    after: UUID | None = None
    limit: int = 200


class ReplaceTicketKeys(Call[Done]):
    """For operators: the same keys, sealed by another master key; a ticket whose key is not ``before`` stays as it is."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "replace_ticket_keys"
    answer: ClassVar[type[Answer]] = Done
    before: list[TicketKey]
    anew: list[TicketKey]
