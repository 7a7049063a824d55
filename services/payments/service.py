"""Payments' entry points: a table of contents."""

from __future__ import annotations

from nameko.timer import timer

from services.payments import (
    bill_cases,
    entitlement_cases,
    erasure_cases,
    payment_cases,
    photo_cases,
    refund_cases,
    use_cases,
)
from services.payments.audit_service import AuditEntryPoints
from services.payments.listening_service import ListeningEntryPoints
from services.payments.ports import PaymentsParts
from shared.contracts import bookkeeping, payments
from shared.host.answering import answers
from shared.host.running import Part, quietly


class PaymentsService(AuditEntryPoints, ListeningEntryPoints):
    """Takes money through Alipay and says who may download what."""

    name = "payments"
    parts: PaymentsParts = Part("payments")

    @answers(payments.ListProducts)
    def list_products(self, request: payments.ListProducts) -> payments.ProductList:
        """What can be bought."""
        return use_cases.list_products(self.parts)

    @answers(payments.OpenOrder)
    def open_order(self, request: payments.OpenOrder) -> payments.OrderState:
        """Open an order."""
        return use_cases.open_order(request, self.parts)

    @answers(payments.GetOrder)
    def get_order(self, request: payments.GetOrder) -> payments.OrderState:
        """One order."""
        return use_cases.get_order(request, self.parts)

    @answers(payments.ListOrders)
    def list_orders(self, request: payments.ListOrders) -> payments.OrderPage:
        """The subject's orders."""
        return use_cases.list_orders(request, self.parts)

    @answers(payments.OrderNews)
    def order_news(self, request: payments.OrderNews) -> payments.OrderPage:
        """What an interrupted event stream has missed."""
        return use_cases.order_news(request, self.parts)

    @answers(payments.RefundOrder)
    def refund_order(self, request: payments.RefundOrder) -> payments.OrderState:
        """The owner wants its money back."""
        return refund_cases.refund_order(request, self.parts)

    @answers(payments.HearNotice)
    def hear_notice(self, request: payments.HearNotice) -> payments.NoticeHeard:
        """A notice of Alipay's."""
        return payment_cases.hear_notice(request, self.parts)

    @answers(payments.UnlockPhoto)
    def unlock_photo(self, request: payments.UnlockPhoto) -> payments.UnlockedPhoto:
        """Spend a credit, or use a pass."""
        return entitlement_cases.unlock_photo(request, self.parts)

    @answers(payments.PhotoAccess)
    def photo_access(self, request: payments.PhotoAccess) -> payments.UnlockedPhoto:
        """What of a photo may be downloaded."""
        return entitlement_cases.photo_access(request, self.parts)

    @answers(payments.Entitlements)
    def entitlements(self, request: payments.Entitlements) -> payments.EntitlementList:
        """Credits and passes."""
        return entitlement_cases.entitlements(request, self.parts)

    @answers(bookkeeping.OrdersForOperators)
    def orders_for_operators(self, request: bookkeeping.OrdersForOperators) -> payments.OrderPage:
        """Orders, for operators."""
        return use_cases.orders_for_operators(request, self.parts)

    @answers(bookkeeping.OrderForOperators)
    def order_for_operators(self, request: bookkeeping.OrderForOperators) -> payments.OrderState:
        """One order, for operators."""
        return use_cases.order_for_operators(request.order_id, self.parts)

    @answers(bookkeeping.RefundForOperators)
    def refund_for_operators(self, request: bookkeeping.RefundForOperators) -> payments.OrderState:
        """An operator pays back."""
        return refund_cases.refund_for_operators(request, self.parts)

    @answers(bookkeeping.ReconcileDay)
    def reconcile_day(self, request: bookkeeping.ReconcileDay) -> bookkeeping.Reconciled:
        """Compare a day's bill with our books."""
        return bill_cases.reconcile_day(request, self.parts)

    @timer(interval=1)
    @quietly
    def look_after_money(self) -> None:
        """Every second: lost notices, expired orders, refunds that are not done."""
        payment_cases.look_after_orders(self.parts)
        refund_cases.look_after_refunds(self.parts)

    @timer(interval=3600)
    @quietly
    def check_books(self) -> None:
        """Every hour: the books against themselves, and against the bills that are ready."""
        bill_cases.check_ledger(self.parts)
        bill_cases.reconcile_yesterday(self.parts)

    @timer(interval=3600)
    @quietly
    def forget_old_orders(self) -> None:
        """Every hour: orders, and lost photos, that need not be kept any longer."""
        erasure_cases.forget_old_orders(self.parts)
        photo_cases.forget_lost_photos(self.parts)
