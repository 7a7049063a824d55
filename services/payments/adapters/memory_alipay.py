"""Alipay in memory: trades, refunds, notices with real signatures, bills. What a test needs of Alipay, and of its buyers."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import TypeVar
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from services.payments.adapters.alipay import incoming
from services.payments.domain import trades as words
from services.payments.domain.notices import TRADE_NOTICE, Notice
from services.payments.domain.orders import Order
from services.payments.domain.reconciliation import BEIJING, day_of
from services.payments.domain.trades import Closed, Failure, Merchant, RefundAnswer, Trade, Unknown
from shared.kernel.clock import Clock

R = TypeVar("R")
LOST, LATE, REFUSED = "lost", "late", "refused"
"""How the next call goes wrong: nothing was done and nobody knows; done and nobody knows; a definite no."""

_HEADER = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,"
    "卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)


@cache
def key_number(number: int) -> rsa.RSAPrivateKey:
    """A key pair; made once a process, since that takes a moment. 0 is Alipay's, others are forgers'."""
    return rsa.generate_private_key(65537, 2048)


@dataclass
class MemoryTrade:
    """A trade at Alipay; ``refunds`` by request number, in fen."""

    out_trade_no: str
    trade_no: str
    total: int
    status: str = words.WAITING
    paid_at: datetime | None = None
    refunds: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    @property
    def refunded(self) -> int:
        """All that went back, in fen."""
        return sum(amount for amount, _ in self.refunds.values())

    @property
    def held(self) -> int:
        """What the buyer has paid and not got back, in fen."""
        return (self.total if self.paid_at else 0) - self.refunded


class MemoryAlipay:
    """Implements the port, and lets a test play the buyer, the console and the post."""

    def __init__(self, clock: Clock, merchant: Merchant) -> None:
        self.clock = clock
        self.merchant = merchant
        self.offers: dict[str, tuple[int, datetime]] = {}
        self.trades: dict[str, MemoryTrade] = {}
        self.post: list[bytes] = []
        self.moods: list[str] = []
        self.calls: list[str] = []
        self.behind = timedelta(0)
        """How far Alipay's clock is behind ours: so long an expired order can still be paid."""

    # ---- the port

    def pay(self, order: Order) -> dict[str, str] | Failure | Unknown:
        """What the buyer pays with."""
        if order.channel == "qr":
            made = self._called("precreate", lambda: {"qr": f"https://qr.example/{order.out_trade_no}"})
            if not isinstance(made, dict):
                return made
        self.offers[order.out_trade_no] = (order.amount, order.expires_at)
        kind = {"app": "order_string", "qr": "qr"}.get(order.channel, "url")
        return {kind: f"pay:{order.out_trade_no}"}

    def query(self, out_trade_no: str) -> Trade | Failure | Unknown:
        """A trade as it is now."""
        return self._called("query", lambda: self._trade(out_trade_no))

    def close(self, out_trade_no: str) -> Closed | Failure | Unknown:
        """Close an unpaid trade."""

        def act() -> Closed | Failure:
            trade = self.trades.get(out_trade_no)
            if trade is None:
                return Failure("40004", words.NO_TRADE)
            if trade.status != words.WAITING:
                return Failure("40004", "ACQ.REASON_TRADE_STATUS_INVALID")
            trade.status = words.CLOSED
            self.post.append(self.notice(out_trade_no))
            return Closed()

        return self._called("close", act)

    def refund(self, out_trade_no: str, amount: int, out_request_no: str) -> RefundAnswer | Failure | Unknown:
        """Pay back; the same request number again pays nothing more."""
        return self._called("refund", lambda: self.pay_back(out_trade_no, amount, out_request_no))

    def refund_query(self, out_trade_no: str, out_request_no: str) -> RefundAnswer | Failure | Unknown:
        """Whether a refund was done."""

        def act() -> RefundAnswer | Failure:
            trade = self.trades.get(out_trade_no)
            if trade is None:
                return Failure("40004", words.NO_TRADE)
            return RefundAnswer(out_request_no in trade.refunds)

        return self._called("refund_query", act)

    def bill(self, day: date) -> bytes | Failure | Unknown:
        """The archive with a day's bill."""
        return self._called("bill", lambda: self._bill(day))

    def read_notice(self, body: bytes) -> Notice:
        """A notice whose signature holds, read by the real reader."""
        return incoming.read_notice(body, [key_number(0).public_key()])

    # ---- the buyer and the console

    def open_cashier(self, out_trade_no: str) -> bool:
        """The buyer opens the payment string: from now on there is a trade. Refused when it has expired, or is closed."""
        total, expires_at = self.offers[out_trade_no]
        if self.clock() >= expires_at + self.behind:
            return False
        trade = self.trades.setdefault(out_trade_no, MemoryTrade(out_trade_no, f"2026{len(self.trades):024d}", total))
        return trade.status == words.WAITING

    def buyer_pays(self, out_trade_no: str) -> bool:
        """The buyer pays, if that is possible; a notice is posted."""
        if not self.open_cashier(out_trade_no):
            return False
        trade = self.trades[out_trade_no]
        trade.status, trade.paid_at = words.SUCCESS, self.clock().replace(microsecond=0)
        self.post.append(self.notice(out_trade_no))
        return True

    def pay_back(self, out_trade_no: str, amount: int, out_request_no: str) -> RefundAnswer | Failure:
        """A refund, by our call or at the console; a notice is posted."""
        trade = self.trades.get(out_trade_no)
        if trade is None:
            return Failure("40004", words.NO_TRADE)
        if out_request_no in trade.refunds:
            same = trade.refunds[out_request_no][0] == amount
            return RefundAnswer(False) if same else Failure("40004", "ACQ.DISCORDANT_REPEAT_REQUEST")
        if trade.status != words.SUCCESS:
            return Failure("40004", "ACQ.TRADE_STATUS_ERROR")
        if trade.refunded + amount > trade.total:
            return Failure("40004", "ACQ.REASON_TRADE_REFUND_FEE_ERR")
        trade.refunds[out_request_no] = (amount, self.clock())
        trade.status = words.CLOSED if trade.held == 0 else words.SUCCESS
        self.post.append(self.notice(out_trade_no, out_biz_no=out_request_no))
        return RefundAnswer(True)

    def finish(self, out_trade_no: str) -> None:
        """The time for refunds is over."""
        trade = self.trades[out_trade_no]
        if trade.status == words.SUCCESS:
            trade.status = words.FINISHED
            self.post.append(self.notice(out_trade_no))

    def notice(self, out_trade_no: str, /, *, key: int = 0, **changes: str | None) -> bytes:
        """A notice of the trade as it is now, signed; ``changes`` (None leaves a field out) are signed, too."""
        trade = self.trades[out_trade_no]
        fields: dict[str, str | None] = {
            "notify_time": _beijing(self.clock()),
            "notify_type": TRADE_NOTICE,
            "notify_id": f"n{len(self.post)}",
            "app_id": self.merchant.app_id,
            "seller_id": self.merchant.seller_id,
            "charset": "utf-8",
            "version": "1.0",
            "sign_type": "RSA2",
            "trade_no": trade.trade_no,
            "out_trade_no": out_trade_no,
            "buyer_id": "2088102122524333",
            "buyer_logon_id": "dai***@sandbox.com",
            "trade_status": trade.status,
            "total_amount": f"{trade.total // 100}.{trade.total % 100:02d}",
            "gmt_payment": _beijing(trade.paid_at) if trade.paid_at else None,
            "refund_fee": f"{trade.refunded // 100}.{trade.refunded % 100:02d}" if trade.refunds else None,
            "subject": "高清证件照",
        }
        return signed_form({name: value for name, value in (fields | changes).items() if value is not None}, key=key)

    # ---- inside

    def _called(self, name: str, act: Callable[[], R | Failure]) -> R | Failure | Unknown:
        self.calls.append(name)
        mood = self.moods.pop(0) if self.moods else ""
        if mood == LOST:
            return Unknown("ConnectTimeout")
        if mood == REFUSED:
            return Failure("40004", "ACQ.TRADE_NOT_ALLOW_REFUND" if name == "refund" else "ACQ.ACCESS_FORBIDDEN")
        answer = act()
        return Unknown("ReadTimeout") if mood == LATE else answer

    def _trade(self, out_trade_no: str) -> Trade | Failure:
        trade = self.trades.get(out_trade_no)
        if trade is None:
            return Failure("40004", words.NO_TRADE)
        if trade.status == words.WAITING and self.clock() >= self.offers[out_trade_no][1] + self.behind:
            trade.status = words.CLOSED
        return Trade(trade.trade_no, trade.status, trade.total, trade.paid_at)

    def _bill(self, day: date) -> bytes | Failure:
        paid = [(t, "交易", t.total, "") for t in self.trades.values() if t.paid_at and day_of(t.paid_at) == day]
        back = [
            (trade, "退款", -amount, number)
            for trade in self.trades.values()
            for number, (amount, at) in trade.refunds.items()
            if day_of(at) == day
        ]
        if not paid and not back:
            return Failure("40004", "isp.bill_not_exist")
        rows = [_row(trade, kind, amount, number) for trade, kind, amount, number in (*paid, *back)]
        sums = [sum(amount for _, _, amount, _ in side) for side in (paid, back)]
        footer = [
            f"#交易合计：{len(paid)}笔，商家实收共{_yuan(sums[0])}元，商家优惠共0.00元",
            f"#退款合计：{len(back)}笔，商家实收退款共{_yuan(sums[1])}元，商家优惠退款共0.00元",
        ]
        text = "\r\n".join(["#支付宝业务明细查询", _HEADER, *rows, *footer, ""])
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as files:
            for suffix, content in (("业务明细.csv", text), ("业务明细(汇总).csv", "#")):
                files.writestr(GbkName(f"20880000000000010156_{day:%Y%m%d}_{suffix}"), content.encode("gbk"))
        return archive.getvalue()


class GbkName(zipfile.ZipInfo):
    """A file in a ZIP whose name is written in GBK, without the mark of UTF-8: as Alipay does."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's name
        return self.filename.encode("gbk"), self.flag_bits


def signed_form(fields: dict[str, str], *, key: int = 0) -> bytes:
    """A form body signed as notices are, written apart from the code that reads them."""
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name not in ("sign", "sign_type"))
    signature = key_number(key).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return urlencode({**fields, "sign": base64.b64encode(signature).decode()}).encode()


def _beijing(moment: datetime) -> str:
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def _row(trade: MemoryTrade, kind: str, amount: int, number: str) -> str:
    cells = [trade.trade_no, trade.out_trade_no, kind, '"证件照, 高清"', "", "", "", "", "", "", "*张(a***@x.cn)"]
    cells += [_yuan(amount), _yuan(amount), *["0.00"] * 8, number, "0.00", "0.00", ""]
    return ",".join(f"{cell}\t" if cell else cell for cell in cells)
