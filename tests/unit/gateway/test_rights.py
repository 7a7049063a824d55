"""Exports, disclosures and feedback over HTTP, the services behind on memory twins: what a client sees, code by code."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import anyio
import httpx
import pytest

from services.auth import rights as auth_rights
from services.auth import use_cases as auth_cases
from services.gateway.access import Access
from services.gateway.app import create_app
from services.gateway.keys import GatewayKeys
from services.gateway.limits import RateLimiter
from services.gateway.parts import Parts
from services.gateway.stream import Hub
from services.retention import disclosures, exports, feedback
from shared.contracts import auth, consents, rights
from shared.contracts import feedback as tickets
from shared.crypto import seal
from shared.crypto.handover import Taker
from shared.crypto.subject_keys import KeyCache
from shared.kernel.ids import new_id
from shared.kernel.personal import Secret
from shared.kernel.settings import GatewaySettings
from tests.unit.rights_world import RightsWorld
from tests.unit.worlds import DEVICE, OTHER_DEVICE

KEY = base64.b64encode(b"k" * 32).decode()


class Switchboard:
    """Takes a call to the use case that answers it."""

    def __init__(self, world: RightsWorld) -> None:
        self.world = world
        self.calls: list[Any] = []

    async def ask(self, call: Any, timeout: float | None = None) -> Any:
        self.calls.append(call)
        if call.service == "auth":
            return getattr(auth_cases, call.method)(*self._auth(call))
        [found] = [getattr(m, call.method) for m in (exports, disclosures, feedback) if hasattr(m, call.method)]
        return found(call, self.world.retention.rights)

    def _auth(self, call: Any) -> tuple[Any, ...]:
        parts = self.world.auth.parts
        return (parts,) if isinstance(call, (auth.TokenKeys, auth.Denials)) else (call, parts)


class Phone:
    """A client, and the system behind it."""

    def __init__(self, client: httpx.AsyncClient, world: RightsWorld, board: Switchboard, parts: Parts) -> None:
        self.client, self.world, self.board, self.parts = client, world, board, parts

    def start(self, device: str = DEVICE, name: str = "Ada") -> tuple[UUID, dict[str, str]]:
        """A person with data, and the headers that prove who it is."""
        subject_id = self.world.person(device, name)
        self.world.deliver_all()
        return subject_id, {"Authorization": f"Bearer {self.world.tokens[subject_id]}"}

    def build(self, subject_id: UUID, export_id: str) -> None:
        """What a worker does."""
        call = rights.GetExport(subject_id=subject_id, export_id=UUID(export_id))
        self.world.build(exports.get_export(call, self.world.retention.rights))


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    world = RightsWorld()
    board = Switchboard(world)
    settings = GatewaySettings(
        profile="local", amqp_url="amqp://a:b@127.0.0.1:1/", s3_endpoint="http://127.0.0.1:1", s3_access_key="a", s3_secret_key="b",
        master_keys=f"m1:{KEY}", device_pepper=KEY, notice_key=KEY, rate_feedback_per_address=5,
    )  # type: ignore[arg-type] # fmt: skip
    app = create_app(settings)
    hub = Hub()
    access = Access(board, hub.deny)  # type: ignore[arg-type]
    keys = GatewayKeys(board, world.auth.keyring, KeyCache())  # type: ignore[arg-type]
    app.state.parts = parts = Parts(
        settings=settings, asker=board, access=access, keys=keys, hub=hub, store=world.imaging.store,  # type: ignore[arg-type]
        limits=RateLimiter(), uploads=anyio.CapacityLimiter(4),
    )  # fmt: skip
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://phone") as client:
        yield Phone(client, world, board, parts)


def code(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return str(answer.json()["code"])


# ---- exports


async def test_an_export_is_asked_for_built_and_downloaded(phone: Phone) -> None:
    """202, then ready with its size and its end, then a ZIP of exactly that size; 409 before."""
    ada, her = phone.start()
    asked = await phone.client.post("/v1/me/exports", headers=her)
    assert asked.status_code == 202, asked.text
    export_id = asked.json()["export_id"]
    early = await phone.client.get(f"/v1/me/exports/{export_id}/file", headers=her)
    assert (early.status_code, code(early), early.json()["export_status"]) == (409, "conflict", "queued")
    phone.build(ada, export_id)
    shown = (await phone.client.get(f"/v1/me/exports/{export_id}", headers=her)).json()
    assert set(shown) == {"export_id", "status", "requested_at", "expires_at", "bytes"}
    assert shown["status"] == "ready"
    file = await phone.client.get(f"/v1/me/exports/{export_id}/file", headers=her)
    assert file.headers["content-type"] == "application/zip"
    assert file.headers["cache-control"] == "private, no-store"
    assert len(file.content) == shown["bytes"] == int(file.headers["content-length"])
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("data.json"))["account"]["profile"]["nickname"] == "Ada the profile"
    listed = (await phone.client.get("/v1/me/exports", headers=her)).json()["items"]
    assert listed == [shown]


async def test_an_export_is_nobody_elses_and_ends_with_its_time(phone: Phone) -> None:
    """404 for the neighbour, 401 without a login, 404 when it has expired."""
    ada, her = phone.start()
    _, his = phone.start(OTHER_DEVICE, "Eve")
    export_id = (await phone.client.post("/v1/me/exports", headers=her)).json()["export_id"]
    phone.build(ada, export_id)
    for path in (f"/v1/me/exports/{export_id}", f"/v1/me/exports/{export_id}/file"):
        assert code(await phone.client.get(path, headers=his)) == "not_found"
        assert code(await phone.client.get(path)) == "unauthenticated"
    held = phone.world.retention.work.state.exports
    held[UUID(export_id)] = replace(held[UUID(export_id)], expires_at=phone.world.clock())
    gone = await phone.client.get(f"/v1/me/exports/{export_id}/file", headers=her)
    assert (gone.status_code, code(gone)) == (404, "not_found")
    assert (await phone.client.get(f"/v1/me/exports/{export_id}", headers=her)).json()["status"] == "expired"


async def test_after_the_erasure_an_export_cannot_be_had_by_anybody(phone: Phone) -> None:
    """401 the moment the fence is heard of; and there is nothing left to have."""
    ada, her = phone.start()
    export_id = (await phone.client.post("/v1/me/exports", headers=her)).json()["export_id"]
    phone.build(ada, export_id)
    phone.world.erase(ada)
    phone.parts.keys.cache.fence(ada)
    unheard = await phone.client.get(f"/v1/me/exports/{export_id}/file", headers=her)
    assert (unheard.status_code, code(unheard)) == (401, "subject_erased")
    phone.parts.access.deny(ada)
    assert code(await phone.client.get(f"/v1/me/exports/{export_id}/file", headers=her)) == "subject_erased"
    assert phone.world.export_objects(ada) == []


async def test_a_fence_in_the_middle_breaks_the_download_off(phone: Phone) -> None:
    """Each part is opened under a key that is asked for anew."""
    ada, her = phone.start()
    export_id = (await phone.client.post("/v1/me/exports", headers=her)).json()["export_id"]
    phone.build(ada, export_id)
    real, opened = phone.parts.open_object, []

    async def open_then_fence(subject_id: UUID, key: str) -> bytes:
        if len(opened) == 2:
            phone.world.erase(ada)
            phone.parts.keys.cache.fence(ada)
        opened.append(key)
        return await real(subject_id, key)

    phone.parts.open_object = open_then_fence  # type: ignore[method-assign]
    file = await phone.client.get(f"/v1/me/exports/{export_id}/file", headers=her)
    assert len(opened) == 3
    assert len(file.content) < int(file.headers["content-length"])


async def test_the_day_has_so_many_exports(phone: Phone) -> None:
    """429, with its code."""
    ada, her = phone.start()
    for _ in range(3):
        phone.build(ada, (await phone.client.post("/v1/me/exports", headers=her)).json()["export_id"])
    refused = await phone.client.post("/v1/me/exports", headers=her)
    assert (refused.status_code, code(refused)) == (429, "too_many_requests")


# ---- disclosures


@pytest.mark.parametrize(
    ("language", "who", "first", "why"),
    [
        ("zh", "支付宝", "订单号", "为提供您所要求的产品和服务而必须分享"),
        ("en", "Alipay", "order number", "necessary for the product or service that you asked for"),
    ],
)
async def test_a_person_reads_who_was_told_what_in_the_language_of_the_phone(
    phone: Phone, language: str, who: str, first: str, why: str
) -> None:
    """Words for people, codes for apps, and the chain."""
    _, her = phone.start()
    answer = await phone.client.get("/v1/me/disclosures", headers={**her, "Accept-Language": language})
    [line] = answer.json()["items"]
    assert (line["who"], line["what"][0], line["why"]) == (who, first, why)
    assert (line["recipient"], line["kinds"][0], line["ground"]) == ("alipay", "order_number", "necessary_service")
    assert len(line["chain"]) == 64


# ---- feedback


async def answered(phone: Phone, ticket: str, text: str) -> None:
    """What ``pocketid feedback answer`` does."""
    own = phone.world.retention.rights
    found = feedback.feedback_by_ticket(tickets.FeedbackByTicket(ticket=ticket), own)
    taker = Taker()
    handed = auth_rights.hand_over_ticket_key(
        consents.HandOverTicketKey(
            ticket_id=found.ticket_id,
            subject_id=found.subject_id,
            sealed_key=found.sealed_key,
            public_key=base64.b64encode(taker.public).decode(),
        ),
        phone.world.auth.parts,
    )
    key = Secret(taker.take(base64.b64decode(handed.handed), str(found.ticket_id)))
    sealed = seal(key, text.encode(), tickets.ticket_bound(found.ticket_id, "answer"))
    call = tickets.AnswerFeedback(ticket_id=found.ticket_id, sealed_answer=base64.b64encode(sealed).decode())
    feedback.answer_feedback(call, own)


@pytest.mark.parametrize("with_login", [True, False])
async def test_feedback_gets_a_ticket_a_deadline_and_an_answer(phone: Phone, with_login: bool) -> None:
    """With a login or without one; the ticket alone shows the answer."""
    her = phone.start()[1] if with_login else {}
    body = {"kind": "complaint", "text": "green photo canary", "contact": "canary@example.org"}
    sent = await phone.client.post("/v1/feedback", json=body, headers=her)
    assert sent.status_code == 201, sent.text
    ticket = sent.json()["ticket"]
    assert set(sent.json()) == {"ticket", "deadline", "status", "at_once"}
    assert all("canary" not in call.model_dump_json() for call in phone.board.calls), "it crossed a queue in the clear"
    waiting = (await phone.client.get(f"/v1/feedback/{ticket}")).json()
    assert (waiting["status"], waiting["answer"], waiting["kind"]) == ("open", None, "complaint")
    await answered(phone, ticket, "对不起，已经修好了")
    done = (await phone.client.get(f"/v1/feedback/{ticket}")).json()
    assert (done["status"], done["answer"]) == ("answered", "对不起，已经修好了")


async def test_a_deletion_request_says_what_deletes_at_once(phone: Phone) -> None:
    """Nobody waits for an operator to do what the app can do now."""
    _, her = phone.start()
    sent = await phone.client.post("/v1/feedback", json={"kind": "deletion", "text": "delete me"}, headers=her)
    assert sent.json()["at_once"] == "DELETE /v1/me"


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "praise", "text": "x"},
        {"kind": "other", "text": ""},
        {"kind": "other", "text": "x" * 4001},
        {"kind": "other"},
    ],
)
async def test_feedback_that_makes_no_sense_is_refused_without_quoting_it(phone: Phone, body: dict[str, str]) -> None:
    """422, and where; never the value."""
    refused = await phone.client.post("/v1/feedback", json=body)
    assert (refused.status_code, code(refused)) == (422, "bad_request")
    assert "praise" not in refused.text


async def test_feedback_with_a_token_that_does_not_hold_is_refused_and_a_false_ticket_not_found(phone: Phone) -> None:
    """A login that is claimed is checked."""
    body = {"kind": "other", "text": "hello"}
    forged = await phone.client.post("/v1/feedback", json=body, headers={"Authorization": "Bearer x.y.z"})
    assert (forged.status_code, code(forged)) == (401, "unauthenticated")
    for ticket in ("nonsense", str(new_id()), "A" * 43):
        assert code(await phone.client.get(f"/v1/feedback/{ticket}")) == "not_found"


async def test_feedback_repeated_with_its_key_is_one_ticket_and_an_address_has_so_many(phone: Phone) -> None:
    """The same key with another text is refused; then the address's hour is used up."""
    key = {"Idempotency-Key": "k"}
    body = {"kind": "other", "text": "hello"}
    first, again = [(await phone.client.post("/v1/feedback", json=body, headers=key)).json() for _ in range(2)]
    assert first == again
    other = await phone.client.post("/v1/feedback", json={**body, "text": "bye"}, headers=key)
    assert (other.status_code, code(other)) == (409, "idempotency_conflict")
    for _ in range(2):
        await phone.client.post("/v1/feedback", json=body)
    refused = await phone.client.post("/v1/feedback", json=body)
    assert (refused.status_code, code(refused)) == (429, "too_many_requests")


async def test_a_ticket_of_the_erased_is_not_found_any_more(phone: Phone) -> None:
    """With its sender, what was written is gone."""
    ada, her = phone.start()
    ticket = (await phone.client.post("/v1/feedback", json={"kind": "other", "text": "x"}, headers=her)).json()[
        "ticket"
    ]
    phone.world.erase(ada)
    assert code(await phone.client.get(f"/v1/feedback/{ticket}")) == "not_found"
