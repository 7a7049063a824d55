"""Paying, asking, closing, cancelling, refunding: over HTTP, signed by hand."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.integration.standins.conftest import Receiver
from tests.integration.standins.merchant import Merchant, genuine, notice_is_genuine, order, signed

WAP, PAGE, QR = "alipay.trade.wap.pay", "alipay.trade.page.pay", "alipay.trade.precreate"
CODE = {WAP: "QUICK_WAP_WAY", PAGE: "FAST_INSTANT_TRADE_PAY", QR: "FACE_TO_FACE_PAYMENT"}


def pay(merchant: Merchant, number: str, total: str = "9.90", notify_url: str = "", **more: Any) -> None:
    text = merchant.order_string(order(number, total), notify_url=notify_url)
    told = merchant.control("POST", "wallet/pay", {"order_string": text, **more})
    assert told["resultStatus"] == "9000", told


def refund(merchant: Merchant, number: str, amount: str, key: str = "r1") -> dict[str, Any]:
    biz = {"out_trade_no": number, "refund_amount": amount, "out_request_no": key, "refund_reason": "不要了"}
    return merchant.call("alipay.trade.refund", biz).fields


def status(merchant: Merchant, number: str) -> str:
    return str(merchant.call("alipay.trade.query", {"out_trade_no": number}).fields.get("trade_status", ""))


def test_an_app_payment_from_the_order_string_to_the_notice(
    merchant: Merchant, receiver: Receiver, number: str
) -> None:
    """No trade before the buyer proceeds; paid afterwards; told once, truly signed."""
    passed = "a%26b%3D1"
    text = merchant.order_string(order(number, passback_params=passed), notify_url=receiver.url)
    merchant.control("POST", "wallet/open", {"order_string": text})
    missing = merchant.call("alipay.trade.query", {"out_trade_no": number})
    assert missing.sub_code == "ACQ.TRADE_NOT_EXIST"
    assert missing.fields["out_trade_no"] == number
    assert missing.fields["receipt_amount"] == "0.00"
    assert merchant.call("alipay.trade.close", {"out_trade_no": number}).sub_code == "ACQ.TRADE_NOT_EXIST"
    told = merchant.control("POST", "wallet/pay", {"order_string": text})
    assert told["resultStatus"] == "9000"
    asked = merchant.call("alipay.trade.query", {"out_trade_no": number, "query_options": ["fund_bill_list"]})
    assert asked.http.status_code == 200
    assert asked.http.headers["trace_id"]
    assert genuine(merchant.alipay(), asked.raw.encode(), asked.whole["sign"])
    assert asked.fields["trade_status"] == "TRADE_SUCCESS"
    assert asked.fields["fund_bill_list"] == [{"fund_channel": "ALIPAYACCOUNT", "amount": "9.90"}]
    [notice] = receiver.wait(number)
    assert notice_is_genuine(merchant.alipay(), notice)
    assert (notice["trade_status"], notice["total_amount"], notice["seller_id"]) == (
        "TRADE_SUCCESS",
        "9.90",
        "2088000000000001",
    )
    assert notice["passback_params"] == passed
    assert json.loads(notice["fund_bill_list"]) == [{"amount": "9.90", "fundChannel": "ALIPAYACCOUNT"}]
    assert all(notice.values())


def test_the_wallets_result_is_signed_over_its_own_text(merchant: Merchant, number: str) -> None:
    """``result`` is a JSON text in a JSON text; a wallet that is not sure says nothing more."""
    text = merchant.order_string(order(number))
    unsure = merchant.control("POST", "wallet/pay", {"order_string": text, "result_status": "6004"})
    assert (unsure["resultStatus"], unsure["result"]) == ("6004", "")
    assert status(merchant, number) == "TRADE_SUCCESS"
    again = merchant.control("POST", "wallet/pay", {"order_string": text})
    assert again["refused"]["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"
    lost = {"order_string": merchant.order_string(order(number + "c")), "result_status": "8000", "pays": False}
    assert merchant.control("POST", "wallet/pay", lost)["resultStatus"] == "8000"
    assert status(merchant, number + "c") == "WAIT_BUYER_PAY"
    other = merchant.order_string(order(number + "b"))
    result = merchant.control("POST", "wallet/pay", {"order_string": other})["result"]
    told = json.loads(result)
    raw = result[result.index(":") + 1 : result.index(',"sign":')]
    assert genuine(merchant.alipay(), raw.encode(), told["sign"])
    assert told["alipay_trade_app_pay_response"]["out_trade_no"] == number + "b"


def test_a_buyer_who_turns_back_leaves_a_waiting_trade_or_none(merchant: Merchant, number: str) -> None:
    """6001 pays nothing; the order string can be paid later."""
    text = merchant.order_string(order(number))
    merchant.control("POST", "wallet/pay", {"order_string": text, "result_status": "6001", "proceeds": False})
    assert status(merchant, number) == ""
    merchant.control("POST", "wallet/pay", {"order_string": text, "result_status": "6001"})
    assert status(merchant, number) == "WAIT_BUYER_PAY"
    pay(merchant, number)


@pytest.mark.parametrize(
    ("spoil", "sub_code"),
    [
        (lambda text: text.replace("9.90", "0.01"), "isv.invalid-signature"),
        (lambda text: text.replace("app_id=9021000000000001", "app_id=9021000000000008"), "isv.invalid-app-id"),
        (lambda text: text.replace("%2B", "%20").replace("sign=", "sign=A"), "isv.invalid-signature"),
        (lambda text: text.replace("sign_type=RSA2", "sign_type=RSA"), "isv.invalid-signature-type"),
    ],
)
def test_the_wallet_refuses_an_order_string_that_was_changed(
    merchant: Merchant, number: str, spoil: Any, sub_code: str
) -> None:
    """It is verified like any call."""
    text = spoil(merchant.order_string(order(number)))
    told = merchant.control("POST", "wallet/pay", {"order_string": text})
    assert (told["resultStatus"], told["refused"]["sub_code"]) == ("4000", sub_code)


def test_an_old_order_string_stays_payable_until_its_own_expiry(merchant: Merchant, number: str) -> None:
    """The timestamp does not matter to the wallet, ``time_expire`` does."""
    old = merchant.order_string(order(number), timestamp="2026-01-01 00:00:00")
    assert merchant.control("POST", "wallet/pay", {"order_string": old})["resultStatus"] == "9000"
    past = (datetime.now(UTC) + timedelta(hours=8, days=-300)).strftime("%Y-%m-%d %H:%M:%S")
    late = merchant.order_string(order(number + "b", time_expire=past))
    assert (
        merchant.control("POST", "wallet/pay", {"order_string": late})["refused"]["sub_code"] == "ACQ.TRADE_HAS_CLOSE"
    )


def test_an_unpaid_app_trade_runs_out_on_the_standins_clock_and_is_told(
    merchant: Merchant, receiver: Receiver, number: str
) -> None:
    """TRADE_CLOSED without a refund in it; the cashier refuses afterwards."""
    text = merchant.order_string(order(number, timeout_express="30m"), notify_url=receiver.url)
    token = merchant.control("POST", "wallet/open", {"order_string": text})["token"]
    assert merchant.control("POST", "buyer/open", {"token": token})["trade_status"] == "WAIT_BUYER_PAY"
    merchant.control("POST", "clock", {"seconds": 1801})
    [notice] = receiver.wait(number)
    assert notice["trade_status"] == "TRADE_CLOSED"
    assert "gmt_close" in notice
    assert not {"refund_fee", "gmt_refund", "gmt_payment"} & set(notice)
    late = merchant.http.post(f"{merchant.url}/_standin/buyer/pay", json={"token": token})
    assert (late.status_code, late.json()["refused"]["sub_code"]) == (409, "ACQ.TRADE_HAS_CLOSE")


@pytest.mark.parametrize("method", [WAP, PAGE])
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_a_browser_pays_on_the_cashier_page_and_comes_back(
    merchant: Merchant, receiver: Receiver, number: str, method: str, verb: str
) -> None:
    """Redirect, page, button, return address: signed, and without a ``trade_status``."""
    biz = order(number, product_code=CODE[method], quit_url="http://shop.example/quit")
    back = "http://shop.example/back"
    asked = signed(merchant.key, merchant.common(method, biz, return_url=back, notify_url=receiver.url))
    if verb == "GET":
        first = merchant.browse(asked)
    else:
        first = merchant.http.post(f"{merchant.url}/gateway.do", data=asked)
    assert first.status_code == 303
    page = merchant.http.get(f"{merchant.url}{first.headers['location']}")
    assert 'id="amount">¥9.90<' in page.text
    assert status(merchant, number) == ""
    [action] = [path for path in re.findall(r'action="([^"]+)"', page.text) if path.endswith("/pay")]
    paid = merchant.http.post(f"{merchant.url}{action}")
    assert paid.headers["location"].startswith(f"{back}?")
    told = dict(parse_qsl(urlsplit(paid.headers["location"]).query))
    assert notice_is_genuine(merchant.alipay(), told)
    assert told["method"] == f"{method}.return"
    assert "trade_status" not in told
    assert receiver.wait(number)[0]["trade_status"] == "TRADE_SUCCESS"
    again = merchant.http.post(f"{merchant.url}{action}")
    assert "ACQ.TRADE_HAS_SUCCESS" in again.text


def test_a_browser_can_log_in_first_or_leave(merchant: Merchant, number: str) -> None:
    """Logging in makes the trade; leaving goes to ``quit_url``."""
    biz = order(number, product_code=CODE[WAP], quit_url="http://shop.example/quit")
    address = merchant.browse(signed(merchant.key, merchant.common(WAP, biz))).headers["location"]
    assert merchant.http.post(f"{merchant.url}{address}/proceed").status_code == 303
    assert status(merchant, number) == "WAIT_BUYER_PAY"
    assert "WAIT_BUYER_PAY" in merchant.http.get(f"{merchant.url}{address}").text
    assert merchant.http.post(f"{merchant.url}{address}/abandon").headers["location"] == "http://shop.example/quit"
    assert merchant.control("POST", "buyer/pay", {"out_trade_no": number})["trade_status"] == "TRADE_SUCCESS"


def test_a_browser_with_a_wrong_signature_sees_an_error_page(merchant: Merchant, number: str) -> None:
    """And no cashier."""
    asked = signed(merchant.key, merchant.common(PAGE, order(number, product_code=CODE[PAGE])))
    seen = merchant.browse({**asked, "added": "later"})
    assert "isv.invalid-signature" in seen.text
    assert merchant.control("GET", "cashiers") == []


def test_a_qr_code_leads_to_a_cashier_for_two_hours(merchant: Merchant, receiver: Receiver, number: str) -> None:
    """The code is an address of the stand-in; nobody scanned it, no trade."""
    biz = order(number, product_code=CODE[QR])
    made = merchant.call(QR, biz, notify_url=receiver.url).fields
    assert made["out_trade_no"] == number
    assert merchant.http.get(made["qr_code"]).status_code == 200
    assert status(merchant, number) == ""
    merchant.control("POST", "buyer/pay", {"out_trade_no": number})
    assert receiver.wait(number)[0]["trade_status"] == "TRADE_SUCCESS"
    assert merchant.call(QR, biz).sub_code == "ACQ.TRADE_HAS_SUCCESS"
    stale = merchant.call(QR, order(number + "b", product_code=CODE[QR])).fields["qr_code"]
    merchant.control("POST", "clock", {"seconds": 7200})
    assert "ACQ.TRADE_NOT_EXIST" in merchant.http.get(stale).text
    scanned = merchant.call(QR, order(number + "c", product_code=CODE[QR])).fields["qr_code"]
    merchant.control("POST", "buyer/open", {"out_trade_no": number + "c"})
    merchant.control("POST", "clock", {"seconds": 7200})
    assert "WAIT_BUYER_PAY" in merchant.http.get(scanned).text


def test_a_waiting_trade_is_closed_and_a_paid_one_is_not(merchant: Merchant, receiver: Receiver, number: str) -> None:
    """The close is told to an app trade, too."""
    text = merchant.order_string(order(number), notify_url=receiver.url)
    merchant.control("POST", "wallet/open", {"order_string": text})
    merchant.control("POST", "buyer/open", {"out_trade_no": number})
    closed = merchant.call("alipay.trade.close", {"out_trade_no": number}).fields
    assert (closed["code"], closed["out_trade_no"]) == ("10000", number)
    assert receiver.wait(number)[0]["trade_status"] == "TRADE_CLOSED"
    again = merchant.call("alipay.trade.close", {"trade_no": closed["trade_no"]})
    assert again.sub_code == "ACQ.REASON_TRADE_STATUS_INVALID"
    pay(merchant, number + "b")
    assert merchant.call("alipay.trade.close", {"out_trade_no": number + "b"}).sub_code == "ACQ.TRADE_STATUS_ERROR"


def test_cancelling_closes_refunds_or_does_nothing_and_only_face_to_face(merchant: Merchant, number: str) -> None:
    """An unknown order is a success, an unknown ``trade_no`` is not."""

    def cancel(**biz: str) -> dict[str, Any]:
        return merchant.call("alipay.trade.cancel", biz).fields

    nothing = cancel(out_trade_no=number)
    assert (nothing["code"], "action" in nothing) == ("10000", False)
    assert cancel(trade_no="20260101")["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    for name, act, action in ((number + "w", "open", "close"), (number + "p", "pay", "refund")):
        merchant.call(QR, order(name, product_code=CODE[QR]))
        merchant.control("POST", f"buyer/{act}", {"out_trade_no": name})
        assert cancel(out_trade_no=name)["action"] == action
        assert status(merchant, name) == "TRADE_CLOSED"
    merchant.call(QR, order(number + "o", product_code=CODE[QR]))
    merchant.control("POST", "buyer/pay", {"out_trade_no": number + "o"})
    merchant.control("POST", "clock", {"seconds": 90000})
    assert cancel(out_trade_no=number + "o")["sub_code"] == "ACQ.TRADE_CANCEL_TIME_OUT"
    pay(merchant, number)
    assert cancel(out_trade_no=number)["sub_code"] == "ACQ.CANCEL_NOT_ALLOWED"


def test_refunds_add_up_are_told_and_close_the_trade(merchant: Merchant, receiver: Receiver, number: str) -> None:
    """A partial one is told as TRADE_SUCCESS, the last one as TRADE_CLOSED; both with the sum so far."""
    pay(merchant, number, notify_url=receiver.url)
    first = refund(merchant, number, "4.00", "r1")
    assert (first["fund_change"], first["refund_fee"], first["send_back_fee"]) == ("Y", "4.00", "4.00")
    again = refund(merchant, number, "4.00", "r1")
    assert (again["code"], again["fund_change"], again["refund_fee"]) == ("10000", "N", "4.00")
    assert refund(merchant, number, "3.00", "r1")["sub_code"] == "ACQ.DISCORDANT_REPEAT_REQUEST"
    assert refund(merchant, number, "6.00", "r2")["sub_code"] == "ACQ.REASON_TRADE_REFUND_FEE_ERR"
    assert refund(merchant, number, "5.00", "")["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    assert refund(merchant, number, "5.90", "r2")["refund_fee"] == "9.90"
    assert status(merchant, number) == "TRADE_CLOSED"
    told = receiver.wait(number, 3)
    assert [one["trade_status"] for one in told] == ["TRADE_SUCCESS", "TRADE_SUCCESS", "TRADE_CLOSED"]
    assert [one.get("refund_fee") for one in told] == [None, "4.00", "9.90"]
    assert [one.get("out_biz_no") for one in told] == [None, "r1", "r2"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", told[1]["gmt_refund"])
    assert len({one["notify_id"] for one in told}) == 3


def test_a_full_refund_of_a_page_payment_is_not_told(merchant: Merchant, receiver: Receiver, number: str) -> None:
    """Page and QR tell of TRADE_SUCCESS only: the merchant has to ask."""
    asked = signed(merchant.key, merchant.common(PAGE, order(number, product_code=CODE[PAGE]), notify_url=receiver.url))
    merchant.browse(asked)
    merchant.control("POST", "buyer/pay", {"out_trade_no": number})
    refund(merchant, number, "4.00", "r1")
    refund(merchant, number, "5.90", "r2")
    receiver.wait(number, 2)
    assert [one["kind"] for one in merchant.control("GET", f"notices?out_trade_no={number}")] == ["TRADE_SUCCESS"] * 2


def test_a_refund_can_be_asked_for_by_its_own_number(merchant: Merchant, number: str) -> None:
    """``refund_status`` or nothing at all; the number is required."""
    pay(merchant, number)
    refund(merchant, number, "4.00", "r1")
    method = "alipay.trade.fastpay.refund.query"
    found = merchant.call(method, {"out_trade_no": number, "out_request_no": "r1"}).fields
    assert (found["refund_status"], found["refund_amount"], found["total_amount"]) == ("REFUND_SUCCESS", "4.00", "9.90")
    assert "gmt_refund_pay" not in found
    asked = {"out_trade_no": number, "out_request_no": "r1", "query_options": ["gmt_refund_pay"]}
    assert "gmt_refund_pay" in merchant.call(method, asked).fields
    unknown = merchant.call(method, {"out_trade_no": number, "out_request_no": "r9"}).fields
    assert (unknown["code"], "refund_status" in unknown) == ("10000", False)
    assert merchant.call(method, {"out_trade_no": number}).sub_code == "ACQ.INVALID_PARAMETER"
    nobody = {"out_trade_no": number + "x", "out_request_no": "r1"}
    assert merchant.call(method, nobody).sub_code == "ACQ.TRADE_NOT_EXIST"


def test_a_refund_waits_for_money_and_for_the_pause_between_two(merchant: Merchant, number: str) -> None:
    """The balance and the three seconds are switches."""
    pay(merchant, number)
    merchant.control("PUT", "seller", {"balance": "1.00"})
    assert refund(merchant, number, "4.00")["sub_code"] == "ACQ.SELLER_BALANCE_NOT_ENOUGH"
    merchant.control("PUT", "seller", {"balance": "100.00"})
    merchant.control("PUT", "options", {"refund_pause_seconds": 3})
    assert refund(merchant, number, "4.00")["fund_change"] == "Y"
    assert refund(merchant, number, "1.00", "r2")["code"] == "40005"
    merchant.control("POST", "clock", {"seconds": 3})
    assert refund(merchant, number, "1.00", "r2")["fund_change"] == "Y"
    assert merchant.control("GET", "seller")["balance"] == "95.00"


def test_after_the_refund_window_the_trade_is_finished(merchant: Merchant, receiver: Receiver, number: str) -> None:
    """Told to an app trade; no refund any more."""
    pay(merchant, number, notify_url=receiver.url)
    receiver.wait(number)
    merchant.control("POST", "clock", {"seconds": 90 * 86400})
    assert receiver.wait(number, 2)[1]["trade_status"] == "TRADE_FINISHED"
    assert refund(merchant, number, "4.00")["sub_code"] == "ACQ.TRADE_HAS_FINISHED"


def test_a_coupon_lowers_what_was_received_and_not_the_total(
    merchant: Merchant, receiver: Receiver, number: str
) -> None:
    """Whoever compares the wrong amount is found out."""
    pay(merchant, number, notify_url=receiver.url, discount="1.00")
    [notice] = receiver.wait(number)
    assert (notice["total_amount"], notice["receipt_amount"], notice["buyer_pay_amount"]) == ("9.90", "8.90", "8.90")


def test_buyers_can_be_named_by_open_id_alone(merchant: Merchant, receiver: Receiver, number: str) -> None:
    """As for newer apps: in answers and in notices."""
    merchant.control("PUT", "options", {"buyer": "open_id"})
    pay(merchant, number, notify_url=receiver.url)
    [notice] = receiver.wait(number)
    assert ("buyer_open_id" in notice, "buyer_id" in notice) == (True, False)
    asked = merchant.call("alipay.trade.query", {"out_trade_no": number}).fields
    assert ("buyer_open_id" in asked, "buyer_user_id" in asked) == (True, False)


def test_the_book_can_be_looked_into(merchant: Merchant, number: str) -> None:
    """Every trade, or one by its number."""
    pay(merchant, number)
    refund(merchant, number, "4.00")
    one = merchant.control("GET", f"trades/{number}")
    assert (one["refunded"], one["refunds"][0]["out_request_no"]) == ("4.00", "r1")
    assert merchant.control("GET", "trades") == [one]
    assert merchant.http.get(f"{merchant.url}/_standin/trades/none?{urlencode({})}").status_code == 409
