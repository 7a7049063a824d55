"""A photo that is rejected, fails or is deleted: nobody pays for it, and what was paid or spent comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.payments import entitlement_cases, photo_cases
from services.payments.domain.orders import OrderState
from services.payments.domain.refunds import UNUSABLE
from shared.contracts import payments
from shared.kernel.errors import Conflict
from shared.kernel.ids import new_id
from tests.unit.worlds import PaymentsWorld

NEVER_USABLE = ("rejected", "failed", "deleted before it was ready")
LOST = ("rejected", "deleted", "deleted before it was ready")


def unlock(world: PaymentsWorld, subject: Any, photo: Any) -> list[str]:
    request = payments.UnlockPhoto(subject_id=subject, photo_id=photo, scope="photo")
    return entitlement_cases.unlock_photo(request, world.parts).scopes


def credits_of(world: PaymentsWorld, subject: Any) -> int:
    return entitlement_cases.entitlements(payments.Entitlements(subject_id=subject), world.parts).credits


@pytest.mark.parametrize("kind", NEVER_USABLE)
def test_what_was_paid_for_a_photo_that_was_never_usable_goes_back_once(world: PaymentsWorld, kind: str) -> None:
    """Without being asked for; said twice, it goes back once. The order of another photo stays."""
    subject, photo = new_id(), new_id()
    order, other = world.bought(subject, photo_id=photo), world.bought(subject)
    event = world.lose(subject, photo, kind)
    photo_cases.hear_loss(event, world.parts)  # type: ignore[arg-type]
    world.lose(subject, photo, kind)
    world.tick(60)
    assert world.order(order.order_id).state is OrderState.REFUNDED
    [refund] = world.work.state.refunds.values()
    assert (refund.cause, refund.amount) == (UNUSABLE, order.amount)
    assert world.said(payments.PhotoLocked)[-1].photo_id == photo
    assert world.order(other.order_id).state is OrderState.PAID


def test_what_was_paid_for_a_photo_that_could_be_used_stays_paid_when_its_owner_deletes_it(
    world: PaymentsWorld,
) -> None:
    """It was served."""
    subject, photo = new_id(), new_id()
    order = world.bought(subject, photo_id=photo)
    world.lose(subject, photo, "deleted")
    world.tick(60)
    assert world.order(order.order_id).state is OrderState.PAID


@pytest.mark.parametrize("kind", [*LOST, "failed"])
def test_an_open_order_for_a_lost_photo_is_closed_at_once(world: PaymentsWorld, kind: str) -> None:
    """Long before it expires."""
    subject, photo = new_id(), new_id()
    order = world.open(subject, photo_id=photo)
    world.lose(subject, photo, kind)
    world.tick(1)
    assert world.order(order.order_id).state is OrderState.CLOSED


@pytest.mark.parametrize("kind", LOST)
def test_a_payment_that_slips_in_goes_back(world: PaymentsWorld, kind: str) -> None:
    """Paid before the order could be closed, known after the photo was lost."""
    subject, photo = new_id(), new_id()
    order = world.open(subject, photo_id=photo)
    notice = world.pay(order)
    world.lose(subject, photo, kind)
    assert world.hear(notice)
    assert world.order(order.order_id).state is OrderState.RETURNING
    world.tick(60)
    assert world.order(order.order_id).state is OrderState.REFUNDED
    assert not world.said(payments.PhotoUnlocked)


@pytest.mark.parametrize("kind", LOST)
def test_nothing_is_sold_for_a_lost_photo_and_no_credit_is_spent_on_it(world: PaymentsWorld, kind: str) -> None:
    """An order or an unlock that had seen the photo before is refused as well."""
    subject, photo = new_id(), new_id()
    world.bought(subject, "pack-ten")
    world.lose(subject, photo, kind)
    with pytest.raises(Conflict):
        world.open(subject, photo_id=photo)
    with pytest.raises(Conflict):
        unlock(world, subject, photo)
    assert credits_of(world, subject) == 10


@pytest.mark.parametrize("kind", NEVER_USABLE)
def test_a_credit_spent_on_a_photo_that_turns_out_unusable_is_good_again(world: PaymentsWorld, kind: str) -> None:
    """Once; and the pack can be given back whole."""
    subject, photo = new_id(), new_id()
    pack = world.bought(subject, "pack-ten")
    assert unlock(world, subject, photo) == ["photo"]
    assert credits_of(world, subject) == 9
    world.lose(subject, photo, kind)
    world.lose(subject, photo, kind)
    assert credits_of(world, subject) == 10
    assert world.said(payments.PhotoLocked)[-1].scopes == []
    assert world.refund(subject, pack.order_id).refunded == pack.amount


def test_a_failed_photo_that_works_later_can_be_bought(world: PaymentsWorld) -> None:
    """Its job was replayed."""
    subject, photo = new_id(), new_id()
    world.lose(subject, photo, "failed")
    assert world.bought(subject, photo_id=photo).status == "paid"


def test_a_refund_that_is_under_way_is_not_asked_for_twice(world: PaymentsWorld) -> None:
    """The owner was faster."""
    subject, photo = new_id(), new_id()
    order = world.bought(subject, photo_id=photo)
    world.refund(subject, order.order_id)
    world.lose(subject, photo)
    world.tick(60)
    assert len(world.work.state.refunds) == 1
    assert world.order(order.order_id).refunded == order.amount


def test_lost_photos_go_with_their_subject_or_after_two_days(world: PaymentsWorld) -> None:
    """They name it. Behind the fence nothing is written."""
    subject, other = new_id(), new_id()
    world.lose(subject, new_id())
    world.lose(other, new_id())
    assert world.count(subject)["lost_photos"] == 1
    world.purge(subject)
    world.lose(subject, new_id())
    assert world.count(subject)["lost_photos"] == 0
    assert photo_cases.forget_lost_photos(world.parts) == 0
    world.clock.forward(timedelta(days=2, seconds=1).total_seconds())
    assert photo_cases.forget_lost_photos(world.parts) == 1
