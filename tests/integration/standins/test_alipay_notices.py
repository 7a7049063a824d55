"""Notices: the schedule, the seven bytes, bad luck on demand, and every forgery."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from shared.testing.eventually import eventually
from standins.alipay.notices import FORGERIES
from tests.integration.standins.conftest import Arm, Receiver
from tests.integration.standins.merchant import Merchant, notice_is_genuine, order
from tests.integration.standins.test_alipay_trades import pay, refund


def sent(merchant: Merchant, number: str) -> list[dict[str, Any]]:
    return list(merchant.control("GET", f"notices?out_trade_no={number}"))


def settled(merchant: Merchant, number: str, state: str = "done") -> list[dict[str, Any]]:
    def look() -> list[dict[str, Any]]:
        return sent(merchant, number)

    return eventually(
        look, lambda seen: bool(seen) and all(one["state"] == state for one in seen), within=10, every=0.01
    )


@pytest.mark.parametrize(
    "answer",
    [(200, b"fail"), (200, b"Success"), (200, b"success\n"), (200, b'"success"'), (200, b"\xef\xbb\xbfsuccess"),
     (200, b""), (201, b"success"), (302, b"success"), (500, b"success")],
)  # fmt: skip
def test_anything_but_the_seven_bytes_is_tried_again(
    merchant: Merchant, receiver: Receiver, number: str, answer: tuple[int, bytes]
) -> None:
    """The same bytes with the same ``notify_id``, until HTTP 200 and exactly ``success``."""
    receiver.answers.append(answer)
    pay(merchant, number, notify_url=receiver.url)
    receiver.wait(number, 2)
    [notice] = settled(merchant, number)
    assert [one["success"] for one in notice["answers"]] == [False, True]
    assert receiver.bodies[0] == receiver.bodies[1]


def test_alipay_gives_up_after_eight_sends(merchant: Merchant, receiver: Receiver, number: str) -> None:
    """The whole schedule, driven by the stand-in's clock."""
    receiver.answers += [(500, b"")] * 20
    pay(merchant, number, notify_url=receiver.url)
    for count, minutes in enumerate((4, 10, 10, 60, 120, 360, 900), 1):
        receiver.wait(number, count)
        eventually(lambda: sent(merchant, number)[0]["state"], lambda state: state != "sending", within=5, every=0.01)
        merchant.control("POST", "clock", {"seconds": minutes * 60})
    [notice] = settled(merchant, number, "given up")
    assert len(notice["answers"]) == len(receiver.of(number)) == 8


def test_a_receiver_that_is_away_is_tried_again(merchant: Merchant, number: str) -> None:
    """Refused connections count as sends."""
    pay(merchant, number, notify_url="http://127.0.0.1:9/notify")
    seen = eventually(lambda: sent(merchant, number), lambda one: len(one[0]["answers"]) >= 2, within=10)
    assert seen[0]["answers"][0]["error"] == "ConnectError"


def test_an_order_without_an_address_is_not_told(merchant: Merchant, number: str) -> None:
    """Nor is anything queued."""
    pay(merchant, number)
    assert sent(merchant, number) == []


@pytest.mark.parametrize("at_once", [True, False])
def test_a_notice_can_come_more_than_once(
    merchant: Merchant, receiver: Receiver, arm: Arm, number: str, *, at_once: bool
) -> None:
    """Byte by byte the same."""
    arm("notice_duplicate", copies=2, at_once=at_once)
    pay(merchant, number, notify_url=receiver.url)
    receiver.wait(number, 3)
    settled(merchant, number)
    assert len(set(receiver.bodies)) == 1
    assert len(receiver.bodies) == 3


def test_a_duplicate_is_sent_once_whatever_is_answered(
    merchant: Merchant, receiver: Receiver, arm: Arm, number: str
) -> None:
    """Only the true notice has a schedule."""
    receiver.answers += [(200, b"success"), (500, b"")]
    arm("notice_duplicate")
    pay(merchant, number, notify_url=receiver.url)
    receiver.wait(number, 2)
    states = eventually(
        lambda: [one["state"] for one in sent(merchant, number)],
        lambda seen: "sending" not in seen,
        within=5,
        every=0.01,
    )
    assert states == ["done", "given up"]


def test_a_notice_can_be_overtaken_by_the_next(merchant: Merchant, receiver: Receiver, arm: Arm, number: str) -> None:
    """The payment is told after its refund."""
    arm("notice_reorder")
    pay(merchant, number, notify_url=receiver.url)
    assert sent(merchant, number)[0]["state"] == "held"
    refund(merchant, number, "9.90")
    told = receiver.wait(number, 2)
    assert [one["trade_status"] for one in told] == ["TRADE_CLOSED", "TRADE_SUCCESS"]
    assert "refund_fee" not in told[1]


def test_a_notice_can_be_late(merchant: Merchant, receiver: Receiver, arm: Arm, number: str) -> None:
    """By seconds on the stand-in's clock."""
    arm("notice_delay", seconds=3600)
    pay(merchant, number, notify_url=receiver.url)
    assert sent(merchant, number)[0]["state"] == "waiting"
    assert receiver.of(number) == []
    merchant.control("POST", "clock", {"seconds": 3600})
    receiver.wait(number)


def test_a_notice_can_be_lost(merchant: Merchant, receiver: Receiver, arm: Arm, number: str) -> None:
    """The next one comes."""
    arm("notice_drop")
    pay(merchant, number, notify_url=receiver.url)
    refund(merchant, number, "1.00")
    assert [one["out_biz_no"] for one in receiver.wait(number)] == ["r1"]
    assert sent(merchant, number)[0]["state"] == "dropped"


@pytest.mark.parametrize("newest_first", [True, False])
def test_notices_can_be_held_and_released_in_either_order(
    merchant: Merchant, receiver: Receiver, arm: Arm, number: str, *, newest_first: bool
) -> None:
    """Until then nothing is sent."""
    arm("notice_hold", times=None)
    pay(merchant, number, notify_url=receiver.url)
    refund(merchant, number, "1.00")
    refund(merchant, number, "2.00", "r2")
    assert {one["state"] for one in sent(merchant, number)} == {"held"}
    assert receiver.of(number) == []
    assert merchant.control("POST", "notices/release", {"newest_first": newest_first}) == {"released": 3}
    told = [one.get("refund_fee") for one in receiver.wait(number, 3)]
    assert told == (["3.00", "1.00", None] if newest_first else [None, "1.00", "3.00"])


def test_one_held_notice_can_be_released_alone(merchant: Merchant, receiver: Receiver, arm: Arm, number: str) -> None:
    """The other stays."""
    arm("notice_hold", times=2)
    pay(merchant, number, notify_url=receiver.url)
    refund(merchant, number, "1.00")
    late = sent(merchant, number)[1]["id"]
    merchant.control("POST", "notices/release", {"id": late})
    assert receiver.wait(number)[0]["out_biz_no"] == "r1"
    assert sent(merchant, number)[0]["state"] == "held"


def test_the_same_news_can_come_again_with_another_id(merchant: Merchant, receiver: Receiver, number: str) -> None:
    """Or byte by byte, although it was answered with ``success``."""
    pay(merchant, number, notify_url=receiver.url)
    [first] = receiver.wait(number)
    [notice] = settled(merchant, number)
    assert merchant.control("POST", "notices/again", {"id": notice["id"]})["success"] is True
    merchant.control("POST", "notices/again", {"id": notice["id"], "new_notify_id": True})
    told = receiver.of(number)
    assert told[1] == first
    assert told[2]["notify_id"] != first["notify_id"]
    assert told[2]["trade_status"] == first["trade_status"]
    assert notice_is_genuine(merchant.alipay(), told[2])


@pytest.mark.parametrize("how", ["fault", "charset"])
def test_a_notice_can_be_written_in_gbk(
    merchant: Merchant, receiver: Receiver, arm: Arm, number: str, how: str
) -> None:
    """When the order was, or on demand."""
    charset = "gbk" if how == "charset" else "utf-8"
    if how == "fault":
        arm("notice_gbk")
    asked = merchant.call("alipay.trade.precreate", order(number), notify_url=receiver.url, charset=charset)
    assert asked.fields["code"] == "10000"
    merchant.control("POST", "buyer/pay", {"out_trade_no": number})
    [notice] = receiver.wait(number)
    assert (notice["charset"], notice["subject"]) == ("gbk", "证件照 1寸")
    assert receiver.kinds == ["application/x-www-form-urlencoded; charset=gbk"]
    assert notice_is_genuine(merchant.alipay(), notice)


TRULY_SIGNED = {"other_amount", "other_order", "other_app_id", "other_seller_id", "new_field", "replay"}


@pytest.mark.parametrize("kind", sorted(FORGERIES))
def test_a_notice_can_be_forged_in_every_way(merchant: Merchant, receiver: Receiver, number: str, kind: str) -> None:
    """For a paid order: what Alipay truly signed verifies, everything else does not."""
    pay(merchant, number, notify_url=receiver.url)
    [true] = receiver.wait(number)
    answer = merchant.control("POST", "notices/forge", {"kind": kind, "out_trade_no": number})
    assert answer["answer"] == "success"
    forged = receiver.forms[-1]
    assert notice_is_genuine(merchant.alipay(), forged) == (kind in TRULY_SIGNED)
    changed = {name for name in {*true, *forged} if true.get(name) != forged.get(name)} - {"notify_id"}
    expected = {
        "other_key": {"sign"},
        "tampered_amount": {"total_amount", "sign"},
        "tampered_order": {"out_trade_no", "sign"},
        "other_amount": {"total_amount", "sign"},
        "other_order": {"out_trade_no", "sign"},
        "other_app_id": {"app_id", "auth_app_id", "sign"},
        "other_seller_id": {"seller_id", "seller_email", "sign"},
        "sign_type_rsa": {"sign_type", "sign"},
        "sha1": {"sign"},
        "missing_sign": {"sign"},
        "empty_sign": {"sign"},
        "broken_sign": {"sign"},
        "extra_field": {"added_on_the_way", "sign"},
        "new_field": {"a_field_of_tomorrow", "sign"},
        "replay": set(),
    }
    assert changed == expected[kind]


@pytest.mark.parametrize("kind", ["sha1", "sign_type_rsa"])
def test_the_legacy_forgeries_are_truly_alipays_in_sha1(
    merchant: Merchant, receiver: Receiver, number: str, kind: str
) -> None:
    """A verifier that follows the message, or takes any hash, would accept them."""
    pay(merchant, number, notify_url=receiver.url)
    receiver.wait(number)
    merchant.control("POST", "notices/forge", {"kind": kind, "out_trade_no": number})
    form = receiver.forms[-1]
    text = "&".join(f"{name}={form[name]}" for name in sorted(form) if name not in ("sign", "sign_type"))
    merchant.alipay().verify(base64.b64decode(form["sign"]), text.encode(), padding.PKCS1v15(), hashes.SHA1())


def test_an_unpaid_order_can_be_claimed_as_paid_by_a_forger(
    merchant: Merchant, receiver: Receiver, number: str
) -> None:
    """Before any trade exists; and fields of the forger's choice."""
    text = merchant.order_string(order(number), notify_url=receiver.url)
    merchant.control("POST", "wallet/open", {"order_string": text})
    body = {"kind": "other_key", "out_trade_no": number, "fields": {"trade_status": "TRADE_FINISHED"}}
    merchant.control("POST", "notices/forge", body)
    assert receiver.forms[-1]["trade_status"] == "TRADE_FINISHED"
    assert merchant.control("GET", "trades") == []
    unknown = merchant.http.post(f"{merchant.url}/_standin/notices/forge", json={**body, "kind": "x"})
    assert unknown.status_code == 422


@pytest.mark.parametrize("instead", [True, False])
def test_a_forged_notice_can_come_before_the_true_one_or_in_its_place(
    merchant: Merchant, receiver: Receiver, arm: Arm, number: str, *, instead: bool
) -> None:
    """As an armed fault, without a word from the test at the right moment; it is sent once."""
    receiver.answers.append((200, b"fail"))
    arm("notice_forge", kind="tampered_amount", instead=instead)
    pay(merchant, number, notify_url=receiver.url)
    told = receiver.wait(number, 1 if instead else 2)
    kinds = [one["kind"] for one in sent(merchant, number)]
    assert kinds == ["forged: tampered_amount", *([] if instead else ["TRADE_SUCCESS"])]
    assert [one["total_amount"] for one in told] == ["0.01", "9.90"][: len(kinds)]


def test_notices_are_listed_with_their_bytes(merchant: Merchant, receiver: Receiver, number: str) -> None:
    """So that a test can replay one by itself."""
    pay(merchant, number, notify_url=receiver.url)
    [form] = receiver.wait(number)
    [notice] = settled(merchant, number)
    assert dict(parse_qsl(notice["body"])) == form
    assert notice["notify_id"] == form["notify_id"]
    assert re.fullmatch(r"[0-9a-f]{34}", form["notify_id"])
