"""Imaging's transactions, in memory and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from services.imaging.domain.photos import CUTOUT, ORIGINAL, VISIBLE, Photo, PhotoState, Render
from shared.kernel.clock import utc_now
from shared.kernel.ids import new_id
from shared.testing.memory_work import ConstraintBroken
from tests.contract.conftest import Subject as Both
from tests.contract.test_every_work import waits

REFUSED = (psycopg.IntegrityError, ConstraintBroken)
NOW = utc_now()
NOTHING = {"photos": 0, "objects": 0, "renders": 0, "idempotency": 0}


def plant(tx: Any, subject_id: UUID, state: PhotoState = PhotoState.READY, event: UUID | None = None) -> Photo:
    """A photo with everything a photo can have."""
    photo = Photo(new_id(), subject_id, PhotoState.UPLOADING, NOW)
    tx.add_photo(photo)
    photo = replace(photo, state=state, event_id=event)
    tx.save_photo(photo)
    tx.register_object(photo.key_of(ORIGINAL), photo)
    render = Render(new_id(), photo.photo_id, subject_id, False, NOW)
    tx.add_render(render)
    tx.register_object(render.file_key, photo)
    return photo


def test_a_photo_is_what_was_saved_last(imaging: Both) -> None:
    """State, reasons, analysis, event; its owner and its time do not change."""
    with imaging.work.begin() as tx:
        photo = Photo(new_id(), new_id(), PhotoState.UPLOADING, NOW)
        tx.add_photo(photo)
    with imaging.work.begin() as tx:
        assert tx.photo(photo.photo_id) == photo
        changed = replace(
            photo, state=PhotoState.REJECTED, reasons=("no_face", "too_dark"), analysis=b"\x00s", event_id=new_id()
        )
        tx.save_photo(replace(changed, created_at=NOW + timedelta(days=1), subject_id=new_id()))
        tx.save_photo(replace(changed, photo_id=new_id()))
    with imaging.work.begin() as tx:
        assert tx.photo(photo.photo_id) == changed
        assert tx.photo(new_id()) is None
    with pytest.raises(REFUSED), imaging.work.begin() as tx:
        tx.add_photo(photo)


def test_how_many_people_a_photo_is_of_is_kept_and_does_not_change(imaging: Both) -> None:
    """One unless said otherwise, two for a couple, and no third number."""
    photos = [Photo(new_id(), new_id(), PhotoState.UPLOADING, NOW, people=people) for people in (1, 2)]
    with imaging.work.begin() as tx:
        for photo in photos:
            tx.add_photo(photo)
            tx.save_photo(replace(photo, state=PhotoState.QUEUED, people=3 - photo.people))
    with imaging.work.begin() as tx:
        assert [found.people for photo in photos if (found := tx.photo(photo.photo_id))] == [1, 2]


def test_an_unlock_is_kept_whatever_else_is_saved_of_a_photo(imaging: Both) -> None:
    """A worker that saves its result does not lock again what was paid for meanwhile; a sheet is known as one."""
    with imaging.work.begin() as tx:
        photo = plant(tx, new_id())
        unlocked = replace(photo, unlock_revision=2, unlocked_scopes=("photo", "sheet"), unlocked_at=NOW)
        tx.save_unlock(unlocked)
        tx.save_photo(replace(photo, state=PhotoState.FAILED))
        sheet = Render(new_id(), photo.photo_id, photo.subject_id, True, NOW, sheet=True)
        tx.add_render(sheet)
    with imaging.work.begin() as tx:
        assert tx.photo_seen(photo.photo_id) == replace(unlocked, state=PhotoState.FAILED)
        assert tx.render(sheet.render_id) == sheet
        assert tx.photo_seen(new_id()) is None


def test_an_owner_sees_its_visible_photos_newest_first_from_a_cursor_on(imaging: Both) -> None:
    """Neither uploads under way nor deletions, nor the neighbour's."""
    subject = new_id()
    with imaging.work.begin() as tx:
        planted = [plant(tx, subject, state) for state in PhotoState]
        plant(tx, new_id())
    visible = [photo for photo in planted if photo.state in VISIBLE][::-1]
    with imaging.work.begin() as tx:
        assert tx.photos_of(subject, 100, None) == visible
        assert tx.photos_of(subject, 2, None) == visible[:2]
        assert tx.photos_of(subject, 2, visible[1].photo_id) == visible[2:4]
        assert tx.photos_of(subject, 2, visible[-1].photo_id) == []


def test_news_come_in_the_order_of_their_events(imaging: Both) -> None:
    """Not of the photos; those without an event have no news."""
    subject = new_id()
    before, early, late = (new_id() for _ in range(3))
    with imaging.work.begin() as tx:
        second = plant(tx, subject, event=late)
        first = plant(tx, subject, event=early)
        plant(tx, subject)
        plant(tx, subject, PhotoState.DELETING, event=late)
        plant(tx, new_id(), event=late)
    with imaging.work.begin() as tx:
        assert tx.photos_with_news(subject, before) == [first, second]
        assert tx.photos_with_news(subject, early) == [second]
        assert tx.photos_with_news(subject, late) == []


def test_photos_that_wait_are_found_by_state_and_age_oldest_first(imaging: Both) -> None:
    """A change makes a photo young again."""
    with imaging.work.begin() as tx:
        one = plant(tx, new_id(), PhotoState.UPLOADING)
    with imaging.work.begin() as tx:
        two = plant(tx, new_id(), PhotoState.UPLOADING)
        plant(tx, new_id(), PhotoState.QUEUED)
    soon, past = utc_now() + timedelta(hours=1), utc_now() - timedelta(hours=1)
    with imaging.work.begin() as tx:
        assert tx.photos_waiting(PhotoState.UPLOADING, soon, 10) == [one, two]
        assert tx.photos_waiting(PhotoState.UPLOADING, soon, 1) == [one]
        assert tx.photos_waiting(PhotoState.UPLOADING, past, 10) == []
        tx.save_photo(one)
    with imaging.work.begin() as tx:
        assert tx.photos_waiting(PhotoState.UPLOADING, soon, 10) == [two, one]


def test_objects_are_registered_once_and_known_until_they_are_forgotten(imaging: Both) -> None:
    """Registering again is fine; an object without a photo is refused."""
    with imaging.work.begin() as tx:
        photo = plant(tx, new_id())
        for _ in range(2):
            tx.register_object(photo.key_of(CUTOUT), photo)
        assert tx.count_subject(photo.subject_id)["objects"] == 3
        keys = ["z/unknown", photo.key_of(CUTOUT), "a/unknown", photo.key_of(ORIGINAL)]
        assert tx.unregistered(keys) == ["z/unknown", "a/unknown"]
        assert tx.unregistered([]) == []
        tx.forget_object(photo.key_of(CUTOUT))
        tx.forget_object("never there")
        assert photo.key_of(CUTOUT) in tx.unregistered(keys)
    with pytest.raises(REFUSED), imaging.work.begin() as tx:
        tx.register_object("x", Photo(new_id(), new_id(), PhotoState.QUEUED, NOW))


def test_a_render_is_what_was_saved_last_and_goes_alone(imaging: Both) -> None:
    """Its photo stays; one without a photo is refused."""
    with imaging.work.begin() as tx:
        photo = plant(tx, new_id())
        render = Render(new_id(), photo.photo_id, photo.subject_id, False, NOW)
        tx.add_render(render)
        tx.save_render(replace(render, ready=True, facts=b"sealed"))
        tx.save_render(replace(render, render_id=new_id()))
    with imaging.work.begin() as tx:
        assert tx.render(render.render_id) == replace(render, ready=True, facts=b"sealed")
        begun = replace(render, render_id=new_id())
        tx.add_render(begun)
        later = NOW + timedelta(seconds=1)
        assert tx.renders_unfinished(NOW, 1000) == []
        assert begun in tx.renders_unfinished(later, 1000)
        assert render.render_id not in [found.render_id for found in tx.renders_unfinished(later, 1000)]
        assert tx.renders_unfinished(later, 0) == []
        tx.delete_render(begun.render_id)
        tx.delete_render(render.render_id)
        tx.delete_render(new_id())
        assert tx.render(render.render_id) is None
        assert tx.photo(photo.photo_id) is not None
    with pytest.raises(REFUSED), imaging.work.begin() as tx:
        tx.add_render(Render(new_id(), new_id(), new_id(), False, NOW))


def test_deleting_a_photo_takes_its_renders_and_objects_and_leaves_its_sibling(imaging: Both) -> None:
    """By reference, not by memory of what there was."""
    subject = new_id()
    with imaging.work.begin() as tx:
        doomed, kept = plant(tx, subject), plant(tx, subject)
        tx.delete_photo(doomed.photo_id)
        tx.delete_photo(new_id())
    with imaging.work.begin() as tx:
        assert tx.photo(doomed.photo_id) is None
        assert tx.photo(kept.photo_id) == kept
        assert tx.count_subject(subject) == {"photos": 1, "objects": 2, "renders": 1, "idempotency": 0}


def test_whoever_has_anything_here_is_named(imaging: Both) -> None:
    """A remembered answer alone is enough; in pages, each subject once."""
    with_photos, remembered = new_id(), new_id()
    with imaging.work.begin() as tx:
        plant(tx, with_photos)
        plant(tx, with_photos)
        tx.remember("s", str(remembered), "f", remembered, {})
    with imaging.work.begin() as tx:
        assert tx.subjects_held(UUID(int=with_photos.int - 1), 2) == [with_photos, remembered]
        assert tx.subjects_held(UUID(int=with_photos.int - 1), 1) == [with_photos]
        assert tx.subjects_held(with_photos, 1000) == [remembered]
        assert {with_photos, remembered} <= set(tx.subjects_held(None, 100_000))


def test_deleting_a_subject_takes_every_row_of_it_and_none_of_its_neighbour(imaging: Both) -> None:
    """The counts say what there was."""
    subject, neighbour = new_id(), new_id()
    with imaging.work.begin() as tx:
        for owner in (subject, neighbour):
            for state in (PhotoState.READY, PhotoState.UPLOADING, PhotoState.DELETING):
                plant(tx, owner, state)
            tx.remember("s", str(owner), "f", owner, {})
    full = {"photos": 3, "objects": 6, "renders": 3, "idempotency": 1}
    with imaging.work.begin() as tx:
        assert tx.delete_subject(subject) == full
        assert tx.delete_subject(subject) == NOTHING
    with imaging.work.begin() as tx:
        assert tx.count_subject(subject) == NOTHING
        assert tx.count_subject(neighbour) == full


@pytest.mark.integration
def test_a_photo_is_held_while_it_is_changed(real_imaging: Both) -> None:
    """Two that change one photo do so one after the other."""
    with real_imaging.work.begin() as tx:
        photo, other = plant(tx, new_id()), plant(tx, new_id())
    assert waits(real_imaging.work, lambda tx: tx.photo(photo.photo_id), lambda tx: tx.photo(photo.photo_id))
    assert not waits(real_imaging.work, lambda tx: tx.photo(photo.photo_id), lambda tx: tx.photo(other.photo_id))


@pytest.mark.integration
def test_two_sweepers_share_the_work(real_imaging: Both) -> None:
    """What one holds, the other passes over."""
    with real_imaging.work.begin() as tx:
        plant(tx, new_id(), PhotoState.UPLOADING)
    soon = utc_now() + timedelta(hours=1)
    found: list[int] = []

    def sweep(tx: Any) -> None:
        found.append(len(tx.photos_waiting(PhotoState.UPLOADING, soon, 10)))

    assert not waits(real_imaging.work, sweep, sweep)
    assert found == [1, 0]


@pytest.mark.integration
def test_every_table_of_imaging_is_known_to_the_one_who_deletes(real_imaging: Both, dsns: dict[str, str]) -> None:
    """A table added later, with a subject in it, must be counted and deleted: this list is looked at then."""
    with psycopg.connect(dsns["imaging"]) as connection:
        found = connection.execute(
            "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'subject_id'"
        ).fetchall()
    assert {name for (name,) in found} == {"photos", "objects", "renders", "idempotency"}


def test_a_photos_renders_are_listed_once_they_are_finished(imaging: Both) -> None:
    """Oldest first; one in the making, and another photo's, are not among them."""
    with imaging.work.begin() as tx:
        photo, other = plant(tx, new_id()), plant(tx, new_id())
        made = [Render(new_id(), photo.photo_id, photo.subject_id, True, NOW, facts=b"f") for _ in range(2)]
        making = Render(new_id(), photo.photo_id, photo.subject_id, False, NOW)
        others = Render(new_id(), other.photo_id, other.subject_id, True, NOW, facts=b"f")
        for render in (made[1], making, others, made[0]):
            tx.add_render(render)
            tx.save_render(render)
        assert tx.renders_of(photo.photo_id) == sorted(made, key=lambda render: render.render_id)
        assert tx.renders_of(new_id()) == []
