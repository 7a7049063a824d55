"""What payments says, and what it can be asked: products, orders, refunds, entitlements. Money is integer fen."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from shared.contracts.auth import Count, SubjectPage
from shared.contracts.base import Answer, Call, Event, RepeatableCall
from shared.contracts.disclosure_codes import Ground, Told

Channel = Literal["app", "wap", "page", "qr"]

# ---- events


class OrderPaid(Event):
    """Said by payments when an order was paid and what it buys was handed over."""

    type: ClassVar[str] = "payments.order.paid.v1"
    must_be_heard: ClassVar[bool] = False
    order_id: UUID
    product: str


class OrderRefunded(Event):
    """Said by payments when money of an order went back; ``refunded`` is the sum so far, in fen."""

    type: ClassVar[str] = "payments.order.refunded.v1"
    must_be_heard: ClassVar[bool] = False
    order_id: UUID
    refunded: int


class PhotoUnlocked(Event):
    """Said by payments when a photo's files may be downloaded: ``scopes`` is all that is unlocked now.

    ``revision`` grows with every change of the photo: a listener drops what is older than what it knows.
    """

    type: ClassVar[str] = "payments.photo.unlocked.v1"
    photo_id: UUID
    revision: int
    scopes: list[str]


class PhotoLocked(Event):
    """Said by payments when a refund took (some of) a photo's unlocking back: ``scopes`` is what is left of it."""

    type: ClassVar[str] = "payments.photo.locked.v1"
    photo_id: UUID
    revision: int
    scopes: list[str]


class SubjectPurged(Event):
    """Said by payments when nothing here names the subject any more.

    ``counts`` is what was deleted, stripped or passed to the heir; ``kept`` what stays without the person, for the law.
    """

    type: ClassVar[str] = "payments.subject.purged.v1"
    purge_id: UUID
    counts: dict[str, int]
    kept: dict[str, int]


class SubjectDisclosed(Event):
    """Said by payments when Alipay was told something of a subject's: goes into its disclosure ledger."""

    type: ClassVar[str] = "payments.subject.disclosed.v1"
    recipient: str
    what: list[Told]
    ground: Ground
    order_id: UUID


# ---- products and orders


class Product(Answer):
    """Something that can be bought, at its present price."""

    product: str
    version: int
    name: dict[str, str]
    price: int
    for_photo: bool
    unlocks: list[str]
    credits: int = 0
    days: int = 0


class ProductList(Answer):
    """All that is on offer."""

    items: list[Product]


class ListProducts(Call[ProductList]):
    """What can be bought."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "list_products"
    answer: ClassVar[type[Answer]] = ProductList


class RefundState(Answer):
    """One refund; amounts in fen."""

    refund_id: UUID
    amount: int
    status: str
    cause: str
    created_at: datetime


class OrderState(Answer):
    """An order as its owner may see it; ``pay`` while it can be paid."""

    order_id: UUID
    product: str
    product_version: int
    name: dict[str, str]
    amount: int
    refunded: int
    status: str
    channel: str
    photo_id: UUID | None = None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None = None
    pay: dict[str, str] | None = None
    refunds: tuple[RefundState, ...] = ()
    event_id: UUID | None = None


class OpenOrder(Call[OrderState]):
    """Open an order. That the photo is the subject's own is the caller's to know."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "open_order"
    answer: ClassVar[type[Answer]] = OrderState
    subject_id: UUID
    product: str
    channel: Channel
    photo_id: UUID | None = None
    idempotency_key: str | None = None
    fingerprint: str = ""


class GetOrder(Call[OrderState]):
    """One order of the subject."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "get_order"
    answer: ClassVar[type[Answer]] = OrderState
    subject_id: UUID
    order_id: UUID


class OrderPage(Answer):
    """Some of a subject's orders, newest first, and where the next ones start."""

    items: list[OrderState]
    next_cursor: UUID | None = None


class ListOrders(Call[OrderPage]):
    """The subject's orders."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "list_orders"
    answer: ClassVar[type[Answer]] = OrderPage
    subject_id: UUID
    limit: int = 50
    cursor: UUID | None = None


class OrderNews(Call[OrderPage]):
    """The orders whose last event an event stream that was cut off has missed, oldest event first."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "order_news"
    answer: ClassVar[type[Answer]] = OrderPage
    subject_id: UUID
    after: UUID


class RefundOrder(Call[OrderState]):
    """The owner wants the whole of its money back; what was bought is taken back first."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "refund_order"
    answer: ClassVar[type[Answer]] = OrderState
    subject_id: UUID
    order_id: UUID
    idempotency_key: str | None = None
    fingerprint: str = ""


# ---- notices

NOTICE_IDENTITY = "payments/notice"
"""What a sealed notice is bound to."""


class NoticeHeard(Answer):
    """Whether what the notice tells is committed: only then may Alipay be told ``success``."""

    accepted: bool


class HearNotice(Call[NoticeHeard]):
    """A notice as it came in, sealed (base64) under the notice key: it holds a buyer's ids, and a queue is no place for them."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "hear_notice"
    answer: ClassVar[type[Answer]] = NoticeHeard
    sealed: str


# ---- entitlements


class UnlockedPhoto(Answer):
    """What of a photo may be downloaded."""

    photo_id: UUID
    scopes: list[str]


class UnlockPhoto(RepeatableCall[UnlockedPhoto]):
    """Unlock a photo by a pass, or else by spending a credit. Unlocked already: nothing is spent."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "unlock_photo"
    answer: ClassVar[type[Answer]] = UnlockedPhoto
    subject_id: UUID
    photo_id: UUID
    scope: str = "photo"


class PhotoAccess(Call[UnlockedPhoto]):
    """What of a photo may be downloaded, from the one who decides: imaging's copy may be a moment behind."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "photo_access"
    answer: ClassVar[type[Answer]] = UnlockedPhoto
    subject_id: UUID
    photo_id: UUID


class Entitlement(Answer):
    """Credits (``left`` of ``total``) or a pass (until ``ends_at``)."""

    kind: str
    unlocks: list[str]
    total: int = 0
    left: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class EntitlementList(Answer):
    """What a subject may still unlock."""

    credits: int
    pass_until: datetime | None = None
    items: list[Entitlement]


class Entitlements(Call[EntitlementList]):
    """What the subject may still unlock."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "entitlements"
    answer: ClassVar[type[Answer]] = EntitlementList
    subject_id: UUID


class ListSubjects(Call[SubjectPage]):
    """For audits: whom does the service hold anything of? One page, after a subject."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "list_subjects"
    answer: ClassVar[type[Answer]] = SubjectPage
    after: UUID | None = None
    limit: int = 1000


class CountSubject(Call[Count]):
    """Prove absence: count what still names a subject here."""

    service: ClassVar[str] = "payments"
    method: ClassVar[str] = "count_subject"
    answer: ClassVar[type[Answer]] = Count
    subject_id: UUID
