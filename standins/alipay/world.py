"""Everything the stand-in remembers, and what a buyer can do in it."""

from __future__ import annotations

import secrets
from datetime import timedelta

from standins.alipay.amounts import to_fen
from standins.alipay.bills import Bills
from standins.alipay.cashiers import Cashier, Cashiers
from standins.alipay.certificates import Authority
from standins.alipay.clock import StandinClock
from standins.alipay.faults import Faults
from standins.alipay.keyring import Keyring
from standins.alipay.logins import Logins
from standins.alipay.notices import House
from standins.alipay.notifier import Notifier
from standins.alipay.post_office import PostOffice
from standins.alipay.refusals import business
from standins.alipay.settings import StandinSettings
from standins.alipay.signing import new_key, read_private_key, read_public_key
from standins.alipay.trades import Book, Buyer, Trade


class World:
    """One seller, its apps, its trades; one event loop."""

    def __init__(self, settings: StandinSettings, clock: StandinClock | None = None) -> None:
        self.settings = settings
        self.clock = clock or StandinClock()
        self.seller_id = settings.seller_id
        own = read_private_key(settings.key) if settings.key else new_key()
        self.keyring = Keyring(own, Authority(self.clock.now()))
        if settings.app_public_key:
            key = read_public_key(settings.app_public_key.read_text("ascii"))
            self.keyring.register(settings.app_id, key, certified=settings.mode == "certificate")
        self.faults = Faults()
        self.notifier = Notifier(self.clock, settings.speed, settings.notice_timeout_seconds)
        self.timestamp_tolerance_seconds = settings.timestamp_tolerance_seconds
        self.buyer_named_by: str = settings.buyer
        self.start_over()

    def start_over(self) -> None:
        """Forget trades, cashiers, notices, logins, bills and faults; keys, apps and the clock stay."""
        balance = self.settings.seller_balance
        self.book = Book(
            0 if balance == "0.00" else to_fen(balance),
            timedelta(days=self.settings.refund_window_days),
            timedelta(seconds=self.settings.refund_pause_seconds),
            first_number=secrets.randbelow(10**9) * 10**6 + 1,
        )
        self.cashiers = Cashiers()
        self.bills = Bills(self.seller_id)
        self.logins = Logins()
        self.faults.clear()
        self.notifier.notices.clear()
        self.post_office = PostOffice(self.notifier, self.faults, self.clock)

    def house(self, app_id: str) -> House:
        """What notices to this app are made with."""
        app = self.keyring.apps.get(app_id)
        key = self.keyring.signing(app)[0] if app else self.keyring.own
        return House(self.settings.seller_email, self.buyer_named_by, key, self.keyring.forger)

    def settle(self) -> None:
        """Let time do its work, and queue a notice for everything that happened."""
        self.book.tick(self.clock.now())
        for event in self.book.events():
            self.post_office.tell(event, self.house(event.trade.order.app_id))

    def proceed(self, cashier: Cashier, buyer: Buyer | None = None) -> Trade:
        """The buyer logs in at the cashier: now the trade exists. Raises ``Refused``."""
        self.cashiers.find(cashier.token, self.clock.now())
        cashier.trade = self.book.open(cashier.order, buyer or Buyer(), self.clock.now())
        cashier.abandoned = False
        self.settle()
        return cashier.trade

    def pay(self, cashier: Cashier, buyer: Buyer | None = None, *, discount: int = 0, final: bool = False) -> Trade:
        """The buyer pays there, logged in or not. Raises ``Refused``."""
        trade = self.proceed(cashier, buyer)
        try:
            self.book.pay(trade, self.clock.now(), discount=discount, final=final)
        finally:
            self.settle()
        return trade

    def abandon(self, cashier: Cashier) -> None:
        """The buyer goes away; the order stays payable, as in reality. Raises ``Refused`` when it is paid."""
        if cashier.trade and cashier.trade.paid:
            raise business("ACQ.TRADE_HAS_SUCCESS")
        cashier.abandoned = True
