"""Purges from request to certificate: use cases on memory twins, with participants that lie, stay silent, or repeat."""

from __future__ import annotations

from uuid import UUID

import pytest

from services.retention import use_cases
from services.retention.domain.certificates import CERTIFICATE_KIND
from shared.contracts import auth, imaging, retention
from shared.crypto.signing import BadSignature, Signer, public_keys, verify
from shared.kernel.errors import BadRequest, IdempotencyConflict, NotFound, Unavailable
from shared.kernel.ids import new_id
from shared.testing.faults import Killed
from tests.unit.worlds import OTHER_DEVICE, RetentionWorld, World, secret_bytes


@pytest.fixture
def world() -> RetentionWorld:
    return RetentionWorld()


def run(world: RetentionWorld, subject_id: UUID) -> UUID:
    """A purge up to the report that makes it verify."""
    purge_id = world.open(subject_id).purge_id
    world.fenced(subject_id, purge_id)
    world.imaging_reports(subject_id, purge_id)
    world.auth_reports(subject_id, purge_id)
    return purge_id


def jws_of(world: RetentionWorld, purge_id: UUID) -> str:
    certificate = world.show(purge_id).certificate
    assert certificate is not None
    return str(certificate["jws"])


# ---- opening


def test_opening_a_purge_asks_the_participants_and_gives_a_receipt(world: RetentionWorld) -> None:
    """One transaction: the purge and the request that it makes."""
    subject = new_id()
    opened = world.open(subject)
    [asked] = world.said(retention.PurgeRequested)
    assert (asked.subject_id, asked.purge_id, asked.reason) == (subject, opened.purge_id, "stash_wiped")
    shown = use_cases.purge_by_receipt(retention.PurgeByReceipt(receipt=opened.receipt), world.parts)
    assert (shown.purge_id, shown.status, shown.certificate) == (opened.purge_id, "requested", None)


def test_a_subject_has_one_purge_however_often_it_is_asked_for(world: RetentionWorld) -> None:
    """The same purge, the same receipt, one request; another subject has its own."""
    subject = new_id()
    first, again, other = world.open(subject), world.open(subject), world.open(new_id())
    assert again == first
    assert other.purge_id != first.purge_id
    assert len(world.said(retention.PurgeRequested)) == 2


def test_the_call_that_wiped_the_stash_is_answered_again_by_its_key_and_by_no_other(world: RetentionWorld) -> None:
    """The answer that was lost on the way can be had again, by whoever sent that very call."""
    subject = new_id()
    opened = world.open(subject, key="k")
    found = use_cases.find_purge(retention.FindPurge(subject_id=subject, idempotency_key="k"), world.parts)
    assert found.receipt == opened.receipt
    for stranger, key in ((subject, "other"), (new_id(), "k")):
        with pytest.raises(NotFound):
            use_cases.find_purge(retention.FindPurge(subject_id=stranger, idempotency_key=key), world.parts)


def test_a_key_that_wiped_a_stash_does_not_leave_for_good(world: RetentionWorld) -> None:
    """Asked of a gateway that has heard of the fence, or of one that has not: a conflict, and the one purge as it was."""
    subject = new_id()
    opened = world.open(subject, key="k")
    ask = {"subject_id": subject, "idempotency_key": "k", "reason": "account_deleted"}
    with pytest.raises(IdempotencyConflict):
        use_cases.open_purge(retention.OpenPurge(**ask), world.parts)  # type: ignore[arg-type]
    with pytest.raises(IdempotencyConflict):
        use_cases.find_purge(retention.FindPurge(**ask), world.parts)  # type: ignore[arg-type]
    assert world.open(subject, key="k") == opened
    assert len(world.said(retention.PurgeRequested)) == 1


def test_a_reason_that_is_not_on_the_list_is_a_bad_request(world: RetentionWorld) -> None:
    """Reasons are printed on certificates: a closed list."""
    with pytest.raises(BadRequest):
        use_cases.open_purge(retention.OpenPurge(subject_id=new_id(), reason="whatever"), world.parts)
    assert not world.work.state.purges


def test_a_replaced_guest_is_purged_once(world: RetentionWorld) -> None:
    """The event may come twice; its stash goes once."""
    event = auth.GuestReplaced(subject_id=new_id())
    use_cases.hear_ending(event, world.parts)
    use_cases.hear_ending(event, world.parts)
    [asked] = world.said(retention.PurgeRequested)
    assert asked.reason == "guest_replaced"


# ---- the saga


def test_the_identity_is_asked_for_last_and_only_then_is_absence_proven(world: RetentionWorld) -> None:
    """Fence, data, identity, proof, certificate: in that order."""
    subject = new_id()
    purge_id = world.open(subject).purge_id
    world.fenced(subject, purge_id)
    assert world.show(purge_id).status == "purging"
    assert not world.said(retention.DataRemoved)
    world.imaging_reports(subject, purge_id)
    assert len(world.said(retention.DataRemoved)) == 1
    assert world.witnesses.asked == []
    world.auth_reports(subject, purge_id)
    assert sorted(world.witnesses.asked) == ["auth", "imaging", "payments", "retention"]
    shown = world.show(purge_id)
    assert shown.status == "completed"
    assert [step["status"] for step in shown.timeline] == ["requested", "fenced", "purging", "verifying", "completed"]
    assert shown.counts == {"imaging.photos": 1, "auth.subjects": 1, "queues.dead_letters": 0}
    [done] = world.said(retention.PurgeCompleted)
    assert (done.subject_id, done.purge_id) == (subject, purge_id)


def test_a_report_that_comes_twice_counts_once(world: RetentionWorld) -> None:
    """A certificate that counts a photo twice is false."""
    subject = new_id()
    purge_id = world.open(subject).purge_id
    world.fenced(subject, purge_id)
    event = world.imaging_reports(subject, purge_id, photos=3)
    use_cases.hear_report(event, world.parts)
    assert world.show(purge_id).counts == {"imaging.photos": 3}
    assert len(world.said(retention.DataRemoved)) == 1


def test_a_report_of_an_unknown_or_completed_purge_changes_nothing(world: RetentionWorld) -> None:
    """Late or strange: no state, no event, no error."""
    subject = new_id()
    world.imaging_reports(subject, new_id())
    purge_id = run(world, subject)
    before = world.show(purge_id)
    world.work.take_outbox()
    world.imaging_reports(subject, purge_id, photos=99)
    world.fenced(subject, purge_id)
    assert world.show(purge_id) == before
    assert not world.work.messages()


def test_something_left_over_starts_the_purge_over_and_is_never_certified(world: RetentionWorld) -> None:
    """Those who deleted are not believed: the witnesses and the store are, and everybody is asked again."""
    subject = new_id()
    world.left["imaging"]["photos"] = 1
    purge_id = run(world, subject)
    shown = world.show(purge_id)
    assert (shown.status, shown.certificate) == ("purging", None)
    assert len(world.said(retention.PurgeRequested)) == 2
    world.left["imaging"]["photos"] = 0
    world.imaging_reports(subject, purge_id, photos=1)
    world.auth_reports(subject, purge_id, subjects=0)
    shown = world.show(purge_id)
    assert shown.status == "completed"
    assert shown.counts == {"imaging.photos": 2, "auth.subjects": 1, "queues.dead_letters": 0}


def test_what_never_goes_is_asked_for_with_pauses_and_becomes_stuck(world: RetentionWorld) -> None:
    """Participants that answer at once do not keep a purge from its deadline, nor do they turn it into a storm."""
    subject = new_id()
    world.left["imaging"]["photos"] = 1
    purge_id = run(world, subject)
    for _ in range(400):
        if world.said(retention.PurgeRequested):
            world.work.take_outbox()
            world.imaging_reports(subject, purge_id, photos=0)
            world.auth_reports(subject, purge_id, subjects=0)
        world.clock.forward(3)
        use_cases.look_after_purges(world.parts)
        if world.show(purge_id).status == "stuck":
            break
    assert world.show(purge_id).status == "stuck"
    assert world.work.state.purges[purge_id].attempts < 30


def test_an_object_left_in_the_store_starts_the_purge_over_and_a_neighbours_does_not(world: RetentionWorld) -> None:
    """The store is listed by other code than the one that deletes."""
    subject, neighbour = new_id(), new_id()
    world.store.put(f"{neighbour}/{new_id()}/original", b"x")
    world.store.put(f"{subject}/{new_id()}/cutout", b"x")
    purge_id = run(world, subject)
    assert world.show(purge_id).status == "purging"
    assert list(world.store.keys("")) != []
    world.store.delete_prefix(f"{subject}/")
    world.imaging_reports(subject, purge_id, photos=0)
    world.auth_reports(subject, purge_id, subjects=0)
    assert world.show(purge_id).status == "completed"
    assert len(list(world.store.keys(f"{neighbour}/"))) == 1


def test_a_witness_that_does_not_answer_holds_the_certificate_back_until_it_does(world: RetentionWorld) -> None:
    """Silence is a failure, never a success; look_after_purges asks again."""
    subject = new_id()
    counter = world.witnesses.counters.pop("imaging")
    purge_id = world.open(subject).purge_id
    world.fenced(subject, purge_id)
    world.imaging_reports(subject, purge_id)
    with pytest.raises(Unavailable):
        world.auth_reports(subject, purge_id)
    assert world.show(purge_id).status == "verifying"
    world.clock.forward(10)
    use_cases.look_after_purges(world.parts)
    assert world.show(purge_id).certificate is None
    world.witnesses.counters["imaging"] = counter
    world.clock.forward(10)
    use_cases.look_after_purges(world.parts)
    assert world.show(purge_id).status == "completed"


def test_the_report_that_met_a_silent_witness_verifies_when_it_is_delivered_again(world: RetentionWorld) -> None:
    """The inbox knows it, and the purge still waits: the retry does what is left to do, and counts nothing twice."""
    subject = new_id()
    purge_id = world.open(subject).purge_id
    world.fenced(subject, purge_id)
    world.imaging_reports(subject, purge_id)
    counter = world.witnesses.counters.pop("imaging")
    event = auth.SubjectPurged(subject_id=subject, purge_id=purge_id, counts={"subjects": 1})
    with pytest.raises(Unavailable):
        use_cases.hear_report(event, world.parts)
    world.witnesses.counters["imaging"] = counter
    use_cases.hear_report(event, world.parts)
    shown = world.show(purge_id)
    assert shown.status == "completed"
    assert shown.counts["auth.subjects"] == 1


def test_one_silent_purge_does_not_keep_the_others_from_being_looked_after(world: RetentionWorld) -> None:
    """No purge ends silently, least of all because of another one."""
    subjects = [new_id(), new_id()]
    silent = subjects[0]
    normal = world.witnesses.counters["imaging"]

    def counter(subject_id: UUID) -> dict[str, int]:
        if subject_id == silent:
            raise Unavailable("no answer for this one")
        return dict(normal(subject_id))

    def nobody(subject_id: UUID) -> dict[str, int]:
        raise Unavailable("no answer")

    world.witnesses.counters["imaging"] = nobody
    purges = []
    for subject in subjects:
        purge_id = world.open(subject).purge_id
        purges.append(purge_id)
        world.fenced(subject, purge_id)
        world.imaging_reports(subject, purge_id)
        with pytest.raises(Unavailable):
            world.auth_reports(subject, purge_id)
    world.witnesses.counters["imaging"] = counter
    world.clock.forward(10)
    use_cases.look_after_purges(world.parts)
    assert [world.show(purge_id).status for purge_id in purges] == ["verifying", "completed"]


def test_a_participant_that_stays_silent_is_asked_again_with_back_off(world: RetentionWorld) -> None:
    """A lost message is made good; nobody is asked every second."""
    subject = new_id()
    world.open(subject)
    asked = []
    for _ in range(120):
        world.clock.forward(1)
        use_cases.look_after_purges(world.parts)
        asked.append(len(world.said(retention.PurgeRequested)))
    assert asked[0] == 1
    assert 3 <= asked[-1] <= 6


def test_a_purge_past_its_deadline_is_stuck_with_its_reason_and_is_not_asked_for_any_more(
    world: RetentionWorld,
) -> None:
    """Completed or stuck, never silent: an operator sees who did not answer."""
    subject = new_id()
    purge_id = world.open(subject).purge_id
    world.fenced(subject, purge_id)
    for _ in range(20):
        world.clock.forward(60)
        use_cases.look_after_purges(world.parts)
    [summary] = use_cases.list_purges(retention.ListPurges(status="stuck"), world.parts).items
    assert summary.purge_id == purge_id
    assert summary.waiting_for == ["imaging", "payments", "retention", "auth"]
    assert "imaging" in (summary.trouble or "")
    count = len(world.said(retention.PurgeRequested))
    world.clock.forward(3600)
    use_cases.look_after_purges(world.parts)
    assert len(world.said(retention.PurgeRequested)) == count


def test_an_operators_retry_gives_a_stuck_purge_its_whole_patience_again(world: RetentionWorld) -> None:
    """Asked again, and completed when everybody answers."""
    subject = new_id()
    purge_id = world.open(subject).purge_id
    for _ in range(20):
        world.clock.forward(60)
        use_cases.look_after_purges(world.parts)
    assert world.show(purge_id).status == "stuck"
    world.work.take_outbox()
    summary = use_cases.retry_purge(retention.RetryPurge(purge_id=purge_id), world.parts)
    assert summary.status == "purging"
    assert len(world.said(retention.PurgeRequested)) == 1
    world.clock.forward(60)
    use_cases.look_after_purges(world.parts)
    assert world.show(purge_id).status == "purging"
    world.fenced(subject, purge_id)
    world.imaging_reports(subject, purge_id)
    world.auth_reports(subject, purge_id)
    assert world.show(purge_id).status == "completed"


def test_a_stuck_purge_that_hears_its_last_report_after_all_says_nothing_false(world: RetentionWorld) -> None:
    """A report while it is stuck neither completes it unseen nor is lost: the operator's retry ends it."""
    subject = new_id()
    purge_id = world.open(subject).purge_id
    world.fenced(subject, purge_id)
    for _ in range(20):
        world.clock.forward(60)
        use_cases.look_after_purges(world.parts)
    world.imaging_reports(subject, purge_id)
    assert world.show(purge_id).status == "stuck"
    use_cases.retry_purge(retention.RetryPurge(purge_id=purge_id), world.parts)
    world.imaging_reports(subject, purge_id, photos=0)
    world.auth_reports(subject, purge_id)
    assert world.show(purge_id).status == "completed"
    assert world.show(purge_id).counts["imaging.photos"] == 1


def test_a_completed_purge_is_not_retried(world: RetentionWorld) -> None:
    """What is certified stays as it is."""
    purge_id = run(world, new_id())
    before = world.show(purge_id)
    use_cases.retry_purge(retention.RetryPurge(purge_id=purge_id), world.parts)
    assert world.show(purge_id) == before
    with pytest.raises(NotFound):
        use_cases.retry_purge(retention.RetryPurge(purge_id=new_id()), world.parts)


def test_two_that_verify_at_once_certify_once(world: RetentionWorld) -> None:
    """The second one finds the purge completed: one event, one certificate."""
    subject = new_id()
    purge_id = world.open(subject).purge_id
    world.fenced(subject, purge_id)
    world.imaging_reports(subject, purge_id)
    held = []
    world.trouble.on(
        "store.keys", lambda: held.append(world.work.state.purges[purge_id]) or use_cases.verify(held[0], world.parts)
    )  # type: ignore[func-returns-value]
    world.auth_reports(subject, purge_id)
    assert len(world.said(retention.PurgeCompleted)) == 1
    assert world.show(purge_id).status == "completed"


@pytest.mark.parametrize("step", ["tx.save_purge", "work.commit", "work.committed"])
def test_a_death_while_hearing_a_report_loses_neither_the_report_nor_the_request_it_makes(
    world: RetentionWorld, step: str
) -> None:
    """The state, the inbox row and the outgoing request are one commit."""
    subject = new_id()
    purge_id = world.open(subject).purge_id
    world.fenced(subject, purge_id)
    world.payments_reports(subject, purge_id)
    world.rights_reports(subject, purge_id)
    event = imaging.SubjectPurged(subject_id=subject, purge_id=purge_id, counts={"photos": 2})
    world.trouble.kill(step)
    with pytest.raises(Killed):
        use_cases.hear_report(event, world.parts)
    use_cases.hear_report(event, world.parts)
    assert world.show(purge_id).counts == {"imaging.photos": 2}
    assert len(world.said(retention.DataRemoved)) == 1


# ---- what stays


def test_a_completed_purge_no_longer_names_its_subject(world: RetentionWorld) -> None:
    """Only the tombstone recognises it; the certificate is without the subject's id too."""
    subject = new_id()
    purge_id = run(world, subject)
    world.work.take_outbox()
    assert world.work.state.purges[purge_id].subject_id is None
    assert str(subject) not in repr(world.work.state)
    shown = world.show(purge_id)
    assert str(subject) not in shown.model_dump_json()
    assert world.open(subject).purge_id == purge_id, "yet the purge is recognised"


def test_the_certificate_verifies_with_the_published_key_and_says_what_was_deleted(world: RetentionWorld) -> None:
    """For anyone, with the public key alone."""
    purge_id = run(world, new_id())
    keys = public_keys(use_cases.certificate_keys(world.parts).keys)
    content = verify(jws_of(world, purge_id), keys, kind=CERTIFICATE_KIND, issuer="pocketid")
    assert content["purge_id"] == str(purge_id)
    assert content["deleted"] == {"imaging": {"photos": 1}, "auth": {"subjects": 1}, "queues": {"dead_letters": 0}}
    assert content["left"] == {
        "imaging": {"photos": 0},
        "payments": {"orders": 0},
        "retention": {"exports": 0},
        "auth": {"subjects": 0},
        "store": {"objects": 0},
    }
    assert content["key_destroyed_at"] is not None
    assert world.show(purge_id).certificate["payload"] == content  # type: ignore[index]


def test_the_certificate_does_not_verify_with_another_key_nor_as_another_kind(world: RetentionWorld) -> None:
    """A certificate is nobody else's, and no access token."""
    purge_id = run(world, new_id())
    token = jws_of(world, purge_id)
    stranger = public_keys(Signer({"c1": secret_bytes()}).jwks())
    with pytest.raises(BadSignature):
        verify(token, stranger, kind=CERTIFICATE_KIND)
    with pytest.raises(BadSignature):
        verify(token, public_keys(world.signer.jwks()), kind="at+jwt")


def test_a_tampered_certificate_fails(world: RetentionWorld) -> None:
    """Any character changed in any part."""
    token = jws_of(world, run(world, new_id()))
    keys = public_keys(world.signer.jwks())
    for position in range(0, len(token) - 1, 7):
        # (The very last character of a part may carry unused bits; those are passed over.)
        if token[position] == "." or token[position + 1] == ".":
            continue
        changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        with pytest.raises(BadSignature):
            verify(changed, keys, kind=CERTIFICATE_KIND)


# ---- all services together


def test_wiping_a_stash_takes_everything_of_one_guest_through_all_services_and_nothing_of_its_neighbour() -> None:
    """Photos, cutouts, renders, sessions, consents, identity, key: gone, proven, certified. The neighbour: untouched."""
    world = World()
    doomed, neighbour = world.guest("d" * 64), world.guest(OTHER_DEVICE)
    for guest in (doomed, neighbour):
        owned = world.imaging.upload(guest.subject_id)
        world.deliver_all()
        world.imaging.render(owned)
    before = (world.imaging.count(neighbour.subject_id), world.auth.count(neighbour.subject_id))
    purge_id = world.retention.open(doomed.subject_id).purge_id
    world.deliver_all()
    shown = world.retention.show(purge_id)
    assert shown.status == "completed"
    assert shown.counts["imaging.objects"] == 4
    assert shown.counts["auth.sessions"] == 1
    assert not any(world.imaging.count(doomed.subject_id).values())
    assert not any(world.auth.count(doomed.subject_id).values())
    assert world.imaging.objects(doomed.subject_id) == []
    assert (world.imaging.count(neighbour.subject_id), world.auth.count(neighbour.subject_id)) == before
    assert len(world.imaging.objects(neighbour.subject_id)) == 4


def test_a_replaced_guests_stash_is_purged_through_all_services() -> None:
    """The device without its secret starts anew; what it had goes the whole way, certificate included."""
    world = World()
    old = world.guest("d" * 64)
    world.imaging.upload(old.subject_id)
    new = world.guest("d" * 64)
    world.deliver_all()
    [purge] = world.retention.work.state.purges.values()
    assert purge.state == "completed"
    assert not any(world.auth.count(old.subject_id).values())
    assert world.imaging.objects(old.subject_id) == []
    assert world.auth.count(new.subject_id)["subjects"] == 1


def test_messages_delivered_twice_change_nothing_of_the_outcome() -> None:
    """At least once: every message of a whole purge is handed out twice."""
    world = World()
    doomed = world.guest("d" * 64)
    world.imaging.upload(doomed.subject_id)
    world.deliver_all()
    purge_id = world.retention.open(doomed.subject_id).purge_id
    deliver = world.deliver
    world.deliver = lambda message: [deliver(message) for _ in range(2)]  # type: ignore[method-assign, assignment, func-returns-value]
    world.deliver_all()
    shown = world.retention.show(purge_id)
    assert shown.status == "completed"
    assert shown.counts["imaging.photos"] == 1
