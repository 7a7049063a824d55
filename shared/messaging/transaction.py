"""The part of a transaction that every service has: outbox, inbox, fences, idempotency keys.

PostgreSQL gives it (:class:`shared.db.unit_of_work.Transaction`), and a memory twin; services add their own queries.
"""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

from shared.contracts import Command, Event


class EveryTransaction(Protocol):
    """One open transaction, as every use case may use it."""

    def publish(self, event: Event) -> None:
        """Let an event out when this commits."""

    def send(self, command: Command, queue: str) -> None:
        """Let a command out to one queue when this commits."""

    def first_time(self, consumer: str, message_id: UUID) -> bool:
        """Whether this consumer has never handled the message (inbox)."""

    def fence(self, subject_id: UUID) -> None:
        """Fence the subject here. Idempotent."""

    def is_fenced(self, subject_id: UUID) -> bool:
        """Whether it is fenced here; holds off a fence until this transaction ends."""

    def refuse_fenced(self, subject_id: UUID) -> None:
        """What every write about a subject calls first: raises ``subject_erased`` behind a fence."""

    def tombstone_of(self, subject_id: UUID) -> bytes:
        """What is kept of an erased subject."""

    def recall(self, scope: str, key: str, fingerprint: str) -> dict[str, Any] | None:
        """The answer an idempotency key was given before; raises ``idempotency_conflict`` for another body."""

    def remember(self, scope: str, key: str, fingerprint: str, subject_id: UUID, answer: dict[str, Any]) -> None:
        """Keep that answer."""
