"""What payments' use cases need from outside: a database (PostgreSQL or a memory twin), and Alipay (or a twin of it)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.payments.domain.entitlements import Grant, Unlock
from services.payments.domain.ledger import Balances, Entry
from services.payments.domain.notices import Notice
from services.payments.domain.orders import Order
from services.payments.domain.products import Product
from services.payments.domain.reconciliation import Difference, Movement
from services.payments.domain.refunds import Refund
from services.payments.domain.trades import Closed, Failure, Merchant, RefundAnswer, Trade, Unknown
from shared.kernel.clock import Clock
from shared.kernel.personal import Secret
from shared.messaging.transaction import EveryTransaction


class PaymentsTransaction(EveryTransaction, Protocol):
    """One transaction on payments' data (the parts every service has, then payments' own)."""

    # ---- orders

    def add_order(self, order: Order) -> None:
        """A new order."""

    def order_seen(self, order_id: UUID) -> Order | None:
        """An order by id, not held: it may change at once."""

    def order(self, order_id: UUID) -> Order | None:
        """An order by id, held until this transaction ends."""

    def save_order(self, order: Order) -> None:
        """An order's new state and facts."""

    def orders_of(self, subject_id: UUID, limit: int, before: UUID | None) -> list[Order]:
        """The subject's orders, newest first."""

    def orders_with_news(self, subject_id: UUID, after: UUID) -> list[Order]:
        """The subject's orders whose last event came after ``after``, oldest event first."""

    def orders_due(self, now: datetime, limit: int) -> list[Order]:
        """Orders to be looked at, held until this transaction ends; those that others hold are passed over."""

    def orders_listed(self, state: str | None, limit: int) -> list[Order]:
        """Orders for operators, newest first."""

    def all_orders_of(self, subject_id: UUID) -> list[Order]:
        """Every order of the subject, held until this transaction ends."""

    def delete_orders_kept_until(self, now: datetime, limit: int) -> int:
        """Delete orders of nobody that need not be kept any longer; how many."""

    # ---- refunds

    def add_refund(self, refund: Refund) -> None:
        """A new refund."""

    def refund(self, refund_id: UUID) -> Refund | None:
        """A refund by id, held until this transaction ends."""

    def refund_of_request(self, out_request_no: str) -> Refund | None:
        """A refund by its number at Alipay."""

    def refunds_of(self, order_id: UUID) -> list[Refund]:
        """An order's refunds, oldest first."""

    def save_refund(self, refund: Refund) -> None:
        """A refund's new state and facts."""

    def refunds_due(self, now: datetime, limit: int) -> list[Refund]:
        """Refunds to be asked for, held until this transaction ends; those that others hold are passed over."""

    def refund_figures(self, now: datetime) -> tuple[int, float]:
        """How many refunds have trouble, and the age in seconds of the oldest that is not done."""

    # ---- the books

    def add_entry(self, entry: Entry) -> bool:
        """Book a fact; False when it is booked already."""

    def balances(self) -> Balances:
        """The books' sums, and what orders and refunds say."""

    # ---- entitlements

    def add_grant(self, grant: Grant) -> None:
        """New credits or a pass."""

    def save_grant(self, grant: Grant) -> None:
        """How much of it is used or taken back, and whose it is."""

    def grants_of(self, subject_id: UUID) -> list[Grant]:
        """The subject's credits and passes, oldest first."""

    def grants_of_order(self, order_id: UUID) -> list[Grant]:
        """What an order handed over."""

    def add_unlock(self, unlock: Unlock) -> None:
        """A reason why a photo is unlocked."""

    def end_unlock(self, unlock_id: UUID, now: datetime) -> None:
        """A refund took it back."""

    def unlocks_of(self, subject_id: UUID, photo_id: UUID | None = None) -> list[Unlock]:
        """Every reason there is or was, of all the subject's photos or of one, oldest first."""

    def unlocks_of_order(self, order_id: UUID) -> list[Unlock]:
        """The reasons that an order gave."""

    def delete_unlocks(self, subject_id: UUID) -> int:
        """Delete every reason of the subject's; how many."""

    def delete_grants(self, subject_id: UUID) -> int:
        """Delete the subject's credits and passes; how many."""

    # ---- photos that are lost

    def add_lost_photo(self, photo_id: UUID, subject_id: UUID, now: datetime) -> None:
        """A photo that cannot be had any more. Again is fine."""

    def is_lost(self, photo_id: UUID) -> bool:
        """Whether it is known to be lost."""

    def delete_lost_photos(self, before: datetime, limit: int) -> int:
        """Delete those lost before a moment; how many."""

    def forget_lost_photos(self, subject_id: UUID) -> int:
        """Delete the subject's; how many."""

    def forget_answers(self, subject_id: UUID) -> int:
        """Delete what idempotency keys remember of a subject; how many."""

    def subjects_held(self, after: UUID | None, limit: int) -> list[UUID]:
        """Subjects that anything here names, in order, after one."""

    def count_subject(self, subject_id: UUID) -> dict[str, int]:
        """How many rows name the subject, by kind."""

    # ---- reconciliation

    def payments_between(self, begin: datetime, end: datetime, references: Iterable[UUID]) -> list[Movement]:
        """Payments of a span of time, and those of the named orders whenever they were."""

    def refunds_between(self, begin: datetime, end: datetime, references: Iterable[str]) -> list[Movement]:
        """Refunds done in a span of time, and those of the named requests whenever they were."""

    def is_compared(self, day: date) -> bool:
        """Whether a day's bill was compared."""

    def compared(self, day: date, now: datetime) -> None:
        """A day's bill is compared."""

    def add_difference(self, difference: Difference) -> bool:
        """A difference that was found; False when it is known already."""

    def differences(self, day: date) -> list[Difference]:
        """Every difference of a day, open or resolved."""

    def resolve_difference(self, difference: Difference) -> None:
        """Both sides agree by now."""

    def count_open_differences(self) -> int:
        """How many wait for somebody to explain them."""


class PaymentsWork(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractContextManager[PaymentsTransaction]:
        """A transaction: committed at the end of the block, rolled back on an exception."""


class Alipay(Protocol):
    """Alipay, as we need it. Every call ends in facts, a definite :class:`Failure`, or :class:`Unknown`."""

    def pay(self, order: Order) -> dict[str, str] | Failure | Unknown:
        """What the buyer pays with: ``order_string``, ``url`` (both made here, without a call) or ``qr``."""

    def query(self, out_trade_no: str) -> Trade | Failure | Unknown:
        """A trade as it is now."""

    def close(self, out_trade_no: str) -> Closed | Failure | Unknown:
        """Close an unpaid trade."""

    def refund(self, out_trade_no: str, amount: int, out_request_no: str) -> RefundAnswer | Failure | Unknown:
        """Pay back ``amount`` fen; the same request number again pays nothing more."""

    def refund_query(self, out_trade_no: str, out_request_no: str) -> RefundAnswer | Failure | Unknown:
        """Whether a refund was done."""

    def bill(self, day: date) -> bytes | Failure | Unknown:
        """The archive with a day's bill."""

    def read_notice(self, body: bytes) -> Notice:
        """A notice whose signature holds; raises :class:`Forged`, and nothing else."""


@dataclass(frozen=True, slots=True)
class PaymentsParts:
    """Everything payments' use cases depend on."""

    work: PaymentsWork
    alipay: Alipay
    merchant: Merchant
    products: Mapping[str, Product]
    notice_key: Secret[bytes]
    clock: Clock
    order_life: timedelta
