"""What Alipay can tell us: facts of a trade, a definite failure, or that we do not know. Unknown is asked again, never assumed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

WAITING, SUCCESS, FINISHED, CLOSED = "WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_FINISHED", "TRADE_CLOSED"
PAID = frozenset({SUCCESS, FINISHED})

NO_TRADE = "ACQ.TRADE_NOT_EXIST"
NOT_NOW = frozenset({"ACQ.SELLER_BALANCE_NOT_ENOUGH", "isv.app-call-limited", "isv.method-call-limited"})
"""Refused, nothing was done, and the same call may succeed later."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A definite no: nothing was done."""

    code: str
    sub_code: str = ""

    @property
    def no_trade(self) -> bool:
        """Alipay has no such trade: normal before the buyer opened the cashier."""
        return self.sub_code == NO_TRADE

    @property
    def passing(self) -> bool:
        """The same call may succeed later."""
        return self.sub_code in NOT_NOW or self.code == "40005"


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer, or none to be trusted: it may have happened, and may not."""

    reason: str


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade as Alipay has it."""

    trade_no: str
    status: str
    total: int
    paid_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """The trade is closed and cannot be paid any more."""


@dataclass(frozen=True, slots=True)
class RefundAnswer:
    """A refund was accepted (``moved``: money moved just now), or, asked about, ``moved`` says that it was done."""

    moved: bool


@dataclass(frozen=True, slots=True)
class Merchant:
    """Who we are at Alipay."""

    app_id: str
    seller_id: str
