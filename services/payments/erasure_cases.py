"""What a purge means for money: the person goes, the facts that the law wants kept stay, what was paid for may have an heir."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.payments.domain import orders as rules
from services.payments.domain.entitlements import Grant, GrantKind, Unlock
from services.payments.domain.orders import Order
from services.payments.ports import PaymentsParts, PaymentsTransaction
from shared.contracts import auth, retention
from shared.contracts import payments as contract
from shared.contracts.queues import PAYMENTS_PURGES
from shared.kernel import log
from shared.kernel.ids import new_id

logger = log.get_logger("payments")
FORGET_AT_ONCE = 500


def purge_subject(event: retention.PurgeRequested, parts: PaymentsParts) -> None:
    """Fence the subject here, pass on to its heir or strip, and report: one transaction, so that nothing is half done.

    Open orders of the erased are closed at Alipay afterwards, by the timer: a payment that slips in is returned.
    """
    now = parts.clock()
    with parts.work.begin() as tx:
        tx.fence(event.subject_id)
        heir_id = event.heir_id
        if heir_id is not None:
            tx.hold_subject(heir_id)
            heir_id = None if tx.is_fenced(heir_id) else heir_id
        if not tx.first_time(PAYMENTS_PURGES.queue, event.message_id):
            return
        counts = _pass_on(event.subject_id, heir_id, now, tx) if heir_id else _strip(event.subject_id, now, tx)
        counts["lost_photos"] = tx.forget_lost_photos(event.subject_id)
        counts["idempotency"] = tx.forget_answers(event.subject_id)
        kept = {"orders": counts.pop("kept")}
        tx.publish(
            contract.SubjectPurged(subject_id=event.subject_id, purge_id=event.purge_id, counts=counts, kept=kept)
        )
    logger.info("subject purged", purge_id=event.purge_id, counts=counts)


def list_subjects(request: contract.ListSubjects, parts: PaymentsParts) -> auth.SubjectPage:
    """For audits: whom does this service hold anything of? One page."""
    with parts.work.begin() as tx:
        return auth.SubjectPage(subject_ids=tx.subjects_held(request.after, min(request.limit, 10_000)))


def count_subject(request: contract.CountSubject, parts: PaymentsParts) -> auth.Count:
    """How much here still names the subject."""
    with parts.work.begin() as tx:
        return auth.Count(counts=tx.count_subject(request.subject_id))


def forget_old_orders(parts: PaymentsParts) -> int:
    """Delete orders of nobody whose time of keeping is over; how many."""
    now = parts.clock()
    with parts.work.begin() as tx:
        return tx.delete_orders_kept_until(now, FORGET_AT_ONCE)


def _strip(subject_id: UUID, now: datetime, tx: PaymentsTransaction) -> dict[str, int]:
    orders = tx.all_orders_of(subject_id)
    for order in orders:
        tx.save_order(rules.stripped(order, now))
    return {
        "orders": len(orders),
        "unlocks": tx.delete_unlocks(subject_id),
        "grants": tx.delete_grants(subject_id),
        "kept": sum(order.state in rules.PAID_STATES for order in orders),
    }


def _pass_on(subject_id: UUID, heir_id: UUID, now: datetime, tx: PaymentsTransaction) -> dict[str, int]:
    """Orders, credits and passes become the heir's; a photo goes with the stash, so each that was unlocked is a credit."""
    orders = {order.order_id: order for order in tx.all_orders_of(subject_id)}
    for order in orders.values():
        # Without its photo, a payment that comes later gives a credit; the news of a guest are no news for the heir.
        tx.save_order(replace(order, subject_id=heir_id, photo_id=None, event_id=None))
    grants = {grant.grant_id: grant for grant in tx.grants_of(subject_id)}
    unlocks = tx.unlocks_of(subject_id)
    for unlock in unlocks:
        if unlock.ended_at is None:
            _into_a_credit(unlock, heir_id, orders, grants, now, tx)
    for grant in grants.values():
        tx.save_grant(replace(grant, subject_id=heir_id))
    return {
        "orders": len(orders),
        "unlocks": tx.delete_unlocks(subject_id),
        "grants": len(grants),
        "kept": 0,
    }


def _into_a_credit(
    unlock: Unlock,
    heir_id: UUID,
    orders: dict[UUID, Order],
    grants: dict[UUID, Grant],
    now: datetime,
    tx: PaymentsTransaction,
) -> None:
    """An unlocked photo that is wiped: its credit is good again, or the heir has a new one; a running pass needs neither."""
    spent = grants.get(unlock.grant_id) if unlock.grant_id else None
    if spent is not None and spent.kind is GrantKind.CREDITS:
        grants[spent.grant_id] = replace(spent, used=spent.used - 1)
    elif spent is None or spent.ends_at is None or spent.ends_at <= now:
        order = orders.get(unlock.order_id) if unlock.order_id else None
        order_id = order.order_id if order else None
        tx.add_grant(Grant(new_id(), heir_id, order_id, GrantKind.CREDITS, unlock.scopes, 1, now))
