"""Trades and their states: pure, time is a parameter. What happened lies in ``events`` until it is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from standins.alipay.orders import Order
from standins.alipay.refusals import Refused, business


class Status(StrEnum):
    """``trade_status``."""

    WAIT = "WAIT_BUYER_PAY"
    SUCCESS = "TRADE_SUCCESS"
    CLOSED = "TRADE_CLOSED"
    FINISHED = "TRADE_FINISHED"


MOVES = {
    Status.WAIT: {Status.SUCCESS, Status.CLOSED, Status.FINISHED},
    Status.SUCCESS: {Status.CLOSED, Status.FINISHED},
    Status.CLOSED: set(),
    Status.FINISHED: set(),
}
"""A partial refund leaves a trade in ``TRADE_SUCCESS``."""


class Money(StrEnum):
    """Where a refund's money is."""

    MOVED = "moved"
    PENDING = "pending"
    FAILED = "failed"


@dataclass
class Refund:
    """One accepted refund; its key is ``out_request_no``."""

    out_request_no: str
    amount: int
    reason: str
    at: datetime
    money: Money = Money.MOVED


@dataclass(frozen=True)
class Buyer:
    """A made-up person with a wallet."""

    user_id: str = "2088000000000099"
    open_id: str = "standin-buyer-open-id"
    logon_id: str = "138******99"
    name: str = "*测"


@dataclass
class Trade:
    """A buyer proceeded with an order."""

    order: Order
    trade_no: str
    buyer: Buyer
    created: datetime
    expires: datetime
    status: Status = Status.WAIT
    paid: datetime | None = None
    discount: int = 0
    closed: datetime | None = None
    refunds: dict[str, Refund] = field(default_factory=dict)

    @property
    def refunded(self) -> int:
        """Fen that went back so far."""
        return sum(refund.amount for refund in self.refunds.values() if refund.money is Money.MOVED)

    @property
    def promised(self) -> int:
        """Fen that went back or are on their way."""
        return sum(refund.amount for refund in self.refunds.values() if refund.money is not Money.FAILED)

    def move(self, to: Status) -> None:
        """Along ``MOVES``; raises ``ValueError`` otherwise."""
        if to not in MOVES[self.status]:
            raise ValueError(f"{self.status} does not become {to}")
        self.status = to


@dataclass(frozen=True)
class Event:
    """Something a merchant may be told of: the trade is in ``status`` since ``at``, perhaps by a refund."""

    trade: Trade
    status: Status
    at: datetime
    refund: Refund | None = None


class Book:
    """Every trade of one seller, and the seller's balance in fen."""

    def __init__(
        self,
        balance: int = 0,
        window: timedelta = timedelta(days=90),
        pause: timedelta = timedelta(0),
        first_number: int = 1,
    ) -> None:
        self.balance = balance
        self._next_number = first_number
        self.window = window
        self.pause = pause
        self._events: list[Event] = []
        self._trades: dict[str, Trade] = {}

    def __iter__(self) -> Iterator[Trade]:
        return iter(list(self._trades.values()))

    def events(self) -> list[Event]:
        """What happened since the last look, oldest first."""
        happened, self._events = self._events, []
        return happened

    def find(self, trade_no: str = "", out_trade_no: str = "") -> Trade:
        """By either number, ``trade_no`` wins; raises ``ACQ.TRADE_NOT_EXIST``."""
        if not trade_no and not out_trade_no:
            raise business("ACQ.INVALID_PARAMETER", "参数无效：out_trade_no, trade_no")
        for trade in self:
            if trade.trade_no == trade_no if trade_no else trade.order.out_trade_no == out_trade_no:
                return trade
        raise business("ACQ.TRADE_NOT_EXIST")

    def check(self, order: Order) -> Trade | None:
        """The trade that this order would come to, if there is one; raises when the two do not agree or it is over."""
        trade = self._trades.get(order.out_trade_no)
        if not trade:
            return None
        known = trade.order
        if (known.total, known.subject, known.seller_id) != (order.total, order.subject, order.seller_id):
            raise business("ACQ.CONTEXT_INCONSISTENT")
        if trade.status in (Status.SUCCESS, Status.FINISHED):
            raise business("ACQ.TRADE_HAS_SUCCESS")
        if trade.status is Status.CLOSED:
            raise business("ACQ.TRADE_HAS_SUCCESS" if trade.paid else "ACQ.TRADE_HAS_CLOSE")
        return trade

    def open(self, order: Order, buyer: Buyer, now: datetime) -> Trade:
        """A buyer proceeds: the trade exists from now on, or the one that exists goes on."""
        self.tick(now)
        known = self.check(order)
        if known:
            return known
        if order.expires(now) <= now:
            raise business("ACQ.TRADE_HAS_CLOSE", "订单已超时")
        number = f"{now:%Y%m%d}22001{self._next_number:015d}"
        self._next_number += 1
        trade = Trade(order, number, buyer, now, order.expires(now))
        self._trades[order.out_trade_no] = trade
        return trade

    def pay(self, trade: Trade, now: datetime, *, discount: int = 0, final: bool = False) -> None:
        """The buyer pays; ``final`` means without any refund later (``TRADE_FINISHED``)."""
        self.tick(now)
        self.check(trade.order)
        if not 0 <= discount < trade.order.total:
            raise business("ACQ.INVALID_PARAMETER", "参数无效：discount")
        trade.move(Status.FINISHED if final else Status.SUCCESS)
        trade.paid, trade.discount = now, discount
        self.balance += trade.order.total
        self._happened(trade, now)

    def close(self, trade: Trade, now: datetime) -> None:
        """The merchant gives an unpaid trade up."""
        self.tick(now)
        if trade.status is not Status.WAIT:
            closed = trade.status is Status.CLOSED
            raise business("ACQ.REASON_TRADE_STATUS_INVALID" if closed else "ACQ.TRADE_STATUS_ERROR")
        trade.move(Status.CLOSED)
        trade.closed = now
        self._happened(trade, now)

    def refund(self, trade: Trade, key: str, amount: int, reason: str, now: datetime, *, pending: bool = False) -> bool:
        """Whether money moved by this call: a repeated key moves nothing. ``pending`` accepts and moves it later."""
        self.tick(now)
        if not key and amount != trade.order.total:
            raise business("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
        key = key or trade.order.out_trade_no
        known = trade.refunds.get(key)
        if known and known.amount != amount:
            raise business("ACQ.DISCORDANT_REPEAT_REQUEST")
        if known and known.money is not Money.FAILED:
            return False
        self._may_refund(trade, amount, now)
        trade.refunds[key] = refund = Refund(key, amount, reason, now, Money.PENDING)
        if not pending:
            self.settle(trade, refund, now)
        return not pending

    def settle(self, trade: Trade, refund: Refund, now: datetime, *, fail: bool = False) -> None:
        """A refund's money moves, or does not; the last fen of a trade closes it. Only a pending one settles."""
        if refund.money is not Money.PENDING:
            return
        refund.money, refund.at = Money.MOVED, now
        if fail or trade.status is not Status.SUCCESS:
            refund.money = Money.FAILED
            return
        self.balance -= refund.amount
        if trade.refunded == trade.order.total:
            trade.move(Status.CLOSED)
            trade.closed = now
        self._happened(trade, now, refund)

    def tick(self, now: datetime) -> None:
        """Unpaid trades run out, paid ones get past their refund window."""
        for trade in self:
            if trade.status is Status.WAIT and trade.expires <= now:
                trade.move(Status.CLOSED)
                trade.closed = trade.expires
                self._happened(trade, trade.expires)
            elif trade.status is Status.SUCCESS and trade.paid and trade.paid + self.window <= now:
                trade.move(Status.FINISHED)
                self._happened(trade, trade.paid + self.window)

    def next_change(self) -> datetime | None:
        """When ``tick`` has something to do."""
        waiting = [trade.expires for trade in self if trade.status is Status.WAIT]
        paid = [trade.paid + self.window for trade in self if trade.status is Status.SUCCESS and trade.paid]
        return min(waiting + paid, default=None)

    def _may_refund(self, trade: Trade, amount: int, now: datetime) -> None:
        if trade.status is Status.FINISHED:
            raise business("ACQ.TRADE_HAS_FINISHED")
        if not trade.paid:
            raise business("ACQ.TRADE_STATUS_ERROR")
        if trade.promised + amount > trade.order.total:
            raise business("ACQ.REASON_TRADE_REFUND_FEE_ERR")
        last = max((refund.at for refund in trade.refunds.values()), default=None)
        if last and now - last < self.pause:
            raise Refused("40005", "isv.method-call-limited", "同一笔交易退款过于频繁")
        if amount > self.balance - sum(one.promised - one.refunded for one in self):
            raise business("ACQ.SELLER_BALANCE_NOT_ENOUGH")

    def _happened(self, trade: Trade, at: datetime, refund: Refund | None = None) -> None:
        self._events.append(Event(trade, trade.status, at, refund))
