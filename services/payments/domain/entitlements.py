"""Who may download what: photos that are unlocked, credits that unlock one each, passes that unlock for a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.payments.domain.orders import Order
from shared.kernel.errors import Code, PocketError


class GrantKind(StrEnum):
    """Credits are spent one a photo; a pass unlocks any number while it lasts."""

    CREDITS = "credits"
    PASS = "pass"


@dataclass(frozen=True, slots=True)
class Grant:
    """Credits or a pass that an order bought. ``used`` photos were unlocked by it; ``taken_back`` went by refunds."""

    grant_id: UUID
    subject_id: UUID
    order_id: UUID | None
    kind: GrantKind
    unlocks: tuple[str, ...]
    total: int
    created_at: datetime
    used: int = 0
    taken_back: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def left(self) -> int:
        """Credits that can still be spent."""
        return self.total - self.used - self.taken_back

    def covers(self, scope: str, now: datetime) -> bool:
        """Whether it can unlock ``scope`` of a photo now."""
        if scope not in self.unlocks or self.taken_back >= self.total:
            return False
        if self.kind is GrantKind.CREDITS:
            return self.left > 0
        return bool(self.starts_at and self.ends_at and self.starts_at <= now < self.ends_at)


@dataclass(frozen=True, slots=True)
class Unlock:
    """One reason why a photo is unlocked: an order of its own, or a grant. ``ended_at``: a refund took it back."""

    unlock_id: UUID
    subject_id: UUID
    photo_id: UUID
    scopes: tuple[str, ...]
    created_at: datetime
    order_id: UUID | None = None
    grant_id: UUID | None = None
    ended_at: datetime | None = None


def scopes_of(unlocks: Iterable[Unlock]) -> list[str]:
    """All that is unlocked now by any of these."""
    return sorted({scope for unlock in unlocks if unlock.ended_at is None for scope in unlock.scopes})


def revision_of(unlocks: Sequence[Unlock]) -> int:
    """A number that grows with each change: every reason that came, and every one that went."""
    return len(unlocks) + sum(unlock.ended_at is not None for unlock in unlocks)


def chosen(grants: Iterable[Grant], scope: str, now: datetime) -> Grant | None:
    """What unlocks a photo at the least cost: a pass, else a credit of the narrowest and oldest pack."""
    fit = [grant for grant in grants if grant.covers(scope, now)]
    order = {GrantKind.PASS: 0, GrantKind.CREDITS: 1}
    fit.sort(key=lambda grant: (order[grant.kind], len(grant.unlocks), grant.created_at, grant.grant_id))
    return fit[0] if fit else None


def grant_of(order: Order, subject_id: UUID, grant_id: UUID, earlier: Iterable[Grant], now: datetime) -> Grant:
    """What an order for credits or a pass (or for a photo that is gone) hands over. Passes follow one another."""
    product = order.product
    if not product.days:
        total = product.credits or 1
        return Grant(grant_id, subject_id, order.order_id, GrantKind.CREDITS, product.unlocks, total, now)
    ends = [g.ends_at for g in earlier if g.kind is GrantKind.PASS and g.ends_at and g.taken_back < g.total]
    starts_at = max([now, *ends])
    ends_at = starts_at + timedelta(days=product.days)
    return Grant(
        grant_id,
        subject_id,
        order.order_id,
        GrantKind.PASS,
        product.unlocks,
        1,
        now,
        starts_at=starts_at,
        ends_at=ends_at,
    )


def taken_back(grant: Grant, order: Order, amount: int, *, whole: bool) -> tuple[Grant, int]:
    """The grant less what a refund of ``amount`` fen takes, and how many that is; raises ``credit_used``.

    A part of a pack's price takes back as many credits as it paid for, rounded up; a part of a pass takes nothing.
    """
    if grant.kind is GrantKind.PASS:
        if not whole:
            return grant, 0
        if grant.used:
            raise PocketError("the pass was used", code=Code.CREDIT_USED)
        return replace(grant, taken_back=grant.total), grant.total
    if whole:
        wanted = grant.total - grant.taken_back
    else:
        wanted = min(-(-grant.total * amount // order.amount), grant.total - grant.taken_back)
    if wanted > grant.left:
        raise PocketError(f"{grant.used} of {grant.total} credits are used", code=Code.CREDIT_USED)
    return replace(grant, taken_back=grant.taken_back + wanted), wanted
