"""Orders: their states, the one table of moves between them, and when to look after one.

A look is a query at Alipay: a notice may be lost. Looks come at growing intervals until the order expires; then it is
closed there (after one more query), and what is closed early is looked at once more when its old payment string is void.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.payments.domain.products import Product
from shared.kernel.states import moved


class OrderState(StrEnum):
    """Closing: to be closed at Alipay. Returning: paid when it could not be served any more; the money goes back."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    PAID = "paid"
    RETURNING = "returning"
    REFUNDED = "refunded"


MOVES: dict[OrderState, frozenset[OrderState]] = {
    OrderState.OPEN: frozenset({OrderState.PAID, OrderState.RETURNING, OrderState.CLOSING, OrderState.CLOSED}),
    OrderState.CLOSING: frozenset({OrderState.PAID, OrderState.RETURNING, OrderState.CLOSED}),
    # An old payment string may be used after we closed: that payment goes back.
    OrderState.CLOSED: frozenset({OrderState.RETURNING}),
    OrderState.PAID: frozenset({OrderState.REFUNDED}),
    OrderState.RETURNING: frozenset({OrderState.REFUNDED}),
    OrderState.REFUNDED: frozenset(),
}

UNPAID = frozenset({OrderState.OPEN, OrderState.CLOSING, OrderState.CLOSED})
"""No payment is known: the first one that becomes known is booked."""

PAID_STATES = frozenset(OrderState) - UNPAID
"""Money came; perhaps it went back."""

LOOK_SECONDS = (5, 10, 20, 40, 80, 160, 300)
CLOSE_SECONDS = (2, 5, 10, 30, 60, 300)
EXPIRY_MARGIN = timedelta(seconds=5)
LAST_LOOK_AFTER_EXPIRY = timedelta(seconds=60)
LOOK_AGAIN_SECONDS = 3
KEEP_PAID = timedelta(days=3 * 365 + 1)
"""Order id, trade number, amounts and times are kept three years from the payment, as a floor (legal.md)."""

KEEP_UNPAID = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Order:
    """One order. ``subject_id`` is None once its owner is erased; amounts in fen."""

    order_id: UUID
    subject_id: UUID | None
    product: Product
    channel: str
    photo_id: UUID | None
    state: OrderState
    created_at: datetime
    expires_at: datetime
    next_look_at: datetime | None
    looks: int = 0
    looked_at: datetime | None = None
    trade_no: str | None = None
    paid_at: datetime | None = None
    refunded: int = 0
    keep_until: datetime | None = None
    pay: Mapping[str, str] | None = None
    event_id: UUID | None = None

    @property
    def amount(self) -> int:
        """What it costs, in fen."""
        return self.product.price

    @property
    def out_trade_no(self) -> str:
        """Its number at Alipay: letters and digits, unique for ever."""
        return f"P{self.order_id.hex}"


def order_of_trade_no(out_trade_no: str) -> UUID | None:
    """The order id inside one of our trade numbers; None when it is not one of ours."""
    if len(out_trade_no) != 33 or not out_trade_no.startswith("P"):
        return None
    try:
        return UUID(hex=out_trade_no[1:])
    except ValueError:
        return None


def new_order(
    order_id: UUID,
    subject_id: UUID,
    product: Product,
    channel: str,
    photo_id: UUID | None,
    now: datetime,
    life: timedelta,
) -> Order:
    """An order to be paid within ``life``; Alipay counts in whole seconds, and so does its expiry."""
    return Order(
        order_id=order_id,
        subject_id=subject_id,
        product=product,
        channel=channel,
        photo_id=photo_id,
        state=OrderState.OPEN,
        created_at=now,
        expires_at=(now + life).replace(microsecond=0),
        next_look_at=now + timedelta(seconds=LOOK_SECONDS[0]),
    )


def move(order: Order, to: OrderState) -> Order:
    """The order in state ``to``; raises :class:`Conflict` when the table does not allow it."""
    return replace(order, state=moved(MOVES, order.state, to, "order"))


def claimed(order: Order, now: datetime) -> Order:
    """A due order as it is while somebody looks at it: the next look is set already, should this one die."""
    if order.state is OrderState.OPEN and now >= order.expires_at + EXPIRY_MARGIN:
        order = replace(move(order, OrderState.CLOSING), looks=0)
    steps = LOOK_SECONDS if order.state is OrderState.OPEN else CLOSE_SECONDS
    next_look_at = now + timedelta(seconds=steps[min(order.looks, len(steps) - 1)])
    if order.state is OrderState.OPEN:
        next_look_at = min(next_look_at, max(order.expires_at + EXPIRY_MARGIN, now + timedelta(seconds=1)))
    return replace(order, looks=order.looks + 1, looked_at=now, next_look_at=next_look_at)


def look_soon(order: Order, now: datetime) -> Order:
    """Its owner asks (the app came back from paying): look now, unless that was done a moment ago."""
    recently = order.looked_at is not None and now - order.looked_at < timedelta(seconds=LOOK_AGAIN_SECONDS)
    if order.state is not OrderState.OPEN or recently or order.next_look_at is None or order.next_look_at <= now:
        return order
    return replace(order, next_look_at=now)


def to_be_closed(order: Order, now: datetime) -> Order:
    """The order on its way to being closed at Alipay, at once."""
    if order.state is not OrderState.OPEN:
        return order
    return replace(move(order, OrderState.CLOSING), next_look_at=now, looks=0)


def closed(order: Order, now: datetime) -> Order:
    """Closed; looked at once more when nobody can pay it any more, in case an old payment string was used after all."""
    last_look = order.expires_at + LAST_LOOK_AFTER_EXPIRY
    return replace(
        order if order.state is OrderState.CLOSED else move(order, OrderState.CLOSED),
        next_look_at=last_look if now < last_look else None,
        keep_until=order.keep_until or now + KEEP_UNPAID,
    )


def paid(order: Order, to: OrderState, trade_no: str, paid_at: datetime) -> Order:
    """The order with the payment that became known, ``PAID`` or ``RETURNING``."""
    return replace(
        move(order, to), trade_no=trade_no, paid_at=paid_at, next_look_at=None, keep_until=paid_at + KEEP_PAID, pay=None
    )


def stripped(order: Order, now: datetime) -> Order:
    """The order without its person: what the law wants kept, and nothing else. An open one is to be closed."""
    bare = replace(order, subject_id=None, photo_id=None, pay=None, event_id=None)
    return to_be_closed(bare, now)
