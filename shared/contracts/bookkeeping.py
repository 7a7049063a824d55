"""What operators can ask of payments: orders whose owners they are not told, refunds, a day's bill against the books."""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

from shared.contracts.base import Answer, Call
from shared.contracts.payments import EntitlementList, OrderPage, OrderState, UnlockedPhoto


class OrdersForOperators(Call[OrderPage]):
    """For operators: orders, all or in one state. Whose they are, nobody is told."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "orders_for_operators"
    answer: ClassVar[type[Answer]] = OrderPage
    status: str | None = None
    limit: int = 100


class OrderForOperators(Call[OrderState]):
    """For operators: one order with its refunds."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "order_for_operators"
    answer: ClassVar[type[Answer]] = OrderState
    order_id: UUID


class RefundForOperators(Call[OrderState]):
    """For operators: pay back ``amount`` fen, or all that is left; the same ``key`` again is the same refund."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "refund_for_operators"
    answer: ClassVar[type[Answer]] = OrderState
    order_id: UUID
    amount: int | None = None
    key: str | None = None


class Difference(Answer):
    """Where Alipay's bill and our books do not agree; amounts in fen, None where one side knows nothing."""

    kind: str
    reference: str
    ours: int | None = None
    theirs: int | None = None
    status: str


class Reconciled(Answer):
    """What comparing one day's bill with our books found; ``status`` is compared, empty or not_ready."""

    day: date
    status: str
    payments: int
    refunds: int
    amount: int
    differences: list[Difference]


class ReconcileDay(Call[Reconciled]):
    """For operators: fetch a day's bill (Beijing time) and compare it with our books, both ways."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "reconcile_day"
    answer: ClassVar[type[Answer]] = Reconciled
    day: date


# ---- the portion of an export


class PaymentsPortion(Answer):
    """Payments' part of an export: every order with its refunds, what is unlocked, what may still be unlocked."""

    orders: list[OrderState]
    unlocked: list[UnlockedPhoto]
    entitlements: EntitlementList


class ExportSubject(Call[PaymentsPortion]):
    """All that payments has of a subject."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "export_subject"
    answer: ClassVar[type[Answer]] = PaymentsPortion
    subject_id: UUID
