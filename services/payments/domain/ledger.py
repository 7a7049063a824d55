"""The books: double entry, integer fen, append-only. Every fact is one entry whose lines sum to zero.

``alipay`` is money that Alipay holds for us; ``sales`` and ``refunds`` are what was earned and given back; ``owed`` is money
that belongs to buyers and is on its way to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.payments.domain.refunds import Refund


class Account(StrEnum):
    """The accounts there are."""

    ALIPAY = "alipay"
    SALES = "sales"
    REFUNDS = "refunds"
    OWED = "owed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact in the books. ``fact`` names it, so that it is booked once."""

    fact: str
    order_id: UUID
    at: datetime
    lines: tuple[tuple[Account, int], ...]

    def __post_init__(self) -> None:
        if sum(fen for _, fen in self.lines) != 0 or len(self.lines) < 2 or any(fen == 0 for _, fen in self.lines):
            raise ValueError("an entry's lines sum to zero")


def payment(order_id: UUID, amount: int, at: datetime, *, served: bool) -> Entry:
    """Money came in: earned when the order is served, owed when it goes back."""
    against = Account.SALES if served else Account.OWED
    return Entry(f"paid:{order_id}", order_id, at, ((Account.ALIPAY, amount), (against, -amount)))


def refund_promised(refund: Refund, at: datetime) -> Entry:
    """Earned money is to go back: from now on it is owed."""
    lines = ((Account.REFUNDS, refund.amount), (Account.OWED, -refund.amount))
    return Entry(f"promised:{refund.out_request_no}", refund.order_id, at, lines)


def refund_paid(refund: Refund, at: datetime) -> Entry:
    """Owed money went back."""
    lines = ((Account.OWED, refund.amount), (Account.ALIPAY, -refund.amount))
    return Entry(f"refunded:{refund.out_request_no}", refund.order_id, at, lines)


def refund_withdrawn(refund: Refund, at: datetime) -> Entry:
    """Alipay refuses for good: it is earned money again."""
    lines = ((Account.OWED, refund.amount), (Account.REFUNDS, -refund.amount))
    return Entry(f"withdrawn:{refund.out_request_no}", refund.order_id, at, lines)


@dataclass(frozen=True, slots=True)
class Balances:
    """The books' sums, beside what orders and refunds say they should be."""

    accounts: dict[str, int]
    unbalanced: int
    """Entries whose lines do not sum to zero."""
    held: int
    """What ``alipay`` holds by the entries of orders that are still kept."""
    received: int
    """Of all orders that were paid."""
    returned: int
    """Of all refunds that succeeded."""


def faults_of(balances: Balances) -> list[str]:
    """What is wrong with the books, in words; nothing when they hold."""
    faults = []
    if total := sum(balances.accounts.values()):
        faults.append(f"all accounts together are {total} fen, not 0")
    if balances.unbalanced:
        faults.append(f"{balances.unbalanced} entries do not sum to zero")
    if balances.held != balances.received - balances.returned:
        faults.append(f"alipay is {balances.held} fen; orders and refunds say {balances.received - balances.returned}")
    if balances.accounts.get(Account.OWED, 0) > 0:
        faults.append("more went back than was owed")
    return faults
