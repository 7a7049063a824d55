"""What a merchant asks a buyer to pay: the business parameters of a creating call, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from standins.alipay.amounts import to_fen
from standins.alipay.clock import parse_stamp
from standins.alipay.refusals import Refused, business

LONGEST = timedelta(days=15)
"""How long an unpaid trade lives when the order does not say."""
QR_LIFE = timedelta(hours=2)
_NUMBER = re.compile(r"[A-Za-z0-9_]{1,64}")
_TIMEOUT = re.compile(r"([1-9]\d{0,4})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class Product(StrEnum):
    """The four ways to pay, by the method that starts them."""

    APP = "alipay.trade.app.pay"
    WAP = "alipay.trade.wap.pay"
    PAGE = "alipay.trade.page.pay"
    QR = "alipay.trade.precreate"


CODES = {
    Product.APP: {"QUICK_MSECURITY_PAY"},
    Product.WAP: {"QUICK_WAP_WAY"},
    Product.PAGE: {"FAST_INSTANT_TRADE_PAY"},
    Product.QR: {"FACE_TO_FACE_PAYMENT", "QR_CODE_OFFLINE"},
}


@dataclass(frozen=True)
class Order:
    """A signed wish for money; not a trade before a buyer proceeds with it."""

    app_id: str
    seller_id: str
    product: Product
    out_trade_no: str
    total: int
    subject: str
    body: str = ""
    time_expire: datetime | None = None
    timeout: str = ""
    qr_life: timedelta = QR_LIFE
    passback_params: str = ""
    merchant_order_no: str = ""
    notify_url: str = ""
    return_url: str = ""
    quit_url: str = ""
    charset: str = "utf-8"

    def expires(self, created: datetime) -> datetime:
        """When the trade closes unpaid: ``time_expire`` wins over the timeout, which starts at the trade's creation."""
        if self.time_expire:
            return self.time_expire
        return created + LONGEST if not self.timeout else _after(created, self.timeout)


def read_order(product: Product, app_id: str, seller_id: str, biz: dict[str, object], common: dict[str, str]) -> Order:
    """The order in a call's ``biz_content``; raises ``Refused``."""
    number, subject = _text(biz, "out_trade_no", 64), _text(biz, "subject", 256)
    if not _NUMBER.fullmatch(number) or not subject:
        raise business("ACQ.INVALID_PARAMETER", "参数无效：out_trade_no, subject")
    code = _text(biz, "product_code", 64)
    if code not in CODES[product] and not (product is Product.QR and not code):
        raise business("ACQ.INVALID_PARAMETER", "参数无效：product_code")
    if biz.get("seller_id") not in (None, "", seller_id):
        raise business("ACQ.INVALID_RECEIVE_ACCOUNT")
    if biz.get("enable_pay_channels") and biz.get("disable_pay_channels"):
        raise business("ACQ.INVALID_PARAMETER", "参数无效：enable_pay_channels, disable_pay_channels")
    try:
        return Order(
            app_id=app_id,
            seller_id=seller_id,
            product=product,
            out_trade_no=number,
            total=to_fen(biz.get("total_amount")),
            subject=subject,
            body=_text(biz, "body", 128),
            time_expire=parse_stamp(_text(biz, "time_expire", 19)) if biz.get("time_expire") else None,
            timeout=_timeout(biz, "timeout_express"),
            qr_life=_life(biz),
            passback_params=_text(biz, "passback_params", 512),
            merchant_order_no=_text(biz, "merchant_order_no", 32),
            notify_url=_url(common, "notify_url"),
            return_url=_url(common, "return_url"),
            quit_url=_text(biz, "quit_url", 400),
            charset=common.get("charset", "utf-8").lower(),
        )
    except ValueError as error:
        raise business("ACQ.INVALID_PARAMETER", f"参数无效：{error}") from error


def text_of(biz: dict[str, object], name: str, longest: int = 256) -> str:
    """One business parameter, or ``""``; raises ``Refused`` when it is no text or too long."""
    return _text(biz, name, longest)


def _text(biz: dict[str, object], name: str, longest: int) -> str:
    value = biz.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise business("ACQ.INVALID_PARAMETER", f"参数无效：{name}")
    return value


def _timeout(biz: dict[str, object], name: str) -> str:
    text = _text(biz, name, 6)
    if text and text != "1c":
        matched = _TIMEOUT.fullmatch(text)
        if not matched or not _UNITS["m"] <= int(matched[1]) * _UNITS[matched[2]] <= LONGEST:
            raise business("ACQ.INVALID_PARAMETER", f"参数无效：{name}")
    return text


def _life(biz: dict[str, object]) -> timedelta:
    text = _timeout(biz, "qr_code_timeout_express")
    start = datetime(2000, 1, 1)  # noqa: DTZ001 - only the difference counts
    return _after(start, text) - start if text else QR_LIFE


def _after(moment: datetime, timeout: str) -> datetime:
    if timeout == "1c":
        return moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return moment + int(timeout[:-1]) * _UNITS[timeout[-1]]


def _url(common: dict[str, str], name: str) -> str:
    url = common.get(name, "")
    if url and (len(url) > 256 or not url.startswith(("http://", "https://"))):
        raise Refused("40002", "isv.invalid-parameter", f"无效的{name}")
    return url
