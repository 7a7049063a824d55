"""The part of a transaction that every service has: outbox, inbox, fences, idempotency keys.

PostgreSQL gives it (:class:`shared.db.unit_of_work.Transaction`), and a memory twin; services add their own queries.
"""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

from shared.contracts import Command, Event


class SubjectLocks:
    """What a transaction has taken of subjects so far. Held before looked at, always: two that have both looked, and both
    want to hold, would wait for each other until the database ends one of them.

    Rows about a subject are held after it, too: whoever erases it holds it first, and takes its rows then.
    """

    def __init__(self) -> None:
        self._looked: set[UUID] = set()
        self._held: set[UUID] = set()

    def look(self, subject_id: UUID) -> bool:
        """Its fence is about to be looked at; whether that takes a lock that this transaction has not."""
        if subject_id in self._held or subject_id in self._looked:
            return False
        self._looked.add(subject_id)
        return True

    def hold(self, subject_id: UUID) -> bool:
        """It is about to be held; whether it was not. Raises ``RuntimeError`` when its fence was looked at before."""
        if subject_id in self._held:
            return False
        if subject_id in self._looked:
            raise RuntimeError("a subject is held before its fence is looked at, never after")
        self._held.add(subject_id)
        return True


class EveryTransaction(Protocol):
    """One open transaction, as every use case may use it."""

    def publish(self, event: Event) -> None:
        """Let an event out when this commits."""

    def send(self, command: Command, queue: str) -> None:
        """Let a command out to one queue when this commits."""

    def first_time(self, consumer: str, message_id: UUID) -> bool:
        """Whether this consumer has never handled the message (inbox)."""

    def hold_subject(self, subject_id: UUID) -> None:
        """Let all that hold this subject, look at its fence or raise it wait until this transaction ends.

        Comes before any look at the fence, and before any row of the subject is held.
        """

    def hold_unfenced(self, subject_id: UUID) -> None:
        """Hold the subject, to change what of it wants one writer at a time: raises ``subject_erased`` behind a fence."""

    def fence(self, subject_id: UUID) -> None:
        """Fence the subject here, which holds it. Idempotent."""

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
