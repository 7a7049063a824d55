"""Problems: what an error adds never takes the place of a member that RFC 9457 or our interface has given a meaning."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.requests import Request

from services.gateway.problems import problem
from shared.kernel.errors import Code, Conflict, PhotoRejected, PocketError
from tests.unit.gateway.phones import Phone, code

OWN = ("type", "title", "status", "code", "retryable")


def request(language: str = "zh") -> Request:
    return Request({"type": "http", "path": "/", "headers": [(b"accept-language", language.encode())]})


@pytest.mark.parametrize("member", OWN)
def test_no_extra_overwrites_a_problems_own_member(member: str) -> None:
    """Neither what the error brings nor what the gateway adds; other extras are told."""
    error = Conflict("x", public_extra={member: "CANARY", "more": 1})
    for answer in (problem(request(), error), problem(request(), Conflict("x"), **{member: "CANARY", "more": 1})):
        body = json.loads(bytes(answer.body))
        assert "CANARY" not in json.dumps(body)
        assert (body["status"], body["more"]) == (409, 1)


def test_a_text_that_cannot_be_encoded_is_told_nevertheless() -> None:
    """Half a surrogate pair from somewhere does not turn a refusal into an error of ours."""
    answer = problem(request(), PocketError(code=Code.BAD_REQUEST, public_extra={"fields": ["\ud800"]}))
    assert json.loads(bytes(answer.body))["fields"] == ["?"]


async def rejected_photo(phone: Phone) -> tuple[dict[str, Any], str]:
    """A photo that a worker refused, and its owner."""
    tokens = await phone.start()
    photo_id = (await phone.upload(tokens)).json()["photo_id"]
    phone.world.imaging.studio.prepare = lambda *_, **__: (_ for _ in ()).throw(PhotoRejected(Code.NO_FACE))  # type: ignore[method-assign]
    phone.hear()
    return tokens, photo_id


async def test_a_render_of_a_rejected_photo_says_409_in_status_and_the_photos_state_beside_it(phone: Phone) -> None:
    """And so does an order for it."""
    tokens, photo_id = await rejected_photo(phone)
    reasons = (await phone.call("GET", f"/v1/photos/{photo_id}", tokens)).json()["reasons"]
    assert reasons == [{"code": "no_face", "title": "没有找到人脸，请正对镜头重拍"}]
    render = await phone.put(f"/v1/photos/{photo_id}/renders", tokens, spec="one-inch")
    order = await phone.put("/v1/orders", tokens, product="hd-photo", photo_id=photo_id, channel="app")
    for answer in (render, order):
        assert (answer.status_code, code(answer)) == (409, "conflict")
        assert answer.json()["photo_status"] == "rejected"
        assert "reasons" not in answer.json() or answer.json()["reasons"] == reasons
    assert render.json()["reasons"] == reasons


REASONS = [
    ({}, "device_id", "missing", "缺少这个字段", "is missing"),
    ({"device_id": 5}, "device_id", "uuid_type", "须为 UUID", "must be a UUID"),
    ({"device_id": "x"}, "device_id", "uuid_parsing", "须为 UUID", "must be a UUID"),
    ({"policy_version": 5}, "policy_version", "string_type", "须为文本", "must be a text"),
    (
        {"guest_secret": "x" * 201},
        "guest_secret",
        "string_too_long",
        "最多 200 个字符",
        "may have 200 characters at most",
    ),
    ({"age_band": "old"}, "age_band", "literal_error", "须为以下之一：", "must be one of 'under_14', "),
    ([], "", "model_attributes_type", "须为 JSON 对象", "must be a JSON object"),
]


@pytest.mark.parametrize(("body", "field", "kind", "zh", "en"), REASONS)
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_fields_reason_is_told_in_the_persons_language(
    phone: Phone, body: Any, field: str, kind: str, zh: str, en: str, language: str
) -> None:
    """And its kind by a code that programs may rely on."""
    answer = await phone.client.post("/v1/guests", json=body, headers={"Accept-Language": language})
    assert (answer.status_code, code(answer)) == (422, "bad_request")
    [told] = [error for error in answer.json()["errors"] if (error["field"], error["code"]) == (field, kind)]
    assert told["reason"].startswith(zh if language == "zh" else en)


async def test_numbers_out_of_range_are_told_with_the_range(phone: Phone) -> None:
    """The limit is ours, the number was theirs: only the limit is told."""
    tokens = await phone.start()
    answer = await phone.call("GET", "/v1/photos?limit=4321", tokens)
    assert answer.json()["errors"] == [{"field": "limit", "reason": "不能大于 200", "code": "less_than_equal"}]
    thing = await phone.put("/v1/me/consents", tokens, version="x", action="grant")
    assert thing.json()["errors"][0]["reason"] == "exactly one of document, permission, purpose"


async def test_what_a_service_refuses_is_told_as_what_the_door_refuses(phone: Phone) -> None:
    """An order with a field that its product does not take, or without the one that it needs; a product that there is not."""
    tokens = await phone.start()
    photo_id = (await phone.upload(tokens)).json()["photo_id"]
    for order, field, kind in (
        ({"product": "pack-ten", "photo_id": photo_id}, "photo_id", "not_taken"),
        ({"product": "hd-photo"}, "photo_id", "missing"),
        ({"product": "gold"}, "product", "no_such_product"),
    ):
        answer = await phone.put("/v1/orders", tokens, channel="app", **order)
        assert (answer.status_code, code(answer)) == (422, "bad_request")
        assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, kind)]
        assert not answer.json()["errors"][0]["reason"].isascii()
    assert phone.world.payments.work.state.orders == {}


def test_an_orders_own_words_stand_among_the_errors() -> None:
    """Where no table knows the kind, the reason is what the pipeline said."""
    error = PocketError(code=Code.BAD_REQUEST, public_extra={"field": "dpi", "reason": "must lie between 72 and 1200"})
    body = json.loads(bytes(problem(request(), error).body))
    assert body["errors"] == [{"field": "dpi", "reason": "must lie between 72 and 1200", "code": "invalid"}]
