"""What time takes: originals after a week, photos after three months; and rows whose object is missing are found."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.imaging import expiry, sweeping
from shared.contracts import imaging as contract
from shared.kernel.errors import Unavailable
from shared.storage import object_key
from shared.storage.port import export_key
from shared.telemetry import metrics
from shared.testing.faults import Killed
from tests.unit.worlds import ImagingWorld

DAY = timedelta(days=1).total_seconds()


@pytest.fixture
def world() -> ImagingWorld:
    return ImagingWorld()


def test_an_original_goes_a_week_after_its_photo_is_ready_and_the_photo_stays(world: ImagingWorld) -> None:
    """A render needs the cutout alone; a younger neighbour keeps its original."""
    old = world.ready(world.subject())
    world.clock.forward(6 * DAY)
    young = world.ready(world.subject())
    assert expiry.expire_originals(world.parts) == 0
    world.clock.forward(1 * DAY + 1)
    assert expiry.expire_originals(world.parts) == 1
    assert world.objects(old.subject_id) == ["cutout"]
    assert world.objects(young.subject_id) == ["cutout", "original"]
    assert world.render(old).render_id
    assert expiry.expire_originals(world.parts) == 0


def test_a_photo_goes_after_three_months_with_all_that_was_made_of_it(world: ImagingWorld) -> None:
    """Whatever state it is in; the neighbour's stays."""
    old = world.ready(world.subject())
    world.render(old)
    world.clock.forward(60 * DAY)
    young = world.ready(world.subject())
    world.clock.forward(30 * DAY + 1)
    assert expiry.expire_photos(world.parts) == 1
    [told] = world.said(contract.PhotoDeleted)
    assert (told.subject_id, told.photo_id, told.was_ready) == (old.subject_id, old.photo_id, True)
    assert world.objects(old.subject_id) == []
    assert set(world.count(old.subject_id).values()) == {0}
    assert world.objects(young.subject_id)


@pytest.mark.parametrize("step", ["store.delete_prefix", "tx.delete_photo", "work.commit"])
def test_an_expiry_that_dies_is_finished_later(world: ImagingWorld, step: str) -> None:
    """A photo that was marked is swept up; one that was not expires again."""
    old = world.ready(world.subject())
    world.clock.forward(91 * DAY)
    world.trouble.kill(step)
    with pytest.raises(Killed):
        expiry.expire_photos(world.parts)
    world.clock.forward(DAY)
    expiry.expire_photos(world.parts)
    sweeping.sweep_uploads(world.parts)
    assert world.objects(old.subject_id) == []
    assert set(world.count(old.subject_id).values()) == {0}


def test_an_original_whose_object_cannot_be_deleted_stays_registered(world: ImagingWorld) -> None:
    """The row goes after the object, never before."""
    old = world.ready(world.subject())
    world.clock.forward(8 * DAY)
    world.trouble.fail("store.delete", Unavailable("store away"))
    with pytest.raises(Unavailable):
        expiry.expire_originals(world.parts)
    assert world.objects(old.subject_id) == ["cutout", "original"]
    assert expiry.expire_originals(world.parts) == 1


def test_a_row_whose_object_is_missing_is_a_finding(world: ImagingWorld) -> None:
    """The other way of the sweep; what is young may still be on its way."""
    whole, robbed = world.ready(world.subject()), world.ready(world.subject())
    assert expiry.find_missing(world.parts) == 0
    world.store.delete([robbed.key("cutout")])
    assert expiry.find_missing(world.parts) == 0, "too young to tell"
    world.clock.forward(3600)
    assert expiry.find_missing(world.parts) == 1
    assert metrics.MISSING_OBJECTS._value.get() == 1
    assert world.objects(whole.subject_id)


def test_the_sweep_of_the_store_leaves_what_is_not_imagings(world: ImagingWorld) -> None:
    """Other services keep objects below a subject's prefix, too; an orphan of imaging's own goes."""
    owned = world.ready(world.subject())
    foreign = export_key(owned.subject_id, owned.photo_id, 1, 0)
    orphan = object_key(owned.subject_id, owned.photo_id, "leftover")
    for key in (foreign, orphan):
        world.store.put(key, b"x")
    world.clock.forward(3600)
    assert sweeping.sweep_store(world.parts) == 1
    assert foreign in set(world.store.keys(""))
    assert orphan not in set(world.store.keys(""))
