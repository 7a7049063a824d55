"""Facts of payments, from notices and queries alike: each is booked once, whatever way, order or number of times it comes.

Whoever pays is served or gets the money back: what cannot be served any more (closed, erased, unlocked already, the photo lost) is
returned without being asked for.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import replace
from datetime import datetime

from services.payments.domain import ledger, notices
from services.payments.domain import orders as rules
from services.payments.domain.notices import Forged, Notice, Verdict
from services.payments.domain.orders import Order, OrderState
from services.payments.domain.refunds import ERASED, LATE, TWICE, UNUSABLE
from services.payments.domain.trades import CLOSED, PAID, Closed, Failure, Trade, Unknown
from services.payments.entitlement_cases import hand_over, is_unlocked_already
from services.payments.holding import held_order
from services.payments.ports import PaymentsParts, PaymentsTransaction
from services.payments.refund_cases import adopt_refund, promise_refund
from shared.contracts import payments as contract
from shared.crypto import Tampered, unseal
from shared.kernel import log
from shared.telemetry import metrics

logger = log.get_logger("payments")
LOOK_AT_ONCE = 20


def hear_notice(request: contract.HearNotice, parts: PaymentsParts) -> contract.NoticeHeard:
    """Take in a notice; accepted once what it tells is committed, or was before. A forged one is counted, and changes nothing."""
    try:
        body = unseal(parts.notice_key, b64decode(request.sealed, validate=True), contract.NOTICE_IDENTITY)
        notice = parts.alipay.read_notice(body)
        verdict = _take_in(notice, parts) if notice.notify_type == notices.TRADE_NOTICE else Verdict.NOTHING
    except Forged as error:
        metrics.NOTICES.labels(error.reason).inc()
        logger.warning("notice refused", reason=error.reason)
        return contract.NoticeHeard(accepted=False)
    except (Tampered, NotBase64, ValueError):
        metrics.NOTICES.labels("not_sealed").inc()
        return contract.NoticeHeard(accepted=False)
    metrics.NOTICES.labels(verdict).inc()
    return contract.NoticeHeard(accepted=True)


def look_after_orders(parts: PaymentsParts) -> int:
    """Every second: ask Alipay about orders whose notice may be lost, close those that expired; how many."""
    now = parts.clock()
    with parts.work.begin() as tx:
        due = [rules.claimed(order, now) for order in tx.orders_due(now, LOOK_AT_ONCE)]
        for order in due:
            tx.save_order(order)
    for order in due:
        look_at(order, parts)
    return len(due)


def look_at(order: Order, parts: PaymentsParts) -> None:
    """Ask Alipay about one order and act on it. What stays unknown is asked again at the next look."""
    found = parts.alipay.query(order.out_trade_no)
    if isinstance(found, Trade) and found.status in PAID:
        hear_trade(order, found, parts)
    elif isinstance(found, Trade) and found.status == CLOSED:
        _settle_unpaid(order, parts)
    elif isinstance(found, Trade):
        if order.state is not OrderState.OPEN:
            _close(order, parts)
    elif isinstance(found, Failure) and found.no_trade:
        if order.state is not OrderState.OPEN:
            # Nothing to close; the payment string stays good until the order expires, and a last look comes after that.
            _settle_unpaid(order, parts)
    else:
        logger.warning("order not looked at", order_id=order.order_id, detail=str(found))


def hear_trade(order: Order, trade: Trade, parts: PaymentsParts) -> None:
    """A query says that it is paid."""
    if trade.total != order.amount:
        logger.error("paid another amount", order_id=order.order_id, amount=trade.total)
        return
    now = parts.clock()
    with parts.work.begin() as tx:
        held = held_order(order.order_id, tx)
        if held is not None and held.state in rules.UNPAID:
            book_payment(held, trade.trade_no, trade.paid_at or now, now, tx)


def book_payment(order: Order, trade_no: str, paid_at: datetime, now: datetime, tx: PaymentsTransaction) -> Order:
    """The first payment of an unpaid order that is held: served, or to be returned."""
    cause = _why_not_served(order, tx)
    order = rules.paid(order, OrderState.RETURNING if cause else OrderState.PAID, trade_no, paid_at)
    tx.add_entry(ledger.payment(order.order_id, order.amount, paid_at, served=cause is None))
    if cause is None:
        hand_over(order, now, tx)
        if order.subject_id is not None:
            event = contract.OrderPaid(
                subject_id=order.subject_id, order_id=order.order_id, product=order.product.product
            )
            tx.publish(event)
            order = replace(order, event_id=event.message_id)
    tx.save_order(order)
    if cause is not None:
        promise_refund(order, order.amount, cause, now, tx)
    metrics.ORDERS.labels(order.state).inc()
    logger.info("order paid", order_id=order.order_id, state=order.state, cause=cause, amount=order.amount)
    return order


def _why_not_served(order: Order, tx: PaymentsTransaction) -> str | None:
    if order.subject_id is None:
        return ERASED
    if order.state is OrderState.CLOSED:
        return LATE
    if order.photo_id is not None and tx.is_lost(order.photo_id):
        return UNUSABLE
    return TWICE if is_unlocked_already(order, tx) else None


def _take_in(notice: Notice, parts: PaymentsParts) -> Verdict:
    order_id = rules.order_of_trade_no(notice.out_trade_no)
    now = parts.clock()
    with parts.work.begin() as tx:
        order = held_order(order_id, tx) if order_id else None
        verdict = notices.judged(notice, order, parts.merchant)
        if order is None:  # judged() has refused it
            return verdict
        if verdict in (Verdict.PAYMENT, Verdict.PAYMENT_AND_REFUND):
            order = book_payment(order, notice.trade_no, notice.paid_at or now, now, tx)
        if verdict in (Verdict.REFUND, Verdict.PAYMENT_AND_REFUND):
            adopt_refund(order, notice.refunded, notice.out_biz_no, now, tx)
        if verdict is Verdict.CLOSED and order.state is not OrderState.CLOSED:
            _save_closed(order, now, tx)
    return verdict


def _close(order: Order, parts: PaymentsParts) -> None:
    """Close at Alipay. Refused or unknown: the next look asks what it is now."""
    answer = parts.alipay.close(order.out_trade_no)
    if isinstance(answer, Closed):
        _settle_unpaid(order, parts)
    elif isinstance(answer, Unknown):
        logger.warning("not known whether closed", order_id=order.order_id, detail=answer.reason)


def _settle_unpaid(order: Order, parts: PaymentsParts) -> None:
    now = parts.clock()
    with parts.work.begin() as tx:
        held = held_order(order.order_id, tx)
        if held is not None and held.state in rules.UNPAID:
            _save_closed(held, now, tx)


def _save_closed(order: Order, now: datetime, tx: PaymentsTransaction) -> None:
    if order.state is not OrderState.CLOSED:
        metrics.ORDERS.labels(OrderState.CLOSED).inc()
    tx.save_order(rules.closed(order, now))
