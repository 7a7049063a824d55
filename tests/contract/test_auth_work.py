"""Auth's transactions, in memory and on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from services.auth.domain.consents import Consent
from services.auth.domain.sessions import RefreshToken, Session
from services.auth.domain.subjects import Guest, Subject, SubjectState
from shared.kernel.clock import utc_now
from shared.kernel.ids import new_id
from shared.testing.memory_work import ConstraintBroken
from tests.contract.conftest import Subject as Both
from tests.contract.test_every_work import waits

REFUSED = (psycopg.IntegrityError, ConstraintBroken)
NOW = utc_now()
GONE = dict.fromkeys(
    ("subjects", "guests", "sessions", "consents", "identities", "idempotency", "refresh_tokens", "guardianships"), 0
)


def plant(tx: Any, *, device: str | None = None) -> UUID:
    """A guest with everything a guest can have."""
    subject_id = new_id()
    tx.add_subject(Subject(subject_id, "guest", SubjectState.ACTIVE, b"wrapped", NOW))
    tx.add_guest(Guest(subject_id, device or str(subject_id), "secret"))
    for _ in range(2):
        session = Session(new_id(), subject_id, NOW, NOW)
        tx.add_session(session)
        tx.add_refresh_token(RefreshToken(str(new_id()), session.session_id, NOW + timedelta(days=1)))
    tx.add_consent(Consent(subject_id, "privacy", "1", "grant", NOW))
    tx.remember("s", str(subject_id), "f", subject_id, {})
    return subject_id


def test_a_subject_is_what_was_added_and_has_no_key_once_it_is_erasing(auth: Both) -> None:
    """The key is deleted, not marked; the neighbour keeps its own."""
    with auth.work.begin() as tx:
        subject, neighbour = plant(tx), plant(tx)
    with auth.work.begin() as tx:
        assert tx.subject(subject) == Subject(subject, "guest", SubjectState.ACTIVE, b"wrapped", NOW)
        tx.mark_erasing(subject)
        tx.mark_erasing(new_id())
    with auth.work.begin() as tx:
        assert tx.subject(subject) == Subject(subject, "guest", SubjectState.ERASING, None, NOW)
        assert tx.subject(neighbour).wrapped_key == b"wrapped"
        assert tx.subject(new_id()) is None


def test_an_active_subject_without_a_key_cannot_be(auth: Both) -> None:
    """Nor an erasing one with a key: the database itself says so."""
    for state, key in ((SubjectState.ACTIVE, None), (SubjectState.ERASING, b"k")):
        with pytest.raises(REFUSED), auth.work.begin() as tx:
            tx.add_subject(Subject(new_id(), "guest", state, key, NOW))


def test_a_device_has_one_guest_until_it_is_forgotten(auth: Both) -> None:
    """Then it may have another one."""
    with auth.work.begin() as tx:
        tx.hold_device("d")
        subject = plant(tx, device="d")
        assert tx.guest_of_device("d") == Guest(subject, "d", "secret")
        assert tx.guest_of_device("other") is None
    with pytest.raises(REFUSED), auth.work.begin() as tx:
        plant(tx, device="d")
    with auth.work.begin() as tx:
        tx.forget_device(subject)
        tx.forget_device(new_id())
        assert tx.guest_of_device("d") is None
        assert tx.subject(subject) is not None
        plant(tx, device="d")


def test_nothing_hangs_on_a_subject_that_is_not_there(auth: Both) -> None:
    """No guest, session, consent or token without its owner."""
    stray = new_id()
    for add in (
        lambda tx: tx.add_guest(Guest(stray, "x", "s")),
        lambda tx: tx.add_session(Session(new_id(), stray, NOW, NOW)),
        lambda tx: tx.add_consent(Consent(stray, "privacy", "1", "grant", NOW)),
        lambda tx: tx.add_refresh_token(RefreshToken("h", new_id(), NOW)),
    ):
        with pytest.raises(REFUSED), auth.work.begin() as tx:
            add(tx)


def test_sessions_are_live_until_they_are_ended(auth: Both) -> None:
    """Each by itself; ending what is not there is fine."""
    with auth.work.begin() as tx:
        subject, neighbour = plant(tx), plant(tx)
        one, two = tx.live_sessions(subject)
        tx.end_sessions([one, new_id()], NOW)
        tx.end_sessions([], NOW)
    with auth.work.begin() as tx:
        assert tx.live_sessions(subject) == [two]
        assert len(tx.live_sessions(neighbour)) == 2
        assert tx.session(one).ended_at == NOW
        assert tx.session(two) == Session(two, subject, NOW, NOW)
        assert tx.session(new_id()) is None


def test_a_refresh_token_is_found_by_its_hash_and_rotates_once_for_all(auth: Both) -> None:
    """Its session was used then."""
    later = NOW + timedelta(minutes=5)
    token = RefreshToken(str(new_id()), new_id(), NOW + timedelta(days=1))
    with auth.work.begin() as tx:
        subject = plant(tx)
        tx.add_session(Session(token.session_id, subject, NOW, NOW))
        tx.add_refresh_token(token)
    with auth.work.begin() as tx:
        assert tx.refresh_token(token.token_hash) == token
        tx.rotate_refresh_token(token.token_hash, later)
        tx.rotate_refresh_token("unknown", later)
    with auth.work.begin() as tx:
        assert tx.refresh_token(token.token_hash).rotated_at == later
        assert tx.session(token.session_id).last_used_at == later
        assert tx.refresh_token("unknown") is None
    with pytest.raises(REFUSED), auth.work.begin() as tx:
        tx.add_refresh_token(token)


def test_consents_are_kept_in_the_order_they_were_given(auth: Both) -> None:
    """A ledger: grants and withdrawals, nothing else."""
    with auth.work.begin() as tx:
        subject = plant(tx)
        given = [
            Consent(subject, "marketing", str(n), action, NOW)
            for n, action in enumerate(["grant", "withdraw", "grant"])
        ]
        for consent in given:
            tx.add_consent(consent)
    with auth.work.begin() as tx:
        assert tx.consents(subject)[1:] == given
        assert tx.consents(new_id()) == []
    with pytest.raises(REFUSED), auth.work.begin() as tx:
        tx.add_consent(Consent(subject, "privacy", "1", "forget", NOW))


def test_a_denial_lasts_until_its_time_and_can_be_prolonged(auth: Both) -> None:
    """What ended before a moment leaves the table when that is asked for, and not while others are denied."""
    now = utc_now()
    with auth.work.begin() as tx:
        tx.deny(["old"], now - timedelta(hours=1))
        tx.deny(["a", "b"], now + timedelta(minutes=1))
        tx.deny(["a"], now + timedelta(minutes=10))
    with auth.work.begin() as tx:
        assert sorted(tx.denied(now)) == ["a", "b"]
        assert tx.denied(now + timedelta(minutes=5)) == ["a"]
        assert "old" in tx.denied(now - timedelta(hours=2))
        assert tx.delete_denials(now) >= 1
        assert "old" not in tx.denied(now - timedelta(hours=2))
        assert sorted(tx.denied(now)) == ["a", "b"]


def test_whoever_has_anything_here_is_named(auth: Both) -> None:
    """In pages, each subject once."""
    with auth.work.begin() as tx:
        first, second = sorted((plant(tx), plant(tx)))
    with auth.work.begin() as tx:
        assert tx.subjects_held(UUID(int=first.int - 1), 2) == [first, second]
        assert tx.subjects_held(UUID(int=first.int - 1), 1) == [first]
        assert tx.subjects_held(first, 1000) == [second]
        assert {first, second} <= set(tx.subjects_held(None, 100_000))


def test_deleting_a_subject_takes_every_row_of_it_and_none_of_its_neighbour(auth: Both) -> None:
    """The counts say what there was."""
    full = {**GONE, "subjects": 1, "guests": 1, "sessions": 2, "consents": 1, "idempotency": 1, "refresh_tokens": 2}
    with auth.work.begin() as tx:
        doomed, neighbour = plant(tx), plant(tx)
        assert tx.count_subject(doomed) == full
    with auth.work.begin() as tx:
        assert tx.delete_subject(doomed) == full
        assert tx.delete_subject(doomed) == GONE
    with auth.work.begin() as tx:
        assert tx.count_subject(doomed) == GONE
        assert tx.count_subject(neighbour) == full


@pytest.mark.integration
def test_starts_of_one_device_wait_for_each_other_and_those_of_two_do_not(real_auth: Both) -> None:
    """One device, one guest, whatever it sends at once."""
    work = real_auth.work
    assert waits(work, lambda tx: tx.hold_device("d"), lambda tx: tx.hold_device("d"))
    assert not waits(work, lambda tx: tx.hold_device("d"), lambda tx: tx.hold_device("e"))


@pytest.mark.integration
def test_every_table_of_auth_is_known_to_the_one_who_deletes(real_auth: Both, dsns: dict[str, str]) -> None:
    """A table added later, with a subject in it, must be counted and deleted: this list is looked at then."""
    with psycopg.connect(dsns["auth"]) as connection:
        found = connection.execute(
            "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'subject_id'"
        ).fetchall()
    assert {name for (name,) in found} == {
        "subjects",
        "guests",
        "sessions",
        "consents",
        "identities",
        "idempotency",
    }
