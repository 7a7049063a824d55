"""What a worker does with jobs and render calls, and what a purge at any point makes of it: memory twins, no pixel."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress

import pytest

from services.imaging import use_cases, worker_cases
from services.imaging.domain.photos import CUTOUT, ORIGINAL, analysis_identity, facts_identity
from services.imaging.worker_cases import Void
from shared.contracts import imaging
from shared.crypto import unseal
from shared.kernel.errors import Code, Conflict, IdempotencyConflict, NotFound, NotReady, PocketError, SubjectErased
from shared.kernel.ids import new_id
from shared.storage import StoreUnavailable
from shared.testing.faults import Killed
from tests.unit.worlds import NOTHING, ImagingWorld, Owned


@pytest.fixture
def world() -> ImagingWorld:
    return ImagingWorld()


def nothing_is_left(world: ImagingWorld, owned: Owned) -> None:
    assert world.count(owned.subject_id) == NOTHING
    assert world.objects(owned.subject_id) == []
    assert not world.said(imaging.PhotoReady)
    assert not world.said(imaging.PhotoRejected)


def delete(world: ImagingWorld, owned: Owned) -> None:
    use_cases.delete_photo(imaging.DeletePhoto(subject_id=owned.subject_id, photo_id=owned.photo_id), world.parts)


# ---- matting


def test_a_job_makes_a_sealed_cutout_a_sealed_analysis_and_one_event(world: ImagingWorld) -> None:
    """Everything that tells of the face opens under the subject's key and its own identity."""
    owned = world.upload(world.subject())
    world.matte(world.job(owned))
    key = world.keys.key_of(owned.subject_id)
    assert unseal(key, world.store.get(owned.key(CUTOUT)), owned.key(CUTOUT)) == b"cutout of Ada"
    photo = world.work.state.photos[owned.photo_id]
    assert photo.state == "ready"
    assert photo.analysis is not None
    assert b'"faces": 1' in unseal(key, photo.analysis, analysis_identity(owned.photo_id))
    [event] = world.said(imaging.PhotoReady)
    assert (event.photo_id, event.message_id) == (owned.photo_id, photo.event_id)
    assert world.count(owned.subject_id)["objects"] == 2


@pytest.mark.parametrize(
    ("content", "people", "outcome"),
    [
        (b"photo of Ada and Bo", 2, ("ready", ())),
        (b"photo of Ada", 2, ("rejected", ("second_face_missing",))),
        (b"photo of Ada and Bo", 1, ("rejected", ("several_faces",))),
    ],
)
def test_as_many_people_are_looked_for_as_were_registered(
    world: ImagingWorld, content: bytes, people: int, outcome: tuple[str, tuple[str, ...]]
) -> None:
    """Two where two were said to come; one for everybody else."""
    owned = world.upload(world.subject(), content, people)
    with suppress(Void):
        world.matte(world.job(owned))
    photo = world.work.state.photos[owned.photo_id]
    assert (photo.state, photo.reasons) == outcome


def test_the_cutouts_key_is_registered_before_it_is_written(world: ImagingWorld) -> None:
    """Registered before written: the claim commits the row, then the store is written."""
    owned = world.upload(world.subject())
    world.trouble.on("store.put", lambda: registered.append(owned.key(CUTOUT) in world.work.state.objects))
    registered: list[bool] = []
    world.matte(world.job(owned))
    assert registered == [True]


def test_the_same_job_twice_gives_one_event(world: ImagingWorld) -> None:
    """At least once delivered, exactly once in effect."""
    owned = world.upload(world.subject())
    world.matte(world.job(owned))
    with pytest.raises(Void):
        world.matte(world.job(owned))
    assert len(world.said(imaging.PhotoReady)) == 1
    assert world.objects(owned.subject_id) == ["cutout", "original"]


def test_two_workers_with_the_same_job_give_one_event(world: ImagingWorld) -> None:
    """Both prepared it, both finish it; the second one's settling finds the work done."""
    owned = world.upload(world.subject())
    first, second = (worker_cases.prepare_job(world.job(owned), world.worker) for _ in range(2))
    for prepared in (first, second):
        worker_cases.finish_job(prepared, *worker_cases.matte_batch([prepared], world.worker), world.worker)
    assert len(world.said(imaging.PhotoReady)) == 1
    assert world.state(owned) == "ready"


WORK_STEPS = ["tx.photo", "tx.save_photo", "tx.register_object", "work.commit", "work.committed", "keys.key_of",
              "store.get", "store.get done", "studio.prepare", "studio.matte", "store.put", "store.put done"]  # fmt: skip


@pytest.mark.parametrize("step", WORK_STEPS)
def test_a_worker_that_dies_anywhere_leaves_a_job_that_the_next_one_finishes(world: ImagingWorld, step: str) -> None:
    """No accepted photo is lost: the same job again ends ready, with one event and the same derived keys."""
    owned = world.upload(world.subject())
    world.trouble.kill(step)
    with pytest.raises(Killed):
        world.matte(world.job(owned))
    assert world.trouble.all_happened
    world.matte(world.job(owned))
    assert world.state(owned) == "ready"
    assert len(world.said(imaging.PhotoReady)) == 1
    assert world.objects(owned.subject_id) == ["cutout", "original"]


def test_a_worker_that_dies_after_settling_leaves_nothing_to_do(world: ImagingWorld) -> None:
    """Killed between commit and acknowledgement: the job comes again, and is void."""
    owned = world.upload(world.subject())
    world.trouble.on("store.put done", lambda: world.trouble.kill("work.committed"))
    with pytest.raises(Killed):
        world.matte(world.job(owned))
    assert world.state(owned) == "ready"
    with pytest.raises(Void):
        world.matte(world.job(owned))
    assert len(world.said(imaging.PhotoReady)) == 1


# ---- the fence, at every point


def test_a_job_whose_subject_was_purged_before_the_claim_is_void(world: ImagingWorld) -> None:
    """Before the claim: nothing is read, nothing is written."""
    owned = world.upload(world.subject())
    job = world.job(owned)
    world.purge(owned.subject_id)
    with pytest.raises(Void):
        world.matte(job)
    nothing_is_left(world, owned)
    assert owned.subject_id in world.keys.fences_seen


FENCE_POINTS = ["keys.key_of", "store.get", "store.get done", "studio.prepare", "studio.prepare done",
                "studio.matte", "studio.matte done", "store.put", "store.put done"]  # fmt: skip


@pytest.mark.parametrize("point", FENCE_POINTS)
def test_a_purge_while_the_worker_holds_the_job_leaves_no_object_and_no_event(world: ImagingWorld, point: str) -> None:
    """Purged stays purged: whatever the worker was doing, it finds the fence or no key, undoes its work, and stops.

    The neighbour's photo, in the same worker, is finished.
    """
    owned, neighbour = world.upload(world.subject()), world.upload(world.subject())
    job, neighbours_job = world.job(owned), world.job(neighbour)
    world.trouble.on(point, lambda: world.purge(owned.subject_id))
    with pytest.raises(Void):
        world.matte(job)
    assert world.trouble.all_happened
    nothing_is_left(world, owned)
    world.matte(neighbours_job)
    assert world.state(neighbour) == "ready"
    assert world.objects(neighbour.subject_id) == ["cutout", "original"]


def test_a_purge_between_the_key_and_the_write_is_undone_by_the_worker(world: ImagingWorld) -> None:
    """The worst moment: the key was fetched, the fence went up, the purge's deletion has passed; then the write lands."""
    owned = world.upload(world.subject())
    job = world.job(owned)
    world.trouble.on("store.put", lambda: world.purge(owned.subject_id))
    with pytest.raises(Void):
        world.matte(job)
    nothing_is_left(world, owned)


def test_a_worker_that_dies_behind_the_fence_after_its_write_is_cleaned_up_by_the_jobs_next_delivery(
    world: ImagingWorld,
) -> None:
    """The write landed, the purge had passed, the process died: the job comes again and deletes what it finds."""
    owned = world.upload(world.subject())
    job = world.job(owned)
    world.trouble.on("store.put", lambda: world.purge(owned.subject_id))
    world.trouble.kill("store.put done")
    with pytest.raises(Killed):
        world.matte(job)
    assert world.objects(owned.subject_id) == ["cutout"], "the leftover this test is about"
    with pytest.raises(Void):
        world.matte(job)
    nothing_is_left(world, owned)


@pytest.mark.parametrize("point", FENCE_POINTS)
def test_a_photo_deleted_while_the_worker_holds_it_leaves_no_object_and_no_event(
    world: ImagingWorld, point: str
) -> None:
    """The same for one photo: its sibling stays whole and its subject's key stays."""
    subject = world.subject()
    owned, sibling = world.upload(subject), world.ready(subject)
    job = world.job(owned)
    world.work.take_outbox()
    world.trouble.on(point, lambda: delete(world, owned))
    with pytest.raises(Void):
        world.matte(job)
    assert world.trouble.all_happened
    assert world.state(owned) is None
    assert [key for key in world.store.objects if str(owned.photo_id) in key] == []
    assert not world.said(imaging.PhotoReady)
    assert world.state(sibling) == "ready"
    assert world.objects(subject) == ["cutout", "original"]


# ---- photos that cannot be used


def test_a_photo_that_cannot_be_used_is_rejected_with_its_reason_and_its_original_is_deleted(
    world: ImagingWorld,
) -> None:
    """What we cannot use we do not keep; the reason stays for its owner."""
    owned = world.upload(world.subject(), b"unusable: no_face")
    neighbour = world.upload(world.subject())
    with pytest.raises(Void):
        world.matte(world.job(owned))
    photo = world.work.state.photos[owned.photo_id]
    assert (photo.state, photo.reasons) == ("rejected", ("no_face",))
    [event] = world.said(imaging.PhotoRejected)
    assert event.reasons == ["no_face"]
    assert world.objects(owned.subject_id) == []
    assert world.count(owned.subject_id) == {**NOTHING, "photos": 1}
    assert world.objects(neighbour.subject_id) == ["original"]


@pytest.mark.parametrize("skip", [0, 1, 2])
def test_a_rejection_that_dies_after_its_commit_still_ends_without_the_original(world: ImagingWorld, skip: int) -> None:
    """Any process may die at any instruction: the job comes again, and the original goes."""
    owned = world.upload(world.subject(), b"unusable: no_face")
    steps = ["store.delete", "store.delete done", "work.begin"]
    world.trouble.kill(steps[skip], skip=2 if steps[skip] == "work.begin" else 0)
    with pytest.raises(Killed):
        world.matte(world.job(owned))
    assert world.trouble.all_happened
    with pytest.raises(Void):
        world.matte(world.job(owned))
    assert world.objects(owned.subject_id) == []
    assert world.count(owned.subject_id) == {**NOTHING, "photos": 1}
    assert len(world.said(imaging.PhotoRejected)) == 1


def test_a_purge_while_a_photo_is_being_rejected_leaves_nothing(world: ImagingWorld) -> None:
    """Fenced between finding the fault and saying so."""
    owned = world.upload(world.subject(), b"unusable: no_face")
    job = world.job(owned)
    world.trouble.on("studio.prepare", lambda: world.purge(owned.subject_id))
    with pytest.raises(Void):
        world.matte(job)
    nothing_is_left(world, owned)


def test_a_job_that_is_given_up_shows_as_failed_and_an_operators_replay_takes_it_up_again(world: ImagingWorld) -> None:
    """The person must see that it failed; the same message, replayed, makes it ready."""
    owned = world.upload(world.subject())
    world.trouble.fail("store.get", StoreUnavailable("away"))
    with pytest.raises(StoreUnavailable):
        world.matte(world.job(owned))
    worker_cases.fail_job(world.job(owned), world.worker)
    worker_cases.fail_job(world.job(owned), world.worker)
    assert world.state(owned) == "failed"
    assert len(world.said(imaging.PhotoFailed)) == 1
    world.matte(world.job(owned))
    assert world.state(owned) == "ready"


def test_a_job_that_is_given_up_says_nothing_of_a_photo_that_is_done_deleted_or_fenced(world: ImagingWorld) -> None:
    """A late failure does not spoil what went well, nor speak of what is gone."""
    done, gone = world.ready(world.subject()), world.upload(world.subject())
    done_job, gone_job = world.job(done), world.job(gone)
    world.purge(gone.subject_id)
    for job in (done_job, gone_job, imaging.MattePhoto(subject_id=done.subject_id, photo_id=new_id())):
        worker_cases.fail_job(job, world.worker)
    assert not world.said(imaging.PhotoFailed)
    assert world.state(done) == "ready"


def test_an_original_that_is_missing_without_a_purge_is_an_error_and_not_silence(world: ImagingWorld) -> None:
    """A lost object must be noticed: the job fails, it is not waved through."""
    owned = world.upload(world.subject())
    world.store.delete([owned.key(ORIGINAL)])
    with pytest.raises(Exception, match="original") as error:
        world.matte(world.job(owned))
    assert not isinstance(error.value, Void)


# ---- renders


def test_a_render_is_a_sealed_file_a_sealed_preview_and_sealed_facts(world: ImagingWorld) -> None:
    """Made from the stored cutout; each part opens under its own identity."""
    owned = world.ready(world.subject())
    render = world.render(owned)
    key = world.keys.key_of(owned.subject_id)
    file = unseal(key, world.store.get(render.file_key), render.file_key)
    assert b"cutout of Ada" in file
    assert unseal(key, world.store.get(render.preview_key), render.preview_key).startswith(b"preview ")
    assert b'"width": 295' in unseal(key, b64decode(render.facts), facts_identity(render.render_id))
    assert render.unlocked


def test_a_render_repeated_with_its_key_is_the_same_one_and_another_order_conflicts(world: ImagingWorld) -> None:
    """One key, one render."""
    owned = world.ready(world.subject())
    first = world.render(owned, idempotency_key="k", fingerprint="f")
    assert world.render(owned, idempotency_key="k", fingerprint="f") == first
    with pytest.raises(IdempotencyConflict):
        world.render(owned, order={"spec": "cn-passport"}, idempotency_key="k", fingerprint="g")
    assert world.count(owned.subject_id)["renders"] == 1


def test_two_renders_with_one_key_at_the_same_time_end_as_one(world: ImagingWorld) -> None:
    """Both were begun before either had an answer to keep: the second finds the first one's and drops its own."""
    owned = world.ready(world.subject())
    answers: list[imaging.RenderState] = []
    world.trouble.on("studio.render", lambda: answers.append(world.render(owned, idempotency_key="k", fingerprint="f")))
    answers.append(world.render(owned, idempotency_key="k", fingerprint="f"))
    assert answers[0] == answers[1]
    assert world.count(owned.subject_id) == {"photos": 1, "objects": 4, "renders": 1, "idempotency": 1}
    assert len(world.objects(owned.subject_id)) == 4


def test_what_cannot_be_rendered_is_refused_with_its_reason_and_leaves_no_row(world: ImagingWorld) -> None:
    """Unknown, somebody else's, still working, rejected, failed, or an order that makes no sense."""
    subject = world.subject()
    queued, rejected = world.upload(subject), world.upload(subject, b"unusable: no_face")
    with pytest.raises(Void):
        world.matte(world.job(rejected))
    cases: list[tuple[type[PocketError], Callable[[], object]]] = [
        (NotReady, lambda: world.render(queued)),
        (Conflict, lambda: world.render(rejected)),
        (NotFound, lambda: world.render(Owned(world.subject(), queued.photo_id))),
        (NotFound, lambda: world.render(Owned(subject, new_id()))),
    ]
    for kind, call in cases:
        with pytest.raises(kind):
            call()
    with pytest.raises(PocketError) as unknown:
        world.render(world.ready(subject), order={"spec": "no such"})
    assert unknown.value.actual_code is Code.UNKNOWN_SPEC
    assert world.count(subject)["renders"] == 0


@pytest.mark.parametrize("step", ["keys.key_of", "store.get", "studio.render", "store.put", "store.put done"])
def test_a_render_that_cannot_be_made_leaves_nothing_of_itself(world: ImagingWorld, step: str) -> None:
    """Objects first, then the rows that say where they are; the photo stays."""
    owned = world.ready(world.subject())
    world.trouble.fail(step, StoreUnavailable("away"))
    with pytest.raises(StoreUnavailable):
        world.render(owned, idempotency_key="k", fingerprint="f")
    assert world.count(owned.subject_id) == {**NOTHING, "photos": 1, "objects": 2}
    assert world.objects(owned.subject_id) == ["cutout", "original"]
    assert world.render(owned, idempotency_key="k", fingerprint="f"), "and the same call may succeed later"


RENDER_POINTS = ["keys.key_of", "store.get", "store.get done", "studio.render", "studio.render done", "store.put"]


@pytest.mark.parametrize("point", RENDER_POINTS)
def test_a_purge_while_rendering_leaves_nothing(world: ImagingWorld, point: str) -> None:
    """No object, no row, no answer; the neighbour renders on."""
    owned, neighbour = world.ready(world.subject()), world.ready(world.subject())
    world.trouble.on(point, lambda: world.purge(owned.subject_id))
    with pytest.raises(SubjectErased):
        world.render(owned, idempotency_key="k", fingerprint="f")
    assert world.trouble.all_happened
    assert world.count(owned.subject_id) == NOTHING
    assert world.objects(owned.subject_id) == []
    assert world.render(neighbour)


def test_a_purge_after_the_last_write_of_a_render_is_answered_as_erased(world: ImagingWorld) -> None:
    """The client is told what happened, and what was written is gone."""
    owned = world.ready(world.subject())
    world.trouble.on("store.put done", lambda: world.purge(owned.subject_id), skip=1)
    with pytest.raises(SubjectErased):
        world.render(owned)
    assert world.objects(owned.subject_id) == []
    assert world.count(owned.subject_id) == NOTHING


@pytest.mark.parametrize("point", ["store.get", "studio.render", "store.put", "store.put done"])
def test_a_photo_deleted_while_rendering_leaves_nothing_and_its_owner_is_not_told_that_everything_was_wiped(
    world: ImagingWorld, point: str
) -> None:
    """The photo is not found; the subject lives, and so does its other photo."""
    subject = world.subject()
    owned, sibling = world.ready(subject), world.ready(subject)
    world.trouble.on(point, lambda: delete(world, owned))
    with pytest.raises(NotFound):
        world.render(owned)
    assert world.trouble.all_happened
    assert [key for key in world.store.objects if str(owned.photo_id) in key] == []
    assert world.count(subject) == {**NOTHING, "photos": 1, "objects": 2}
    assert world.render(sibling)


def test_a_deletion_that_is_under_way_when_a_render_ends_leaves_no_orphan(world: ImagingWorld) -> None:
    """Deleting is marked, the prefix is cleared, then the render's writes land: they must go with it."""
    owned = world.ready(world.subject())
    world.trouble.on("studio.render", lambda: world.trouble.kill("store.delete_prefix done"))
    world.trouble.on("studio.render done", lambda: _die_deleting(world, owned))
    with pytest.raises(NotFound):
        world.render(owned)
    assert world.objects(owned.subject_id) == []


def _die_deleting(world: ImagingWorld, owned: Owned) -> None:
    with pytest.raises(Killed):
        delete(world, owned)
