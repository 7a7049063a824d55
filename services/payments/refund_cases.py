"""Money that goes back: promised and committed first, asked of Alipay afterwards, continued by a timer after any death."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.payments.disclosing import REFUNDING, told_alipay
from services.payments.domain import ledger
from services.payments.domain import orders as order_rules
from services.payments.domain import refunds as rules
from services.payments.domain.orders import Order, OrderState
from services.payments.domain.refunds import OPERATOR, OUTSIDE, OWNER, Next, Refund, RefundState
from services.payments.entitlement_cases import give_again, is_unlocked_already, take_all, take_back
from services.payments.holding import held_order
from services.payments.ports import PaymentsParts, PaymentsTransaction
from services.payments.use_cases import for_operators, owned, shown
from shared.contracts import bookkeeping
from shared.contracts import payments as contract
from shared.kernel import log
from shared.kernel.errors import BadRequest, Conflict, NotFound
from shared.kernel.ids import new_id
from shared.telemetry import metrics

logger = log.get_logger("payments")
REFUND_AT_ONCE = 20


def refund_order(request: contract.RefundOrder, parts: PaymentsParts) -> contract.OrderState:
    """The owner gets back all that is left, and gives back all it bought. Called again with its key: the same refund.

    Raises ``not_found``, ``conflict`` (not paid, or a refund is under way), ``credit_used``, ``idempotency_conflict``.
    """
    now = parts.clock()
    refund = None
    with parts.work.begin() as tx:
        tx.hold_unfenced(request.subject_id)
        order = owned(tx.order(request.order_id), request.subject_id)
        if not _asked_before(request, tx):
            refund = promise_refund(order, None, OWNER, now, tx)
    if refund is not None:
        ask_refund(refund, order, parts)
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        order = owned(tx.order_seen(request.order_id), request.subject_id)
        return shown(order, tx.refunds_of(order.order_id), parts)


def refund_for_operators(request: bookkeeping.RefundForOperators, parts: PaymentsParts) -> contract.OrderState:
    """An operator pays back a part, or all that is left; the same key again is the same refund."""
    now = parts.clock()
    request_no = _request_no(request.order_id, request.key) if request.key else ""
    with parts.work.begin() as tx:
        order = held_order(request.order_id, tx)
        if order is None:
            raise NotFound("order")
        before = tx.refund_of_request(request_no) if request_no else None
        if before is not None and request.amount not in (None, before.amount):
            raise Conflict("this key was used for another amount")
        refund = before or promise_refund(order, request.amount, OPERATOR, now, tx, request_no=request_no)
    ask_refund(refund, order, parts)
    with parts.work.begin() as tx:
        seen = tx.order_seen(request.order_id)
        if seen is None:
            raise NotFound("order")
        return for_operators(seen, tx.refunds_of(seen.order_id), parts)


def promise_refund(
    order: Order, amount: int | None, cause: str, now: datetime, tx: PaymentsTransaction, *, request_no: str = ""
) -> Refund:
    """Commit to paying back ``amount`` fen (None: all that is left), and take back what it bought. The order is held."""
    if order.state not in (OrderState.PAID, OrderState.RETURNING):
        raise Conflict(f"the order is {order.state}")
    earlier = tx.refunds_of(order.order_id)
    if rules.is_under_way(earlier):
        raise Conflict("a refund of this order is under way")
    left = order.amount - order.refunded
    amount = left if amount is None else amount
    if not 1 <= amount <= left:
        raise BadRequest(f"between 1 and {left} fen can be paid back")
    taken = take_back(order, amount, now, tx, whole=amount == left) if order.state is OrderState.PAID else 0
    refund = rules.new_refund(new_id(), order.order_id, amount, cause, now, taken=taken, request_no=request_no)
    ends = [each.done_at for each in earlier if each.done_at is not None and each.state is RefundState.SUCCEEDED]
    if ends and now - max(ends) < rules.PAUSE:
        refund = replace(refund, next_look_at=max(ends) + rules.PAUSE)
    tx.add_refund(refund)
    told_alipay(order, REFUNDING, tx)
    if order.state is OrderState.PAID:
        tx.add_entry(ledger.refund_promised(refund, now))
    logger.info("refund promised", order_id=order.order_id, refund_id=refund.refund_id, cause=cause, amount=amount)
    return refund


def adopt_refund(order: Order, told: int, request_no: str, now: datetime, tx: PaymentsTransaction) -> None:
    """A notice says that ``told`` fen went back so far. What we did not ask for was done elsewhere: it is booked, too."""
    earlier = tx.refunds_of(order.order_id)
    ours = sum(refund.amount for refund in earlier if refund.state is not RefundState.FAILED)
    outside = min(told, order.amount) - ours
    if outside <= 0 or order.state not in (OrderState.PAID, OrderState.RETURNING):
        # Ours, being asked for: have the timer look at it now.
        for refund in earlier:
            if refund.state is RefundState.REQUESTED and refund.out_request_no == request_no:
                tx.save_refund(replace(refund, next_look_at=now))
        return
    number = request_no if request_no and tx.refund_of_request(request_no) is None else f"X{new_id().hex}"
    refund = rules.new_refund(new_id(), order.order_id, outside, OUTSIDE, now, request_no=number)
    tx.add_refund(rules.settled(refund, RefundState.SUCCEEDED, now))
    if order.state is OrderState.PAID:
        tx.add_entry(ledger.refund_promised(refund, now))
        if order.refunded + outside == order.amount:
            take_all(order, now, tx)
    logger.error("refund made outside", order_id=order.order_id, refund_id=refund.refund_id, amount=outside)
    _count_refund(order, refund, now, tx)


def look_after_refunds(parts: PaymentsParts) -> int:
    """Every second: go on with refunds that are not done; how many."""
    now = parts.clock()
    with parts.work.begin() as tx:
        due = tx.refunds_due(now, REFUND_AT_ONCE)
        orders = [tx.order_seen(refund.order_id) for refund in due]
        in_trouble, oldest = tx.refund_figures(now)
    metrics.REFUNDS_IN_TROUBLE.set(in_trouble)
    metrics.OLDEST_REFUND.set(oldest)
    for refund, order in zip(due, orders, strict=True):
        if order is not None:
            ask_refund(refund, order, parts)
    return len(due)


def ask_refund(refund: Refund, order: Order, parts: PaymentsParts) -> None:
    """Ask Alipay for a refund that is committed, and settle it when the answer is one."""
    claimed = _claimed(refund.refund_id, parts)
    if claimed is None:
        return
    answer = parts.alipay.refund(order.out_trade_no, claimed.amount, claimed.out_request_no)
    step = rules.after_refund(answer)
    if step is Next.ASK:
        told = parts.alipay.refund_query(order.out_trade_no, claimed.out_request_no)
        step = rules.after_query(answer, told)
    if step is Next.SUCCEEDED:
        _succeed(claimed, parts)
    elif step is Next.FAILED:
        _fail(claimed, str(answer), parts)
    else:
        logger.warning("refund not done yet", refund_id=refund.refund_id, detail=str(answer))


def _claimed(refund_id: UUID, parts: PaymentsParts) -> Refund | None:
    """The refund, if it is due and not done: nobody else asks for it for a while, and the next time is set."""
    now = parts.clock()
    with parts.work.begin() as tx:
        refund = tx.refund(refund_id)
        if refund is None or refund.next_look_at is None or refund.next_look_at > now:
            return None
        refund = rules.claimed(refund, now)
        tx.save_refund(refund)
    return refund


def _succeed(refund: Refund, parts: PaymentsParts) -> None:
    now = parts.clock()
    with parts.work.begin() as tx:
        order, held = held_order(refund.order_id, tx), tx.refund(refund.refund_id)
        if order is None or held is None or held.state is not RefundState.REQUESTED:
            return
        tx.save_refund(rules.settled(held, RefundState.SUCCEEDED, now))
        _count_refund(order, held, now, tx)


def _count_refund(order: Order, refund: Refund, now: datetime, tx: PaymentsTransaction) -> None:
    """Money went back: in the books, in the order, told to its owner."""
    tx.add_entry(ledger.refund_paid(refund, now))
    order = replace(order, refunded=order.refunded + refund.amount)
    if order.refunded == order.amount:
        order = order_rules.move(order, OrderState.REFUNDED)
        metrics.ORDERS.labels(order.state).inc()
    if order.subject_id is not None:
        event = contract.OrderRefunded(subject_id=order.subject_id, order_id=order.order_id, refunded=order.refunded)
        tx.publish(event)
        order = replace(order, event_id=event.message_id)
    tx.save_order(order)
    metrics.REFUNDS.labels(refund.cause, "succeeded").inc()
    logger.info("refunded", order_id=order.order_id, refund_id=refund.refund_id, amount=refund.amount)


def _fail(refund: Refund, trouble: str, parts: PaymentsParts) -> None:
    """Alipay refuses for good. What was bought is given again. What cannot be (paid too late, or bought anew meanwhile) stays owed: an alert, retried."""
    now = parts.clock()
    with parts.work.begin() as tx:
        order, held = held_order(refund.order_id, tx), tx.refund(refund.refund_id)
        if order is None or held is None or held.state is not RefundState.REQUESTED:
            return
        logger.error("refund refused", order_id=order.order_id, refund_id=held.refund_id, detail=trouble)
        if order.state is OrderState.RETURNING or is_unlocked_already(order, tx):
            tx.save_refund(replace(held, trouble=trouble))
            return
        tx.save_refund(rules.settled(held, RefundState.FAILED, now, trouble))
        tx.add_entry(ledger.refund_withdrawn(held, now))
        give_again(order, held, now, tx, whole=order.refunded + held.amount == order.amount)
    metrics.REFUNDS.labels(refund.cause, "failed").inc()


def _asked_before(request: contract.RefundOrder, tx: PaymentsTransaction) -> bool:
    if not request.idempotency_key:
        return False
    scope = f"refund:{request.subject_id}"
    if tx.recall(scope, request.idempotency_key, request.fingerprint) is not None:
        return True
    answer = {"order_id": str(request.order_id)}
    tx.remember(scope, request.idempotency_key, request.fingerprint, request.subject_id, answer)
    return False


def _request_no(order_id: UUID, key: str) -> str:
    return "K" + hashlib.sha256(f"{order_id}\x1f{key}".encode()).hexdigest()[:40]
