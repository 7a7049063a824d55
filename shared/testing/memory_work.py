"""The memory twin of a service's database: transactions that commit whole or not at all, outbox, inbox, fences, answers.

Plain state, one thread, one open transaction at a time: what a transaction sees is a copy, and committing it is one
assignment. So a simulation can stop anywhere, look, and go on from a snapshot.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from shared.contracts.base import Command, Event, Message, decode, encode
from shared.contracts.queues import EVENTS_EXCHANGE
from shared.crypto.hashing import tombstone
from shared.kernel.clock import Clock, utc_now
from shared.kernel.errors import IdempotencyConflict, SubjectErased
from shared.kernel.personal import Secret
from shared.messaging.transaction import SubjectLocks
from shared.testing.faults import Hook, calm, watched


class _Owned(Protocol):
    @property
    def subject_id(self) -> UUID | None: ...


class ConstraintBroken(Exception):
    """What PostgreSQL would have refused: a key twice, a reference to nothing, a state that cannot be."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One row of the outbox, as the relay takes it."""

    message_id: UUID
    exchange: str
    routing_key: str
    mandatory: bool
    body: bytes

    @property
    def message(self) -> Message:
        """The message in the body."""
        return decode(self.body)[0]


@dataclass(frozen=True, slots=True)
class Remembered:
    """One row of the idempotency table; the answer as JSON text."""

    fingerprint: str
    subject_id: UUID
    answer: str


@dataclass
class MemoryState:
    """The tables every service has. A service adds its own: flat collections of frozen values, so that a copy is cheap."""

    outbox: list[Outgoing] = field(default_factory=list)
    inbox: set[tuple[str, UUID]] = field(default_factory=set)
    fences: dict[bytes, datetime] = field(default_factory=dict)
    answers: dict[tuple[str, str], Remembered] = field(default_factory=dict)


S = TypeVar("S", bound=MemoryState)


def snapshot(state: S) -> S:
    """A copy that later changes do not touch."""
    return type(state)(**{each.name: copy.copy(getattr(state, each.name)) for each in fields(state)})


class MemoryTransaction(Generic[S]):
    """An open transaction on a copy of the state; behaves like ``shared.db.unit_of_work.Transaction``."""

    def __init__(self, state: S, tombstone_key: Secret[bytes], clock: Clock) -> None:
        self.state = state
        self._tombstone_key = tombstone_key
        self._clock = clock
        self._locks = SubjectLocks()

    # ---- outbox

    def publish(self, event: Event) -> None:
        """Let ``event`` out when, and only when, this transaction commits."""
        self._enqueue(event, EVENTS_EXCHANGE, event.type, event.must_be_heard)

    def send(self, command: Command, queue: str) -> None:
        """Let ``command`` out to one queue when, and only when, this transaction commits."""
        self._enqueue(command, "", queue, True)

    def _enqueue(self, message: Event | Command, exchange: str, routing_key: str, mandatory: bool) -> None:
        if any(waiting.message_id == message.message_id for waiting in self.state.outbox):
            raise ConstraintBroken("this message waits in the outbox already")
        self.state.outbox.append(Outgoing(message.message_id, exchange, routing_key, mandatory, encode(message)))

    # ---- inbox

    def first_time(self, consumer: str, message_id: UUID) -> bool:
        """Whether this consumer has never handled the message: remembered if, and only if, this transaction commits."""
        known = (consumer, message_id) in self.state.inbox
        self.state.inbox.add((consumer, message_id))
        return not known

    # ---- fences

    def hold_subject(self, subject_id: UUID) -> None:
        """Nobody else is here to wait for; the order is that of the database."""
        self._locks.hold(subject_id)

    def hold_unfenced(self, subject_id: UUID) -> None:
        """Hold the subject; raises :class:`SubjectErased` behind a fence."""
        self.hold_subject(subject_id)
        self.refuse_fenced(subject_id)

    def fence(self, subject_id: UUID) -> None:
        """From this transaction on, nothing of the subject is written here. Idempotent."""
        self.hold_subject(subject_id)
        self.state.fences.setdefault(self.tombstone_of(subject_id), self._clock())

    def is_fenced(self, subject_id: UUID) -> bool:
        """Whether the subject is fenced here."""
        self._locks.look(subject_id)
        return self.tombstone_of(subject_id) in self.state.fences

    def refuse_fenced(self, subject_id: UUID) -> None:
        """Raises :class:`SubjectErased` behind a fence."""
        if self.is_fenced(subject_id):
            raise SubjectErased("fenced")

    def tombstone_of(self, subject_id: UUID) -> bytes:
        """What is kept of an erased subject: a keyed hash of its id."""
        return tombstone(self._tombstone_key, subject_id)

    # ---- idempotency keys

    def recall(self, scope: str, key: str, fingerprint: str) -> dict[str, Any] | None:
        """The answer given before to this idempotency key; raises :class:`IdempotencyConflict` for another body."""
        found = self.state.answers.get((scope, key))
        if found is None:
            return None
        if found.fingerprint != fingerprint:
            raise IdempotencyConflict("same key, another body")
        answer: dict[str, Any] = json.loads(found.answer)
        return answer

    def remember(self, scope: str, key: str, fingerprint: str, subject_id: UUID, answer: dict[str, Any]) -> None:
        """Keep the answer to an idempotency key, with the subject it must be deleted with."""
        if (scope, key) in self.state.answers:
            raise ConstraintBroken("this key has its answer already")
        self.state.answers[scope, key] = Remembered(fingerprint, subject_id, json.dumps(answer))

    def forget_answers(self, subject_id: UUID) -> int:
        """Delete what idempotency keys remember of a subject; how many."""
        return delete_where(self.state.answers, lambda kept: kept.subject_id == subject_id)

    def _count_answers(self, subject_id: UUID) -> int:
        return sum(kept.subject_id == subject_id for kept in self.state.answers.values())

    def _page(self, after: UUID | None, limit: int, *tables: Mapping[Any, _Owned]) -> list[UUID]:
        """A page of the subjects that these tables' rows or remembered answers name, in order, after one."""
        named = {row.subject_id for table in (*tables, self.state.answers) for row in table.values()}
        return sorted(one for one in named if one is not None and (after is None or one > after))[:limit]


class _HasState(Protocol[S]):
    state: S


T = TypeVar("T", bound=_HasState[Any])


class MemoryWork(Generic[S, T]):
    """Opens transactions on one service's state, one at a time.

    The hook is told of ``work.begin``, each call as ``tx.<method>``, ``work.commit`` (not yet) and ``work.committed``.
    """

    def __init__(
        self,
        state: S,
        kind: Callable[[S, Secret[bytes], Clock], T],
        tombstone_key: Secret[bytes],
        *,
        clock: Clock = utc_now,
        hook: Hook = calm,
    ) -> None:
        self.state = state
        self.clock = clock
        self.hook = hook
        self._kind = kind
        self._tombstone_key = tombstone_key
        self._open = False

    @contextmanager
    def begin(self) -> Iterator[T]:
        """A transaction: committed at the end of the block, rolled back when an exception leaves it."""
        if self._open:
            raise RuntimeError("a transaction inside a transaction would wait for itself")
        self.hook("work.begin")
        tx = self._kind(snapshot(self.state), self._tombstone_key, self.clock)
        self._open = True
        try:
            yield watched(tx, "tx", self.hook)
            self.hook("work.commit")
            self.state = tx.state
        finally:
            self._open = False
        self.hook("work.committed")

    def messages(self) -> list[Message]:
        """What waits in the outbox, in commit order."""
        return [waiting.message for waiting in self.state.outbox]

    def take_outbox(self) -> list[Outgoing]:
        """What a relay does: take what waits, in commit order, and leave nothing."""
        taken = list(self.state.outbox)
        self.state.outbox.clear()
        return taken


K = TypeVar("K")
V = TypeVar("V")


def delete_where(table: dict[K, V], doomed: Callable[[V], bool]) -> int:
    """Delete the rows for which ``doomed`` holds; how many."""
    keys = [key for key, row in table.items() if doomed(row)]
    for key in keys:
        del table[key]
    return len(keys)
