"""Auth's rows that outlive a login, in memory and on PostgreSQL: provider tokens, guardians, the ledger, published documents."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from services.auth.domain.consents import Consent, broken_at, chained
from services.auth.domain.guardians import Guardianship
from services.auth.domain.identities import RevocationState
from services.auth.domain.policies import PolicyDocument
from services.auth.domain.subjects import SubjectState
from services.auth.guardians import withdraw_guardianship
from shared.crypto import Keyring, new_data_key
from shared.kernel.ids import new_id
from shared.kernel.personal import Secret
from tests.contract.accounts import DAY, HOUR, NOW, account, identity, job
from tests.contract.conftest import Subject as Both
from tests.contract.test_auth_work import GONE, REFUSED
from tests.contract.test_every_work import waits
from tests.unit.worlds import AuthWorld

# ---- revocations


def test_jobs_are_due_when_their_time_has_come_oldest_first_and_while_they_are_pending(auth: Both) -> None:
    """No more than asked for; each as it was added."""
    second, first = job(next_try_at=NOW - HOUR), job(next_try_at=NOW - DAY)
    with auth.work.begin() as tx:
        for one in (second, first, job(next_try_at=NOW + HOUR), job(status=RevocationState.REVOKED, sealed=None)):
            tx.add_revocation(one)
    with auth.work.begin() as tx:
        assert tx.revocations_due(NOW, 10) == [first, second]
        assert all(isinstance(one.status, RevocationState) for one in tx.revocations_due(NOW, 10))
        assert tx.revocations_due(NOW, 1) == [first]


def test_the_jobs_of_a_tombstone_are_all_of_them_and_nobody_elses(auth: Both) -> None:
    """Ended ones too: the certificate tells."""
    own = [job(), job(status=RevocationState.REVOKED, sealed=None, provider="apple")]
    with auth.work.begin() as tx:
        for one in (*own, job(tombstone=b"neighbour")):
            tx.add_revocation(one)
    with auth.work.begin() as tx:
        assert tx.revocations_of(b"tombstone") == sorted(own, key=lambda one: one.revocation_id)
        assert tx.revocations_of(b"nobody") == []


def test_ended_jobs_are_deleted_when_they_could_not_be_tried_any_more_since_long(auth: Both) -> None:
    """Pending ones never; nor what was given up later."""
    old = {"give_up_at": NOW - DAY, "sealed": None}
    gone, young = job(status=RevocationState.REVOKED, **old), job(status=RevocationState.REVOKED, sealed=None)
    waits = job(give_up_at=NOW - DAY)
    with auth.work.begin() as tx:
        for one in (gone, young, waits):
            tx.add_revocation(one)
        assert tx.delete_revocations(NOW - HOUR) == 1
        assert tx.delete_revocations(NOW - HOUR) == 0
        assert {one.revocation_id for one in tx.revocations_of(b"tombstone")} == {
            young.revocation_id,
            waits.revocation_id,
        }


def test_a_job_that_has_ended_stays_ended_and_a_token_is_never_written_back(auth: Both) -> None:
    """A slow try that comes in late changes nothing; saving a try keeps the token as it lies."""
    mine, other = job(), job(tombstone=b"neighbour")
    with auth.work.begin() as tx:
        for one in (mine, other):
            tx.add_revocation(one)
        tx.save_revocation(replace(mine, attempts=1, next_try_at=NOW + HOUR, sealed=b"something else"))
        tx.save_revocation(job())
    with auth.work.begin() as tx:
        assert tx.revocations_of(b"tombstone") == [replace(mine, attempts=1, next_try_at=NOW + HOUR)]
        tx.save_revocation(replace(mine, status=RevocationState.REVOKED, sealed=None, attempts=2))
        ended = tx.revocations_of(b"tombstone")
        assert [(one.status, one.sealed, one.attempts) for one in ended] == [("revoked", None, 2)]
        tx.save_revocation(replace(mine, attempts=3))
        assert tx.revocations_of(b"tombstone") == ended
        assert tx.revocations_of(b"neighbour") == [other]


@pytest.mark.integration
def test_a_job_is_for_one_asker_at_a_time_and_the_second_takes_the_next(real_auth: Both) -> None:
    """Nobody waits: what another one holds is skipped."""
    with real_auth.work.begin() as tx:
        jobs = [job(next_try_at=NOW - n * HOUR) for n in (2, 1)]
        for one in jobs:
            tx.add_revocation(one)
    seen: list[Any] = []

    def second() -> None:
        with real_auth.work.begin() as tx:
            seen.append(tx.revocations_due(NOW, 10))

    with real_auth.work.begin() as tx:
        assert tx.revocations_due(NOW, 1) == [jobs[0]]
        other = threading.Thread(target=second)
        other.start()
        other.join(10)
    assert seen == [[jobs[1]]]


# ---- guardians


def test_a_guardianship_is_found_by_its_link_until_it_is_used_and_by_both_sides(auth: Both) -> None:
    """Saved, it is what was saved; another family's is another's."""
    with auth.work.begin() as tx:
        child, guardian, stranger = account(tx), account(tx), account(tx)
        asked = Guardianship(new_id(), child, None, "link", NOW + DAY)
        neighbour = Guardianship(new_id(), stranger, None, "other link", NOW + DAY)
        for one in (asked, neighbour):
            tx.add_guardianship(one)
    granted = replace(asked, guardian_id=guardian, link_hash=None, granted_at=NOW)
    with auth.work.begin() as tx:
        assert tx.guardianship_by_link("link") == asked
        assert tx.guardianships(guardian) == []
        tx.save_guardianship(granted)
        tx.save_guardianship(replace(granted, guardianship_id=new_id()))
    with auth.work.begin() as tx:
        assert tx.guardianship_by_link("link") is None
        assert tx.guardianships(child) == tx.guardianships(guardian) == [granted]
        assert tx.guardianships(stranger) == [neighbour]
        ended = replace(granted, withdrawn_at=NOW + HOUR)
        tx.save_guardianship(ended)
        assert tx.guardianships(child) == [ended]


def test_a_guardianship_needs_its_child_and_a_link_of_its_own(auth: Both) -> None:
    """The constraints say so."""
    with auth.work.begin() as tx:
        child = account(tx)
        tx.add_guardianship(Guardianship(new_id(), child, None, "link", NOW))
    for wrong in (Guardianship(new_id(), new_id(), None, "x", NOW), Guardianship(new_id(), child, None, "link", NOW)):
        with pytest.raises(REFUSED), auth.work.begin() as tx:
            tx.add_guardianship(wrong)


def test_when_either_side_is_deleted_the_guardianship_goes_and_the_other_side_stays(auth: Both) -> None:
    """Counted for the one who goes; another family's stays."""
    with auth.work.begin() as tx:
        child, guardian, neighbour = account(tx), account(tx), account(tx)
        for one in (child, neighbour):
            tx.add_guardianship(Guardianship(new_id(), one, guardian, None, NOW, NOW))
        assert tx.count_subject(guardian) == {**GONE, "subjects": 1, "guardianships": 2}
        assert tx.delete_subject(child) == {**GONE, "subjects": 1, "guardianships": 1}
    with auth.work.begin() as tx:
        assert [one.child_id for one in tx.guardianships(guardian)] == [neighbour]
        tx.delete_subject(guardian)
        assert tx.count_subject(neighbour) == {**GONE, "subjects": 1}


def test_deleting_an_account_takes_its_identities_and_leaves_its_jobs(auth: Both) -> None:
    """What is still to be withdrawn outlives the account; the neighbour's identity stays."""
    with auth.work.begin() as tx:
        doomed, neighbour = account(tx), account(tx)
        for one in (doomed, neighbour):
            tx.add_identity(identity(one))
        tx.add_revocation(job())
        assert tx.delete_subject(doomed) == {**GONE, "subjects": 1, "identities": 1}
    with auth.work.begin() as tx:
        assert tx.count_subject(doomed) == GONE
        assert tx.count_subject(neighbour) == {**GONE, "subjects": 1, "identities": 1}
        assert len(tx.revocations_of(b"tombstone")) == 1


# ---- the ledger


def test_a_ledger_comes_back_as_it_was_chained(auth: Both) -> None:
    """Kind, version, moment and chain survive the round trip to the millisecond."""
    with auth.work.begin() as tx:
        subject = account(tx)
        before = ""
        for number, kind in enumerate(("document", "permission", "purpose", "guardian")):
            moment = NOW.replace(microsecond=123000) + number * HOUR
            line = Consent(subject, "name", str(number), "grant", moment, kind)
            before = chained(line, before)
            tx.add_consent(replace(line, chain=before))
    with auth.work.begin() as tx:
        lines = tx.consents(subject)
        assert [line.kind for line in lines] == ["document", "permission", "purpose", "guardian"]
        assert lines[-1].chain == before
        assert broken_at(lines) is None


def test_a_line_of_an_unknown_kind_cannot_be(auth: Both) -> None:
    """The list is closed."""
    with auth.work.begin() as tx:
        subject = account(tx)
    with pytest.raises(REFUSED), auth.work.begin() as tx:
        tx.add_consent(Consent(subject, "name", "1", "grant", NOW, "rumour"))


@pytest.mark.integration
def test_a_line_of_the_ledger_is_never_changed_by_anybody(real_auth: Both, dsns: dict[str, str]) -> None:
    """Not by an operator with SQL either; deleting goes with its subject only."""
    with real_auth.work.begin() as tx:
        subject = account(tx)
        tx.add_consent(Consent(subject, "privacy", "1", "grant", NOW))
    for change in (
        "UPDATE consents SET version = '2'",
        "UPDATE consents SET at = now()",
        "UPDATE consents SET chain = ''",
    ):
        with psycopg.connect(dsns["auth"]) as connection, pytest.raises(psycopg.errors.RaiseException, match="added"):
            connection.execute(change)
    with real_auth.work.begin() as tx:
        assert [line.version for line in tx.consents(subject)] == ["1"]
        assert tx.delete_subject(subject)["consents"] == 1


# ---- published documents


def test_published_documents_are_found_by_name_and_language_and_never_change(auth: Both) -> None:
    """The same version twice is refused, in the other language it is another document."""
    zh = PolicyDocument("privacy", "1", NOW, "zh", "标题", "# 标题")
    others = [replace(zh, language="en", title="T"), replace(zh, document="terms"), replace(zh, version="2")]
    with auth.work.begin() as tx:
        for document in (zh, *others):
            tx.publish_document(document)
    with auth.work.begin() as tx:
        assert sorted(tx.published("privacy", "zh"), key=lambda d: d.version) == [zh, others[2]]
        assert tx.published("privacy", "en") == [others[0]]
        assert tx.published("permissions", "zh") == []
    with pytest.raises(REFUSED), auth.work.begin() as tx:
        tx.publish_document(replace(zh, markdown="# altered"))


# ---- another master key


def test_keys_that_another_master_wrapped_are_found_in_order_and_exchanged_unless_they_changed(auth: Both) -> None:
    """One master's name may begin with another's: the length counts."""
    old, new = Keyring({"m1": Secret(b"1" * 32)}), Keyring({"m10": Secret(b"2" * 32), "m1": Secret(b"1" * 32)})
    with auth.work.begin() as tx:
        ids = sorted(new_id() for _ in range(3))
        wrapped = [old.wrap(new_data_key(), subject_id) for subject_id in ids]
        for subject_id, key in zip(ids, wrapped, strict=True):
            account(tx, subject_id=subject_id, wrapped_key=key)
        account(tx, state=SubjectState.ERASING, wrapped_key=None)
        current = account(tx, wrapped_key=new.wrap(new_data_key(), new_id()))
    with auth.work.begin() as tx:
        assert tx.wrapped_keys("m10", 10) == list(zip(ids, wrapped, strict=True))
        assert tx.wrapped_keys("m10", 2) == list(zip(ids, wrapped, strict=True))[:2]
        assert [subject_id for subject_id, _ in tx.wrapped_keys("m1", 10)] == [current]
        tx.rewrap(ids[0], wrapped[0], b"\x03m10anew")
        tx.rewrap(ids[1], b"no longer this", b"\x03m10anew")
        tx.mark_erasing(ids[2])
        tx.rewrap(ids[2], wrapped[2], b"\x03m10anew")
    with auth.work.begin() as tx:
        assert [tx.subject(i).wrapped_key for i in ids] == [b"\x03m10anew", wrapped[1], None]


def test_waiting_tokens_of_another_master_are_found_and_exchanged_unless_they_changed(auth: Both) -> None:
    """Ended jobs have none."""
    jobs = sorted((job(sealed=b"\x02m1" + bytes([n])) for n in range(2)), key=lambda one: one.revocation_id)
    with auth.work.begin() as tx:
        current = job(sealed=b"\x02m2x")
        for one in (*jobs, current, job(status=RevocationState.REVOKED, sealed=None), job(sealed=None)):
            tx.add_revocation(one)
    with auth.work.begin() as tx:
        assert tx.sealed_tokens("m2", 10) == [(one.revocation_id, one.sealed) for one in jobs]
        assert len(tx.sealed_tokens("m2", 1)) == 1
        assert tx.sealed_tokens("m1", 10) == [(current.revocation_id, current.sealed)]
        tx.reseal(jobs[0].revocation_id, jobs[0].sealed, b"\x02m2anew")
        tx.reseal(jobs[1].revocation_id, b"no longer this", b"\x02m2anew")
        tx.reseal(new_id(), b"x", b"y")
        assert tx.sealed_tokens("m2", 10) == [(jobs[1].revocation_id, jobs[1].sealed)]


# ---- waiting for each other


@pytest.mark.integration
def test_changes_to_one_subject_and_logins_of_one_person_wait_and_others_do_not(real_auth: Both) -> None:
    """The chain has no fork, and one person gets one account."""
    work, one, two = real_auth.work, new_id(), new_id()
    assert waits(work, lambda tx: tx.hold_subject(one), lambda tx: tx.hold_subject(one))
    assert not waits(work, lambda tx: tx.hold_subject(one), lambda tx: tx.hold_subject(two))
    assert waits(work, lambda tx: tx.hold_identity("a"), lambda tx: tx.hold_identity("a"))
    assert not waits(work, lambda tx: tx.hold_identity("a"), lambda tx: tx.hold_identity("b"))
    assert not waits(work, lambda tx: tx.hold_identity(str(one)), lambda tx: tx.hold_subject(one))
    assert not waits(work, lambda tx: tx.hold_device("a"), lambda tx: tx.hold_identity("a"))


@pytest.mark.integration
def test_of_two_guardians_who_withdraw_at_once_the_second_sees_that_it_was_the_last(real_auth: Both) -> None:
    """Else each would think that the other one still consents, and the child's photos were processed for nobody."""
    parts = AuthWorld().parts
    with real_auth.work.begin() as tx:
        child = account(tx)
        both = [Guardianship(new_id(), child, account(tx), None, NOW, NOW) for _ in range(2)]
        for one in both:
            tx.add_guardianship(one)
    assert waits(
        real_auth.work,
        lambda tx: withdraw_guardianship(both[0], NOW, parts, tx),
        lambda tx: withdraw_guardianship(both[1], NOW, parts, tx),
    )
    with real_auth.work.begin() as tx:
        assert [line.action for line in tx.consents(child)] == ["withdraw"]
        assert not any(one.stands for one in tx.guardianships(child))
    assert [message.subject_id for _, _, _, message in real_auth.outbox()] == [child]
