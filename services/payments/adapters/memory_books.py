"""The books in memory, and what is compared with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from services.payments.adapters.memory_state import PaymentsState
from services.payments.domain.ledger import Account, Balances, Entry
from services.payments.domain.orders import PAID_STATES
from services.payments.domain.reconciliation import Difference, DifferenceState, Movement
from services.payments.domain.refunds import RefundState
from shared.testing.memory_work import MemoryTransaction


class MemoryBooks(MemoryTransaction[PaymentsState]):
    """The books, and comparing them."""

    def add_entry(self, entry: Entry) -> bool:
        """Book a fact; False when it is booked already."""
        if entry.fact in self.state.ledger:
            return False
        self.state.ledger[entry.fact] = entry
        return True

    def balances(self) -> Balances:
        """The books' sums, and what orders and refunds say."""
        accounts: dict[str, int] = {}
        held = 0
        for entry in self.state.ledger.values():
            for account, fen in entry.lines:
                accounts[account] = accounts.get(account, 0) + fen
                held += fen if account is Account.ALIPAY and entry.order_id in self.state.orders else 0
        return Balances(
            accounts=accounts,
            unbalanced=sum(sum(fen for _, fen in entry.lines) != 0 for entry in self.state.ledger.values()),
            held=held,
            received=sum(order.amount for order in self.state.orders.values() if order.state in PAID_STATES),
            returned=sum(r.amount for r in self.state.refunds.values() if r.state is RefundState.SUCCEEDED),
        )

    def payments_between(self, begin: datetime, end: datetime, references: Iterable[UUID]) -> list[Movement]:
        """Payments of a span of time, and those of the named orders whenever they were."""
        named = set(references)
        paid = [(order, order.paid_at) for order in self.state.orders.values() if order.paid_at is not None]
        return [
            Movement(order.out_trade_no, order.amount, begin <= at < end)
            for order, at in paid
            if begin <= at < end or order.order_id in named
        ]

    def refunds_between(self, begin: datetime, end: datetime, references: Iterable[str]) -> list[Movement]:
        """Refunds done in a span of time, and those of the named requests whenever they were."""
        named = set(references)
        done = [(r, r.done_at) for r in self.state.refunds.values() if r.state is RefundState.SUCCEEDED]
        return [
            Movement(refund.out_request_no, refund.amount, begin <= at < end)
            for refund, at in done
            if at is not None and (begin <= at < end or refund.out_request_no in named)
        ]

    def is_compared(self, day: date) -> bool:
        """Whether a day's bill was compared."""
        return day in self.state.days

    def compared(self, day: date, now: datetime) -> None:
        """A day's bill is compared."""
        self.state.days[day] = now

    def add_difference(self, difference: Difference) -> bool:
        """A difference that was found; False when it is known already."""
        key = (difference.day, difference.kind, difference.reference)
        known = key in self.state.differences
        if not known:
            self.state.differences[key] = difference
        return not known

    def differences(self, day: date) -> list[Difference]:
        """Every difference of a day, open or resolved."""
        found = [difference for difference in self.state.differences.values() if difference.day == day]
        return sorted(found, key=lambda difference: (difference.kind, difference.reference))

    def resolve_difference(self, difference: Difference) -> None:
        """Both sides agree by now."""
        key = (difference.day, difference.kind, difference.reference)
        self.state.differences[key] = replace(self.state.differences[key], state=DifferenceState.RESOLVED)

    def count_open_differences(self) -> int:
        """How many wait for somebody to explain them."""
        return sum(d.state is DifferenceState.OPEN for d in self.state.differences.values())
