"""Comparing a day's bill with our books, both ways. What does not agree is a difference: a record with a state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum

from services.payments.domain.bills import BillLine

BEIJING = timezone(timedelta(hours=8))
READY_AT = time(10, 0)
"""A day's bill is ready on the next morning."""


class DifferenceKind(StrEnum):
    """Not ours: Alipay has it, we do not. Not theirs: the other way round. Amount: both have it, not alike."""

    PAYMENT_NOT_OURS = "payment_not_ours"
    PAYMENT_NOT_THEIRS = "payment_not_theirs"
    PAYMENT_AMOUNT = "payment_amount"
    REFUND_NOT_OURS = "refund_not_ours"
    REFUND_NOT_THEIRS = "refund_not_theirs"
    REFUND_AMOUNT = "refund_amount"


class DifferenceState(StrEnum):
    """Open until a later look finds that both sides agree."""

    OPEN = "open"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that moved, by our books: a payment under its trade number, a refund under its request number."""

    reference: str
    amount: int
    on_the_day: bool
    """Whether it should be in this day's bill (another day's is known, but not missed)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the two sides do not agree, in fen; None: that side knows nothing."""

    kind: DifferenceKind
    reference: str
    day: date
    ours: int | None
    theirs: int | None
    state: DifferenceState = DifferenceState.OPEN


def day_of(moment: datetime) -> date:
    """The day of Alipay's bill that a moment falls into."""
    return moment.astimezone(BEIJING).date()


def bounds_of(day: date) -> tuple[datetime, datetime]:
    """Where a day of Alipay's bill begins and ends."""
    begin = datetime.combine(day, time(), BEIJING).astimezone(UTC)
    return begin, begin + timedelta(days=1)


def day_to_fetch(now: datetime) -> date:
    """The newest day whose bill should be ready."""
    local = now.astimezone(BEIJING)
    return local.date() - timedelta(days=1 if local.time() >= READY_AT else 2)


def compared(
    day: date, lines: Iterable[BillLine], payments: Mapping[str, Movement], refunds: Mapping[str, Movement]
) -> list[Difference]:
    """Every difference; ``payments`` and ``refunds`` are ours of that day, and any other that the bill names."""
    theirs_paid: dict[str, int] = {}
    theirs_back: dict[str, int] = {}
    for line in lines:
        side, name = (
            (theirs_back, line.request_no or line.out_trade_no) if line.is_refund else (theirs_paid, line.out_trade_no)
        )
        side[name] = side.get(name, 0) + abs(line.amount)
    kinds = DifferenceKind
    paid_kinds = (kinds.PAYMENT_NOT_OURS, kinds.PAYMENT_NOT_THEIRS, kinds.PAYMENT_AMOUNT)
    back_kinds = (kinds.REFUND_NOT_OURS, kinds.REFUND_NOT_THEIRS, kinds.REFUND_AMOUNT)
    return [
        *_both_ways(day, theirs_paid, payments, paid_kinds),
        *_both_ways(day, theirs_back, refunds, back_kinds),
    ]


def _both_ways(
    day: date,
    theirs: Mapping[str, int],
    ours: Mapping[str, Movement],
    kinds: tuple[DifferenceKind, DifferenceKind, DifferenceKind],
) -> list[Difference]:
    not_ours, not_theirs, amount = kinds
    found = []
    for name, their_fen in theirs.items():
        own = ours.get(name)
        if own is None:
            found.append(Difference(not_ours, name, day, None, their_fen))
        elif own.amount != their_fen:
            found.append(Difference(amount, name, day, own.amount, their_fen))
    missing = [own for name, own in ours.items() if own.on_the_day and name not in theirs]
    return found + [Difference(not_theirs, own.reference, day, own.amount, None) for own in missing]
