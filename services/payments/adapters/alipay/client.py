"""Calls to Alipay: signed, posted with common parameters in the URL, answered by facts, a failure, or not known."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from services.payments.adapters.alipay import incoming
from services.payments.adapters.alipay.answers import Fields, read_answer
from services.payments.adapters.alipay.certificates import Certificates, WrongCertificate
from services.payments.adapters.alipay.signing import holds, request_text, sign
from services.payments.domain import money
from services.payments.domain.notices import Notice
from services.payments.domain.orders import Order
from services.payments.domain.reconciliation import BEIJING
from services.payments.domain.trades import Closed, Failure, RefundAnswer, Trade, Unknown
from shared.kernel import log
from shared.kernel.clock import Clock
from shared.kernel.errors import BadRequest
from shared.telemetry import metrics

logger = log.get_logger("alipay")
CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
MAX_BILL_BYTES = 64 * 1024 * 1024
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
CERTIFICATE_METHOD = "alipay.open.app.alipaycert.download"

# method and product code of each channel; app, wap and page need no call of ours
CHANNELS = {
    "app": ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
    "wap": ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    "page": ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    "qr": ("alipay.trade.precreate", "FACE_TO_FACE_PAYMENT"),
}


@dataclass(frozen=True)
class Account:
    """Our account at Alipay: where, who, with which keys. Either ``alipay_key``, or ``certificates``."""

    gateway: str
    app_id: str
    key: RSAPrivateKey = field(repr=False)
    alipay_key: RSAPublicKey | None = field(repr=False)
    notify_url: str
    return_url: str = ""
    certificates: Certificates | None = None


class AlipayClient:
    """Alipay over HTTP. Thread-safe; keeps connections alive; opens none before the first call."""

    def __init__(self, account: Account, clock: Clock, http: httpx.Client | None = None) -> None:
        self._account = account
        self._clock = clock
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        self._http = http or httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False)
        self._keys: dict[str | None, RSAPublicKey] = {}
        if account.alipay_key is not None:
            self._keys[None] = account.alipay_key
        if account.certificates is not None:
            self._keys[account.certificates.alipay_sn] = account.certificates.alipay_key

    # ---- paying

    def pay(self, order: Order) -> dict[str, str] | Failure | Unknown:
        """What the buyer pays with: ``order_string``, ``url`` or ``qr``."""
        method, product_code = CHANNELS[order.channel]
        business = {
            "out_trade_no": order.out_trade_no,
            "total_amount": money.yuan(order.amount),
            "subject": order.product.name_zh,
            "product_code": product_code,
            "time_expire": order.expires_at.astimezone(BEIJING).strftime(TIME_FORMAT),
        }
        extra = {"notify_url": self._account.notify_url}
        if order.channel == "qr":
            answer = self._call(method, business, extra)
            return {"qr": answer.text("qr_code")} if isinstance(answer, Fields) else answer
        if order.channel in ("wap", "page"):
            extra["return_url"] = self._account.return_url
            if order.channel == "wap" and self._account.return_url:
                business["quit_url"] = self._account.return_url
        signed = urlencode(self._signed(method, business, extra))
        return {"order_string": signed} if order.channel == "app" else {"url": f"{self._account.gateway}?{signed}"}

    # ---- trades

    def query(self, out_trade_no: str) -> Trade | Failure | Unknown:
        """A trade as it is now."""
        answer = self._call("alipay.trade.query", {"out_trade_no": out_trade_no})
        if not isinstance(answer, Fields):
            return answer
        try:
            return Trade(
                trade_no=answer.values["trade_no"],
                status=answer.values["trade_status"],
                total=money.fen(answer.values["total_amount"]),
                paid_at=incoming.moment(answer.text("send_pay_date")),
            )
        except (KeyError, ValueError, AttributeError, BadRequest) as error:
            return Unknown(f"a trade without {error}")

    def close(self, out_trade_no: str) -> Closed | Failure | Unknown:
        """Close an unpaid trade."""
        answer = self._call("alipay.trade.close", {"out_trade_no": out_trade_no})
        return Closed() if isinstance(answer, Fields) else answer

    def refund(self, out_trade_no: str, amount: int, out_request_no: str) -> RefundAnswer | Failure | Unknown:
        """Pay back ``amount`` fen; the same request number again pays nothing more."""
        business = {
            "out_trade_no": out_trade_no,
            "refund_amount": money.yuan(amount),
            "out_request_no": out_request_no,
        }
        answer = self._call("alipay.trade.refund", business)
        return RefundAnswer(answer.text("fund_change") == "Y") if isinstance(answer, Fields) else answer

    def refund_query(self, out_trade_no: str, out_request_no: str) -> RefundAnswer | Failure | Unknown:
        """Whether a refund was done."""
        business = {"out_trade_no": out_trade_no, "out_request_no": out_request_no}
        answer = self._call("alipay.trade.fastpay.refund.query", business)
        return RefundAnswer(answer.text("refund_status") == "REFUND_SUCCESS") if isinstance(answer, Fields) else answer

    # ---- bills

    def bill(self, day: date) -> bytes | Failure | Unknown:
        """The archive with a day's bill: its address is good for half a minute."""
        business = {"bill_type": "trade", "bill_date": day.isoformat()}
        answer = self._call("alipay.data.dataservice.bill.downloadurl.query", business)
        if not isinstance(answer, Fields):
            return answer
        if not answer.text("bill_download_url"):
            return Failure("10000", "isp.bill_not_exist")
        try:
            found = self._http.get(answer.text("bill_download_url"))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Unknown(f"bill: {type(error).__name__}")
        if found.status_code != httpx.codes.OK or len(found.content) > MAX_BILL_BYTES:
            return Unknown(f"bill: status {found.status_code}, {len(found.content)} bytes")
        return found.content

    # ---- notices

    def read_notice(self, body: bytes) -> Notice:
        """A notice whose signature holds; raises :class:`Forged`, and nothing else."""
        return incoming.read_notice(body, list(self._keys.values()))

    # ---- the call

    def _call(
        self, method: str, business: Mapping[str, str], extra: Mapping[str, str] | None = None
    ) -> Fields | Failure | Unknown:
        parameters = self._signed(method, business, extra or {})
        content = urlencode({"biz_content": parameters.pop("biz_content")})
        with metrics.ALIPAY_SECONDS.labels(method).time():
            outcome = self._answer(method, parameters, content)
        metrics.ALIPAY_CALLS.labels(method, type(outcome).__name__).inc()
        if isinstance(outcome, Unknown):
            logger.warning("outcome unknown", method=method, detail=outcome.reason)
        return outcome

    def _answer(self, method: str, parameters: Mapping[str, str], content: str) -> Fields | Failure | Unknown:
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
        try:
            got = self._http.post(f"{self._account.gateway}?{urlencode(parameters)}", content=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Unknown(type(error).__name__)
        if got.status_code != httpx.codes.OK:
            return Unknown(f"status {got.status_code}")
        return read_answer(method, got.content, self._verify)

    def _signed(self, method: str, business: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
        """Every parameter of a request, with its signature; ``biz_content`` is made once, and sent as it was signed."""
        parameters = {
            "app_id": self._account.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": self._clock().astimezone(BEIJING).strftime(TIME_FORMAT),
            "version": "1.0",
            "biz_content": json.dumps(business, ensure_ascii=False, separators=(",", ":")),
            **{name: value for name, value in extra.items() if value},
        }
        if self._account.certificates is not None:
            parameters["app_cert_sn"] = self._account.certificates.app_sn
            parameters["alipay_root_cert_sn"] = self._account.certificates.root_sn
        return parameters | {"sign": sign(request_text(parameters), self._account.key)}

    def _verify(self, text: bytes, signature: str, serial: Any) -> bool:
        if self._account.certificates is None:
            serial = None
        elif serial not in self._keys and isinstance(serial, str):
            self._fetch_certificate(serial)
        key = self._keys.get(serial)
        return key is not None and holds(text, signature, key)

    def _fetch_certificate(self, serial: str) -> None:
        """Alipay signs with a certificate that we do not know: ask for it, and take it if our roots vouch for it."""
        certificates = self._account.certificates
        parameters = self._signed(CERTIFICATE_METHOD, {"alipay_cert_sn": serial}, {})
        content = urlencode({"biz_content": parameters.pop("biz_content")})
        try:
            got = self._http.post(f"{self._account.gateway}?{urlencode(parameters)}", content=content)
            node = got.json()[CERTIFICATE_METHOD.replace(".", "_") + "_response"]
            pem = base64.b64decode(node["alipay_cert_content"]).decode()
            found, key = certificates.trusted_key(pem) if certificates else ("", None)
        except (httpx.HTTPError, KeyError, TypeError, ValueError, binascii.Error, WrongCertificate) as error:
            logger.error("certificate not taken", error=type(error).__name__)
            return
        if found == serial and key is not None:
            self._keys[serial] = key
