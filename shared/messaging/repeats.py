"""A call made again with its idempotency key: its effect once, and the same answer, from the same transaction.

A key is its subject's: whoever repeats a call is let in first, like any caller. It stands for one call with one body;
for anything else it is refused with ``idempotency_conflict``. What failed is not remembered: it may be tried again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel

from shared.contracts.base import RepeatableCall
from shared.messaging.transaction import EveryTransaction

A = TypeVar("A", bound=BaseModel)


class Cover(Protocol):
    """How an answer is kept: in the clear, or sealed."""

    def close(self, plain: bytes) -> dict[str, Any]:
        """What is kept of the answer's JSON."""

    def open(self, kept: dict[str, Any]) -> bytes:
        """The answer's JSON again."""


class InTheClear:
    """For answers of ids, states and times."""

    def close(self, plain: bytes) -> dict[str, Any]:
        """The answer itself."""
        value: dict[str, Any] = json.loads(plain)
        return value

    def open(self, kept: dict[str, Any]) -> bytes:
        """The answer itself."""
        return json.dumps(kept).encode()


@dataclass(frozen=True, slots=True)
class Remembered:
    """Where a call's answer is remembered: among whose keys, with whom it is deleted, and how it is kept."""

    scope: str
    owner: UUID
    cover: Cover

    def recall(self, call: RepeatableCall[A], tx: EveryTransaction) -> A | None:
        """The answer that was given to this call, if it was. Raises ``idempotency_conflict``, ``subject_erased``."""
        if not call.idempotency_key:
            return None
        tx.refuse_fenced(self.owner)
        kept = tx.recall(self.scope, call.idempotency_key, _print_of(call))
        if kept is None:
            return None
        answer: A = call.answer.model_validate_json(self.cover.open(kept))  # type: ignore[assignment]  # the call's own
        return answer

    def keep(self, call: RepeatableCall[A], answer: A, tx: EveryTransaction) -> None:
        """Keep the answer to a call that :meth:`recall` did not know, in the transaction that had its effect."""
        if call.idempotency_key:
            kept = self.cover.close(answer.model_dump_json().encode())
            tx.remember(self.scope, call.idempotency_key, _print_of(call), self.owner, kept)

    def once(self, call: RepeatableCall[A], act: Callable[[], A], tx: EveryTransaction) -> A:
        """The call's answer: the one it was given, or what ``act`` does and answers now."""
        before = self.recall(call, tx)
        if before is not None:
            return before
        answer = act()
        self.keep(call, answer, tx)
        return answer


def of_subject(subject_id: UUID, cover: Cover | None = None) -> Remembered:
    """A subject's own calls: its keys are nobody else's, and their answers go with it."""
    return Remembered(f"subject:{subject_id}", subject_id, cover or InTheClear())


def _print_of(call: RepeatableCall[Any]) -> str:
    return f"{call.method}:{call.fingerprint}"
