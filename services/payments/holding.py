"""Holding an order for a change: first its subject, then its row, always in this order, so that nobody waits in a circle."""

from __future__ import annotations

from uuid import UUID

from services.payments.domain.orders import Order
from services.payments.ports import PaymentsTransaction
from shared.kernel.errors import Unavailable

TRIES = 3


def held_order(order_id: UUID, tx: PaymentsTransaction) -> Order | None:
    """An order that nobody else changes until this transaction ends; None when there is none.

    Behind a fence an order has no subject any more: the purge strips it in the transaction that raises the fence.
    """
    for _ in range(TRIES):
        seen = tx.order_seen(order_id)
        if seen is None:
            return None
        if seen.subject_id is None:
            return tx.order(order_id)
        tx.hold_subject(seen.subject_id)
        still = tx.order_seen(order_id)  # a purge may have passed it on, or stripped it, before we held its subject
        if still is not None and still.subject_id == seen.subject_id:
            tx.refuse_fenced(seen.subject_id)
            return tx.order(order_id)
    raise Unavailable("the order changes hands")
