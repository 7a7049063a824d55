"""Consent where the work is done: workers get their keys from auth, and a job that outlived its consent finds none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.auth import use_cases as auth_cases
from services.imaging import sweeping
from services.imaging import use_cases as imaging_cases
from services.imaging.adapters.keys import AskedKeys
from services.imaging.domain.photos import ORIGINAL
from services.imaging.worker_cases import Void, WorkerParts
from shared.contracts import auth
from shared.crypto import seal
from shared.crypto.subject_keys import KeyCache
from shared.kernel.errors import Code
from shared.testing.faults import Killed
from tests.unit.auth.logins import LoginWorld, code_of
from tests.unit.worlds import OTHER_DEVICE, Owned, World


class Works(World):
    """All services; the worker's keys are asked of auth, as they really are."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.auth = self.logins = LoginWorld(self.clock)
        self.retention.witnesses.counters["auth"] = self.auth.count
        self.asked: list[str] = []
        world = self

        class Line:
            def ask(self, call: auth.SubjectKey) -> auth.WrappedKey:
                world.asked.append(call.purpose)
                return auth_cases.subject_key(call, world.auth.parts)

        self.keys = AskedKeys(Line(), self.auth.keyring, KeyCache(self.clock.monotonic))  # type: ignore[arg-type]
        side = self.imaging
        side.worker = WorkerParts(side.work, side.store, self.keys, side.studio, self.clock, "free")

    def upload(self, subject_id: UUID) -> Owned:
        """As the gateway does, which got its key a moment ago."""
        owned = Owned(subject_id, self.imaging.register(subject_id).photo_id)
        name = owned.key(ORIGINAL)
        key = self.logins.data_key(subject_id)
        self.imaging.store.put(name, seal(key, b"photo of Ada", name))
        self.imaging.confirm(owned)
        return owned

    def ready(self, subject_id: UUID) -> Owned:
        owned = self.upload(subject_id)
        self.imaging.matte(self.imaging.job(owned))
        return owned


@pytest.fixture
def works() -> Works:
    return Works()


def matte(works: Works, owned: Owned) -> None:
    with pytest.raises(Void):
        works.imaging.matte(works.imaging.job(owned))


def reasons(works: Works, owned: Owned) -> tuple[str, ...]:
    photo = works.imaging.work.state.photos[owned.photo_id]
    return (photo.state, *photo.reasons)


def test_a_worker_asks_for_keys_with_the_purpose_of_processing_and_no_other(works: Works) -> None:
    """Matting and rendering alike."""
    mine = works.logins.sign_in("Ada").subject_id
    owned = works.ready(mine)
    works.clock.forward(3)
    works.imaging.render(owned)
    assert set(works.asked) == {"process_photo"}
    assert len(works.asked) >= 2


def test_a_job_that_waited_while_its_consent_was_withdrawn_is_rejected_and_its_original_goes(works: Works) -> None:
    """Whatever order the messages come in; the reason is told, the neighbour's photo is made."""
    mine, neighbour = works.logins.sign_in("Ada").subject_id, works.logins.sign_in("Bo").subject_id
    owned, other = works.upload(mine), works.upload(neighbour)
    works.logins.record(mine, "withdraw")
    matte(works, owned)
    assert reasons(works, owned) == ("rejected", "consent_required")
    assert works.imaging.objects(mine) == []
    works.imaging.matte(works.imaging.job(other))
    assert works.imaging.objects(neighbour) == ["cutout", "original"]
    works.deliver_all()
    assert works.imaging.count(mine)["photos"] == 0
    assert works.imaging.count(neighbour)["photos"] == 1


def test_a_photo_whose_consent_ends_while_it_is_made_is_deleted_and_not_made(works: Works) -> None:
    """The event finds its row, whatever key the worker holds; the worker cleans up after itself."""
    mine, neighbour = works.logins.sign_in("Ada").subject_id, works.logins.sign_in("Bo").subject_id
    owned, other = works.upload(mine), works.ready(neighbour)
    job = works.imaging.job(owned)
    works.imaging.work.take_outbox()
    works.logins.record(mine, "withdraw")
    [event] = works.logins.said(auth.ConsentWithdrawn)
    prepare = works.imaging.studio.prepare

    def meanwhile(content: bytes, *, people: int = 1) -> Any:
        imaging_cases.stop_processing(event, works.imaging.parts)  # type: ignore[arg-type]
        return prepare(content, people=people)

    works.imaging.studio.prepare = meanwhile  # type: ignore[method-assign]
    works.logins.record(mine, "grant")
    with pytest.raises(Void):
        works.imaging.matte(job)
    assert works.imaging.objects(mine) == []
    assert works.imaging.count(mine)["photos"] == 0
    assert works.imaging.objects(other.subject_id) == ["cutout", "original"]


def test_a_consent_withdrawn_while_the_worker_works_leaves_no_cutout(works: Works) -> None:
    """The key is asked for again before anything is stored; two seconds are the most that an old one is held."""
    mine = works.logins.sign_in("Ada").subject_id
    owned = works.upload(mine)
    prepare = works.imaging.studio.prepare

    def slowly(content: bytes, *, people: int = 1) -> Any:
        works.logins.record(mine, "withdraw")
        works.clock.forward(2.1)
        return prepare(content, people=people)

    works.imaging.studio.prepare = slowly  # type: ignore[method-assign]
    matte(works, owned)
    assert reasons(works, owned) == ("rejected", "consent_required")
    assert works.imaging.objects(mine) == []


@pytest.mark.parametrize("stopped", ["consent_required", "policy_outdated", "guardian_consent_required"])
def test_a_photo_of_somebody_who_may_not_be_processed_is_neither_made_nor_rendered(works: Works, stopped: str) -> None:
    """Each reason by its code; the neighbour's are."""
    age = {"age_band": "under_14"} if stopped == "guardian_consent_required" else {}
    mine = works.logins.sign_in("Ada").subject_id
    done = works.ready(mine)
    waiting = works.upload(mine)
    if stopped == "consent_required":
        works.logins.record(mine, "withdraw")
    elif stopped == "policy_outdated":
        works.logins.publish("2030-01-01")
        works.clock.forward(timedelta(days=7).total_seconds())
    else:
        works.logins.change(mine, **age)
    works.clock.forward(3)
    assert code_of(lambda: works.imaging.render(done)) is Code(stopped)
    matte(works, waiting)
    assert reasons(works, waiting) == ("rejected", stopped)
    if stopped == "policy_outdated":
        works.logins.record(mine, "grant", "2030-01-01")
        works.imaging.render(done)


def test_withdrawing_takes_every_photo_of_an_account_and_none_of_its_neighbours(works: Works) -> None:
    """Ready, waiting and rejected ones; the event may come twice; photos after a new consent are made."""
    mine, neighbour = works.logins.sign_in("Ada").subject_id, works.logins.sign_in("Bo").subject_id
    for subject_id in (mine, neighbour):
        works.imaging.render(works.ready(subject_id))
        works.upload(subject_id)
    works.deliver_all()
    works.logins.record(mine, "withdraw")
    [event] = works.logins.said(auth.ConsentWithdrawn)
    for _ in range(2):
        imaging_cases.stop_processing(event, works.imaging.parts)  # type: ignore[arg-type]
    assert works.imaging.objects(mine) == []
    assert works.imaging.count(mine) == {"photos": 0, "objects": 0, "renders": 0, "idempotency": 0}
    assert works.imaging.count(neighbour)["photos"] == 2
    assert works.logins.subject(mine).wrapped_key
    works.logins.record(mine, "grant")
    works.clock.forward(3)
    works.ready(mine)
    imaging_cases.stop_processing(event, works.imaging.parts)  # type: ignore[arg-type]
    assert works.imaging.objects(mine) == ["cutout", "original"], "a repeated message takes nothing that came later"


def test_a_withdrawal_that_is_heard_late_spares_what_came_with_a_new_consent(works: Works) -> None:
    """The broker was away for an hour; what was uploaded before goes all the same."""
    mine = works.logins.sign_in("Ada").subject_id
    works.ready(mine)
    works.logins.record(mine, "withdraw")
    [event] = works.logins.said(auth.ConsentWithdrawn)
    works.clock.forward(60)
    works.logins.record(mine, "grant")
    newer = works.ready(mine)
    works.clock.forward(3600)
    imaging_cases.stop_processing(event, works.imaging.parts)  # type: ignore[arg-type]
    assert works.imaging.count(mine)["photos"] == 1
    assert works.imaging.objects(mine) == ["cutout", "original"]
    assert works.imaging.render(newer)


@pytest.mark.parametrize("step", ["work.commit", "work.committed", "store.delete_prefix", "tx.delete_photo"])
def test_a_withdrawal_that_dies_half_way_is_finished_by_its_repetition_or_by_the_sweeper(
    works: Works, step: str
) -> None:
    """No photo outlives its consent because a process died."""
    mine, neighbour = works.logins.sign_in("Ada").subject_id, works.logins.sign_in("Bo").subject_id
    for subject_id in (mine, mine, neighbour):
        works.ready(subject_id)
    works.imaging.work.take_outbox()
    works.logins.record(mine, "withdraw")
    [event] = works.logins.said(auth.ConsentWithdrawn)
    works.imaging.trouble.kill(step)
    with pytest.raises(Killed):
        imaging_cases.stop_processing(event, works.imaging.parts)  # type: ignore[arg-type]
    assert works.imaging.trouble.all_happened
    imaging_cases.stop_processing(event, works.imaging.parts)  # type: ignore[arg-type]
    works.clock.forward(3600)
    sweeping.sweep_uploads(works.imaging.parts)
    assert works.imaging.objects(mine) == []
    assert works.imaging.count(mine)["photos"] == 0
    assert works.imaging.objects(neighbour) == ["cutout", "original"]


def test_a_guest_that_withdraws_is_left_to_its_purge(works: Works) -> None:
    """Imaging deletes it whole when retention says so, and reports; not twice in two ways."""
    guest, neighbour = works.logins.admit().subject_id, works.logins.admit(OTHER_DEVICE).subject_id
    for subject_id in (guest, neighbour):
        works.ready(subject_id)
    works.logins.record(guest, "withdraw")
    [event] = works.logins.said(auth.ConsentWithdrawn)
    imaging_cases.stop_processing(event, works.imaging.parts)  # type: ignore[arg-type]
    assert works.imaging.count(guest)["photos"] == 1
    works.deliver_all()
    assert not any(works.imaging.count(guest).values())
    assert not any(works.logins.count(guest).values())
    assert works.imaging.objects(neighbour) == ["cutout", "original"]


def test_a_key_that_was_handed_out_before_a_withdrawal_makes_no_photo_that_stays(works: Works) -> None:
    """A worker may hold a key for two seconds more; a photo that comes in just then goes all the same."""
    mine, neighbour = works.logins.sign_in("Ada").subject_id, works.logins.sign_in("Bo").subject_id
    works.ready(neighbour)
    works.ready(mine)
    works.imaging.work.take_outbox()
    works.logins.record(mine, "withdraw")
    works.deliver_all()
    late = works.upload(mine)
    matte(works, late)
    assert reasons(works, late) == ("rejected", "consent_required")
    assert works.imaging.objects(mine) == []
    assert works.imaging.objects(neighbour) == ["cutout", "original"]
