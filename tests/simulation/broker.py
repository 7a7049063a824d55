"""The broker between the services: queues by the real table of listeners; messages come twice, late, in any order."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from uuid import UUID

from shared.contracts import LISTENERS
from shared.contracts.base import Message, decode
from shared.contracts.queues import DELIVERY_LIMIT, EVENTS_EXCHANGE
from shared.messaging.delivery import Judgement, Verdict
from shared.testing.memory_work import Outgoing

BY_QUEUE = {listener.queue: listener for listener in LISTENERS}
BY_KEY: dict[str, list[str]] = {}
for _listener in LISTENERS:
    for _event in _listener.events:
        BY_KEY.setdefault(_event.type, []).append(_listener.queue)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message in one queue."""

    queue: str
    body: bytes
    message_id: UUID
    attempt: int = 1
    deliveries: int = 0
    ready_at: float = 0.0


@lru_cache(4096)
def content_of(body: bytes) -> Message:
    """What is in a letter, for those who only look; consumers decode it themselves."""
    return decode(body)[0]


class Broker:
    """Queues, the letters that wait in them, and the dead."""

    def __init__(self, die: random.Random, now: Callable[[], float]) -> None:
        self._die = die
        self._now = now
        self.waiting: list[Letter] = []
        self.dead: list[Letter] = []
        self.unroutable: list[Outgoing] = []

    def publish(self, outgoing: Outgoing) -> bool:
        """Whether there was a queue for it (what need not be heard is gone without one)."""
        if outgoing.exchange == EVENTS_EXCHANGE:
            queues = BY_KEY.get(outgoing.routing_key, [])
        else:
            queues = [outgoing.routing_key] if outgoing.routing_key in BY_QUEUE else []
        if not queues and outgoing.mandatory:
            return False
        self.waiting += [Letter(queue, outgoing.body, outgoing.message_id) for queue in queues]
        return True

    def ready(self) -> list[Letter]:
        """Letters that could be delivered now."""
        now = self._now()
        return [letter for letter in self.waiting if letter.ready_at <= now]

    def take(self, letter: Letter) -> None:
        """It is being delivered."""
        self.waiting.remove(letter)

    def repeat(self, letter: Letter) -> None:
        """It comes once more."""
        self.waiting.append(letter)

    def give_back(self, letter: Letter) -> None:
        """Its consumer died; after too many deaths the broker itself buries it."""
        again = replace(letter, deliveries=letter.deliveries + 1)
        if again.deliveries >= DELIVERY_LIMIT:
            self.dead.append(again)
        else:
            self.waiting.append(again)

    def settle(self, letter: Letter, judgement: Judgement) -> None:
        """What its consumer decided."""
        if judgement.verdict is Verdict.RETRY:
            later = self._now() + judgement.delay_seconds
            self.waiting.append(replace(letter, attempt=letter.attempt + 1, deliveries=0, ready_at=later))
        elif judgement.verdict is Verdict.BURY:
            self.dead.append(letter)

    def replay_dead(self) -> int:
        """An operator has the dead tried again; how many."""
        count = len(self.dead)
        self.waiting += [replace(letter, attempt=1, deliveries=0, ready_at=0.0) for letter in self.dead]
        self.dead.clear()
        return count

    def forget(self, subject_id: UUID) -> int:
        """Drop the dead about a subject: what retention's adapter does at the real broker."""
        kept = [letter for letter in self.dead if content_of(letter.body).subject_id != subject_id]
        dropped = len(self.dead) - len(kept)
        self.dead = kept
        return dropped
