"""Real money's way through the real system, against the Alipay stand-in: bought, told, unlocked, paid back, erased."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.testing.eventually import eventually
from tests.portraits import builders
from tests.system import scan
from tests.system.client import Guest
from tests.system.local import LocalSystem

pytestmark = pytest.mark.journey


class Standin:
    """The stand-in's control interface."""

    def __init__(self, system: LocalSystem) -> None:
        self.url = str(system.env["alipay_standin"])

    def __call__(self, verb: str, path: str, /, **body: Any) -> Any:
        answer = httpx.request(verb, f"{self.url}/_standin{path}", json=body or None, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, name: str, **more: Any) -> None:
        self("POST", "/faults", **{"name": name, **more})


@pytest.fixture
def standin(system: LocalSystem) -> Standin:
    made = Standin(system)
    made("DELETE", "/faults")
    return made


def number_of(order: dict[str, Any]) -> str:
    return f"P{order['order_id'].replace('-', '')}"


def with_a_render(system: LocalSystem) -> tuple[Guest, str, str]:
    """A guest, its ready photo, and the path of a render's file, still locked."""
    guest = Guest(system.gateway)
    photo_id = guest.uploaded(builders.portrait("biden"))
    guest.settled(photo_id)
    made = guest.render(photo_id).json()
    assert not made["unlocked"]
    return guest, photo_id, f"/v1/renders/{made['render_id']}/file"


@pytest.mark.parametrize("channel", ["app", "wap", "page", "qr"])
def test_every_channel_leads_from_an_order_to_the_file_and_back(
    system: LocalSystem, standin: Standin, channel: str
) -> None:
    """402, order, payment, notice, event, 200 at once; refund, event, 402 again."""
    guest, photo_id, file = with_a_render(system)
    assert guest.http.get(file).status_code == 402
    key = {"Idempotency-Key": str(uuid4())}
    opened, again = (guest.order("hd-photo", photo_id, channel, **key) for _ in range(2))
    assert opened.status_code == 201, opened.text
    assert again.json() == opened.json()
    order = opened.json()
    assert list(order["pay"]) == [{"app": "order_string", "qr": "qr"}.get(channel, "url")]
    with ThreadPoolExecutor() as pool:
        stream = guest.events()
        assert next(stream)["event"] == "photo.ready"
        told = pool.submit(lambda: [next(stream), next(stream)])
        guest.pay(order, standin.url)
        guest.settled_order(order["order_id"], "paid")
        assert guest.http.get(file).status_code == 200
        refunded = guest.http.post(f"/v1/orders/{order['order_id']}/refund", headers=key)
        assert refunded.status_code == 200, refunded.text
        assert (refunded.json()["status"], refunded.json()["refunded"]) == ("refunded", 690)
        paid, back = told.result(timeout=30)
    assert (paid["event"], paid["data"]["order_id"]) == ("order.paid", order["order_id"])
    assert (back["event"], back["data"]["refunded"]) == ("order.refunded", 690)
    eventually(lambda: guest.http.get(file).status_code, lambda status: status == 402, within=10)
    trade = standin("GET", f"/trades/{number_of(order)}")
    assert trade["trade_status"] == "TRADE_CLOSED"


def test_a_pack_unlocks_photos_one_by_one_and_what_is_used_stays_paid(system: LocalSystem, standin: Standin) -> None:
    """Credits, spending, 402 without one, 409 credit_used."""
    guest, photo_id, file = with_a_render(system)
    refused = guest.http.post(f"/v1/photos/{photo_id}/unlock")
    assert (refused.status_code, refused.json()["code"]) == (402, "no_credit")
    order = guest.bought(standin.url, "pack-ten")
    for _ in range(2):
        assert guest.http.post(f"/v1/photos/{photo_id}/unlock").json()["unlocked"] == ["photo"]
    assert guest.http.get(file).status_code == 200
    assert guest.http.get("/v1/me/entitlements").json()["credits"] == 9
    used = guest.http.post(f"/v1/orders/{order['order_id']}/refund")
    assert (used.status_code, used.json()["code"]) == (409, "credit_used")
    again = guest.order("hd-photo", photo_id)
    assert (again.status_code, again.json()["code"]) == (409, "already_unlocked")


def test_a_sheet_needs_more_than_a_photo(system: LocalSystem, standin: Standin) -> None:
    """hd-photo leaves sheets locked; print-sheet unlocks both."""
    guest, photo_id, _ = with_a_render(system)
    guest.bought(standin.url, "hd-photo", photo_id)
    sheet = guest.render(photo_id, spec="one-inch", sheet="six-inch").json()["render_id"]
    assert guest.http.get(f"/v1/renders/{sheet}/file").status_code == 402
    guest.bought(standin.url, "print-sheet", photo_id)
    assert guest.http.get(f"/v1/renders/{sheet}/file").status_code == 200


FORGED = [
    "other_key", "tampered_amount", "tampered_order", "other_amount", "other_order", "other_app_id", "other_seller_id",
    "sign_type_rsa", "sha1", "missing_sign", "empty_sign", "broken_sign", "extra_field",
]  # fmt: skip


def test_forged_notices_of_every_kind_are_answered_failure_and_unlock_nothing(
    system: LocalSystem, standin: Standin
) -> None:
    """Never a 500; counted; a true one with a field that nobody knows yet is accepted."""
    guest, photo_id, file = with_a_render(system)
    order = guest.order("hd-photo", photo_id).json()
    standin.fault("notice_hold")
    guest.pay(order, standin.url)
    for kind in FORGED:
        told = standin("POST", "/notices/forge", kind=kind, out_trade_no=number_of(order))
        assert "failure" in json.dumps(told), (kind, told)
        assert '"status": 200' in json.dumps(told), (kind, told)
    for body in (b"", b"\xff\x00", b"sign=x", b"a" * 70_000):
        answer = httpx.post(f"{system.gateway}/v1/payments/alipay/notify", content=body)
        assert answer.status_code in (200, 413)
        assert answer.text != "success"
    [(state,)] = system.sql("payments", "SELECT state FROM orders WHERE order_id = %s", order["order_id"])
    assert state == "open"
    counted = httpx.get(f"{system.env['health']['payments']}/metrics").text
    assert 'pocketid_alipay_notices_total{verdict="signature"}' in counted
    told = standin("POST", "/notices/forge", kind="new_field", out_trade_no=number_of(order))
    assert "success" in json.dumps(told)
    assert guest.settled_order(order["order_id"], "paid")
    assert guest.http.get(file).status_code == 200
    standin("POST", "/notices/release", newest_first=True)


def test_a_notice_that_never_comes_is_made_up_for_by_queries(system: LocalSystem, standin: Standin) -> None:
    """Even when the first answer is lost, too."""
    guest, photo_id, file = with_a_render(system)
    order = guest.order("hd-photo", photo_id).json()
    standin.fault("notice_drop")
    standin.fault("bad_gateway", method="alipay.trade.query", times=1)
    guest.pay(order, standin.url)
    guest.settled_order(order["order_id"], "paid", within=60)
    assert guest.http.get(file).status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        "cut_short_after_commit",
        "system_error_after_commit",
        "bad_gateway",
        "unavailable_after_commit",
        "refund_says_n",
        "wrong_signature",
    ],
)
def test_a_refund_with_an_answer_that_is_not_to_be_trusted_is_paid_once(
    system: LocalSystem, standin: Standin, fault: str
) -> None:
    """Done or not, the same request number pays nothing twice."""
    guest, photo_id, _ = with_a_render(system)
    order = guest.bought(standin.url, "hd-photo", photo_id)
    standin.fault(fault, method="alipay.trade.refund", times=1)
    assert guest.http.post(f"/v1/orders/{order['order_id']}/refund").status_code == 200
    found = guest.settled_order(order["order_id"], "refunded", within=40)
    assert [refund["status"] for refund in found["refunds"]] == ["succeeded"]
    assert found["refunded"] == 690


def test_a_payment_service_killed_while_it_refunds_goes_on_when_it_is_back(
    system: LocalSystem, standin: Standin
) -> None:
    """The intent was committed before the call."""
    guest, photo_id, _ = with_a_render(system)
    order = guest.bought(standin.url, "hd-photo", photo_id)
    standin.fault("timeout_after_commit", method="alipay.trade.refund", times=1, arguments={"seconds": 20})
    with ThreadPoolExecutor() as pool:
        pool.submit(lambda: guest.http.post(f"/v1/orders/{order['order_id']}/refund"))
        eventually(
            lambda: system.sql("payments", "SELECT attempts FROM refunds WHERE order_id = %s", order["order_id"]),
            lambda rows: rows == [(1,)],
        )
        system.kill("payments")
        system.wait_ready("payments")
        assert guest.settled_order(order["order_id"], "refunded", within=60)["refunded"] == 690


def test_an_erased_persons_orders_name_nobody_and_a_late_payment_goes_back(
    system: LocalSystem, standin: Standin
) -> None:
    """Certified; order id, trade number, amount and times stay; the neighbour keeps its purchase."""
    neighbour, _, neighbours_file = with_a_render(system)
    guest, photo_id, _ = with_a_render(system)
    neighbours = neighbour.bought(
        standin.url, "hd-photo", neighbour.http.get("/v1/photos").json()["items"][0]["photo_id"]
    )
    paid = guest.bought(standin.url, "hd-photo", photo_id)
    late = guest.order("pack-ten").json()
    purge = guest.certified(guest.wipe().json()["receipt"])
    deleted = purge["certificate"]["payload"]["deleted"]["payments"]
    assert (deleted["orders"], deleted["unlocks"]) == (2, 1)
    assert any("3 years" in kept["until"] for kept in purge["certificate"]["payload"]["kept"])
    named = [place for place, content in scan.dumps(system) if guest.subject_id.encode() in content]
    assert named == [], "a database still names the subject"
    rows = system.sql(
        "payments",
        "SELECT subject_id, photo_id, trade_no IS NOT NULL, amount, keep_until > now() + interval '1094 days'"
        " FROM orders WHERE order_id = %s",
        paid["order_id"],
    )
    assert rows == [(None, None, True, 690, True)]
    guest.pay(late, standin.url)
    look = "SELECT state FROM orders WHERE order_id = %s"
    eventually(lambda: system.sql("payments", look, late["order_id"]), lambda found: found == [("refunded",)])
    trade = standin("GET", f"/trades/{number_of(late)}")
    assert trade["trade_status"] == "TRADE_CLOSED"
    assert neighbour.http.get(neighbours_file).status_code == 200
    assert neighbour.http.get(f"/v1/orders/{neighbours['order_id']}").json()["status"] == "paid"


def test_nobody_sees_or_refunds_an_order_of_somebody_else(system: LocalSystem, standin: Standin) -> None:
    """404, never 403; nor is somebody else's photo bought or unlocked."""
    owner, photo_id, _ = with_a_render(system)
    order = owner.bought(standin.url, "hd-photo", photo_id)
    stranger = Guest(system.gateway)
    for answer in (
        stranger.http.get(f"/v1/orders/{order['order_id']}"),
        stranger.http.post(f"/v1/orders/{order['order_id']}/refund"),
        stranger.order("hd-photo", photo_id),
        stranger.http.post(f"/v1/photos/{photo_id}/unlock"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert stranger.http.get("/v1/orders").json()["items"] == []


def test_no_queue_and_no_log_ever_holds_a_buyers_id(system: LocalSystem, standin: Standin) -> None:
    """Notices name the buyer; nothing at rest does, and the books hold after all that was done here."""
    guest, photo_id, _ = with_a_render(system)
    guest.bought(standin.url, "hd-photo", photo_id)
    body = standin("GET", "/notices")[-1]["body"]
    fields = dict(httpx.QueryParams(body))
    canaries = {name: fields[name].encode() for name in ("buyer_id", "buyer_logon_id") if name in fields}
    assert canaries
    assert [hit for hit in scan.hits(system, canaries) if "alipay-standin" not in hit] == []
    for query in ("SELECT sum(fen) FROM ledger_lines", "SELECT count(*) FROM refunds WHERE trouble IS NOT NULL"):
        assert system.sql("payments", query)[0][0] == 0
    assert json.loads(system.pocketid("orders", "list", "--json"))["items"]
    told = system.pocketid(
        "orders", "reconcile", "--date", time.strftime("%Y-%m-%d", time.gmtime(time.time() - 3 * 86400))
    )
    assert "no difference" in told
    assert "its own verifies" in system.pocketid("doctor", "--alipay")


def test_nobody_pays_for_a_photo_that_cannot_be_used(system: LocalSystem, standin: Standin) -> None:
    """A credit is not spent on a rejected photo; an open order for a deleted one is closed long before it expires."""
    guest = Guest(system.gateway)
    guest.bought(standin.url, "pack-ten")
    rejected = guest.uploaded(builders.no_face())
    assert guest.settled(rejected)["status"] == "rejected"
    refused = guest.http.post(f"/v1/photos/{rejected}/unlock")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert guest.http.get("/v1/me/entitlements").json()["credits"] == 10

    photo_id = guest.uploaded(builders.portrait("obama"))
    guest.settled(photo_id)
    order = guest.order("hd-photo", photo_id)
    assert order.status_code == 201, order.text
    assert guest.http.delete(f"/v1/photos/{photo_id}").status_code == 204
    guest.settled_order(order.json()["order_id"], "closed", within=20)
