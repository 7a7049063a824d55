"""Photos are registered, stored, shown, deleted, purged and swept: use cases on memory twins."""

from __future__ import annotations

from uuid import UUID

import pytest

from services.imaging import sweeping, use_cases
from services.imaging.domain.photos import MOVES, SETTLED, VISIBLE, PhotoState, move
from shared.contracts import imaging, retention
from shared.contracts.queues import MATTE_FREE
from shared.crypto import seal
from shared.kernel.errors import Conflict, IdempotencyConflict, NotFound, SubjectErased
from shared.kernel.ids import new_id
from shared.testing.faults import Killed
from tests.unit.worlds import NOTHING, ImagingWorld, Owned


@pytest.fixture
def world() -> ImagingWorld:
    return ImagingWorld()


def delete(world: ImagingWorld, subject_id: UUID, photo_id: UUID) -> None:
    use_cases.delete_photo(imaging.DeletePhoto(subject_id=subject_id, photo_id=photo_id), world.parts)


def page(world: ImagingWorld, subject_id: UUID, **changes: object) -> imaging.PhotoPage:
    return use_cases.list_photos(imaging.ListPhotos(subject_id=subject_id, **changes), world.parts)  # type: ignore[arg-type]


# ---- registered before written


def test_an_objects_key_is_committed_before_its_first_byte(world: ImagingWorld) -> None:
    """A crash leaves a row to clean: registering alone makes the row, and neither object nor job."""
    subject = world.subject()
    registered = world.register(subject)
    assert registered.status == "uploading"
    assert registered.object_key == f"{subject}/{registered.photo_id}/original"
    assert world.count(subject) == {**NOTHING, "photos": 1, "objects": 1}
    assert not world.store.objects
    assert not world.work.messages()


def test_an_upload_under_way_is_not_shown(world: ImagingWorld) -> None:
    """Its owner sees a photo once its bytes are here."""
    subject = world.subject()
    photo_id = world.register(subject).photo_id
    assert page(world, subject).items == []
    with pytest.raises(NotFound):
        use_cases.get_photo(imaging.GetPhoto(subject_id=subject, photo_id=photo_id), world.parts)


def test_the_same_idempotency_key_gives_the_same_photo_and_for_another_file_a_conflict(world: ImagingWorld) -> None:
    """Whatever id the gateway proposes the second time."""
    subject = world.subject()
    first = world.register(subject, idempotency_key="k", fingerprint="f")
    again = world.register(subject, idempotency_key="k", fingerprint="f")
    assert again == first
    with pytest.raises(IdempotencyConflict):
        world.register(subject, idempotency_key="k", fingerprint="another file")
    assert world.count(subject)["photos"] == 1


def test_an_idempotency_key_is_its_subjects_own(world: ImagingWorld) -> None:
    """Two subjects may use one key; neither sees the other's photo."""
    one = world.register(world.subject(), idempotency_key="k", fingerprint="f")
    other = world.register(world.subject(), idempotency_key="k", fingerprint="f")
    assert one.photo_id != other.photo_id


def test_a_repeated_registration_of_a_deleted_photo_is_not_found(world: ImagingWorld) -> None:
    """Deleted stays deleted."""
    subject = world.subject()
    registered = world.register(subject, idempotency_key="k", fingerprint="f")
    owned = Owned(subject, registered.photo_id)
    world.put_original(owned)
    world.confirm(owned)
    delete(world, subject, owned.photo_id)
    with pytest.raises(NotFound):
        world.register(subject, idempotency_key="k", fingerprint="f")


def test_a_photo_stored_twice_queues_one_job(world: ImagingWorld) -> None:
    """A confirmation that is repeated finds the work queued."""
    owned = world.upload(world.subject())
    assert world.confirm(owned).status == "queued"
    [job] = world.work.state.outbox
    assert (job.exchange, job.routing_key, job.mandatory) == ("", MATTE_FREE.queue, True)
    assert job.message.photo_id == owned.photo_id  # type: ignore[attr-defined]


def test_nobody_confirms_sees_or_deletes_somebody_elses_photo(world: ImagingWorld) -> None:
    """Somebody else's is not found, and unharmed."""
    owned, stranger = world.upload(world.subject()), world.subject()
    with pytest.raises(NotFound):
        world.confirm(Owned(stranger, owned.photo_id))
    with pytest.raises(NotFound):
        use_cases.get_photo(imaging.GetPhoto(subject_id=stranger, photo_id=owned.photo_id), world.parts)
    with pytest.raises(NotFound):
        delete(world, stranger, owned.photo_id)
    assert world.state(owned) == "queued"
    assert world.objects(owned.subject_id) == ["original"]


def test_photos_are_listed_newest_first_page_by_page_each_once(world: ImagingWorld) -> None:
    """The cursor starts where the last page ended; the neighbour's photos are on no page."""
    subject = world.subject()
    mine = [world.upload(subject).photo_id for _ in range(5)]
    world.upload(world.subject())
    seen: list[UUID] = []
    cursor: UUID | None = None
    pages = 0
    while pages == 0 or cursor:
        shown = page(world, subject, limit=2, cursor=cursor)
        seen += [item.photo_id for item in shown.items]
        cursor, pages = shown.next_cursor, pages + 1
    assert seen == mine[::-1]
    assert pages == 3


@pytest.mark.parametrize(("asked", "given"), [(0, 1), (-5, 1), (10**9, 3)])
def test_an_absurd_page_size_is_made_sensible(world: ImagingWorld, asked: int, given: int) -> None:
    """Neither zero nor the whole table."""
    subject = world.subject()
    for _ in range(3):
        world.upload(subject)
    assert len(page(world, subject, limit=asked).items) == given


def test_news_are_the_photos_whose_event_a_stream_has_missed_oldest_first(world: ImagingWorld) -> None:
    """What Last-Event-ID is for: nothing in between is lost, nothing is told twice."""
    subject = world.subject()
    owned = [world.ready(subject) for _ in range(3)]
    world.ready(world.subject())
    events = [world.work.state.photos[each.photo_id].event_id for each in owned]
    assert events[0] is not None
    news = use_cases.photo_news(imaging.PhotoNews(subject_id=subject, after=events[0]), world.parts)
    assert [item.event_id for item in news.items] == events[1:]


# ---- deleting one photo


def test_deleting_a_photo_takes_its_objects_and_rows_and_leaves_the_other_photo(world: ImagingWorld) -> None:
    """Original, cutout, renders: all of the one, nothing of the other."""
    subject = world.subject()
    doomed, kept = world.ready(subject), world.ready(subject)
    world.render(doomed)
    render = world.render(kept)
    delete(world, subject, doomed.photo_id)
    assert world.state(doomed) is None
    assert [key for key in world.store.objects if str(doomed.photo_id) in key] == []
    assert world.state(kept) == "ready"
    assert world.count(subject) == {**NOTHING, "photos": 1, "objects": 4, "renders": 1}
    assert set(world.store.objects) == {kept.key("original"), kept.key("cutout"), render.file_key, render.preview_key}


@pytest.mark.parametrize("step", ["store.delete_prefix", "store.delete_prefix done", "work.begin"])
def test_a_deletion_that_dies_half_way_is_invisible_at_once_and_swept_up_later(world: ImagingWorld, step: str) -> None:
    """The owner never sees it again; the sweeper ends what the dead process began."""
    subject = world.subject()
    doomed, kept = world.ready(subject), world.ready(subject)
    world.trouble.kill(step, skip=1 if step == "work.begin" else 0)
    with pytest.raises(Killed):
        delete(world, subject, doomed.photo_id)
    assert world.state(doomed) == "deleting"
    assert [item.photo_id for item in page(world, subject).items] == [kept.photo_id]
    world.clock.forward(601)
    assert sweeping.sweep_uploads(world.parts) == 1
    assert world.state(doomed) is None
    assert [key for key in world.store.objects if str(doomed.photo_id) in key] == []
    assert world.state(kept) == "ready"
    assert world.objects(subject) == ["cutout", "original"]


# ---- purging a subject


def test_a_purge_fences_first_then_deletes_objects_then_rows_and_reports_exactly_what_it_deleted(
    world: ImagingWorld,
) -> None:
    """In that order, so that a crash anywhere leaves the fence up; the neighbour keeps all it has."""
    subject, neighbour = world.subject(), world.subject()
    world.render(world.ready(subject), idempotency_key="k", fingerprint="f")
    world.upload(subject)
    world.render(world.ready(neighbour))
    before = world.count(neighbour)
    world.trouble.steps.clear()
    event = world.purge(subject)
    order = ["tx.fence", "work.committed", "store.delete_prefix", "tx.delete_subject", "tx.publish"]
    positions = [world.trouble.steps.index(step) for step in order]
    assert positions == sorted(positions)
    [report] = world.said(imaging.SubjectPurged)
    assert report.counts == {"photos": 2, "objects": 5, "renders": 1, "idempotency": 1}
    assert report.purge_id == event.purge_id
    assert world.count(subject) == NOTHING
    assert world.objects(subject) == []
    assert world.count(neighbour) == before
    assert len(world.objects(neighbour)) == 4


def test_a_purge_request_that_comes_twice_reports_once(world: ImagingWorld) -> None:
    """At least once delivered, exactly once in effect."""
    subject = world.subject()
    world.upload(subject)
    event = world.purge(subject)
    use_cases.purge_subject(event, world.parts)
    assert len(world.said(imaging.SubjectPurged)) == 1


def test_a_purge_asked_for_again_counts_what_is_left_and_reports_again(world: ImagingWorld) -> None:
    """A saga that starts over must get an answer to its new message."""
    subject = world.subject()
    world.upload(subject)
    first = world.purge(subject)
    again = retention.PurgeRequested(subject_id=subject, purge_id=first.purge_id, reason="stash_wiped")
    use_cases.purge_subject(again, world.parts)
    assert [report.counts["photos"] for report in world.said(imaging.SubjectPurged)] == [1, 0]


STEPS = ["tx.fence", "work.commit", "work.committed", "store.delete_prefix", "store.delete_prefix done",
         "tx.first_time", "tx.delete_subject", "tx.publish"]  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_a_purge_that_dies_anywhere_is_finished_by_the_next_delivery(world: ImagingWorld, step: str) -> None:
    """Any process may die at any instruction: the message comes again, the end is the same, the report is one."""
    subject, neighbour = world.subject(), world.subject()
    world.ready(subject)
    world.ready(neighbour)
    event = retention.PurgeRequested(subject_id=subject, purge_id=new_id(), reason="stash_wiped")
    world.trouble.kill(step)
    with pytest.raises(Killed):
        use_cases.purge_subject(event, world.parts)
    assert world.trouble.all_happened
    use_cases.purge_subject(event, world.parts)
    assert world.count(subject) == NOTHING
    assert world.objects(subject) == []
    [report] = world.said(imaging.SubjectPurged)
    assert report.counts["photos"] == 1
    assert world.count(neighbour)["photos"] == 1
    assert world.objects(neighbour) == ["cutout", "original"]


def test_behind_a_fence_nothing_is_registered_confirmed_or_shown(world: ImagingWorld) -> None:
    """No interleaving brings data back: an upload that was on its way is refused; the neighbour's is not."""
    subject, neighbour = world.subject(), world.subject()
    late = Owned(subject, world.register(subject).photo_id)
    world.purge(subject)
    with pytest.raises(SubjectErased):
        world.confirm(late)
    with pytest.raises(SubjectErased):
        world.register(subject)
    for ask in (page, lambda w, s: delete(w, s, late.photo_id)):
        with pytest.raises(SubjectErased):
            ask(world, subject)
    assert not world.said(imaging.MattePhoto)
    assert world.count(subject) == NOTHING
    assert world.upload(neighbour)


# ---- sweeping


def test_an_upload_that_never_finished_is_swept_away_and_a_fresh_one_is_spared(world: ImagingWorld) -> None:
    """A client that vanished leaves nothing for long; one that is slow is not robbed."""
    subject = world.subject()
    stale = Owned(subject, world.register(subject).photo_id)
    world.put_original(stale)
    finished = world.upload(subject)
    world.clock.forward(601)
    fresh = Owned(subject, world.register(subject).photo_id)
    world.put_original(fresh)
    assert sweeping.sweep_uploads(world.parts) == 1
    assert world.state(stale) is None
    assert (world.state(fresh), world.state(finished)) == ("uploading", "queued")
    assert set(world.store.objects) == {fresh.key("original"), finished.key("original")}


def test_a_late_confirmation_of_a_swept_upload_is_not_found(world: ImagingWorld) -> None:
    """The gateway then deletes what it wrote."""
    subject = world.subject()
    stale = Owned(subject, world.register(subject).photo_id)
    world.clock.forward(601)
    sweeping.sweep_uploads(world.parts)
    with pytest.raises(NotFound):
        world.confirm(stale)
    assert not world.said(imaging.MattePhoto)


def test_objects_that_no_row_knows_are_swept_from_the_store_and_young_ones_are_spared(world: ImagingWorld) -> None:
    """What a process left that died between a fence and its clean-up goes; what is registered or young stays."""
    subject = world.subject()
    orphan, kept = Owned(subject, new_id()), world.upload(subject)
    for owned in (orphan,):
        world.put_original(owned)
    world.store.put("not even a key of ours", b"?")
    assert sweeping.sweep_store(world.parts) == 1, "only what cannot be an upload under way"
    assert set(world.store.objects) == {orphan.key("original"), kept.key("original")}
    world.clock.forward(601)
    assert sweeping.sweep_store(world.parts) == 1
    assert set(world.store.objects) == {kept.key("original")}


def test_a_sweep_of_more_objects_than_one_batch_misses_none(
    world: ImagingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches end anywhere."""
    monkeypatch.setattr(sweeping, "SWEEP_BATCH", 3)
    subject = world.subject()
    kept = world.upload(subject)
    for _ in range(7):
        world.put_original(Owned(subject, new_id()))
    world.clock.forward(601)
    assert sweeping.sweep_store(world.parts) == 7
    assert set(world.store.objects) == {kept.key("original")}


# ---- the table of states


def test_photo_states_move_by_the_table_and_by_nothing_else() -> None:
    """Every pair: the same again is a no-op, what the table allows goes, the rest is a conflict."""
    assert set(MOVES) == set(PhotoState)
    for now in PhotoState:
        for to in PhotoState:
            if to is now or to in MOVES[now]:
                assert move(now, to) is to
            else:
                with pytest.raises(Conflict):
                    move(now, to)


def test_every_photo_can_be_deleted_and_none_comes_back() -> None:
    """Deleting is the end of every road."""
    assert all(PhotoState.DELETING in targets for now, targets in MOVES.items() if now is not PhotoState.DELETING)
    assert MOVES[PhotoState.DELETING] == frozenset()
    assert SETTLED <= VISIBLE
    assert not {PhotoState.UPLOADING, PhotoState.DELETING} & VISIBLE


def test_what_is_stored_opens_under_its_subjects_key_and_its_own_name_only(world: ImagingWorld) -> None:
    """The twin's world is honest: sealed bytes, not pictures, lie in the store."""
    owned = world.upload(world.subject(), b"photo of Ada")
    stored = world.store.get(owned.key("original"))
    assert b"Ada" not in stored
    assert stored != seal(world.keys.key_of(owned.subject_id), b"photo of Ada", owned.key("original"))
