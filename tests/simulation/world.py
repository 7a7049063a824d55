"""All services on memory twins, with the calls and messages between them, as processes that can die."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from services.auth.adapters.memory import MemoryShelf, memory_auth
from services.auth.domain.policies import PolicyDocument
from services.auth.ports import AuthParts, TokenPolicy
from services.gateway.stream import HEARD
from services.imaging.adapters.memory import MemoryStudio, memory_imaging
from services.imaging.ports import ImagingParts
from services.imaging.worker_bus import Delivery
from services.imaging.worker_cases import WorkerParts
from services.imaging.worker_loop import Worker
from services.payments.adapters.catalogue import products
from services.payments.adapters.memory import memory_payments
from services.payments.adapters.memory_alipay import MemoryAlipay
from services.payments.domain.trades import Merchant
from services.payments.ports import PaymentsParts
from services.retention.adapters.memory import memory_retention
from services.retention.adapters.witnesses import AskedWitnesses
from services.retention.exports import count_subject, list_subjects
from services.retention.ports import RetentionParts
from services.retention.rights_ports import RightsParts
from shared.contracts.base import Call, decode
from shared.contracts.queues import MATTE_FREE, MATTE_PAID
from shared.kernel.errors import PocketError
from shared.messaging.delivery import DeliveryPolicy
from shared.rpc import wire
from shared.testing.faults import Killed, watched
from shared.testing.held_clock import HeldClock
from shared.testing.memory_store import MemoryStore
from tests.simulation import constants as held
from tests.simulation.broker import BY_QUEUE, Broker, Letter, content_of
from tests.simulation.database import Database
from tests.simulation.entry_points import table_of
from tests.simulation.laws import Laws
from tests.simulation.machine import Machine, Task
from tests.simulation.parts import Bus, Line, LookedAtStore, WorkerKeys, with_bus
from tests.unit.auth.providers.fake import FakeProvider

SERVICES = ("auth", "imaging", "payments", "retention")
WORKERS = ("worker-1", "worker-2")
MATTE = {MATTE_FREE.queue: MATTE_FREE, MATTE_PAID.queue: MATTE_PAID}
MERCHANT = Merchant("2021000000000001", "2088000000000001")
ACCESS_LIFE = timedelta(minutes=10)
POLICY = "2026-01-01"
PRODUCTS = products()
HEARD_KEYS = frozenset(kind.type for kind in HEARD)
ANSWERED_BY = {kind: (service, name) for service in SERVICES for kind, name in table_of(service).answers.items()}


class World:
    """Everything there is, but for the people."""

    def __init__(self, die: random.Random) -> None:
        self.die = die
        self.clock = HeldClock(held.BEGIN)
        self.machine = Machine(die)
        self.machine.on_kill = self._forget
        self.broker = Broker(die, self.clock.monotonic)
        self.lines: list[dict[str, Any]] = []
        self.unexpected: list[str] = []
        self.gateway_ears: dict[str, list[bytes]] = {}
        self.on_restart: dict[str, Callable[[], None]] = {}
        self.bare_store = MemoryStore()
        self.laws = Laws(self)
        self.databases = {
            name: Database(name, make(held.TOMBSTONE_KEY, clock=self.clock), self.machine, self.laws.committed)
            for name, make in zip(
                SERVICES, (memory_auth, memory_imaging, memory_payments, memory_retention), strict=True
            )
        }
        step = self.machine.step
        self.store = watched(LookedAtStore(self), "store", step)
        self.alipay = MemoryAlipay(self.clock, MERCHANT)
        self.alipay.behind = timedelta(seconds=20)
        self.providers = {"wechat": FakeProvider("wechat"), "apple": FakeProvider("apple", "app-two")}
        self.policy = MemoryShelf(
            PolicyDocument("privacy", POLICY, self.clock() - timedelta(days=30), "zh", "隐私政策", "# 隐私政策"),
            PolicyDocument("privacy", POLICY, self.clock() - timedelta(days=30), "en", "Privacy", "# Privacy"),
            PolicyDocument("permissions", POLICY, self.clock() - timedelta(days=30), "zh", "权限说明", "# 权限说明"),
        )
        self.services = {name: table_of(name).bound(self._parts(name)) for name in SERVICES}
        self.services["retention"].own = self._rights()
        self.workers = {name: self._worker(name) for name in WORKERS}

    def _parts(self, name: str) -> Any:
        work, step, clock = self.databases[name], self.machine.step, self.clock
        if name == "auth":
            tokens = TokenPolicy(held.QuickSigner(), ACCESS_LIFE, timedelta(days=60))  # type: ignore[arg-type]
            providers = {each: watched(one, "provider", step) for each, one in self.providers.items()}
            return AuthParts(work, held.KEYRING, tokens, self.policy, clock, providers, held.PEPPER)
        if name == "imaging":
            return ImagingParts(work, self.store, clock, timedelta(minutes=10), "paid")
        if name == "payments":
            alipay = watched(self.alipay, "alipay", step)
            return PaymentsParts(work, alipay, MERCHANT, PRODUCTS, held.NOTICE_KEY, clock, timedelta(minutes=15))
        dead = watched(self.broker, "dead", step)
        rights = self._rights()
        own = self._counted_by_itself(rights), partial(list_subjects, parts=rights)
        return RetentionParts(
            work, self.store, AskedWitnesses(Line(self), *own), dead, held.QuickSigner(), held.RECEIPT_KEY, clock,  # type: ignore[arg-type]
            timedelta(minutes=15),
        )  # fmt: skip

    def _counted_by_itself(self, rights: RightsParts) -> Callable[[UUID], Mapping[str, int]]:
        """Retention's own count, noted like a call: the laws want to see that it was taken."""

        def count(subject_id: UUID) -> Mapping[str, int]:
            if self.machine.current is not None:
                self.machine.current.notes.setdefault("asked", []).append(("retention", "count_subject"))
            return count_subject(subject_id, rights)

        return count

    def _rights(self) -> RightsParts:
        """Retention's second set of parts: exports, disclosures, feedback."""
        return RightsParts(self.databases["retention"], self.store, held.RECEIPT_KEY, self.clock)

    def _worker(self, process: str) -> Worker:
        """The real loop's judgements, without its threads."""
        worker = object.__new__(Worker)
        studio = watched(MemoryStudio(), "studio", self.machine.step)
        worker.parts = WorkerParts(
            self.databases["imaging"], self.store, WorkerKeys(self, process), studio, self.clock, "paid"
        )
        worker._policy = DeliveryPolicy()
        worker._batch = 2
        return worker

    def _forget(self, process: str) -> None:
        """A process died: what it had in memory is gone."""
        if process in WORKERS:
            self.workers[process] = self._worker(process)
        elif process in self.on_restart:
            self.on_restart[process]()

    # ---- calls

    def answering(self, call: Call[Any], body: bytes) -> tuple[str, Callable[[], bytes]]:
        """Who answers a call, and how."""
        if call.service == "imaging-worker":
            process = self.die.choice(WORKERS)
            return process, lambda: self._render(process, body)
        service, name = ANSWERED_BY[type(call)]
        kind = type(call)

        def answer() -> bytes:
            try:
                result = getattr(self.services[service], name)(wire.decode_call(body, kind))
            except Exception as error:
                self.note(error, call.method)
                return wire.encode_reply(None, error)
            reply = wire.encode_reply(result, None)
            self.laws.see(reply, f"answer of {call.method}", secret=True)
            return reply

        return service, answer

    def _render(self, process: str, body: bytes) -> bytes:
        worker = self.workers[process]
        bus = Bus(self, None)
        delivery = Delivery(body=body, tag=0, epoch=0, listener=None)
        with_bus(worker, bus, lambda one: one._render(delivery), self.note)
        assert bus.answer is not None
        return bus.answer

    def note(self, error: BaseException, where: str) -> None:
        """Errors that are none of ours are findings."""
        if not isinstance(error, (PocketError, Killed)) and "does not answer" not in str(error):
            self.unexpected.append(f"{where}: {type(error).__name__}: {error}")

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.forward(seconds)
        self.laws.consents_with_time()

    # ---- messages

    def relay(self, service: str, *, dies: bool = False) -> bool:
        """What waits in an outbox goes out; a relay that dies before it forgets sends it again."""
        database = self.databases[service]
        waiting = database.state.outbox
        if database.busy or not waiting:
            return False
        count = len(waiting) if self.machine.calm else self.die.randint(1, len(waiting))
        gone = []
        for outgoing in list(waiting[:count]):
            self.laws.published(service, outgoing)
            if self.broker.publish(outgoing):
                gone.append(outgoing)
                if outgoing.routing_key in HEARD_KEYS:
                    for ear in self.gateway_ears.values():
                        ear.append(outgoing.body)
            else:
                self.laws.broken("2 published", f"nobody listens to {outgoing.routing_key}")
        if not dies:
            database.state.outbox = [each for each in waiting if each not in gone]
        return True

    def deliver(self, letter: Letter) -> Task:
        """Hand a letter to its consumer."""
        self.broker.take(letter)
        kind = content_of(letter.body).type
        if letter.queue in MATTE:
            process = self.die.choice(WORKERS)
            bus = Bus(self, letter)
            return self._consume(process, letter, kind, lambda: self._matte(process, letter, bus), bus)
        service = letter.queue.split(".", 1)[0]
        return self._consume(service, letter, kind, lambda: self._handle(service, letter), None)

    def _consume(self, process: str, letter: Letter, kind: str, action: Callable[[], Any], bus: Bus | None) -> Task:
        def settle(task: Task) -> None:
            if isinstance(task.error, Killed):
                if bus is None or not bus.settled:
                    self.broker.give_back(letter)
                return
            if bus is None:
                policy = DeliveryPolicy(BY_QUEUE[letter.queue].delays_seconds)
                self.broker.settle(letter, policy.judge(task.error, letter.attempt))
            if task.error is not None:
                self.note(task.error, f"{letter.queue} {kind}")
                self.machine.say(f"    {letter.queue} {kind}: {task.error}")
            if not self.machine.calm and self.die.random() < 0.05:
                self.broker.repeat(letter)

        task = self.machine.spawn(process, f"{letter.queue} {kind}", action, settle)
        task.handling = f"{letter.queue} {letter.message_id}"
        return task

    def _handle(self, service: str, letter: Letter) -> None:
        message, _ = decode(letter.body)
        method = table_of(service).listens.get((letter.queue, type(message)))
        if method is None:
            raise LookupError(f"{letter.queue} has no method for {message.type}")
        getattr(self.services[service], method)(message)

    def _matte(self, process: str, letter: Letter, bus: Bus) -> None:
        delivery = Delivery(
            body=letter.body, tag=0, epoch=0, listener=MATTE[letter.queue],
            attempt=letter.attempt, deliveries=letter.deliveries,
        )  # fmt: skip
        with_bus(self.workers[process], bus, lambda worker: worker._matte([delivery]), self.note)

    def timer(self, service: str, name: str) -> Task:
        """A timer goes off."""

        def turn() -> None:
            try:
                getattr(self.services[service], name)()
            except Exception as error:
                self.note(error, name)

        return self.machine.spawn(service, name, turn)

    def held_subjects(self) -> set[UUID]:
        """All subjects there ever were."""
        return self.laws.subjects

    def everything_rests(self) -> bool:
        """Whether no message waits and no outbox holds one."""
        return not self.broker.waiting and not any(each.state.outbox for each in self.databases.values())
