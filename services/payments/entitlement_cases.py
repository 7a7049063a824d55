"""Handing over what was paid for, spending it, and taking it back. Each change of a photo is told to imaging."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.payments.domain import entitlements as rules
from services.payments.domain.entitlements import Grant, GrantKind, Unlock
from services.payments.domain.orders import Order
from services.payments.domain.products import SCOPES
from services.payments.domain.refunds import Refund
from services.payments.ports import PaymentsParts, PaymentsTransaction
from shared.contracts import payments as contract
from shared.kernel.errors import BadRequest, Code, Conflict, PocketError
from shared.kernel.ids import new_id
from shared.messaging.repeats import of_subject


def unlock_photo(request: contract.UnlockPhoto, parts: PaymentsParts) -> contract.UnlockedPhoto:
    """Unlock a photo by a pass, or by a credit. Again is fine: nothing is spent twice.

    Raises ``no_credit``, and ``conflict`` for a photo that is lost.
    """
    if request.scope not in SCOPES:
        raise BadRequest("scope")
    with parts.work.begin() as tx:
        tx.hold_unfenced(request.subject_id)
        return of_subject(request.subject_id).once(request, lambda: _spent(request, parts.clock(), tx), tx)


def refuse_lost(photo_id: UUID, tx: PaymentsTransaction) -> None:
    """Nothing is sold for, or spent on, a photo that was rejected or deleted: raises ``conflict``."""
    if tx.is_lost(photo_id):
        raise Conflict("this photo cannot be used")


def photo_access(request: contract.PhotoAccess, parts: PaymentsParts) -> contract.UnlockedPhoto:
    """What of a photo may be downloaded."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        scopes = rules.scopes_of(tx.unlocks_of(request.subject_id, request.photo_id))
    return contract.UnlockedPhoto(photo_id=request.photo_id, scopes=scopes)


def entitlements(request: contract.Entitlements, parts: PaymentsParts) -> contract.EntitlementList:
    """The subject's credits and passes that are still good."""
    now = parts.clock()
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        grants = [grant for grant in tx.grants_of(request.subject_id) if grant.taken_back < grant.total]
    passes = [grant.ends_at for grant in grants if grant.ends_at is not None and grant.ends_at > now]
    return contract.EntitlementList(
        credits=sum(grant.left for grant in grants if grant.kind is GrantKind.CREDITS),
        pass_until=max(passes, default=None),
        items=[_shown(grant) for grant in grants if grant.ends_at is None or grant.ends_at > now],
    )


def unlocked_photos(subject_id: UUID, tx: PaymentsTransaction) -> list[contract.UnlockedPhoto]:
    """What of each of the subject's photos may be downloaded."""
    by_photo: dict[UUID, list[Unlock]] = {}
    for unlock in tx.unlocks_of(subject_id):
        by_photo.setdefault(unlock.photo_id, []).append(unlock)
    return [contract.UnlockedPhoto(photo_id=photo, scopes=rules.scopes_of(own)) for photo, own in by_photo.items()]


def is_unlocked_already(order: Order, tx: PaymentsTransaction) -> bool:
    """Whether an order would buy what its subject has."""
    if order.subject_id is None or order.photo_id is None:
        return False
    return is_unlocked_for(order.subject_id, order.photo_id, order.product.unlocks, tx)


def is_unlocked_for(subject_id: UUID, photo_id: UUID, scopes: tuple[str, ...], tx: PaymentsTransaction) -> bool:
    """Whether all of ``scopes`` is unlocked of a photo."""
    return set(scopes) <= set(rules.scopes_of(tx.unlocks_of(subject_id, photo_id)))


def hand_over(order: Order, now: datetime, tx: PaymentsTransaction) -> None:
    """Give the order's subject what it has paid for."""
    if order.subject_id is None:
        return
    if order.photo_id is not None:
        scopes = order.product.unlocks
        _unlock(Unlock(new_id(), order.subject_id, order.photo_id, scopes, now, order_id=order.order_id), tx)
    else:
        earlier = tx.grants_of(order.subject_id)
        tx.add_grant(rules.grant_of(order, order.subject_id, new_id(), earlier, now))


def take_back(order: Order, amount: int, now: datetime, tx: PaymentsTransaction, *, whole: bool) -> int:
    """Take back what a refund pays for, before the money goes; how many credits. Raises ``credit_used``."""
    taken = 0
    for grant in tx.grants_of_order(order.order_id):
        less, count = rules.taken_back(grant, order, amount, whole=whole)
        tx.save_grant(less)
        taken += count
    if whole:
        _lock_photos(order, now, tx)
    return taken


def take_all(order: Order, now: datetime, tx: PaymentsTransaction) -> None:
    """Refunded in full by somebody else: what is not used yet is taken back; what is used cannot be."""
    for grant in tx.grants_of_order(order.order_id):
        gone = grant.total if grant.kind is GrantKind.PASS else grant.total - grant.used
        tx.save_grant(replace(grant, taken_back=gone))
    _lock_photos(order, now, tx)


def give_again(order: Order, refund: Refund, now: datetime, tx: PaymentsTransaction, *, whole: bool) -> None:
    """A refund failed for good: what it took back is given again."""
    left = refund.taken
    for grant in tx.grants_of_order(order.order_id):
        back = min(left, grant.taken_back)
        tx.save_grant(replace(grant, taken_back=grant.taken_back - back))
        left -= back
    if whole and order.photo_id is not None:
        hand_over(order, now, tx)


def lock(unlock: Unlock, now: datetime, tx: PaymentsTransaction) -> None:
    """A reason that does not hold any more; what others still unlock stays."""
    tx.end_unlock(unlock.unlock_id, now)
    history = tx.unlocks_of(unlock.subject_id, unlock.photo_id)
    tx.publish(
        contract.PhotoLocked(
            subject_id=unlock.subject_id,
            photo_id=unlock.photo_id,
            revision=rules.revision_of(history),
            scopes=rules.scopes_of(history),
        )
    )


def _spent(request: contract.UnlockPhoto, now: datetime, tx: PaymentsTransaction) -> contract.UnlockedPhoto:
    unlocked = rules.scopes_of(tx.unlocks_of(request.subject_id, request.photo_id))
    if request.scope not in unlocked:
        refuse_lost(request.photo_id, tx)
        grant = rules.chosen(tx.grants_of(request.subject_id), request.scope, now)
        if grant is None:
            raise PocketError("no credit and no pass", code=Code.NO_CREDIT)
        tx.save_grant(replace(grant, used=grant.used + 1))
        unlock = Unlock(new_id(), request.subject_id, request.photo_id, grant.unlocks, now, grant_id=grant.grant_id)
        unlocked = _unlock(unlock, tx)
    return contract.UnlockedPhoto(photo_id=request.photo_id, scopes=unlocked)


def _unlock(unlock: Unlock, tx: PaymentsTransaction) -> list[str]:
    tx.add_unlock(unlock)
    history = tx.unlocks_of(unlock.subject_id, unlock.photo_id)
    scopes = rules.scopes_of(history)
    tx.publish(
        contract.PhotoUnlocked(
            subject_id=unlock.subject_id,
            photo_id=unlock.photo_id,
            revision=rules.revision_of(history),
            scopes=scopes,
        )
    )
    return scopes


def _lock_photos(order: Order, now: datetime, tx: PaymentsTransaction) -> None:
    for unlock in tx.unlocks_of_order(order.order_id):
        if unlock.ended_at is None:
            lock(unlock, now, tx)


def _shown(grant: Grant) -> contract.Entitlement:
    return contract.Entitlement(
        kind=grant.kind,
        unlocks=list(grant.unlocks),
        total=grant.total,
        left=grant.left if grant.kind is GrantKind.CREDITS else 0,
        starts_at=grant.starts_at,
        ends_at=grant.ends_at,
    )
