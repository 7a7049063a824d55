"""Open cashier pages: a signed order in front of a buyer, before and after it is a trade."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from standins.alipay.orders import Order, Product
from standins.alipay.refusals import business
from standins.alipay.trades import Trade


@dataclass
class Cashier:
    """One page; ``trade`` is set when the buyer proceeds."""

    token: str
    order: Order
    made: datetime
    trade: Trade | None = None
    abandoned: bool = False

    def shown(self) -> dict[str, object]:
        """As the control interface lists it."""
        known = {"token": self.token, "method": self.order.product.value, "out_trade_no": self.order.out_trade_no}
        trade = {"trade_no": self.trade.trade_no, "trade_status": self.trade.status} if self.trade else {}
        return {**known, "abandoned": self.abandoned, **trade}


class Cashiers:
    """By token."""

    def __init__(self) -> None:
        self._all: dict[str, Cashier] = {}

    def new(self, order: Order, now: datetime) -> Cashier:
        """A page for this order. One order may have many."""
        cashier = Cashier(secrets.token_urlsafe(12), order, now)
        self._all[cashier.token] = cashier
        return cashier

    def find(self, token: str, now: datetime) -> Cashier:
        """Raises ``ACQ.TRADE_NOT_EXIST`` for an unknown page and for a QR code that nobody scanned in its time."""
        cashier = self._all.get(token)
        if not cashier:
            raise business("ACQ.TRADE_NOT_EXIST", "收银台不存在")
        stale = cashier.order.product is Product.QR and cashier.made + cashier.order.qr_life <= now
        if stale and not cashier.trade:
            raise business("ACQ.TRADE_NOT_EXIST", "二维码已失效")
        return cashier

    def newest(self, out_trade_no: str) -> Cashier:
        """The last page made for this order; raises ``ACQ.TRADE_NOT_EXIST``."""
        for cashier in reversed(self._all.values()):
            if cashier.order.out_trade_no == out_trade_no:
                return cashier
        raise business("ACQ.TRADE_NOT_EXIST", "收银台不存在")

    def shown(self) -> list[dict[str, object]]:
        """All of them."""
        return [cashier.shown() for cashier in self._all.values()]
