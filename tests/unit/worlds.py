"""The services on memory twins, each alone or all together with their messages carried by hand."""

from __future__ import annotations

import contextlib
import os
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.auth import use_cases as auth_cases
from services.auth.adapters.memory import MemoryAuth, MemoryShelf, memory_auth
from services.auth.domain.policies import PolicyDocument
from services.auth.domain.redirects import Redirects
from services.auth.ports import AuthParts, TokenPolicy
from services.imaging import use_cases as imaging_cases
from services.imaging import worker_cases
from services.imaging.adapters.memory import MemoryKeys, MemoryStudio, memory_imaging
from services.imaging.domain.photos import CUTOUT, ORIGINAL
from services.imaging.ports import ImagingParts
from services.imaging.worker_cases import WorkerParts
from services.payments import erasure_cases, payment_cases, photo_cases, refund_cases
from services.payments import use_cases as payments_cases
from services.payments.adapters.catalogue import products
from services.payments.adapters.memory import MemoryPayments, memory_payments
from services.payments.adapters.memory_alipay import MemoryAlipay
from services.payments.domain.ledger import faults_of
from services.payments.domain.orders import Order
from services.payments.domain.trades import Merchant
from services.payments.ports import PaymentsParts
from services.retention import disclosures as retention_disclosures
from services.retention import exports as retention_exports
from services.retention import use_cases as retention_cases
from services.retention.adapters.memory import MemoryDeadLetters, MemoryWitnesses, memory_retention
from services.retention.ports import RetentionParts
from services.retention.rights_ports import RightsParts
from shared.contracts import Message, auth, imaging, payments, retention
from shared.crypto import Keyring, seal
from shared.crypto.signing import Signer
from shared.kernel.errors import SubjectErased
from shared.kernel.ids import new_id
from shared.kernel.personal import Secret
from shared.storage import object_key
from shared.testing.faults import Trouble, watched
from shared.testing.held_clock import HeldClock
from shared.testing.memory_store import MemoryStore

POLICY = "2026-01-01"
DEVICE = "d" * 64
OTHER_DEVICE = "e" * 64
TOMBSTONE_KEY = Secret(b"t" * 32)
RECEIPT_KEY = Secret(b"r" * 32)
JOB = imaging.MattePhoto
ENDINGS = (auth.GuestReplaced, auth.GuestSignedIn, auth.GuestExpired, auth.AccountAbandoned, auth.ConsentWithdrawn)


def secret_bytes() -> Secret[bytes]:
    return Secret(os.urandom(32))


PERMISSIONS = "2025-12-01"
"""The version of the document of permissions: another than the privacy policy's, which nobody may take for it."""


def policy(
    version: str, clock: HeldClock, days_ago: float, language: str = "zh", document: str = "privacy"
) -> PolicyDocument:
    return PolicyDocument(document, version, clock() - timedelta(days=days_ago), language, "隐私政策", "# 隐私政策")


class AuthWorld:
    """Auth alone."""

    def __init__(self, clock: HeldClock | None = None) -> None:
        self.clock = clock or HeldClock()
        self.trouble = Trouble()
        self.work = memory_auth(TOMBSTONE_KEY, clock=self.clock, hook=self.trouble)
        self.shelf = MemoryShelf(
            policy(POLICY, self.clock, 30), policy(PERMISSIONS, self.clock, 30, document="permissions")
        )
        self.signer = Signer({"t1": secret_bytes()})
        self.keyring = Keyring({"m1": secret_bytes()})
        tokens = TokenPolicy(self.signer, access_life=timedelta(minutes=10), refresh_life=timedelta(days=60))
        self.providers: dict[str, Any] = {}
        self.parts = AuthParts(
            self.work, self.keyring, tokens, self.shelf, self.clock, self.providers, identity_pepper=secret_bytes(),
            redirects=Redirects(frozenset({"https://pocketid.example/callback", "https://a.example/"})),
        )  # fmt: skip

    def admit(self, device: str = DEVICE, **changes: Any) -> auth.Tokens:
        request: dict[str, Any] = {"device_hash": device, "policy_version": POLICY, **changes}
        return auth_cases.admit_guest(auth.AdmitGuest(**request), self.parts)

    def look(self, ask: Callable[[MemoryAuth], Any]) -> Any:
        with self.work.begin() as tx:
            return ask(tx)

    def count(self, subject_id: UUID) -> dict[str, int]:
        return auth_cases.count_subject(auth.CountSubject(subject_id=subject_id), self.parts).counts

    def said(self, kind: type[Message]) -> list[Message]:
        return [message for message in self.work.messages() if type(message) is kind]


@dataclass
class Owned:
    """A photo somebody has uploaded."""

    subject_id: UUID
    photo_id: UUID

    def key(self, kind: str) -> str:
        return object_key(self.subject_id, self.photo_id, kind)


class ImagingWorld:
    """Imaging and one worker, with a store, keys and a studio."""

    def __init__(self, clock: HeldClock | None = None) -> None:
        self.clock = clock or HeldClock()
        self.trouble = Trouble()
        self.work = memory_imaging(TOMBSTONE_KEY, clock=self.clock, hook=self.trouble)
        self.store = MemoryStore()
        self.keys = MemoryKeys()
        self.studio = MemoryStudio()
        store = watched(self.store, "store", self.trouble)
        keys = watched(self.keys, "keys", self.trouble)
        studio = watched(self.studio, "studio", self.trouble)
        self.parts = ImagingParts(self.work, store, self.clock, timedelta(minutes=10), "free")
        self.worker = WorkerParts(self.work, store, keys, studio, self.clock, "free")

    def look(self, ask: Callable[[Any], Any]) -> Any:
        with self.work.begin() as tx:
            return ask(tx)

    def subject(self) -> UUID:
        subject_id = new_id()
        self.keys.admit(subject_id)
        return subject_id

    def register(self, subject_id: UUID, **changes: Any) -> imaging.Registered:
        request: dict[str, Any] = {"subject_id": subject_id, "photo_id": new_id(), **changes}
        return imaging_cases.register_photo(imaging.RegisterPhoto(**request), self.parts)

    def upload(self, subject_id: UUID, content: bytes = b"photo of Ada", people: int = 1) -> Owned:
        """Register, store and confirm, as the gateway does."""
        owned = Owned(subject_id, self.register(subject_id, people=people).photo_id)
        self.put_original(owned, content)
        self.confirm(owned)
        return owned

    def put_original(self, owned: Owned, content: bytes = b"photo of Ada") -> None:
        key = owned.key(ORIGINAL)
        self.store.put(key, seal(self.keys.key_of(owned.subject_id), content, key))

    def confirm(self, owned: Owned) -> imaging.PhotoState:
        request = imaging.PhotoStored(subject_id=owned.subject_id, photo_id=owned.photo_id)
        return imaging_cases.photo_stored(request, self.parts)

    def job(self, owned: Owned) -> imaging.MattePhoto:
        [job] = [m for m in self.work.messages() if isinstance(m, imaging.MattePhoto) and m.photo_id == owned.photo_id]
        return job

    def matte(self, job: imaging.MattePhoto) -> None:
        """What the worker's loop does with one job."""
        prepared = worker_cases.prepare_job(job, self.worker)
        [cutout] = worker_cases.matte_batch([prepared], self.worker)
        worker_cases.finish_job(prepared, cutout, self.worker)

    def ready(self, subject_id: UUID) -> Owned:
        owned = self.upload(subject_id)
        self.matte(self.job(owned))
        return owned

    def render(self, owned: Owned, **changes: Any) -> imaging.RenderState:
        ids = {"subject_id": owned.subject_id, "photo_id": owned.photo_id}
        request: dict[str, Any] = {**ids, "order": {"spec": "one-inch"}, **changes}
        return worker_cases.make_render(imaging.MakeRender(**request), self.worker)

    def purge(self, subject_id: UUID, *, purge_id: UUID | None = None) -> retention.PurgeRequested:
        """Auth destroys the key, imaging deletes: what a purge does to imaging."""
        self.keys.destroy(subject_id)
        event = retention.PurgeRequested(subject_id=subject_id, purge_id=purge_id or new_id(), reason="stash_wiped")
        imaging_cases.purge_subject(event, self.parts)
        return event

    def state(self, owned: Owned) -> str | None:
        photo = self.work.state.photos.get(owned.photo_id)
        return photo.state if photo else None

    def count(self, subject_id: UUID) -> dict[str, int]:
        return imaging_cases.count_subject(imaging.CountSubject(subject_id=subject_id), self.parts).counts

    def objects(self, subject_id: UUID) -> list[str]:
        """What the subject has in the store, by kind."""
        return sorted(key.rsplit("/", 1)[1] for key in self.store.keys(f"{subject_id}/"))

    def said(self, kind: type[Message]) -> list[Any]:
        return [message for message in self.work.messages() if type(message) is kind]


NOTHING = {"photos": 0, "objects": 0, "renders": 0, "idempotency": 0}
CUTOUT_KIND, ORIGINAL_KIND = CUTOUT, ORIGINAL


class RetentionWorld:
    """Retention alone; its participants are whoever the test says."""

    def __init__(self, clock: HeldClock | None = None, store: MemoryStore | None = None) -> None:
        self.clock = clock or HeldClock()
        self.trouble = Trouble()
        self.work = memory_retention(TOMBSTONE_KEY, clock=self.clock, hook=self.trouble)
        self.store = store or MemoryStore()
        self.left: dict[str, dict[str, int]] = {
            "imaging": {"photos": 0},
            "payments": {"orders": 0},
            "retention": {"exports": 0},
            "auth": {"subjects": 0},
        }
        counters = {name: self._counter(name) for name in self.left}
        self.witnesses = MemoryWitnesses(counters)
        self.signer = Signer({"c1": secret_bytes()})
        self.dead_letters = MemoryDeadLetters()
        store_seen = watched(self.store, "store", self.trouble)
        self.rights = RightsParts(self.work, store_seen, RECEIPT_KEY, self.clock)
        self.parts = RetentionParts(
            self.work,
            store_seen,
            self.witnesses,
            self.dead_letters,
            self.signer,
            RECEIPT_KEY,
            self.clock,
            timedelta(minutes=15),
        )

    def look(self, ask: Callable[[Any], Any]) -> Any:
        with self.work.begin() as tx:
            return ask(tx)

    def open(self, subject_id: UUID, key: str | None = None) -> retention.PurgeOpened:
        request = retention.OpenPurge(subject_id=subject_id, reason="stash_wiped", idempotency_key=key)
        return retention_cases.open_purge(request, self.parts)

    def fenced(self, subject_id: UUID, purge_id: UUID) -> None:
        retention_cases.hear_fence(auth.SubjectFenced(subject_id=subject_id, purge_id=purge_id), self.parts)

    def imaging_reports(self, subject_id: UUID, purge_id: UUID, photos: int = 1) -> imaging.SubjectPurged:
        """Payments and retention itself, the other participants, have reported before: most tests are not about them."""
        self.payments_reports(subject_id, purge_id)
        self.rights_reports(subject_id, purge_id)
        event = imaging.SubjectPurged(subject_id=subject_id, purge_id=purge_id, counts={"photos": photos})
        retention_cases.hear_report(event, self.parts)
        return event

    def payments_reports(self, subject_id: UUID, purge_id: UUID, orders: int = 0) -> payments.SubjectPurged:
        counts = {"orders": orders} if orders else {}
        event = payments.SubjectPurged(subject_id=subject_id, purge_id=purge_id, counts=counts, kept={})
        retention_cases.hear_report(event, self.parts)
        return event

    def rights_reports(self, subject_id: UUID, purge_id: UUID) -> retention.SubjectPurged:
        event = retention.SubjectPurged(subject_id=subject_id, purge_id=purge_id, counts={})
        retention_cases.hear_report(event, self.parts)
        return event

    def auth_reports(self, subject_id: UUID, purge_id: UUID, subjects: int = 1) -> auth.SubjectPurged:
        event = auth.SubjectPurged(subject_id=subject_id, purge_id=purge_id, counts={"subjects": subjects})
        retention_cases.hear_report(event, self.parts)
        return event

    def show(self, purge_id: UUID) -> retention.PurgeState:
        return retention_cases.show_purge(purge_id, self.parts)

    def said(self, kind: type[Message]) -> list[Any]:
        return [message for message in self.work.messages() if type(message) is kind]

    def _counter(self, name: str) -> Callable[[UUID], dict[str, int]]:
        return lambda subject_id: dict(self.left[name])


NOTICE_KEY = Secret(b"n" * 32)
MERCHANT = Merchant("2021000000000001", "2088000000000001")


class PaymentsWorld:
    """Payments alone, with Alipay in memory."""

    def __init__(self, clock: HeldClock | None = None) -> None:
        self.clock = clock or HeldClock()
        self.trouble = Trouble()
        self.work = memory_payments(TOMBSTONE_KEY, clock=self.clock, hook=self.trouble)
        self.alipay = MemoryAlipay(self.clock, MERCHANT)
        self.products = products()
        alipay = watched(self.alipay, "alipay", self.trouble)
        self.parts = PaymentsParts(
            self.work, alipay, MERCHANT, self.products, NOTICE_KEY, self.clock, timedelta(minutes=15)
        )

    def open(self, subject_id: UUID, product: str = "hd-photo", **changes: Any) -> payments.OrderState:
        photo_id = changes.pop("photo_id", new_id() if self.products[product].for_photo else None)
        request: dict[str, Any] = {"subject_id": subject_id, "product": product, "channel": "app", **changes}
        return payments_cases.open_order(payments.OpenOrder(**request, photo_id=photo_id), self.parts)

    def pay(self, order: payments.OrderState) -> bytes:
        """The buyer pays; the notice, not delivered yet."""
        assert self.alipay.buyer_pays(number_of(order))
        return self.alipay.post[-1]

    def hear(self, notice: bytes) -> bool:
        sealed = b64encode(seal(NOTICE_KEY, notice, payments.NOTICE_IDENTITY)).decode()
        return payment_cases.hear_notice(payments.HearNotice(sealed=sealed), self.parts).accepted

    def bought(self, subject_id: UUID, product: str = "hd-photo", **changes: Any) -> payments.OrderState:
        """Opened, paid, told."""
        order = self.open(subject_id, product, **changes)
        assert self.hear(self.pay(order))
        return self.get(subject_id, order.order_id)

    def get(self, subject_id: UUID, order_id: UUID) -> payments.OrderState:
        return payments_cases.get_order(payments.GetOrder(subject_id=subject_id, order_id=order_id), self.parts)

    def refund(self, subject_id: UUID, order_id: UUID, **changes: Any) -> payments.OrderState:
        return refund_cases.refund_order(
            payments.RefundOrder(subject_id=subject_id, order_id=order_id, **changes), self.parts
        )

    def tick(self, seconds: float = 0) -> None:
        """Time passes, and the timer goes off."""
        self.clock.forward(seconds)
        payment_cases.look_after_orders(self.parts)
        refund_cases.look_after_refunds(self.parts)

    def lose(self, subject_id: UUID, photo_id: UUID, kind: str = "rejected") -> Message:
        """Imaging says that a photo is lost: rejected, failed, deleted when it was ready, or deleted before."""
        ids = {"subject_id": subject_id, "photo_id": photo_id}
        event: photo_cases.Lost = imaging.PhotoDeleted(**ids, was_ready=kind == "deleted")
        if kind in ("rejected", "failed"):
            event = (
                imaging.PhotoFailed(**ids) if kind == "failed" else imaging.PhotoRejected(**ids, reasons=["no_face"])
            )
        photo_cases.hear_loss(event, self.parts)
        return event

    def purge(self, subject_id: UUID, heir_id: UUID | None = None) -> retention.PurgeRequested:
        event = retention.PurgeRequested(
            subject_id=subject_id, purge_id=new_id(), reason="stash_wiped", heir_id=heir_id
        )
        erasure_cases.purge_subject(event, self.parts)
        return event

    def order(self, order_id: UUID) -> Order:
        return self.work.state.orders[order_id]

    def look(self, ask: Callable[[MemoryPayments], Any]) -> Any:
        with self.work.begin() as tx:
            return ask(tx)

    def count(self, subject_id: UUID) -> dict[str, int]:
        return erasure_cases.count_subject(payments.CountSubject(subject_id=subject_id), self.parts).counts

    def said(self, kind: type[Message]) -> list[Any]:
        return [message for message in self.work.messages() if type(message) is kind]

    def check_books(self) -> None:
        """They sum to zero, and say of each order's money what Alipay says, but for what is on its way."""
        assert faults_of(self.look(lambda tx: tx.balances())) == []


def number_of(order: payments.OrderState) -> str:
    return f"P{order.order_id.hex}"


@dataclass
class World:
    """All services; a message goes from an outbox to its listeners when the test says so."""

    clock: HeldClock = field(default_factory=HeldClock)

    def __post_init__(self) -> None:
        self.auth = AuthWorld(self.clock)
        self.imaging = ImagingWorld(self.clock)
        self.retention = RetentionWorld(self.clock, self.imaging.store)
        self.payments = PaymentsWorld(self.clock)
        self.retention.witnesses.holding = {
            "auth": lambda: set(self.auth.look(lambda tx: tx.subjects_held(None, 10_000))),
            "imaging": lambda: set(self.imaging.look(lambda tx: tx.subjects_held(None, 10_000))),
            "payments": lambda: set(self.payments.look(lambda tx: tx.subjects_held(None, 10_000))),
            "retention": lambda: set(self.retention.look(lambda tx: tx.rights_subjects(None, 10_000))),
        }
        self.retention.witnesses.counters = {
            "auth": self.auth.count,
            "imaging": self.imaging.count,
            "payments": self.payments.count,
            "retention": lambda subject_id: retention_exports.count_subject(subject_id, self.retention.rights),
        }

    @property
    def sides(self) -> tuple[AuthWorld, ImagingWorld, PaymentsWorld, RetentionWorld]:
        """Every service, as it is now: a test may have put another one in place."""
        return self.auth, self.imaging, self.payments, self.retention

    def guest(self, device: str) -> auth.Tokens:
        """A guest whose data key imaging can ask for."""
        tokens = self.auth.admit(device)
        self.imaging.keys.admit(tokens.subject_id)
        return tokens

    def deliver_all(self) -> list[Message]:
        """Carry every message to its listeners until none waits; all that were carried."""
        carried: list[Message] = []
        while True:
            waiting = [out for world in self.sides for out in world.work.take_outbox()]
            if not waiting:
                return carried
            for outgoing in waiting:
                carried.append(outgoing.message)
                self.deliver(outgoing.message)

    def deliver(self, message: Message) -> None:
        """Hand one message to everybody who listens to it."""
        self._deliver_disclosure(message)
        if isinstance(message, photo_cases.Lost):
            photo_cases.hear_loss(message, self.payments.parts)
        self._deliver(message)

    def _deliver(self, message: Message) -> None:
        if isinstance(message, retention.PurgeRequested):
            auth_cases.fence_for_purge(message, self.auth.parts)
            self.imaging.keys.destroy(message.subject_id)
            imaging_cases.purge_subject(message, self.imaging.parts)
            erasure_cases.purge_subject(message, self.payments.parts)
            retention_exports.purge_subject(message, self.retention.rights)
        elif isinstance(message, retention.DataRemoved):
            auth_cases.forget_subject(message, self.auth.parts)
        elif isinstance(message, auth.SubjectFenced):
            retention_cases.hear_fence(message, self.retention.parts)
        elif isinstance(message, ENDINGS):
            retention_cases.hear_ending(message, self.retention.parts)
            if isinstance(message, auth.ConsentWithdrawn):
                imaging_cases.stop_processing(message, self.imaging.parts)
        elif isinstance(message, (payments.PhotoUnlocked, payments.PhotoLocked)):
            with contextlib.suppress(SubjectErased):
                imaging_cases.hear_unlock(message, self.imaging.parts)
        elif isinstance(
            message, (imaging.SubjectPurged, payments.SubjectPurged, retention.SubjectPurged, auth.SubjectPurged)
        ):
            retention_cases.hear_report(message, self.retention.parts)
        elif isinstance(message, imaging.MattePhoto):
            try:
                self.imaging.matte(message)
            except worker_cases.Void:
                return

    def _deliver_disclosure(self, message: Message) -> None:
        if isinstance(message, (auth.SubjectDisclosed, payments.SubjectDisclosed)):
            with contextlib.suppress(SubjectErased):
                retention_disclosures.hear_disclosed(message, self.retention.rights)
