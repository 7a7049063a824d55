"""After the certificate: a second look, a daily sweep, dead letters. What came back is found, told and purged again."""

from __future__ import annotations

from uuid import UUID

import pytest

from services.auth.domain.subjects import Subject, SubjectState
from services.imaging.domain.photos import Photo, PhotoState
from services.retention import audits, use_cases
from services.retention.domain.audits import AGAIN, MOST_LOOKS
from shared.contracts import auth, retention
from shared.kernel.errors import Unavailable
from shared.kernel.ids import new_id
from shared.storage import object_key
from shared.telemetry import metrics
from shared.testing.faults import Killed
from tests.unit.worlds import DEVICE, OTHER_DEVICE, RetentionWorld, World


@pytest.fixture
def world() -> World:
    return World()


def erased(world: World, device: str = DEVICE) -> tuple[UUID, UUID]:
    """A guest with a photo, and its purge, completed."""
    subject_id = world.guest(device).subject_id
    world.imaging.ready(subject_id)
    opened = use_cases.open_purge(
        retention.OpenPurge(subject_id=subject_id, reason="stash_wiped"), world.retention.parts
    )
    world.deliver_all()
    assert world.retention.show(opened.purge_id).status == "completed"
    return subject_id, opened.purge_id


def bring_back(world: World, subject_id: UUID) -> None:
    """What restoring an old backup of auth's database, fences included, would do."""
    with world.auth.work.begin() as tx:
        tx.state.fences.clear()
        tx.add_subject(Subject(subject_id, "guest", SubjectState.ACTIVE, b"\x02m1old", world.clock()))


def findings() -> float:
    return sum(
        sample.value for metric in metrics.FINDINGS.collect() for sample in metric.samples if "total" in sample.name
    )


def test_a_second_look_that_finds_nothing_forgets_the_subject(world: World) -> None:
    """Its id rested for this look alone, and sealed; not a moment before the look is due."""
    subject_id, _ = erased(world)
    [held] = world.retention.work.state.second_looks.values()
    assert subject_id.bytes not in held.sealed_id
    assert str(subject_id) not in repr(world.retention.work.state)
    assert audits.look_again(world.retention.parts) == 0
    assert world.retention.work.state.second_looks, "not due yet"
    world.clock.forward(300)
    assert audits.look_again(world.retention.parts) == 0
    assert not world.retention.work.state.second_looks


def test_what_came_back_is_found_by_the_second_look_and_purged_again(world: World) -> None:
    """An alert, the same purge asked for again, and another look until nothing is left; the neighbour stays."""
    neighbour = world.guest(OTHER_DEVICE).subject_id
    world.imaging.ready(neighbour)
    subject_id, _ = erased(world)
    world.imaging.store.put(object_key(subject_id, new_id(), "original"), b"late")
    before = findings()
    world.clock.forward(300)
    assert audits.look_again(world.retention.parts) == 1
    assert findings() == before + 1
    world.deliver_all()
    world.clock.forward(AGAIN.total_seconds())
    assert audits.look_again(world.retention.parts) == 0
    assert not list(world.imaging.store.keys(f"{subject_id}/"))
    assert not world.retention.work.state.second_looks
    assert world.auth.count(neighbour)["subjects"] == 1
    assert world.imaging.objects(neighbour)


def test_a_participant_that_does_not_answer_is_no_clean_look(world: World) -> None:
    """Nothing was proven: look again later, and keep the id until then."""
    erased(world)
    counters = world.retention.witnesses.counters
    away = counters.pop("imaging")
    world.clock.forward(300)
    assert audits.look_again(world.retention.parts) == 0
    assert world.retention.work.state.second_looks
    counters["imaging"] = away
    world.clock.forward(AGAIN.total_seconds())
    audits.look_again(world.retention.parts)
    assert not world.retention.work.state.second_looks


def test_a_subject_that_comes_back_again_and_again_is_left_to_an_operator(world: World) -> None:
    """Asking for ever mends nothing; the findings go on being told."""
    subject_id, _ = erased(world)
    asked = 0
    for _ in range(MOST_LOOKS + 3):
        world.imaging.store.put(object_key(subject_id, new_id(), "original"), b"late")
        world.clock.forward(AGAIN.total_seconds())
        assert audits.look_again(world.retention.parts) == 1
        asked += sum(isinstance(m, retention.PurgeRequested) for m in world.deliver_all())
    assert asked == MOST_LOOKS


def test_the_daily_sweep_recognises_an_erased_subject_by_its_tombstone(world: World) -> None:
    """After a restore nobody knows the id any more; the tombstone does. The neighbour is nobody's finding."""
    neighbour = world.guest(OTHER_DEVICE).subject_id
    subject_id, _ = erased(world)
    world.clock.forward(300)
    audits.look_again(world.retention.parts)
    bring_back(world, subject_id)
    answer = audits.replay_tombstones(retention.ReplayTombstones(), world.retention.parts)
    assert answer.came_back == 1
    world.deliver_all()
    assert world.auth.count(subject_id)["subjects"] == 0
    assert world.auth.count(neighbour)["subjects"] == 1
    assert audits.replay_tombstones(retention.ReplayTombstones(), world.retention.parts).came_back == 0


@pytest.mark.parametrize("where", ["imaging", "store"])
def test_the_sweep_looks_everywhere(world: World, where: str) -> None:
    """A row in a service, an object that no row knows."""
    subject_id, _ = erased(world)
    if where == "store":
        world.imaging.store.put(object_key(subject_id, new_id(), "original"), b"late")
    else:
        with world.imaging.work.begin() as tx:
            tx.state.fences.clear()
            tx.add_photo(Photo(new_id(), subject_id, PhotoState.QUEUED, world.clock()))
    assert audits.sweep_tombstones(world.retention.parts) >= 1
    world.deliver_all()
    assert not list(world.imaging.store.keys(f"{subject_id}/"))
    assert audits.sweep_tombstones(world.retention.parts) == 0


def test_a_sweep_that_cannot_ask_everybody_fails_aloud(world: World) -> None:
    """An unanswered question is no proof."""
    del world.retention.witnesses.holding["imaging"]
    with pytest.raises(Unavailable):
        audits.sweep_tombstones(world.retention.parts)


def test_the_sweep_passes_over_a_purge_that_is_under_way(world: World) -> None:
    """Its subject is still there, rightly."""
    subject_id = world.guest(DEVICE).subject_id
    use_cases.open_purge(retention.OpenPurge(subject_id=subject_id, reason="stash_wiped"), world.retention.parts)
    assert audits.sweep_tombstones(world.retention.parts) == 0


def test_dead_letters_about_the_subject_go_and_are_counted() -> None:
    """No operator's replay may bring an erased subject up again; a neighbour's letters rest on."""
    world = RetentionWorld()
    subject_id, neighbour = new_id(), new_id()
    world.dead_letters.resting = [subject_id, neighbour, subject_id]
    opened = world.open(subject_id)
    world.fenced(subject_id, opened.purge_id)
    for report in (world.imaging_reports, world.payments_reports, world.auth_reports):
        report(subject_id, opened.purge_id)
    shown = world.show(opened.purge_id)
    assert shown.status == "completed"
    assert shown.counts["queues.dead_letters"] == 2
    assert world.dead_letters.resting == [neighbour]


@pytest.mark.parametrize("step", ["work.begin", "tx.save_second_look", "tx.publish", "work.commit"])
def test_a_look_that_dies_is_made_again(world: World, step: str) -> None:
    """Nothing is lost between finding something and having it purged."""
    subject_id, _ = erased(world)
    world.imaging.store.put(object_key(subject_id, new_id(), "original"), b"late")
    world.clock.forward(300)
    world.retention.trouble.kill(step, skip=1 if step.startswith("work") else 0)
    with pytest.raises(Killed):
        audits.look_again(world.retention.parts)
    world.clock.forward(300)
    audits.look_again(world.retention.parts)
    world.deliver_all()
    assert not list(world.imaging.store.keys(f"{subject_id}/"))


def test_the_reasons_a_purge_may_be_asked_for_are_closed(world: World) -> None:
    """What merely happened comes as an event, and cannot be claimed by a caller."""
    for event, reason in (
        (auth.GuestReplaced(subject_id=new_id()), "guest_replaced"),
        (auth.GuestExpired(subject_id=new_id()), "guest_idle"),
        (auth.AccountAbandoned(subject_id=new_id()), "account_abandoned"),
        (auth.GuestSignedIn(subject_id=new_id(), account_id=new_id(), purge_id=new_id()), "signed_in"),
        (
            auth.ConsentWithdrawn(subject_id=new_id(), kind="document", name="privacy", subject_kind="guest"),
            "consent_withdrawn",
        ),
    ):
        use_cases.hear_ending(event, world.retention.parts)
        [purge] = [p for p in world.retention.work.state.purges.values() if p.subject_id == event.subject_id]
        assert purge.reason == reason
    account = auth.ConsentWithdrawn(subject_id=new_id(), kind="document", name="privacy", subject_kind="account")
    use_cases.hear_ending(account, world.retention.parts)
    assert not [p for p in world.retention.work.state.purges.values() if p.subject_id == account.subject_id]
