"""Accounts' rows, in memory and on PostgreSQL: subjects, sessions, identities, attempts, nonces; or the twin is none."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from services.auth.domain.consents import AgeBand
from services.auth.domain.identities import KeptAttempt
from services.auth.domain.sessions import Session
from services.auth.domain.subjects import Guest, SubjectState
from shared.kernel.clock import utc_now
from shared.kernel.ids import new_id
from tests.contract.accounts import DAY, HOUR, NOW, account, identity
from tests.contract.conftest import Subject as Both
from tests.contract.test_auth_work import REFUSED
from tests.contract.test_every_work import waits

# ---- subjects


def test_age_and_profile_are_what_was_set_last_and_end_with_the_key(auth: Both) -> None:
    """The neighbour's stay; somebody unknown is nobody."""
    with auth.work.begin() as tx:
        subject, neighbour = account(tx, age_band=AgeBand.UNDER_14, profile=b"p0"), account(tx)
        assert tx.subject(subject).age_band is AgeBand.UNDER_14
        tx.change_subject(subject, age_band=AgeBand.ADULT, profile=b"p1")
        tx.change_subject(new_id(), age_band=AgeBand.ADULT, profile=b"p2")
    with auth.work.begin() as tx:
        held = tx.subject(subject)
        assert (held.age_band, held.profile) == (AgeBand.ADULT, b"p1")
        assert isinstance(held.age_band, AgeBand)
        assert (tx.subject(neighbour).age_band, tx.subject(neighbour).profile) == (None, None)
        tx.mark_erasing(subject)
    with auth.work.begin() as tx:
        assert tx.subject(subject).profile is None
        tx.change_subject(neighbour, age_band=None, profile=b"p3")
        assert (tx.subject(neighbour).age_band, tx.subject(neighbour).profile) == (None, b"p3")


def test_an_age_that_does_not_exist_cannot_be(real_auth: Both) -> None:
    """The database itself says so. (In memory, the type does.)"""
    with pytest.raises(psycopg.IntegrityError), real_auth.work.begin() as tx:
        account(tx, age_band="ancient")


def test_sessions_are_listed_last_used_first_with_their_labels(auth: Both) -> None:
    """Only the living ones, only one's own."""
    with auth.work.begin() as tx:
        subject, neighbour = account(tx), account(tx)
        made = [Session(new_id(), subject, NOW, NOW + n * HOUR, label=bytes([n])) for n in range(3)]
        for session in made:
            tx.add_session(session)
        tx.add_session(Session(new_id(), neighbour, NOW, NOW))
        tx.end_sessions([made[1].session_id], NOW)
    with auth.work.begin() as tx:
        assert tx.sessions(subject) == [made[2], made[0]]
        assert len(tx.sessions(neighbour)) == 1
        assert tx.sessions(new_id()) == []


def test_idle_guests_are_those_without_a_session_used_since_oldest_first(auth: Both) -> None:
    """Not accounts, not young ones, not those that are going already, and no more than asked for."""
    old, since = NOW - 40 * DAY, NOW - 30 * DAY

    def guest(tx: Any, created: Any, used: Any, **changes: Any) -> UUID:
        subject_id = account(tx, kind="guest", created_at=created, **changes)
        tx.add_guest(Guest(subject_id, str(subject_id), "s"))
        for moment in used:
            tx.add_session(Session(new_id(), subject_id, created, moment))
        return subject_id

    with auth.work.begin() as tx:
        second = guest(tx, old, [old])
        first = guest(tx, old - DAY, [old, old + DAY])
        guest(tx, old, [old, NOW])
        guest(tx, old, [since])
        guest(tx, NOW, [])
        guest(tx, old, [old], state=SubjectState.ERASING, wrapped_key=None)
        account(tx, created_at=old)
        untied = guest(tx, old, [old])
        tx.forget_device(untied)
    with auth.work.begin() as tx:
        assert tx.idle_guests(since, 10) == [first, second]
        assert tx.idle_guests(since, 1) == [first]
        assert tx.idle_guests(old - 2 * DAY, 10) == []


# ---- identities


def test_an_identity_is_found_by_its_hash_at_its_provider_and_nowhere_else(auth: Both) -> None:
    """As it was added."""
    with auth.work.begin() as tx:
        subject, neighbour = account(tx), account(tx)
        own, other = identity(subject), identity(neighbour)
        for held in (own, other):
            tx.add_identity(held)
    with auth.work.begin() as tx:
        assert tx.identity_by("wechat", own.external_hash) == own
        assert tx.identity_by("apple", own.external_hash) is None
        assert tx.identity_by("wechat", "unknown") is None
        assert tx.identities(subject) == [own]


def test_by_union_id_the_oldest_identity_of_that_provider_is_found(auth: Both) -> None:
    """The person's first account; another provider's union ids are other ids."""
    with auth.work.begin() as tx:
        young = identity(account(tx), union_hash="u", linked_at=NOW + HOUR)
        old = identity(account(tx), union_hash="u")
        elsewhere = identity(account(tx), "apple", union_hash="u", linked_at=NOW - HOUR)
        for held in (young, old, elsewhere, identity(account(tx), union_hash=None)):
            tx.add_identity(held)
    with auth.work.begin() as tx:
        assert tx.identity_by_union("wechat", "u") == old
        assert tx.identity_by_union("qq", "u") is None
        assert tx.identity_by_union("wechat", "v") is None


def test_one_identity_belongs_to_one_account_and_one_account_has_one_a_provider(auth: Both) -> None:
    """Whatever two processes do at once: the constraints say no."""
    with auth.work.begin() as tx:
        subject, neighbour = account(tx), account(tx)
        own = identity(subject)
        tx.add_identity(own)
    for wrong in (
        identity(neighbour, external_hash=own.external_hash),
        identity(subject),
        identity(new_id()),
        replace(identity(neighbour), identity_id=own.identity_id),
    ):
        with pytest.raises(REFUSED), auth.work.begin() as tx:
            tx.add_identity(wrong)
    with auth.work.begin() as tx:
        tx.add_identity(identity(subject, "apple", external_hash=own.external_hash))
        assert len(tx.identities(subject)) == 2
        assert tx.identities(neighbour) == []


def test_identities_are_listed_oldest_first_and_leave_one_by_one(auth: Both) -> None:
    """Removing what is not there is fine."""
    with auth.work.begin() as tx:
        subject, neighbour = account(tx), account(tx)
        young, old = identity(subject, linked_at=NOW + HOUR), identity(subject, "apple")
        for held in (young, old, identity(neighbour)):
            tx.add_identity(held)
        assert tx.identities(subject) == [old, young]
        tx.remove_identity(young.identity_id)
        tx.remove_identity(new_id())
    with auth.work.begin() as tx:
        assert tx.identities(subject) == [old]
        assert len(tx.identities(neighbour)) == 1


def test_a_later_login_renews_what_it_brought_and_nothing_else(auth: Both) -> None:
    """A token stays when none came."""
    with auth.work.begin() as tx:
        own, other = identity(account(tx)), identity(account(tx))
        for held in (own, other):
            tx.add_identity(held)
        tx.renew_identity(own.identity_id, b"new names", b"new token")
        tx.renew_identity(new_id(), b"x", None)
    with auth.work.begin() as tx:
        renewed = replace(own, sealed=b"new names", revocable=b"new token")
        assert tx.identities(own.subject_id) == [renewed]
        tx.renew_identity(own.identity_id, b"newer names", None)
        assert tx.identities(own.subject_id) == [replace(renewed, sealed=b"newer names")]
        assert tx.identities(other.subject_id) == [other]


def test_released_identities_are_recognised_no_more_and_the_person_may_start_anew(auth: Both) -> None:
    """Any number of released ones stand beside each other; the neighbour's is still found."""
    with auth.work.begin() as tx:
        first, second, neighbour = account(tx), account(tx), account(tx)
        own, other = identity(first), identity(neighbour)
        for held in (own, other, identity(first, "apple")):
            tx.add_identity(held)
        tx.release_identities(first)
    with auth.work.begin() as tx:
        assert tx.identity_by("wechat", own.external_hash) is None
        assert tx.identity_by_union("wechat", own.union_hash) is None
        assert tx.identity_by("wechat", other.external_hash) == other
        left = tx.identities(first)
        assert [(held.external_hash, held.union_hash, held.revocable) for held in left] == [(None, None, None)] * 2
        tx.add_identity(identity(second, external_hash=own.external_hash))
        tx.release_identities(second)
        tx.add_identity(identity(account(tx), external_hash=own.external_hash))


# ---- attempts and nonces


def test_an_attempt_is_taken_once(auth: Both) -> None:
    """And the neighbour's is still there."""
    mine, other = (KeptAttempt(new_id(), "wechat", b"sealed", NOW + HOUR) for _ in range(2))
    with auth.work.begin() as tx:
        for attempt in (mine, other):
            tx.add_attempt(attempt)
    with auth.work.begin() as tx:
        assert tx.take_attempt(mine.attempt_id) == mine
        assert tx.take_attempt(mine.attempt_id) is None
    with auth.work.begin() as tx:
        assert tx.take_attempt(mine.attempt_id) is None
        assert tx.take_attempt(new_id()) is None
        tx.add_attempt(mine)
        assert tx.take_attempt(mine.attempt_id) == mine
        assert tx.take_attempt(other.attempt_id) == other


def test_old_attempts_leave_when_new_ones_come(auth: Both) -> None:
    """Nobody sweeps the table but those who use it."""
    now = utc_now()
    old, new = KeptAttempt(new_id(), "w", b"s", now - HOUR), KeptAttempt(new_id(), "w", b"s", now + HOUR)
    with auth.work.begin() as tx:
        tx.add_attempt(old)
        tx.add_attempt(new)
    with auth.work.begin() as tx:
        assert tx.take_attempt(old.attempt_id) is None
        assert tx.take_attempt(new.attempt_id) == new


def test_a_nonce_burns_once_until_its_time_is_over(auth: Both) -> None:
    """Then the table forgets it; a transaction that fails burns nothing."""
    now = utc_now()
    with auth.work.begin() as tx:
        assert tx.burn("a", now + HOUR)
        assert not tx.burn("a", now + HOUR)
        assert tx.burn("old", now - HOUR)
    with contextlib.suppress(RuntimeError), auth.work.begin() as tx:
        assert tx.burn("b", now + HOUR)
        raise RuntimeError("rolled back")
    with auth.work.begin() as tx:
        assert not tx.burn("a", now + HOUR)
        assert tx.burn("b", now + HOUR)
        assert tx.burn("old", now + HOUR)


@pytest.mark.integration
def test_a_nonce_burned_by_two_at_once_burns_for_one(real_auth: Both) -> None:
    """The second waits for the first, and is told no."""
    seen: list[bool] = []
    until = utc_now() + HOUR
    assert waits(
        real_auth.work, lambda tx: seen.append(tx.burn("n", until)), lambda tx: seen.append(tx.burn("n", until))
    )
    assert seen == [True, False]


@pytest.mark.integration
def test_an_attempt_taken_by_two_at_once_is_taken_by_one(real_auth: Both) -> None:
    """Two codes cannot ride on one attempt, however fast."""
    attempt = KeptAttempt(new_id(), "wechat", b"s", utc_now() + HOUR)
    with real_auth.work.begin() as tx:
        tx.add_attempt(attempt)
    seen: list[Any] = []

    def take(tx: Any) -> None:
        seen.append(tx.take_attempt(attempt.attempt_id))

    assert waits(real_auth.work, take, take)
    assert seen == [attempt, None]
