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
    render = await phone.put(f"/v1/photos/{photo_id}/renders", tokens, spec="one-inch")
    order = await phone.put("/v1/orders", tokens, product="hd-photo", photo_id=photo_id, channel="app")
    for answer in (render, order):
        assert (answer.status_code, code(answer)) == (409, "conflict")
        assert answer.json()["photo_status"] == "rejected"
