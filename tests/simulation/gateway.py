"""What a gateway does for a caller: the steps of its routes, in their order, with its real keys, access list and ears."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.gateway.access import Access
from services.gateway.app import Ear
from services.gateway.keys import GatewayKeys
from services.imaging.domain.photos import CUTOUT, ORIGINAL
from shared.contracts import accounts, auth, imaging, payments, retention
from shared.contracts.base import Call
from shared.crypto import seal, unseal
from shared.kernel.errors import Code, Conflict, PocketError, SubjectErased
from shared.kernel.ids import new_id
from shared.storage import ObjectMissing, object_key
from tests.simulation import constants as held
from tests.simulation.broker import content_of
from tests.simulation.parts import Cache, Line
from tests.simulation.world import World

if TYPE_CHECKING:
    from shared.crypto import DataKey


class _AsyncLine:
    """The gateway awaits its answers; here nobody else runs meanwhile but tasks."""

    def __init__(self, world: World) -> None:
        self._line = Line(world)

    async def ask(self, call: Call[Any], *, timeout: float | None = None) -> Any:
        return self._line.ask(call, timeout=timeout)


class _NoLock:
    """asyncio's lock would wait in an event loop; two tasks may ask twice instead."""

    async def __aenter__(self) -> None:
        return

    async def __aexit__(self, *_: object) -> None:
        return


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of something that never really waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("waited for something outside of the simulation")


class Gateway:
    """One gateway process."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.line = Line(world)
        self.store = world.store
        world.on_restart[name] = self.start
        self.start()

    def start(self) -> None:
        """With nothing in memory; what it did not hear is asked for before it is ready."""
        asker: Any = _AsyncLine(self.world)
        self.access = Access(asker)
        self.access._refreshing = _NoLock()  # type: ignore[assignment]
        self.keys = GatewayKeys(asker, held.KEYRING, Cache(self.world.clock.monotonic))
        self.ear = Ear(self.access, self.keys)
        self.world.gateway_ears[self.name] = []
        self.ready = False

    def catch_up(self) -> None:
        """What was said while we were not listening."""
        access = self.access
        run(access.load())
        self.ready = access is self.access

    def hear(self, body: bytes) -> None:
        """One event."""
        self.ear(content_of(body))

    def key_of(self, subject_id: UUID, purpose: auth.Purpose) -> DataKey:
        key: DataKey = run(self.keys.key_of(subject_id, purpose))
        self.world.laws.key_given(subject_id, purpose, self.name)
        return key

    def admit(self, subject_id: UUID, session_id: UUID) -> None:
        """Whether a token is let in."""
        if self.access.is_denied(subject_id):
            raise SubjectErased("denied")
        if self.access.is_denied(session_id):
            raise PocketError("denied", code=Code.SESSION_REVOKED)

    # ---- photos

    def upload(self, subject_id: UUID, content: bytes, key: str | None) -> UUID:
        """As ``POST /v1/photos``: seal while it streams in, register, store, confirm."""
        photo_id = new_id()
        bound_to = object_key(subject_id, photo_id, ORIGINAL)
        data_key = self.key_of(subject_id, "process_photo")
        sealed = seal(data_key, content, bound_to)
        print_of = hmac.new(data_key.reveal(), content, hashlib.sha256).hexdigest()
        ask = imaging.RegisterPhoto(
            subject_id=subject_id, photo_id=photo_id, idempotency_key=key, fingerprint=print_of if key else ""
        )
        registered = self.line.ask(ask)
        self.world.laws.contents.setdefault(registered.photo_id, content)
        if registered.status == "uploading":
            if registered.object_key != bound_to:
                data_key = self.key_of(subject_id, "process_photo")
                sealed = seal(data_key, unseal(data_key, sealed, bound_to), registered.object_key)
            self.store.put(registered.object_key, sealed)
            self._confirm(subject_id, registered)
        return UUID(str(registered.photo_id))

    def _confirm(self, subject_id: UUID, registered: imaging.Registered) -> None:
        try:
            self.line.ask(imaging.PhotoStored(subject_id=subject_id, photo_id=registered.photo_id))
        except PocketError as error:
            if error.actual_code in (Code.SUBJECT_ERASED, Code.NOT_FOUND):
                self.store.delete([registered.object_key])
            raise

    def render(self, subject_id: UUID, photo_id: UUID, order: dict[str, Any], key: str | None) -> imaging.RenderState:
        """As ``POST /v1/photos/{id}/renders``."""
        call = imaging.MakeRender(
            subject_id=subject_id, photo_id=photo_id, order=order, idempotency_key=key, fingerprint=json.dumps(order)
        )
        render: imaging.RenderState = self.line.ask(call)
        self._open(subject_id, b64decode(render.facts), f"renders/facts/{render.render_id}")
        return render

    def download(self, subject_id: UUID, render_id: UUID) -> bytes:
        """As ``GET /v1/renders/{id}/file``: only what is unlocked."""
        render = self.line.ask(imaging.GetRender(subject_id=subject_id, render_id=render_id))
        if not render.unlocked:
            access = self.line.ask(payments.PhotoAccess(subject_id=subject_id, photo_id=render.photo_id))
            if "photo" not in access.scopes:
                raise PocketError("locked", code=Code.PAYMENT_REQUIRED)
        return self._open(subject_id, self.store.get(render.file_key), render.file_key)

    def look(self, subject_id: UUID, photo_id: UUID) -> None:
        """As ``GET /v1/photos/{id}``, and its objects: what opens is what its owner put there."""
        photo = self.line.ask(imaging.GetPhoto(subject_id=subject_id, photo_id=photo_id))
        if photo.analysis:
            self._open(subject_id, b64decode(photo.analysis), f"photos/analysis/{photo_id}")
            name = object_key(subject_id, photo_id, CUTOUT)
            self._open(subject_id, self.store.get(name), name)

    def _open(self, subject_id: UUID, sealed: bytes, bound_to: str) -> bytes:
        return unseal(self.key_of(subject_id, "read_own"), sealed, bound_to)

    # ---- logging in, leaving

    def sign_in(self, provider: str, handed: dict[str, Any], guest_id: UUID | None, **more: Any) -> accounts.SignedIn:
        """As ``POST /v1/sessions``."""
        sealed = self.keys.seal_for(accounts.PROOF, handed)
        call = accounts.SignIn(provider=provider, platform="android", sealed_proof=sealed, guest_id=guest_id, **more)
        answer: accounts.SignedIn = self.line.ask(call, timeout=25)
        if guest_id is not None and answer.purge_id is not None:
            self.access.deny(guest_id)
            self.keys.cache.fence(guest_id)
            ask = retention.OpenPurge(
                subject_id=guest_id, reason="signed_in", purge_id=answer.purge_id, heir_id=answer.subject_id
            )
            self._quietly(ask)
        return answer

    def end(self, subject_id: UUID, kind: str, reason: str, key: str | None) -> None:
        """As ``DELETE /v1/me/stash`` and ``DELETE /v1/me``."""
        if reason == "stash_wiped" and kind != "guest":
            raise Conflict("an account has no stash")
        ask = retention.OpenPurge(subject_id=subject_id, reason=reason, idempotency_key=key)
        opened = self.line.ask(ask)
        self.world.laws.ended.add(subject_id)
        self.access.deny(subject_id)
        self.keys.cache.fence(subject_id)
        self._quietly(auth.FenceSubject(subject_id=subject_id, purge_id=opened.purge_id))

    def _quietly(self, call: Call[Any]) -> None:
        try:
            self.line.ask(call)
        except PocketError as error:
            self.world.machine.say(f"    {call.method} left to the event: {error}")

    # ---- others

    def alipay_notice(self, body: bytes) -> bool:
        """As ``POST /v1/payments/alipay/notify``: whether Alipay is told success."""
        sealed = b64encode(seal(held.NOTICE_KEY, body, payments.NOTICE_IDENTITY)).decode()
        try:
            return bool(self.line.ask(payments.HearNotice(sealed=sealed)).accepted)
        except PocketError:
            return False

    def provider_notice(self, provider: str, headers: dict[str, str], body: bytes) -> int:
        """As ``POST /v1/providers/{provider}/notices``."""
        pushed = {"headers": headers, "query": {}, "body": b64encode(body).decode()}
        call = accounts.TakeNotice(provider=provider, sealed_notice=self.keys.seal_for(accounts.NOTICE, pushed))
        return int(self.line.ask(call).status)


__all__ = ["Gateway", "ObjectMissing"]
