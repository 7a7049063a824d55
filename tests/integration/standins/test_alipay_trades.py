"""Paying, asking, closing, cancelling, refunding: over HTTP, signed by hand."""

from __future__ import annotations

from tests.integration.standins.conftest import Receiver
from tests.integration.standins.merchant import Merchant, genuine, notice_is_genuine, order


def test_an_app_payment_from_the_order_string_to_the_notice(
    merchant: Merchant, receiver: Receiver, number: str
) -> None:
    """No trade before the buyer proceeds; paid afterwards; told once, truly signed."""
    text = merchant.order_string(order(number), notify_url=receiver.url)
    merchant.control("POST", "wallet/open", {"order_string": text})
    missing = merchant.call("alipay.trade.query", {"out_trade_no": number})
    assert missing.sub_code == "ACQ.TRADE_NOT_EXIST"
    assert missing.fields["receipt_amount"] == "0.00"
    told = merchant.control("POST", "wallet/pay", {"order_string": text})
    assert told["resultStatus"] == "9000", told
    asked = merchant.call("alipay.trade.query", {"out_trade_no": number, "query_options": ["fund_bill_list"]})
    assert asked.fields["trade_status"] == "TRADE_SUCCESS"
    assert genuine(merchant.alipay(), asked.raw.encode(), asked.whole["sign"])
    [notice] = receiver.wait(number)
    assert notice["trade_status"] == "TRADE_SUCCESS"
    assert notice["total_amount"] == "9.90"
    assert notice_is_genuine(merchant.alipay(), notice)
