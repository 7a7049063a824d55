"""The tables of payments' memory twin."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from services.payments.domain.entitlements import Grant, Unlock
from services.payments.domain.ledger import Entry
from services.payments.domain.orders import Order
from services.payments.domain.reconciliation import Difference
from services.payments.domain.refunds import Refund
from shared.testing.memory_work import MemoryState


@dataclass(frozen=True, slots=True)
class LostPhoto:
    """A photo that cannot be had any more."""

    photo_id: UUID
    subject_id: UUID
    lost_at: datetime


@dataclass
class PaymentsState(MemoryState):
    """Payments' tables."""

    orders: dict[UUID, Order] = field(default_factory=dict)
    refunds: dict[UUID, Refund] = field(default_factory=dict)
    ledger: dict[str, Entry] = field(default_factory=dict)
    grants: dict[UUID, Grant] = field(default_factory=dict)
    unlocks: dict[UUID, Unlock] = field(default_factory=dict)
    lost_photos: dict[UUID, LostPhoto] = field(default_factory=dict)
    days: dict[date, datetime] = field(default_factory=dict)
    differences: dict[tuple[date, str, str], Difference] = field(default_factory=dict)
