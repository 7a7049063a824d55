"""Orders as their owners know them: what can be bought, opening one, looking at them. Plain functions.

Alipay is asked outside of transactions; an order is committed before its payment string exists.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from services.payments.disclosing import OPENING, told_alipay
from services.payments.domain import orders as rules
from services.payments.domain.orders import Order, OrderState
from services.payments.domain.products import Product
from services.payments.domain.refunds import Refund
from services.payments.domain.trades import Failure, Unknown
from services.payments.entitlement_cases import entitlements, is_unlocked_for, refuse_lost, unlocked_photos
from services.payments.holding import held_order
from services.payments.ports import PaymentsParts, PaymentsTransaction
from shared.contracts import bookkeeping
from shared.contracts import payments as contract
from shared.kernel import log
from shared.kernel.errors import BadRequest, Code, NotFound, PocketError, Unavailable
from shared.kernel.ids import new_id
from shared.telemetry import metrics

logger = log.get_logger("payments")
PAGE_LIMIT = 200
OPERATORS_LIMIT = 1000
EXPORT_AT_MOST = 5000
"""More orders than anybody has."""


def list_products(parts: PaymentsParts) -> contract.ProductList:
    """What can be bought, in the catalogue's order."""
    return contract.ProductList(items=[_product(product) for product in parts.products.values()])


def open_order(request: contract.OpenOrder, parts: PaymentsParts) -> contract.OrderState:
    """A new order with what to pay by; called again with its key, the same one.

    Raises ``bad_request``, ``already_unlocked``, ``conflict`` (the photo is lost), ``idempotency_conflict``, ``unavailable`` (Alipay gave no code: call again).
    """
    product = parts.products.get(request.product)
    if product is None or (product.for_photo and request.photo_id is None):
        field, kind = ("product", "no_such_product") if product is None else ("photo_id", "missing")
        raise BadRequest(f"{field}: {kind}", public_extra={"field": field, "kind": kind})
    if request.photo_id is not None and not product.for_photo:
        raise BadRequest("photo_id: not taken", public_extra={"field": "photo_id", "kind": "not_taken"})
    photo_id = request.photo_id
    with parts.work.begin() as tx:
        tx.hold_unfenced(request.subject_id)
        order = _opened_before(request, tx)
        if order is None:
            if photo_id and is_unlocked_for(request.subject_id, photo_id, product.unlocks, tx):
                raise PocketError("unlocked", code=Code.ALREADY_UNLOCKED)
            if photo_id:
                refuse_lost(photo_id, tx)
            now = parts.clock()
            order = rules.new_order(
                new_id(), request.subject_id, product, request.channel, photo_id, now, parts.order_life
            )
            tx.add_order(order)
            told_alipay(order, OPENING, tx)
            _remember(request, order, tx)
            metrics.ORDERS.labels(order.state).inc()
    if order.state is OrderState.OPEN and order.pay is None:
        order = _made_payable(order, parts)
    return shown(order, [], parts)


def get_order(request: contract.GetOrder, parts: PaymentsParts) -> contract.OrderState:
    """One order of the subject; somebody else's is not found. Who asks has perhaps just paid: Alipay is asked soon, too."""
    now = parts.clock()
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        order = owned(tx.order_seen(request.order_id), request.subject_id)
        if rules.look_soon(order, now) != order:
            order = owned(tx.order(request.order_id), request.subject_id)
            order = rules.look_soon(order, now)
            tx.save_order(order)
        return shown(order, tx.refunds_of(order.order_id), parts)


def list_orders(request: contract.ListOrders, parts: PaymentsParts) -> contract.OrderPage:
    """The subject's orders, newest first, a page at a time."""
    limit = max(1, min(request.limit, PAGE_LIMIT))
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        orders = tx.orders_of(request.subject_id, limit + 1, request.cursor)
        items = [shown(order, tx.refunds_of(order.order_id), parts) for order in orders[:limit]]
    more = orders[limit - 1].order_id if len(orders) > limit else None
    return contract.OrderPage(items=items, next_cursor=more)


def export_subject(request: bookkeeping.ExportSubject, parts: PaymentsParts) -> bookkeeping.PaymentsPortion:
    """Payments' part of an export: all orders, without what one pays by."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        orders = tx.orders_of(request.subject_id, EXPORT_AT_MOST, None)
        items = [shown(order, tx.refunds_of(order.order_id), parts) for order in orders]
        unlocked = unlocked_photos(request.subject_id, tx)
    left = entitlements(contract.Entitlements(subject_id=request.subject_id), parts)
    bare = [order.model_copy(update={"pay": None}) for order in items]
    return bookkeeping.PaymentsPortion(orders=bare, unlocked=unlocked, entitlements=left)


def order_news(request: contract.OrderNews, parts: PaymentsParts) -> contract.OrderPage:
    """The orders whose last event an interrupted stream has missed."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        orders = tx.orders_with_news(request.subject_id, request.after)
    return contract.OrderPage(items=[shown(order, [], parts) for order in orders])


def orders_for_operators(request: bookkeeping.OrdersForOperators, parts: PaymentsParts) -> contract.OrderPage:
    """Orders, newest first; whose they are, nobody is told."""
    if request.status is not None and request.status not in set(OrderState):
        raise BadRequest("no such status")
    with parts.work.begin() as tx:
        orders = tx.orders_listed(request.status, max(1, min(request.limit, OPERATORS_LIMIT)))
    return contract.OrderPage(items=[for_operators(order, [], parts) for order in orders])


def order_for_operators(order_id: UUID, parts: PaymentsParts) -> contract.OrderState:
    """One order with its refunds; raises ``not_found``."""
    with parts.work.begin() as tx:
        order = tx.order_seen(order_id)
        if order is None:
            raise NotFound("order")
        return for_operators(order, tx.refunds_of(order_id), parts)


def owned(order: Order | None, subject_id: UUID) -> Order:
    """The order, when it is the subject's; raises ``not_found``."""
    if order is None or order.subject_id != subject_id:
        raise NotFound("order")
    return order


def shown(order: Order, refunds: list[Refund], parts: PaymentsParts) -> contract.OrderState:
    """An order as the contract tells it."""
    payable = order.state is OrderState.OPEN and parts.clock() < order.expires_at
    return contract.OrderState(
        order_id=order.order_id,
        product=order.product.product,
        product_version=order.product.version,
        name={"zh": order.product.name_zh, "en": order.product.name_en},
        amount=order.amount,
        refunded=order.refunded,
        status=order.state,
        channel=order.channel,
        photo_id=order.photo_id,
        created_at=order.created_at,
        expires_at=order.expires_at,
        paid_at=order.paid_at,
        pay=dict(order.pay) if order.pay and payable else None,
        refunds=tuple(_refund(refund) for refund in refunds),
        event_id=order.event_id,
    )


def for_operators(order: Order, refunds: list[Refund], parts: PaymentsParts) -> contract.OrderState:
    """An order without what could be paid by, or leads to a person."""
    return shown(replace(order, pay=None, photo_id=None), refunds, parts)


def _opened_before(request: contract.OpenOrder, tx: PaymentsTransaction) -> Order | None:
    if not request.idempotency_key:
        return None
    before = tx.recall(f"order:{request.subject_id}", request.idempotency_key, request.fingerprint)
    return owned(tx.order(UUID(before["order_id"])), request.subject_id) if before is not None else None


def _remember(request: contract.OpenOrder, order: Order, tx: PaymentsTransaction) -> None:
    if request.idempotency_key:
        answer = {"order_id": str(order.order_id)}
        scope = f"order:{request.subject_id}"
        tx.remember(scope, request.idempotency_key, request.fingerprint, request.subject_id, answer)


def _made_payable(order: Order, parts: PaymentsParts) -> Order:
    """The order with what to pay by, made once and kept, so that the same call gives the same answer."""
    pay = parts.alipay.pay(order)
    if isinstance(pay, (Failure, Unknown)):
        logger.warning("no payment code", order_id=order.order_id, detail=str(pay))
        raise Unavailable("Alipay gave no payment code")
    with parts.work.begin() as tx:
        held = held_order(order.order_id, tx)
        if held is None or held.subject_id != order.subject_id:
            raise NotFound("order")
        if held.state is OrderState.OPEN and held.pay is None:
            held = replace(held, pay=pay)
            tx.save_order(held)
    return held


def _product(product: Product) -> contract.Product:
    return contract.Product(
        product=product.product,
        version=product.version,
        name={"zh": product.name_zh, "en": product.name_en},
        price=product.price,
        for_photo=product.for_photo,
        unlocks=list(product.unlocks),
        credits=product.credits,
        days=product.days,
    )


def _refund(refund: Refund) -> contract.RefundState:
    return contract.RefundState(
        refund_id=refund.refund_id,
        amount=refund.amount,
        status=refund.state,
        cause=refund.cause,
        created_at=refund.created_at,
    )
