"""A phone that talks HTTP to the gateway, with the services behind it on memory twins."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import anyio
import httpx

from services.auth import accounts, guardians, ledger, notices, policy_cases, profiles, proofs
from services.auth import use_cases as auth_cases
from services.gateway.access import Access
from services.gateway.app import Ear, create_app
from services.gateway.keys import GatewayKeys
from services.gateway.limits import RateLimiter
from services.gateway.parts import Parts
from services.gateway.stream import Hub
from services.imaging import use_cases as imaging_cases
from services.imaging import worker_cases
from services.payments import entitlement_cases, payment_cases, refund_cases
from services.payments import use_cases as payments_cases
from services.retention import disclosures, exports, feedback
from services.retention import use_cases as retention_cases
from shared.contracts import auth, imaging, payments, retention
from shared.crypto.subject_keys import KeyCache
from shared.kernel.errors import Unavailable
from shared.kernel.settings import GatewaySettings
from tests.unit.auth.providers.fake import FakeProvider
from tests.unit.gateway.test_uploads import TYPE, form, part, png
from tests.unit.worlds import POLICY, World

AUTH_MODULES = (auth_cases, accounts, proofs, profiles, ledger, guardians, policy_cases, notices)
PAYMENTS_MODULES = (payments_cases, payment_cases, refund_cases, entitlement_cases)
RIGHTS_MODULES = (exports, disclosures, feedback)
KEY = base64.b64encode(b"k" * 32).decode()
DEVICE, OTHER = "6fa459ea-ee8a-4ca4-894e-db77e160355e", "7fa459ea-ee8a-4ca4-894e-db77e160355f"


class Studio:
    """Any picture has a face: the gateway only lets pictures in."""

    def __init__(self, world: World) -> None:
        self._prepare = world.imaging.studio.prepare
        world.imaging.studio.prepare = self.prepare  # type: ignore[method-assign]

    def prepare(self, content: bytes, *, people: int = 1) -> str:
        """Somebody, or two of them when two are wanted."""
        return self._prepare(b"photo of Ada" if people == 1 else b"photo of Ada and Bo", people=people)


class Switchboard:
    """Takes a call to the use case that answers it, as the broker and nameko do; a service can be away."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.away: set[type] = set()
        self.after: dict[type, Any] = {}

    async def ask(self, call: Any, timeout: float | None = None) -> Any:
        if type(call) in self.away:
            raise Unavailable("away")
        answer = self._answer(type(call).model_validate_json(call.model_dump_json()))
        if type(call) in self.after:
            self.after.pop(type(call))()
        return answer

    def _answer(self, call: Any) -> Any:
        world = self.world
        if isinstance(call, imaging.MakeRender):
            return worker_cases.make_render(call, world.imaging.worker)
        if isinstance(call, imaging.FindSpecs):
            return imaging_cases.find_specs(call)
        if isinstance(call, (auth.TokenKeys, auth.Denials)):
            return getattr(auth_cases, call.method)(world.auth.parts)
        if isinstance(call, retention.CertificateKeys):
            return retention_cases.certificate_keys(world.retention.parts)
        if isinstance(call, auth.FenceSubject):
            auth_cases.fence_subject(call.subject_id, call.purge_id, world.auth.parts)
            return None
        if isinstance(call, payments.ListProducts):
            return payments_cases.list_products(world.payments.parts)
        if call.service == "payments":
            case = next(getattr(m, call.method) for m in PAYMENTS_MODULES if hasattr(m, call.method))
            return case(call, world.payments.parts)
        if call.service == "auth":
            return self._auth(call)
        if call.service == "imaging":
            return getattr(imaging_cases, call.method)(call, world.imaging.parts)
        return self._retention(call)

    def _retention(self, call: Any) -> Any:
        side = self.world.retention
        for module in RIGHTS_MODULES:
            if hasattr(module, call.method):
                return getattr(module, call.method)(call, side.rights)
        return getattr(retention_cases, call.method)(call, side.parts)

    def _auth(self, call: Any) -> Any:
        found = [m for m in AUTH_MODULES if hasattr(m, call.method)]
        return getattr(found[0], call.method)(call, self.world.auth.parts)


class Phone:
    """A client, and the system behind it."""

    def __init__(self, client: httpx.AsyncClient, world: World, board: Switchboard, parts: Parts) -> None:
        self.client, self.world, self.board, self.parts = client, world, board, parts
        self.wechat, self.apple = FakeProvider("wechat"), FakeProvider("apple", "app-two", frozenset({"ios"}))
        world.auth.providers.update(wechat=self.wechat, apple=self.apple)
        self.ear = Ear(parts.access, parts.keys)

    async def start(self, device: str = DEVICE, **changes: Any) -> dict[str, Any]:
        answer = await self.client.post("/v1/guests", json={"device_id": device, "policy_version": POLICY, **changes})
        assert answer.status_code in (200, 201), answer.text
        tokens: dict[str, Any] = answer.json()
        self._known_to_workers(tokens)
        return tokens

    async def sign_in(self, who: str = "Ada", tokens: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """Log in by WeChat; a guest's ``tokens`` are handed over with it."""
        answer = await self.log_in(who, tokens, **changes)
        assert answer.status_code == 201, answer.text
        signed: dict[str, Any] = answer.json()
        self._known_to_workers(signed)
        return signed

    async def log_in(
        self, who: str = "Ada", tokens: dict[str, Any] | None = None, key: str | None = None, **changes: Any
    ) -> httpx.Response:
        guest = {"guest_token": tokens["access_token"]} if tokens else {}
        body = {"provider": "wechat", "policy_version": POLICY, "code": self.wechat.code_for(who), **guest, **changes}
        return await self.client.post("/v1/sessions", json=body, headers={"Idempotency-Key": key} if key else {})

    async def put(self, path: str, tokens: dict[str, Any], **body: Any) -> httpx.Response:
        return await self.call("POST", path, tokens, json=body)

    def hear(self) -> None:
        """Everything that waits is carried to everybody, this gateway included."""
        for message in self.world.deliver_all():
            self.ear(message)

    def _known_to_workers(self, tokens: dict[str, Any]) -> None:
        """The worker asks auth for the same key that the gateway does."""
        with self.world.auth.work.begin() as tx:
            subject = tx.subject(UUID(tokens["subject_id"]))
        assert subject is not None
        assert subject.wrapped_key is not None
        key = self.world.auth.keyring.unwrap(subject.wrapped_key, subject.subject_id)
        self.world.imaging.keys._keys[subject.subject_id] = key

    async def call(self, method: str, path: str, tokens: dict[str, Any] | None, **options: Any) -> httpx.Response:
        headers = {**(options.pop("headers", {}) or {})}
        if tokens:
            headers["Authorization"] = f"Bearer {tokens['access_token']}"
        return await self.client.request(method, path, headers=headers, **options)

    async def upload(
        self, tokens: dict[str, Any], content: bytes | None = None, query: str = "", **headers: str
    ) -> httpx.Response:
        body, path = form(part("file", content or png())), f"/v1/photos{query}"
        return await self.call("POST", path, tokens, content=body, headers={"Content-Type": TYPE, **headers})


def code(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    return str(body["code"])


@asynccontextmanager
async def ringing() -> AsyncIterator[Phone]:
    """A phone, the gateway behind it, and the services behind that; no network, no process."""
    world = World()
    Studio(world)
    board = Switchboard(world)
    settings = GatewaySettings(
        profile="local", amqp_url="amqp://a:b@127.0.0.1:1/", s3_endpoint="http://127.0.0.1:1", s3_access_key="a", s3_secret_key="b",
        master_keys=f"m1:{KEY}", device_pepper=KEY, notice_key=base64.b64encode(b"n" * 32).decode(), max_upload_bytes=2 * 1024 * 1024, rate_guests_per_device=3,
    )  # type: ignore[arg-type] # fmt: skip
    app = create_app(settings)
    hub = Hub()
    access = Access(board, hub.deny)  # type: ignore[arg-type]
    keys = GatewayKeys(board, world.auth.keyring, KeyCache(world.clock.monotonic))  # type: ignore[arg-type]
    app.state.parts = parts = Parts(
        settings=settings, asker=board, access=access, keys=keys, hub=hub, store=world.imaging.store,  # type: ignore[arg-type]
        limits=RateLimiter(), uploads=anyio.CapacityLimiter(4),
    )  # fmt: skip
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://phone") as client:
        yield Phone(client, world, board, parts)
