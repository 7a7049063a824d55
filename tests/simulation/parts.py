"""What stands between a process and the others here: its line, its keys, its bus, its store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.imaging.adapters.keys import AskedKeys
from services.imaging.worker_bus import Delivery
from services.imaging.worker_loop import Worker
from shared.contracts.base import Call
from shared.crypto.subject_keys import KeyCache
from shared.kernel.errors import TimedOut
from shared.messaging.delivery import Judgement
from shared.rpc import wire
from tests.simulation import constants as held
from tests.simulation.broker import Letter

if TYPE_CHECKING:
    from tests.simulation.world import World

PATIENCE_SECONDS = 5.0
"""How long a caller waits for an answer."""


class Cache(KeyCache):
    """Forgets when it is asked: no threads in a simulation."""

    def _forget_later(self) -> None:
        return


class Line:
    """How a process asks services; its real twin is an RPC client."""

    def __init__(self, world: World) -> None:
        self.world = world

    def ask(self, call: Call[Any], *, timeout: float | None = None) -> Any:
        """The answer, or the error that came instead; a dead service does not answer."""
        world, machine = self.world, self.world.machine
        machine.step(f"line.{call.method}")
        body = wire.encode_call(call)
        world.laws.see(body, call.method)
        if machine.current is not None:
            machine.current.notes.setdefault("asked", []).append((call.service, call.method))
        asked_at = world.clock.monotonic()
        process, answer = world.answering(call, body)
        if machine.current is None:
            reply = answer()
        else:
            task = machine.spawn(process, f"answers {call.method}", answer)
            machine.wait_until(lambda: task.done)
            reply = task.result
        if reply is None or world.clock.monotonic() - asked_at > PATIENCE_SECONDS:
            raise TimedOut(f"{call.service}.{call.method}")
        machine.step(f"line.{call.method} done")
        return wire.decode_reply(reply, call.answer)


class WorkerKeys(AskedKeys):
    """A worker's keys, looked at."""

    def __init__(self, world: World, process: str) -> None:
        super().__init__(Line(world), held.KEYRING, Cache(world.clock.monotonic))  # type: ignore[arg-type]
        self._world = world
        self._process = process

    def key_of(self, subject_id: UUID, *, anew: bool = False) -> Any:
        key = super().key_of(subject_id, anew=anew)
        self._world.laws.key_given(subject_id, "process_photo", self._process)
        return key


class Bus:
    """A worker's bus: settles at our broker."""

    def __init__(self, world: World, letter: Letter | None) -> None:
        self.world = world
        self.letter = letter
        self.settled = False
        self.answer: bytes | None = None

    def settle(self, delivery: Delivery, judgement: Judgement, error: str) -> None:
        assert self.letter is not None
        self.settled = True
        self.world.broker.settle(self.letter, judgement)

    def reply(self, delivery: Delivery, body: bytes) -> None:
        self.answer = body


class LookedAtStore:
    """The store; what is written is looked at."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._store = world.bare_store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, key: str, sealed: bytes) -> None:
        self._world.laws.written(key, sealed)
        self._store.put(key, sealed)

    def keys(self, prefix: str) -> Any:
        current = self._world.machine.current
        if current is not None:
            current.notes.setdefault("asked", []).append(("store", prefix))
        return self._store.keys(prefix)


def with_bus(
    worker: Worker, bus: Bus, act: Callable[[Worker], None], note: Callable[[BaseException, str], None]
) -> None:
    """One delivery of a worker, settled by its own bus: several are under way at once. What failed a job is noted."""

    def settle(delivery: Delivery, error: BaseException | None) -> None:
        if error is not None:
            note(error, "worker")
        Worker._settle(hand, delivery, error)

    hand = object.__new__(Worker)
    hand.parts, hand._policy, hand._batch = worker.parts, worker._policy, worker._batch
    hand.bus = bus  # type: ignore[assignment]
    hand._settle = settle  # type: ignore[method-assign]
    act(hand)
