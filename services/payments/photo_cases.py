"""Photos that are lost: rejected, failed, deleted. Nothing is sold for them any more, and what nobody could use comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from services.payments.domain import orders as order_rules
from services.payments.domain.orders import Order, OrderState
from services.payments.domain.refunds import UNUSABLE, is_under_way
from services.payments.entitlement_cases import lock
from services.payments.ports import PaymentsParts, PaymentsTransaction
from services.payments.refund_cases import promise_refund
from shared.contracts import imaging
from shared.contracts.queues import PAYMENTS_PHOTOS
from shared.kernel import log

logger = log.get_logger("payments")
Lost = imaging.PhotoRejected | imaging.PhotoFailed | imaging.PhotoDeleted
KEEP_LOST = timedelta(days=2)
"""Longer than any order can be paid."""
FORGET_AT_ONCE = 1000


def hear_loss(event: Lost, parts: PaymentsParts) -> None:
    """Close open orders for the photo. Was it never usable, pay back what was paid for it and give back credits.

    A failed one may come back when its job is replayed: it is not remembered as lost.
    """
    now = parts.clock()
    never_usable = not (isinstance(event, imaging.PhotoDeleted) and event.was_ready)
    with parts.work.begin() as tx:
        tx.hold_subject(event.subject_id)
        if tx.is_fenced(event.subject_id) or not tx.first_time(PAYMENTS_PHOTOS.queue, event.message_id):
            return
        if not isinstance(event, imaging.PhotoFailed):
            tx.add_lost_photo(event.photo_id, event.subject_id, now)
        for order in tx.all_orders_of(event.subject_id):
            if order.photo_id == event.photo_id:
                _settle(order, never_usable, now, tx)
        if never_usable:
            _give_back(event.subject_id, event.photo_id, now, tx)


def forget_lost_photos(parts: PaymentsParts) -> int:
    """Every hour: those that no order can be about any more; how many."""
    with parts.work.begin() as tx:
        return tx.delete_lost_photos(parts.clock() - KEEP_LOST, FORGET_AT_ONCE)


def _settle(order: Order, never_usable: bool, now: datetime, tx: PaymentsTransaction) -> None:
    if order.state is OrderState.OPEN:
        tx.save_order(order_rules.to_be_closed(order, now))
    elif order.state is OrderState.PAID and never_usable and not is_under_way(tx.refunds_of(order.order_id)):
        promise_refund(order, None, UNUSABLE, now, tx)


def _give_back(subject_id: UUID, photo_id: UUID, now: datetime, tx: PaymentsTransaction) -> None:
    """Credits (and uses of a pass) that were spent on it."""
    grants = {grant.grant_id: grant for grant in tx.grants_of(subject_id)}
    for unlock in tx.unlocks_of(subject_id, photo_id):
        if unlock.ended_at is None and unlock.grant_id in grants:
            spent = grants[unlock.grant_id]
            grants[spent.grant_id] = replace(spent, used=spent.used - 1)
            tx.save_grant(grants[spent.grant_id])
            lock(unlock, now, tx)
            logger.info("credit given back", photo_id=photo_id)
