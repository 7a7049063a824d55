"""Buying over HTTP, the services on memory twins: what a client sees, and what Alipay is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from shared.contracts import payments
from tests.unit.gateway.phones import OTHER, Phone, code

NOTIFY = "/v1/payments/alipay/notify"


@pytest.fixture
async def shop(phone: Phone) -> AsyncIterator[Phone]:
    """Files must be paid for; afterwards the books hold."""
    imaging = phone.world.imaging
    imaging.parts = replace(imaging.parts, unlock_policy="paid")
    imaging.worker = replace(imaging.worker, unlock_policy="paid")
    yield phone
    phone.world.payments.check_books()


async def ready(shop: Phone, tokens: dict[str, Any]) -> tuple[str, str]:
    photo_id = (await shop.upload(tokens)).json()["photo_id"]
    shop.world.deliver_all()
    made = await shop.call("POST", f"/v1/photos/{photo_id}/renders", tokens, json={"spec": "one-inch"})
    return photo_id, f"/v1/renders/{made.json()['render_id']}/file"


async def test_an_order_is_opened_paid_told_and_the_file_is_there_at_once(shop: Phone) -> None:
    """Even before imaging has heard of it; a refund locks it again."""
    tokens = await shop.start()
    photo_id, file = await ready(shop, tokens)
    assert code(await shop.call("GET", file, tokens)) == "payment_required"
    body = {"product": "hd-photo", "photo_id": photo_id, "channel": "app"}
    opened = await shop.call("POST", "/v1/orders", tokens, json=body, headers={"Idempotency-Key": "k"})
    assert opened.status_code == 201, opened.text
    order = opened.json()
    assert (order["amount"], order["currency"], order["status"], list(order["pay"])) == (
        690,
        "CNY",
        "open",
        ["order_string"],
    )
    again = await shop.call("POST", "/v1/orders", tokens, json=body, headers={"Idempotency-Key": "k"})
    assert again.json() == order
    other = await shop.call(
        "POST", "/v1/orders", tokens, json={**body, "channel": "qr"}, headers={"Idempotency-Key": "k"}
    )
    assert (other.status_code, code(other)) == (409, "idempotency_conflict")

    pay = shop.world.payments
    number = f"P{UUID(order['order_id']).hex}"
    pay.alipay.buyer_pays(number)
    told = await shop.client.post(NOTIFY, content=pay.alipay.post[-1])
    assert (told.status_code, told.content) == (200, b"success")
    assert (await shop.call("GET", file, tokens)).status_code == 200
    shop.board.away.add(payments.PhotoAccess)
    assert code(await shop.call("GET", file, tokens)) == "payment_required"
    shop.world.deliver_all()
    assert (await shop.call("GET", file, tokens)).status_code == 200
    shop.board.away.clear()

    listed = (await shop.call("GET", "/v1/orders", tokens)).json()
    assert [(one["order_id"], one["status"]) for one in listed["items"]] == [(order["order_id"], "paid")]
    refunded = await shop.call("POST", f"/v1/orders/{order['order_id']}/refund", tokens)
    assert (refunded.json()["status"], refunded.json()["refunded"]) == ("refunded", 690)
    shop.world.deliver_all()
    assert code(await shop.call("GET", file, tokens)) == "payment_required"


@pytest.mark.parametrize("body", [b"", b"\xff", b"sign=x", b"a=1&a=2", "证".encode()])
async def test_what_is_no_notice_is_told_failure_and_never_an_error(shop: Phone, body: bytes) -> None:
    """Whatever anybody posts there; also when payments does not answer."""
    answer = await shop.client.post(NOTIFY, content=body)
    assert (answer.status_code, answer.content) == (200, b"failure")
    shop.board.away.add(payments.HearNotice)
    answer = await shop.client.post(NOTIFY, content=body)
    assert (answer.status_code, answer.content) == (200, b"failure")
    assert (await shop.client.post(NOTIFY, content=b"a" * 70_000)).status_code == 413


async def test_a_notice_travels_sealed(shop: Phone) -> None:
    """It names the buyer; a queue is no place for that."""
    seen: list[Any] = []
    ask = shop.board.ask

    async def listening(call: Any, timeout: float | None = None) -> Any:
        seen.append(call)
        return await ask(call, timeout)

    shop.board.ask = listening  # type: ignore[method-assign]
    await shop.client.post(NOTIFY, content=b"buyer_logon_id=dai***@sandbox.com")
    assert [type(call) for call in seen] == [payments.HearNotice]
    assert "sandbox" not in seen[0].model_dump_json()


async def test_credits_unlock_photos_and_nobody_elses(shop: Phone) -> None:
    """402 no_credit without one; 404 for a stranger's photo, order and refund."""
    tokens, stranger = await shop.start(), await shop.start(OTHER)
    photo_id, _ = await ready(shop, tokens)
    path = f"/v1/photos/{photo_id}/unlock"
    assert code(await shop.call("POST", path, tokens)) == "no_credit"
    subject = UUID(tokens["subject_id"])
    order = shop.world.payments.bought(subject, "pack-ten")
    assert (await shop.call("POST", path, tokens)).json() == {"photo_id": photo_id, "unlocked": ["photo"]}
    owned = (await shop.call("GET", "/v1/me/entitlements", tokens)).json()
    assert (owned["credits"], owned["items"][0]["total"]) == (9, 10)
    assert code(await shop.call("POST", path, tokens, json={"scope": "moon"})) == "bad_request"
    buy = {"product": "hd-photo", "photo_id": photo_id, "channel": "app"}
    for answer in (
        await shop.call("POST", path, stranger),
        await shop.call("POST", "/v1/orders", stranger, json=buy),
        await shop.call("GET", f"/v1/orders/{order.order_id}", stranger),
        await shop.call("POST", f"/v1/orders/{order.order_id}/refund", stranger),
    ):
        assert (answer.status_code, code(answer)) == (404, "not_found")


async def test_products_are_shown_in_the_persons_language_and_need_no_login(shop: Phone) -> None:
    """Prices in fen."""
    for language, name in (("zh", "高清证件照（一张照片）"), ("en", "HD download of one photo")):
        answer = await shop.client.get("/v1/products", headers={"Accept-Language": language})
        first = answer.json()["items"][0]
        assert (first["product"], first["name"], first["price"], first["currency"]) == ("hd-photo", name, 690, "CNY")
