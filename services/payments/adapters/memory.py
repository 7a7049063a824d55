"""Payments' data in memory: the twin of PostgreSQL for tests and simulations."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.payments.adapters.memory_books import MemoryBooks
from services.payments.adapters.memory_state import LostPhoto, PaymentsState
from services.payments.domain.entitlements import Grant, Unlock
from services.payments.domain.orders import PAID_STATES, Order, OrderState
from services.payments.domain.refunds import Refund, RefundState
from shared.kernel.clock import Clock, utc_now
from shared.kernel.personal import Secret
from shared.testing.faults import Hook, calm
from shared.testing.memory_work import ConstraintBroken, MemoryTransaction, MemoryWork, delete_where

NEWS_LIMIT = 200


class _Orders(MemoryTransaction[PaymentsState]):
    """Orders."""

    def add_order(self, order: Order) -> None:
        """A new order."""
        if order.order_id in self.state.orders:
            raise ConstraintBroken("order twice")
        self._put(order)

    def order_seen(self, order_id: UUID) -> Order | None:
        """An order by id."""
        return self.state.orders.get(order_id)

    def order(self, order_id: UUID) -> Order | None:
        """An order by id."""
        return self.state.orders.get(order_id)

    def save_order(self, order: Order) -> None:
        """An order's new state and facts."""
        if order.order_id in self.state.orders:
            self._put(order)

    def orders_of(self, subject_id: UUID, limit: int, before: UUID | None) -> list[Order]:
        """The subject's orders, newest first."""
        mine = [o for o in self.all_orders_of(subject_id) if before is None or o.order_id < before]
        return sorted(mine, key=lambda order: order.order_id, reverse=True)[:limit]

    def orders_with_news(self, subject_id: UUID, after: UUID) -> list[Order]:
        """The subject's orders whose last event came after ``after``, oldest event first."""
        found = [(o.event_id, o) for o in self.all_orders_of(subject_id) if o.event_id is not None]
        return [order for event, order in sorted(found, key=lambda pair: pair[0]) if event > after][:NEWS_LIMIT]

    def orders_due(self, now: datetime, limit: int) -> list[Order]:
        """Orders to be looked at."""
        due = [(o.next_look_at, o) for o in self.state.orders.values() if o.next_look_at and o.next_look_at <= now]
        return [order for _, order in sorted(due, key=lambda pair: pair[0])][:limit]

    def orders_listed(self, state: str | None, limit: int) -> list[Order]:
        """Orders for operators, newest first."""
        found = [order for order in self.state.orders.values() if state is None or order.state == state]
        return sorted(found, key=lambda order: order.order_id, reverse=True)[:limit]

    def all_orders_of(self, subject_id: UUID) -> list[Order]:
        """Every order of the subject."""
        return [order for order in self.state.orders.values() if order.subject_id == subject_id]

    def delete_orders_kept_until(self, now: datetime, limit: int) -> int:
        """Delete orders of nobody that need not be kept any longer; how many."""
        old = [
            order.order_id
            for order in self.state.orders.values()
            if order.subject_id is None and order.keep_until and order.keep_until < now and not order.next_look_at
        ][:limit]
        delete_where(self.state.refunds, lambda refund: refund.order_id in old)
        return delete_where(self.state.orders, lambda order: order.order_id in old)

    def _put(self, order: Order) -> None:
        is_paid = order.state in PAID_STATES
        if is_paid != (order.trade_no is not None and order.paid_at is not None):
            raise ConstraintBroken("who paid has a trade number and a time, and nobody else has")
        if (order.state is OrderState.REFUNDED) != (order.refunded == order.amount) or order.refunded < 0:
            raise ConstraintBroken("refunded is refunded in full")
        if order.subject_id is None and (order.photo_id or order.pay or order.event_id):
            raise ConstraintBroken("an order of nobody leads to nobody")
        self.state.orders[order.order_id] = order


class _Refunds(MemoryTransaction[PaymentsState]):
    """Refunds."""

    def add_refund(self, refund: Refund) -> None:
        """A new refund."""
        others = self.refunds_of(refund.order_id)
        if self.refund_of_request(refund.out_request_no) is not None:
            raise ConstraintBroken("request number twice")
        if refund.state is RefundState.REQUESTED and any(r.state is RefundState.REQUESTED for r in others):
            raise ConstraintBroken("one refund of an order at a time")
        self.state.refunds[refund.refund_id] = refund

    def refund(self, refund_id: UUID) -> Refund | None:
        """A refund by id."""
        return self.state.refunds.get(refund_id)

    def refund_of_request(self, out_request_no: str) -> Refund | None:
        """A refund by its number at Alipay."""
        return next((r for r in self.state.refunds.values() if r.out_request_no == out_request_no), None)

    def refunds_of(self, order_id: UUID) -> list[Refund]:
        """An order's refunds, oldest first."""
        found = [refund for refund in self.state.refunds.values() if refund.order_id == order_id]
        return sorted(found, key=lambda refund: refund.refund_id)

    def save_refund(self, refund: Refund) -> None:
        """A refund's new state and facts."""
        if refund.refund_id in self.state.refunds:
            self.state.refunds[refund.refund_id] = refund

    def refunds_due(self, now: datetime, limit: int) -> list[Refund]:
        """Refunds to be asked for."""
        due = [(r.next_look_at, r) for r in self.state.refunds.values() if r.next_look_at and r.next_look_at <= now]
        return [refund for _, refund in sorted(due, key=lambda pair: pair[0])][:limit]

    def refund_figures(self, now: datetime) -> tuple[int, float]:
        """How many refunds have trouble, and the age in seconds of the oldest that is not done."""
        pending = [refund for refund in self.state.refunds.values() if refund.state is RefundState.REQUESTED]
        oldest = min((refund.created_at for refund in pending), default=now)
        return sum(refund.trouble is not None for refund in pending), (now - oldest).total_seconds()


class MemoryPayments(_Orders, _Refunds, MemoryBooks):
    """One transaction on payments' tables."""

    def add_grant(self, grant: Grant) -> None:
        """New credits or a pass."""
        if grant.grant_id in self.state.grants:
            raise ConstraintBroken("grant twice")
        self.save_grant(grant, new=True)

    def save_grant(self, grant: Grant, *, new: bool = False) -> None:
        """How much of it is used or taken back, and whose it is."""
        overdrawn = grant.kind == "credits" and grant.used + grant.taken_back > grant.total
        if overdrawn or grant.used < 0 or grant.taken_back < 0:
            raise ConstraintBroken("more credits spent than there are")
        if new or grant.grant_id in self.state.grants:
            self.state.grants[grant.grant_id] = grant

    def grants_of(self, subject_id: UUID) -> list[Grant]:
        """The subject's credits and passes, oldest first."""
        found = [grant for grant in self.state.grants.values() if grant.subject_id == subject_id]
        return sorted(found, key=lambda grant: grant.grant_id)

    def grants_of_order(self, order_id: UUID) -> list[Grant]:
        """What an order handed over."""
        found = [grant for grant in self.state.grants.values() if grant.order_id == order_id]
        return sorted(found, key=lambda grant: grant.grant_id)

    def add_unlock(self, unlock: Unlock) -> None:
        """A reason why a photo is unlocked."""
        if unlock.unlock_id in self.state.unlocks or (unlock.order_id is None) == (unlock.grant_id is None):
            raise ConstraintBroken("unlock twice, or without one reason")
        self.state.unlocks[unlock.unlock_id] = unlock

    def end_unlock(self, unlock_id: UUID, now: datetime) -> None:
        """A refund took it back."""
        self.state.unlocks[unlock_id] = replace(self.state.unlocks[unlock_id], ended_at=now)

    def unlocks_of(self, subject_id: UUID, photo_id: UUID | None = None) -> list[Unlock]:
        """Every reason there is or was, of all the subject's photos or of one, oldest first."""
        mine = [unlock for unlock in self.state.unlocks.values() if unlock.subject_id == subject_id]
        found = [unlock for unlock in mine if photo_id is None or unlock.photo_id == photo_id]
        return sorted(found, key=lambda unlock: unlock.unlock_id)

    def unlocks_of_order(self, order_id: UUID) -> list[Unlock]:
        """The reasons that an order gave."""
        found = [unlock for unlock in self.state.unlocks.values() if unlock.order_id == order_id]
        return sorted(found, key=lambda unlock: unlock.unlock_id)

    def delete_unlocks(self, subject_id: UUID) -> int:
        """Delete every reason of the subject's; how many."""
        return delete_where(self.state.unlocks, lambda unlock: unlock.subject_id == subject_id)

    def delete_grants(self, subject_id: UUID) -> int:
        """Delete the subject's credits and passes; how many."""
        return delete_where(self.state.grants, lambda grant: grant.subject_id == subject_id)

    # ---- photos that are lost

    def add_lost_photo(self, photo_id: UUID, subject_id: UUID, now: datetime) -> None:
        """A photo that cannot be had any more. Again is fine."""
        self.state.lost_photos.setdefault(photo_id, LostPhoto(photo_id, subject_id, now))

    def is_lost(self, photo_id: UUID) -> bool:
        """Whether it is known to be lost."""
        return photo_id in self.state.lost_photos

    def delete_lost_photos(self, before: datetime, limit: int) -> int:
        """Delete those lost before a moment; how many."""
        old = [lost.photo_id for lost in self.state.lost_photos.values() if lost.lost_at < before][:limit]
        return delete_where(self.state.lost_photos, lambda lost: lost.photo_id in old)

    def forget_lost_photos(self, subject_id: UUID) -> int:
        """Delete the subject's; how many."""
        return delete_where(self.state.lost_photos, lambda lost: lost.subject_id == subject_id)

    # ---- the subject as a whole

    def subjects_held(self, after: UUID | None, limit: int) -> list[UUID]:
        """Subjects that anything here names, in order, after one."""
        return self._page(
            after, limit, self.state.orders, self.state.grants, self.state.unlocks, self.state.lost_photos
        )

    def count_subject(self, subject_id: UUID) -> dict[str, int]:
        """How many rows name the subject, by kind."""
        return {
            "orders": len(self.all_orders_of(subject_id)),
            "grants": len(self.grants_of(subject_id)),
            "unlocks": len(self.unlocks_of(subject_id)),
            "lost_photos": sum(lost.subject_id == subject_id for lost in self.state.lost_photos.values()),
            "idempotency": self._count_answers(subject_id),
        }


def memory_payments(
    tombstone_key: Secret[bytes], *, clock: Clock = utc_now, hook: Hook = calm
) -> MemoryWork[PaymentsState, MemoryPayments]:
    """Payments' work in memory, empty."""
    return MemoryWork(PaymentsState(), MemoryPayments, tombstone_key, clock=clock, hook=hook)
