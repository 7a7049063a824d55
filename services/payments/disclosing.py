"""What Alipay is told of a subject's, for its disclosure ledger."""

from __future__ import annotations

from services.payments.domain.orders import Order
from services.payments.ports import PaymentsTransaction
from shared.contracts.disclosure_codes import NECESSARY, Told
from shared.contracts.payments import SubjectDisclosed

ALIPAY = "alipay"
OPENING: list[Told] = ["order_number", "amount", "product_name"]
REFUNDING: list[Told] = ["order_number", "refund"]


def told_alipay(order: Order, what: list[Told], tx: PaymentsTransaction) -> None:
    """Alipay is told this of an order that still has a person; said with the commit that makes us tell it."""
    if order.subject_id is not None:
        tx.publish(
            SubjectDisclosed(
                subject_id=order.subject_id, recipient=ALIPAY, what=what, ground=NECESSARY, order_id=order.order_id
            )
        )
