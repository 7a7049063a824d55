"""What a notice of Alipay's is worth: one pure judgement, after its signature was checked.

The same fact comes by notice, by query, twice, late or out of order; what is booked already is nothing new. A partial
refund says TRADE_SUCCESS again, a full one TRADE_CLOSED (or nothing); TRADE_FINISHED after a refund is no payment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.payments.domain.orders import UNPAID, Order
from services.payments.domain.trades import CLOSED, PAID, Merchant

TRADE_NOTICE = "trade_status_sync"


class Forged(Exception):
    """The notice is not Alipay's, or not meant for us; the reason is a word for the metric."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice whose signature holds, less everything that is about the buyer."""

    notify_type: str
    app_id: str
    seller_id: str
    out_trade_no: str
    trade_no: str
    status: str
    total: int
    refunded: int = 0
    """All that went back so far, in fen (``refund_fee``)."""
    out_biz_no: str = ""
    paid_at: datetime | None = None


class Verdict(StrEnum):
    """What a notice makes us do."""

    PAYMENT = "payment"
    REFUND = "refund"
    PAYMENT_AND_REFUND = "payment_and_refund"
    CLOSED = "closed"
    NOTHING = "nothing"


def judged(notice: Notice, order: Order | None, merchant: Merchant) -> Verdict:
    """What to do about a notice; raises :class:`Forged` when it does not fit the order it names, or us."""
    if order is None:
        raise Forged("unknown_order")
    if notice.total != order.amount:
        raise Forged("amount")
    if notice.seller_id != merchant.seller_id:
        raise Forged("seller")
    if notice.app_id != merchant.app_id:
        raise Forged("app")
    if not notice.trade_no:
        raise Forged("trade_no")
    known = order.state not in UNPAID
    if known and order.trade_no != notice.trade_no:
        raise Forged("other_trade")
    if notice.refunded:
        return Verdict.REFUND if known else Verdict.PAYMENT_AND_REFUND
    if notice.status in PAID and not known:
        return Verdict.PAYMENT
    return Verdict.CLOSED if notice.status == CLOSED and not known else Verdict.NOTHING
