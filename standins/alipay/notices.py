"""What Alipay tells a merchant by itself: the fields of a notification, its signature, and how a forger would write it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import rsa

from standins.alipay.amounts import to_yuan
from standins.alipay.clock import stamp, stamp_with_milliseconds
from standins.alipay.orders import Order, Product
from standins.alipay.signing import CODECS, NOTICE, sign, text_to_sign
from standins.alipay.trades import Event, Status, Trade

WANTED = {
    Product.APP: {Status.SUCCESS, Status.CLOSED, Status.FINISHED},
    Product.WAP: {Status.SUCCESS, Status.CLOSED, Status.FINISHED},
    Product.PAGE: {Status.SUCCESS},
    Product.QR: {Status.SUCCESS},
}
"""Which states are told, by the way of paying."""
OTHER_APP, OTHER_SELLER = "9021999999999999", "2088999999999999"


@dataclass(frozen=True)
class House:
    """What every notice of one seller needs to know."""

    seller_email: str
    buyer_named_by: str
    key: rsa.RSAPrivateKey
    forger: rsa.RSAPrivateKey


def fields(event: Event, house: House, notify_id: str, now: datetime) -> dict[str, str]:
    """The notification of an event, unsigned, without empty values."""
    trade, order = event.trade, event.trade.order
    told = {
        **envelope(order, house, notify_id, now),
        "trade_no": trade.trade_no,
        "buyer_logon_id": trade.buyer.logon_id,
        house.buyer_named_by.replace("user_id", "buyer_id").replace("open_id", "buyer_open_id"): (
            trade.buyer.open_id if house.buyer_named_by == "open_id" else trade.buyer.user_id
        ),
        "trade_status": event.status.value,
        "gmt_create": stamp(trade.created),
        **_payment(trade),
        **_return(event),
    }
    return {name: value for name, value in told.items() if value}


def envelope(order: Order, house: House, notify_id: str, now: datetime) -> dict[str, str]:
    """What is known from the order alone."""
    return {
        "notify_time": stamp(now),
        "notify_type": "trade_status_sync",
        "notify_id": notify_id,
        "app_id": order.app_id,
        "auth_app_id": order.app_id,
        "charset": order.charset,
        "version": "1.0",
        "sign_type": "RSA2",
        "out_trade_no": order.out_trade_no,
        "seller_id": order.seller_id,
        "seller_email": house.seller_email,
        "total_amount": to_yuan(order.total),
        "subject": order.subject,
        "body": order.body,
        "passback_params": order.passback_params,
        "merchant_order_no": order.merchant_order_no,
    }


def body(told: dict[str, str], key: rsa.RSAPrivateKey, *, legacy: bool = False) -> bytes:
    """Signed and form-encoded in the notice's own charset."""
    charset = told.get("charset", "utf-8")
    signature = sign(key, text_to_sign(told, NOTICE), charset, legacy=legacy)
    return urlencode({**told, "sign": signature}, encoding=CODECS[charset]).encode()


def _payment(trade: Trade) -> dict[str, str]:
    if not trade.paid:
        return {}
    total, received = to_yuan(trade.order.total), to_yuan(trade.order.total - trade.discount)
    bill = [{"amount": received, "fundChannel": "ALIPAYACCOUNT"}]
    return {
        "gmt_payment": stamp(trade.paid),
        "receipt_amount": received,
        "invoice_amount": received,
        "buyer_pay_amount": received,
        "point_amount": "0.00",
        "fund_bill_list": json.dumps(bill, separators=(",", ":")),
        "total_amount": total,
    }


def _return(event: Event) -> dict[str, str]:
    trade, refund = event.trade, event.refund
    told: dict[str, str] = {"gmt_close": stamp(trade.closed)} if trade.closed else {}
    if trade.refunded:
        told["refund_fee"] = to_yuan(trade.refunded)
        told["gmt_refund"] = stamp_with_milliseconds(max(one.at for one in trade.refunds.values()))
    if refund:
        told |= {"out_biz_no": refund.out_request_no, "send_back_fee": to_yuan(refund.amount)}
    return told


Forge = Callable[[dict[str, str], House], bytes]


def _tampered(told: dict[str, str], house: House, **changed: str) -> bytes:
    charset = told["charset"]
    signature = sign(house.key, text_to_sign(told, NOTICE), charset)
    return urlencode({**told, **changed, "sign": signature}, encoding=CODECS[charset]).encode()


def _unsigned(told: dict[str, str], _: House) -> bytes:
    return urlencode(told, encoding=CODECS[told["charset"]]).encode()


FORGERIES: dict[str, tuple[str, Forge]] = {
    "other_key": ("signed with a key that is not Alipay's", lambda told, house: body(told, house.forger)),
    "tampered_amount": (
        "`total_amount` changed after signing",
        lambda told, house: _tampered(told, house, total_amount="0.01"),
    ),
    "tampered_order": (
        "`out_trade_no` changed after signing",
        lambda told, house: _tampered(told, house, out_trade_no=told["out_trade_no"] + "X"),
    ),
    "other_amount": (
        "truly signed by Alipay, for another amount",
        lambda told, house: body({**told, "total_amount": "0.01"}, house.key),
    ),
    "other_order": (
        "truly signed by Alipay, for an order the merchant does not know",
        lambda told, house: body({**told, "out_trade_no": told["out_trade_no"] + "X"}, house.key),
    ),
    "other_app_id": (
        "truly signed by Alipay, for another app",
        lambda told, house: body({**told, "app_id": OTHER_APP, "auth_app_id": OTHER_APP}, house.key),
    ),
    "other_seller_id": (
        "truly signed by Alipay, for another seller",
        lambda told, house: body(
            {**told, "seller_id": OTHER_SELLER, "seller_email": "other@standin.example"}, house.key
        ),
    ),
    "sign_type_rsa": (
        "`sign_type` RSA, signed with SHA-1 and Alipay's key",
        lambda told, house: body({**told, "sign_type": "RSA"}, house.key, legacy=True),
    ),
    "sha1": (
        "signed with SHA-1 and Alipay's key, although `sign_type` is RSA2",
        lambda told, house: body(told, house.key, legacy=True),
    ),
    "missing_sign": ("no `sign` at all", _unsigned),
    "empty_sign": ("`sign` is empty", lambda told, house: _unsigned({**told, "sign": ""}, house)),
    "broken_sign": ("`sign` is no Base64", lambda told, house: _unsigned({**told, "sign": "%%%not base64"}, house)),
    "extra_field": (
        "a field was added after signing",
        lambda told, house: _tampered(told, house, added_on_the_way="1"),
    ),
    "new_field": (
        "a field that Alipay may add tomorrow, truly signed: this one is genuine and must be accepted",
        lambda told, house: body({**told, "a_field_of_tomorrow": "新"}, house.key),
    ),
    "replay": ("the last notice that was sent for the trade, byte by byte", lambda told, house: body(told, house.key)),
}
"""Every kind of forged notice: what it is, and how it is made."""
