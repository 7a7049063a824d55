"""Every fault of an answer: what the client sees, and whether the thing was done."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from standins.alipay.answers import ODD_TEXT
from standins.alipay.faults import AFTER, BEFORE, BILL, FORM, KINDS, MONEY, NOTICE, READ, names
from tests.integration.standins.conftest import Arm
from tests.integration.standins.merchant import Answered, Merchant, genuine, order, signed
from tests.integration.standins.test_alipay_trades import pay, refund, status

REFUND = "alipay.trade.refund"


def ask(merchant: Merchant, number: str, timeout: float = 5.0) -> Answered:
    biz = {"out_trade_no": number, "refund_amount": "9.90", "out_request_no": "r1"}
    return merchant.send(signed(merchant.key, merchant.common(REFUND, biz)), timeout)


def done(merchant: Merchant, number: str) -> bool:
    return status(merchant, number) == "TRADE_CLOSED"


def test_every_fault_is_documented_and_has_a_test_here_or_beside() -> None:
    """A new place to strike needs a new test."""
    assert {kind.where for kind in KINDS.values()} == {READ, BEFORE, AFTER, FORM, NOTICE, MONEY, BILL}
    told = {*PLAIN, "timeout", "bad_gateway", "unsigned_error", "cut_short_after_commit"}
    assert {*names(BEFORE), *names(AFTER)} == {*told, *(f"{name}_after_commit" for name in COMMITTED)}
    assert {*names(FORM)} == {*LEGAL, *ILLEGAL}


PLAIN = {
    "unavailable": ("20000", "isp.unknow-error"),
    "call_limited": ("40005", "isv.app-call-limited"),
    "system_error": ("40004", "ACQ.SYSTEM_ERROR"),
    "refuse": ("40004", "ACQ.SYSTEM_ERROR"),
}
COMMITTED = ("timeout", "bad_gateway", "unavailable", "system_error")
LEGAL = ("sign_first", "slashes", "unknown_fields", "braces_in_strings", "spaces", "gbk")
ILLEGAL = ("missing_sign", "wrong_signature", "altered_answer")


@pytest.mark.parametrize("name", [*PLAIN, "unavailable_after_commit", "system_error_after_commit"])
def test_an_error_is_answered_once_and_the_retry_goes_through(
    merchant: Merchant, arm: Arm, number: str, name: str
) -> None:
    """Done or not is told by the name; the same key again moves nothing twice."""
    pay(merchant, number)
    arm(name)
    answer = ask(merchant, number)
    committed = name.endswith("_after_commit")
    assert (answer.fields["code"], answer.sub_code) == PLAIN[name.removesuffix("_after_commit")]
    assert genuine(merchant.alipay(), answer.raw.encode(), answer.whole["sign"])
    assert done(merchant, number) == committed
    again = ask(merchant, number)
    assert (again.fields["code"], again.fields["fund_change"]) == ("10000", "N" if committed else "Y")
    assert merchant.control("GET", "seller")["balance"] == "0.00"


def test_an_error_of_your_choice_is_answered(merchant: Merchant, arm: Arm, number: str) -> None:
    """Any code, any sub code, for one method."""
    pay(merchant, number)
    arm("refuse", method=REFUND, code="40006", sub_code="isv.insufficient-isv-permissions", sub_msg="权限不足")
    assert status(merchant, number) == "TRADE_SUCCESS"
    answer = ask(merchant, number)
    assert (answer.fields["code"], answer.fields["sub_msg"]) == ("40006", "权限不足")


@pytest.mark.parametrize("name", ["timeout", "timeout_after_commit"])
def test_an_answer_does_not_come_in_time(merchant: Merchant, arm: Arm, number: str, name: str) -> None:
    """The client gives up; only asking tells whether it was done."""
    pay(merchant, number)
    arm(name, seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        ask(merchant, number, timeout=0.1)
    assert done(merchant, number) == (name == "timeout_after_commit")


@pytest.mark.parametrize("name", ["bad_gateway", "bad_gateway_after_commit"])
def test_a_page_of_html_comes_with_502(merchant: Merchant, arm: Arm, number: str, name: str) -> None:
    """Nothing in it can be parsed."""
    pay(merchant, number)
    arm(name)
    biz = {"out_trade_no": number, "refund_amount": "9.90", "out_request_no": "r1"}
    answer = merchant.browse(signed(merchant.key, merchant.common(REFUND, biz)))
    assert (answer.status_code, answer.text[:6]) == (502, "<html>")
    assert done(merchant, number) == (name == "bad_gateway_after_commit")


def test_the_connection_breaks_in_the_middle_of_the_answer(merchant: Merchant, arm: Arm, number: str) -> None:
    """It was done."""
    pay(merchant, number)
    arm("cut_short_after_commit")
    with pytest.raises(httpx.RemoteProtocolError):
        ask(merchant, number)
    assert done(merchant, number)


def test_an_error_response_has_no_signature(merchant: Merchant, arm: Arm, number: str) -> None:
    """An error, never a success."""
    pay(merchant, number)
    arm("unsigned_error")
    answer = ask(merchant, number)
    assert (answer.node, answer.fields["code"], "sign" in answer.whole) == ("error_response", "40002", False)
    assert not done(merchant, number)


@pytest.mark.parametrize("name", [*LEGAL, *ILLEGAL])
def test_an_answer_has_an_odd_form(merchant: Merchant, arm: Arm, number: str, name: str) -> None:
    """The legal ones verify over the raw text; a success without a true signature is no success."""
    pay(merchant, number)
    arm(name, times=2)
    refused = merchant.call("alipay.trade.query", {"out_trade_no": number + "x"})
    answer = ask(merchant, number)
    assert answer.fields["code"] == "10000"
    for one in (refused, answer):
        raw = one.raw.encode("gbk" if name == "gbk" else "utf-8")
        good = genuine(merchant.alipay(), raw, one.whole.get("sign", ""))
        assert good == (name in LEGAL)
    shapes: dict[str, Any] = {
        "sign_first": answer.text.startswith('{"sign"'),
        "slashes": True,
        "unknown_fields": "a_field_of_tomorrow" in answer.fields,
        "braces_in_strings": answer.fields.get("note") == ODD_TEXT,
        "spaces": "\n" in answer.text,
        "gbk": answer.http.headers["content-type"].endswith("GBK"),
        "missing_sign": "sign" not in answer.whole,
        "altered_answer": answer.fields["refund_fee"] != "9.90",
    }
    assert shapes.get(name, True), answer.text
    assert status(merchant, number) == "TRADE_CLOSED"


def test_slashes_are_escaped_in_what_is_signed(merchant: Merchant, arm: Arm, number: str) -> None:
    r"""``\/`` in the text, ``/`` after parsing."""
    arm("slashes")
    answer = merchant.call("alipay.trade.precreate", order(number))
    assert "\\/qr\\/" in answer.raw
    assert "/qr/" in answer.fields["qr_code"]
    assert genuine(merchant.alipay(), answer.raw.encode(), answer.whole["sign"])


def test_a_refund_is_accepted_and_moves_later(merchant: Merchant, arm: Arm, number: str) -> None:
    """``fund_change`` N, no ``refund_status``; then it moves, or fails and can be tried again."""
    pay(merchant, number)
    query = {"out_trade_no": number, "out_request_no": "r1"}
    for fail in (True, False):
        arm("refund_pending")
        assert refund(merchant, number, "9.90")["fund_change"] == "N"
        assert "refund_status" not in merchant.call("alipay.trade.fastpay.refund.query", query).fields
        assert status(merchant, number) == "TRADE_SUCCESS"
        merchant.control("POST", "refunds/settle", {**query, "fail": fail})
    assert merchant.call("alipay.trade.fastpay.refund.query", query).fields["refund_status"] == "REFUND_SUCCESS"
    assert done(merchant, number)


def test_a_refund_that_moved_can_say_that_it_did_not(merchant: Merchant, arm: Arm, number: str) -> None:
    """``fund_change`` N is a reason to ask, and asking may lag."""
    pay(merchant, number)
    arm("refund_says_n")
    arm("refund_query_lags")
    assert refund(merchant, number, "4.00")["fund_change"] == "N"
    query = {"out_trade_no": number, "out_request_no": "r1"}
    assert "refund_status" not in merchant.call("alipay.trade.fastpay.refund.query", query).fields
    assert merchant.call("alipay.trade.fastpay.refund.query", query).fields["refund_status"] == "REFUND_SUCCESS"
    assert merchant.control("GET", "seller")["balance"] == "5.90"


def test_the_seller_can_be_out_of_money_once(merchant: Merchant, arm: Arm, number: str) -> None:
    """The same key works afterwards."""
    pay(merchant, number)
    arm("seller_balance_empty")
    assert refund(merchant, number, "4.00")["sub_code"] == "ACQ.SELLER_BALANCE_NOT_ENOUGH"
    assert refund(merchant, number, "4.00")["fund_change"] == "Y"


def test_faults_are_listed_counted_and_cleared(merchant: Merchant, arm: Arm, number: str) -> None:
    """One-shot, so many times, or until cleared; unknown ones are refused."""
    arm("call_limited", times=None)
    arm("slashes", times=3)
    pay(merchant, number)
    assert [merchant.call("alipay.trade.query", {"out_trade_no": number}).fields["code"] for _ in range(2)] == [
        "40005"
    ] * 2
    told = merchant.control("GET", "faults")
    assert [(one["name"], one["left"], one["struck"]) for one in told["armed"]] == [
        ("call_limited", None, 2),
        ("slashes", 1, 2),
    ]
    assert {one["name"] for one in told["kinds"]} == set(KINDS)
    assert merchant.control("DELETE", "faults?name=call_limited") == {"cleared": 1}
    assert status(merchant, number) == "TRADE_SUCCESS"
    assert merchant.control("GET", "faults")["armed"] == []
    for wrong in ({"name": "x"}, {"name": "timeout", "arguments": {"x": 1}}, {"name": "timeout", "often": 3},
                  {"name": "notice_forge", "arguments": {"kind": "x"}}):  # fmt: skip
        assert merchant.http.post(f"{merchant.url}/_standin/faults", json=wrong).status_code == 422


def test_a_fault_can_wait_for_one_order_alone(merchant: Merchant, number: str) -> None:
    """A neighbour does not notice."""
    pay(merchant, number)
    merchant.control("POST", "faults", {"name": "unavailable", "out_trade_no": number})
    neighbour = merchant.call("alipay.trade.query", {"out_trade_no": number + "b"})
    assert neighbour.sub_code == "ACQ.TRADE_NOT_EXIST"
    assert merchant.call("alipay.trade.query", {"out_trade_no": number}).fields["code"] == "20000"


def test_a_browser_can_meet_a_fault_too(merchant: Merchant, arm: Arm, number: str) -> None:
    """Before its cashier."""
    asked = signed(merchant.key, merchant.common("alipay.trade.wap.pay", order(number, product_code="QUICK_WAP_WAY")))
    arm("bad_gateway")
    assert merchant.browse(asked).status_code == 502
    arm("system_error")
    assert "ACQ.SYSTEM_ERROR" in merchant.browse(asked).text
    assert merchant.browse(asked).status_code == 303
