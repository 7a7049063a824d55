"""Any process may die at any instruction; any message may come twice, late, or out of order: seeded worlds that do so.

Use cases run as they are; only time, delivery and death are dice. While one process waits for the store, a key or the
studio, others go on. At the end everything is delivered and swept, and the promises are looked at.

Only end states are judged here, and the saga mends much (something left makes it start over): that each single guard holds
by itself is shown by the directed tests beside this one.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any, get_args
from uuid import UUID

import pytest

from services.auth import revocations
from services.auth import use_cases as auth_cases
from services.imaging import sweeping, worker_cases
from services.imaging import use_cases as imaging_cases
from services.imaging.adapters.keys import AskedKeys
from services.imaging.domain.photos import ORIGINAL
from services.imaging.worker_cases import Void, WorkerParts
from services.payments import erasure_cases, photo_cases
from services.retention import disclosures as retention_disclosures
from services.retention import exports as retention_exports
from services.retention import use_cases as retention_cases
from shared.contracts import LISTENERS, Message, auth, imaging, payments, retention
from shared.contracts.queues import MATTE_FREE, MATTE_PAID
from shared.crypto import seal, unseal
from shared.crypto.subject_keys import KeyCache
from shared.kernel.errors import NotFound, PocketError, SubjectErased
from shared.kernel.ids import new_id
from shared.messaging.delivery import DeliveryPolicy, Verdict
from shared.storage import StoreUnavailable, object_key
from shared.testing.faults import Killed, watched
from tests.unit import endings
from tests.unit.auth.logins import LoginWorld
from tests.unit.worlds import ENDINGS, NOTHING, OTHER_DEVICE, World

STEPS = 90
DEATH, OUTAGE, CONCURRENCY = 0.005, 0.01, 0.3
Handler = Callable[[Any], None]


class Dice:
    """A world in which everything that may happen does, by the throw of a seeded die."""

    def __init__(self, seed: int) -> None:
        self.die = random.Random(seed)
        self.world = World()
        self.world.auth = self.logins = LoginWorld(self.world.clock)
        self.world.retention.witnesses.counters["auth"] = self.logins.count
        self.calm = True
        self.purged = False
        self.depth = 0
        self.network: list[tuple[str, Message]] = []
        self.buried: list[tuple[str, Message, BaseException]] = []
        self.said: list[Message] = []
        for side in self.world.sides:
            side.work.hook = self.hook
        self._wire_imaging()
        self.is_account = self.die.random() < 0.4
        self.doomed = self.logins.sign_in("Ada") if self.is_account else self.logins.admit(endings.DEVICE)
        self.neighbour = self.world.auth.admit(OTHER_DEVICE)
        self.photos: dict[UUID, list[UUID]] = {self.doomed.subject_id: [], self.neighbour.subject_id: []}
        self.calm = False

    def _wire_imaging(self) -> None:
        """Imaging's parts with our hook, and keys as a worker really gets them: asked of auth, cached for two seconds."""
        world, hook = self.world.imaging, self.hook
        auth_parts = self.world.auth.parts

        class Line:
            def ask(self, call: auth.SubjectKey) -> auth.WrappedKey:
                hook("line.ask")
                return auth_cases.subject_key(call, auth_parts)

        self.keys = AskedKeys(Line(), self.world.auth.keyring, KeyCache(self.world.clock.monotonic))  # type: ignore[arg-type]
        store, studio = watched(world.store, "store", hook), watched(world.studio, "studio", hook)
        world.parts = type(world.parts)(world.work, store, world.clock, world.parts.upload_grace, "free")
        world.worker = WorkerParts(world.work, store, self.keys, studio, world.clock, "free")

    # ---- dice

    def hook(self, step: str) -> None:
        """Each step of every process passes here."""
        if self.calm:
            return
        if self.die.random() < DEATH:
            raise Killed(step)
        inside = any(side.work._open for side in self.world.sides)
        if step.startswith("store.") and not step.endswith("done") and self.die.random() < OUTAGE:
            raise StoreUnavailable("away")
        if not inside and self.depth < 3 and self.die.random() < CONCURRENCY:
            for _ in range(self.die.choice([1, 1, 4])):
                self.step()

    def step(self) -> None:
        """Something happens."""
        self.depth += 1
        actions = (
            [self.deliver] * 8
            + [
                self.repeat,
                self.upload,
                self.upload,
                self.render,
                self.delete,
                self.tick,
                self.sweep,
            ]
            + [self.waver] * (self.is_account and not self.purged)
        )
        if not self.purged and any(self.photos.values()) and self.die.random() < (0.01 if self.depth == 1 else 0.3):
            actions = [self.purge]
        with contextlib.suppress(Killed, PocketError, Void):
            self.die.choice(actions)()
        self.relay()
        self.depth -= 1

    # ---- what may happen

    def relay(self) -> None:
        """Take what is committed; each listener gets its own copy."""
        for side in self.world.sides:
            for outgoing in side.work.take_outbox():
                message = outgoing.message
                self.said.append(message)
                if outgoing.exchange:
                    self.network += [(each.queue, message) for each in LISTENERS if type(message) in each.events]
                else:
                    self.network.append((outgoing.routing_key, message))

    def deliver(self) -> None:
        """Hand out one message, any one; judge the outcome as the real consumers do."""
        if not self.network:
            return
        queue, message = self.network.pop(self.die.randrange(len(self.network)))
        try:
            self.handlers(queue, message)(message)
        except Void:
            return
        except Killed:
            self.network.append((queue, message))
        except Exception as error:
            verdict = DeliveryPolicy().judge(error, 1).verdict
            if verdict is Verdict.RETRY:
                self.network.append((queue, message))
            elif verdict is Verdict.BURY:
                self.buried.append((queue, message, error))

    def handlers(self, queue: str, message: Message) -> Handler:
        """As the service classes wire them."""
        world = self.world
        if queue in (MATTE_FREE.queue, MATTE_PAID.queue):
            return world.imaging.matte
        table: dict[tuple[str, type[Message]], Handler] = {
            ("auth.purges", retention.PurgeRequested): lambda m: auth_cases.fence_for_purge(m, world.auth.parts),
            ("auth.purges", retention.DataRemoved): lambda m: auth_cases.forget_subject(m, world.auth.parts),
            ("imaging.purges", retention.PurgeRequested): lambda m: imaging_cases.purge_subject(m, world.imaging.parts),
            ("imaging.purges", auth.ConsentWithdrawn): lambda m: imaging_cases.stop_processing(m, world.imaging.parts),
            **{
                ("retention.purges", kind): lambda m: retention_cases.hear_ending(m, world.retention.parts)
                for kind in ENDINGS
            },
            ("payments.purges", retention.PurgeRequested): lambda m: erasure_cases.purge_subject(
                m, world.payments.parts
            ),
            **{
                ("payments.photos", kind): lambda m: photo_cases.hear_loss(m, world.payments.parts)
                for kind in get_args(photo_cases.Lost)
            },
            ("retention.rights", retention.PurgeRequested): lambda m: retention_exports.purge_subject(
                m, world.retention.rights
            ),
            **{
                ("retention.rights", kind): lambda m: retention_disclosures.hear_disclosed(m, world.retention.rights)
                for kind in (auth.SubjectDisclosed, payments.SubjectDisclosed)
            },
            ("retention.purges", retention.SubjectPurged): lambda m: retention_cases.hear_report(
                m, world.retention.parts
            ),
            ("retention.purges", payments.SubjectPurged): lambda m: retention_cases.hear_report(
                m, world.retention.parts
            ),
            ("retention.purges", auth.SubjectFenced): lambda m: retention_cases.hear_fence(m, world.retention.parts),
            ("retention.purges", auth.SubjectPurged): lambda m: retention_cases.hear_report(m, world.retention.parts),
            ("retention.purges", imaging.SubjectPurged): lambda m: retention_cases.hear_report(
                m, world.retention.parts
            ),
        }
        if (queue, type(message)) not in table:
            pytest.fail(f"nobody takes {type(message).__name__} from {queue}")
        return table[queue, type(message)]

    def repeat(self) -> None:
        """A message comes twice."""
        if self.network:
            self.network.append(self.die.choice(self.network))

    def upload(self) -> None:
        """What the gateway does; it may die between any two of its steps."""
        subject_id = self.someone()
        if len(self.photos[subject_id]) >= 4:
            return
        photo_id = new_id()
        self.photos[subject_id].append(photo_id)
        key = self.keys.key_of(subject_id)
        name = object_key(subject_id, photo_id, ORIGINAL)
        content = self.die.choice([b"photo of Ada", b"photo of Bo", b"unusable: no_face"])
        parts = self.world.imaging.parts
        imaging_cases.register_photo(imaging.RegisterPhoto(subject_id=subject_id, photo_id=photo_id), parts)
        parts.store.put(name, seal(key, content, name))
        try:
            imaging_cases.photo_stored(imaging.PhotoStored(subject_id=subject_id, photo_id=photo_id), parts)
        except (SubjectErased, NotFound):
            parts.store.delete([name])
            raise

    def render(self) -> None:
        """Any photo, ready or not."""
        subject_id = self.someone()
        if self.photos[subject_id]:
            call = imaging.MakeRender(
                subject_id=subject_id, photo_id=self.die.choice(self.photos[subject_id]), order={"spec": "one-inch"},
                idempotency_key=self.die.choice([None, "k"]),
            )  # fmt: skip
            worker_cases.make_render(call, self.world.imaging.worker)

    def delete(self) -> None:
        """One photo of the doomed one's."""
        mine = self.photos[self.doomed.subject_id]
        if mine:
            request = imaging.DeletePhoto(subject_id=self.doomed.subject_id, photo_id=self.die.choice(mine))
            imaging_cases.delete_photo(request, self.world.imaging.parts)

    def tick(self) -> None:
        """Time passes, and retention's timer goes off."""
        self.world.clock.forward(self.die.choice([0.5, 1, 3]))
        retention_cases.look_after_purges(self.world.retention.parts)
        revocations.revoke_what_is_due(self.logins.parts)

    def sweep(self) -> None:
        """Imaging's timers."""
        sweeping.sweep_uploads(self.world.imaging.parts)
        sweeping.sweep_store(self.world.imaging.parts)

    def waver(self) -> None:
        """An account withdraws its consent, or gives it again: its photos go, and others come."""
        self.logins.record(self.doomed.subject_id, self.die.choice(["withdraw", "grant", "grant"]))

    def purge(self) -> None:
        """One of the ways in which a guest or an account ends; who dies doing it tries again."""
        self.purged, calm = True, self.calm
        self.ending = self.die.choice(endings.OF_ACCOUNTS if self.is_account else endings.OF_GUESTS)
        while True:
            self.calm = True
            self.neighbour = endings.seen_again(self.logins, self.neighbour)
            self.calm = calm
            with contextlib.suppress(Killed):
                with contextlib.suppress(SubjectErased):
                    self.ending(self.world, self.logins, self.doomed.subject_id)
                return

    def someone(self) -> UUID:
        return self.die.choice([self.doomed.subject_id] * 3 + [self.neighbour.subject_id])

    # ---- the end

    def settle(self) -> None:
        """No more dice: everything is delivered, time goes on, everything is swept."""
        self.calm = True
        for _ in range(40):
            self.relay()
            while self.network:
                self.deliver()
                self.relay()
            self.tick()
        self.unswept = self.world.imaging.objects(self.doomed.subject_id)
        self.world.clock.forward(700)
        self.sweep()
        self.tick()


@pytest.mark.parametrize("seed", range(200))
def test_whatever_happens_in_whatever_order_the_promises_hold_in_the_end(seed: int) -> None:
    """Purged stays purged, the purge is certified, the neighbour keeps everything, nothing is said twice."""
    dice = Dice(seed)
    for _ in range(STEPS):
        dice.step()
    if not dice.purged:
        dice.purge()
    dice.settle()
    imaging_side, doomed, neighbour = dice.world.imaging, dice.doomed.subject_id, dice.neighbour.subject_id

    assert dice.buried == []
    assert set(dice.unswept) <= {"original"}, (
        "workers clean up after themselves; only a dead gateway leaves work to the sweeper"
    )
    assert imaging_side.count(doomed) == NOTHING
    assert imaging_side.objects(doomed) == []
    assert not any(dice.logins.count(doomed).values())
    assert {(job.status, job.sealed) for job in dice.logins.jobs()} == (
        {("revoked", None)} if dice.is_account else set()
    )
    assert "token of" not in repr(dice.logins.work.state)
    heirs = set(dice.logins.work.state.subjects) - {neighbour}
    assert bool(heirs) == (dice.ending in (endings.replaced, endings.signed_in))
    assert not [name for name in imaging_side.store.objects if not name.startswith(str(neighbour))]
    purges = list(dice.world.retention.work.state.purges.values())
    assert {purge.state for purge in purges} == {"completed"}
    assert all(purge.certificate and purge.subject_id is None for purge in purges)

    state = imaging_side.work.state
    assert {photo.state for photo in state.photos.values()} <= {"ready", "rejected"}
    assert {photo.subject_id for photo in state.photos.values()} <= {neighbour}
    assert set(imaging_side.store.objects) <= set(state.objects), "no object without a row"
    ready = [photo for photo in state.photos.values() if photo.state == "ready"]
    key = dice.keys.key_of(neighbour)
    for photo in ready:
        for kind in ("original", "cutout"):
            assert unseal(key, imaging_side.store.get(photo.key_of(kind)), photo.key_of(kind))
    for photo in state.photos.values():
        if photo.state == "rejected":
            assert not [name for name in imaging_side.store.objects if str(photo.photo_id) in name]
    for render in state.renders.values():
        if render.ready:
            assert imaging_side.store.get(render.file_key)
    accepted = {m.photo_id for m in dice.said if isinstance(m, imaging.MattePhoto) and m.subject_id == neighbour}
    assert accepted == set(state.photos), "no accepted photo is lost"
    told = [m.photo_id for m in dice.said if isinstance(m, (imaging.PhotoReady, imaging.PhotoRejected))]
    assert len(told) == len(set(told)), "nothing is said twice"
    certified = [m.subject_id for m in dice.said if isinstance(m, retention.PurgeCompleted)]
    assert certified.count(doomed) == 1
    assert len(certified) == len(purges)
    assert neighbour not in certified
