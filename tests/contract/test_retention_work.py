"""Retention's transactions, in memory and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from services.retention.domain.purges import Purge, PurgeState, complete, hear_report, open_purge
from shared.kernel.ids import new_id
from shared.testing.memory_work import ConstraintBroken
from tests.contract.conftest import Subject as Both
from tests.contract.test_every_work import waits

REFUSED = (psycopg.IntegrityError, ConstraintBroken)
NOW = datetime(2026, 11, 24, 8, 0, 0, 123000, tzinfo=UTC)


def plant(tx: Any, *, minutes: int = 0) -> Purge:
    subject_id = new_id()
    at = NOW + timedelta(minutes=minutes)
    purge = open_purge(new_id(), subject_id, tx.tombstone_of(subject_id), "stash_wiped", at, "key")
    tx.add_purge(purge)
    return purge


def completed(purge: Purge) -> Purge:
    return complete(replace(purge, state=PurgeState.VERIFYING), NOW, "jws")


def test_a_purge_is_what_was_saved_last(retention: Both) -> None:
    """Every field comes back: states, facts, counts, times."""
    with retention.work.begin() as tx:
        purge = plant(tx)
    with retention.work.begin() as tx:
        assert tx.purge(purge.purge_id) == purge
        changed = hear_report(replace(purge, state=PurgeState.PURGING, fenced=True), "imaging", {"photos": 2})
        changed = replace(
            changed,
            attempts=3,
            trouble="no answer",
            identity_asked=True,
            timeline=(*purge.timeline, (PurgeState.PURGING, NOW)),
        )
        tx.save_purge(changed)
        tx.save_purge(replace(changed, purge_id=new_id()))
    with retention.work.begin() as tx:
        assert tx.purge(purge.purge_id) == changed
        assert tx.purge_of_tombstone(purge.tombstone) == changed
        assert tx.purge_of_tombstone(b"unknown") is None
        assert tx.purge(new_id()) is None


def test_a_subject_has_one_purge(retention: Both) -> None:
    """One tombstone, one purge: the database itself says so."""
    with retention.work.begin() as tx:
        purge = plant(tx)
    for again in (replace(purge, purge_id=new_id()), replace(purge, tombstone=b"another")):
        with pytest.raises(REFUSED), retention.work.begin() as tx:
            tx.add_purge(again)


def test_a_completed_purge_that_names_its_subject_or_has_no_certificate_cannot_be(retention: Both) -> None:
    """And no other has a certificate."""
    with retention.work.begin() as tx:
        purge = plant(tx)
    done = completed(purge)
    for wrong in (
        replace(done, subject_id=purge.subject_id),
        replace(done, certificate=None),
        replace(purge, certificate="jws"),
        replace(purge, subject_id=None),
    ):
        with pytest.raises(REFUSED), retention.work.begin() as tx:
            tx.save_purge(wrong)
    with retention.work.begin() as tx:
        tx.save_purge(done)
    with retention.work.begin() as tx:
        assert tx.purge(purge.purge_id) == done
        assert tx.purge_of_tombstone(purge.tombstone) == done


def test_purges_are_due_when_their_time_has_come_unless_they_have_ended(retention: Both) -> None:
    """The longest waiting first."""
    with retention.work.begin() as tx:
        late, early = plant(tx, minutes=2), plant(tx, minutes=1)
        plant(tx, minutes=60)
        tx.save_purge(replace(plant(tx), state=PurgeState.STUCK))
        tx.save_purge(completed(plant(tx)))
    with retention.work.begin() as tx:
        due = NOW + timedelta(minutes=10)
        assert tx.purges_due(due, 10) == [early, late]
        assert tx.purges_due(due, 1) == [early]
        assert tx.purges_due(early.next_look_at, 10) == [early]
        assert tx.purges_due(early.next_look_at - timedelta(seconds=1), 10) == []


def test_operators_see_purges_newest_first_all_or_by_state(retention: Both) -> None:
    """And how bad things are."""
    with retention.work.begin() as tx:
        old, new = plant(tx), plant(tx, minutes=5)
        stuck = replace(plant(tx, minutes=3), state=PurgeState.STUCK)
        tx.save_purge(stuck)
        done = completed(plant(tx, minutes=-60))
        tx.save_purge(done)
    with retention.work.begin() as tx:
        assert tx.purges_listed(None, 10) == [new, stuck, old, done]
        assert tx.purges_listed(None, 2) == [new, stuck]
        assert tx.purges_listed("stuck", 10) == [stuck]
        assert tx.purge_figures(NOW + timedelta(minutes=10)) == (1, 600.0)


def test_without_open_purges_nothing_is_old_or_stuck(retention: Both) -> None:
    """The figures of a quiet day."""
    with retention.work.begin() as tx:
        assert tx.purge_figures(NOW) == (0, 0.0)
        tx.save_purge(completed(plant(tx)))
        assert tx.purge_figures(NOW + timedelta(days=1)) == (0, 0.0)


@pytest.mark.integration
def test_openings_for_one_subject_wait_for_each_other(real_retention: Both) -> None:
    """Or a subject would get two purges, and one of them an error."""
    subject = new_id()
    work = real_retention.work
    assert waits(work, lambda tx: tx.hold_subject(subject), lambda tx: tx.hold_subject(subject))
    assert not waits(work, lambda tx: tx.hold_subject(subject), lambda tx: tx.hold_subject(new_id()))


@pytest.mark.integration
def test_a_purge_is_held_while_a_fact_is_added_and_passed_over_by_those_who_look_after_it(real_retention: Both) -> None:
    """Two facts at once are both kept; the timer does not wait for a handler."""
    with real_retention.work.begin() as tx:
        purge = plant(tx)
    assert waits(real_retention.work, lambda tx: tx.purge(purge.purge_id), lambda tx: tx.purge(purge.purge_id))
    due: list[int] = []
    later = NOW + timedelta(hours=1)
    assert not waits(
        real_retention.work, lambda tx: tx.purge(purge.purge_id), lambda tx: due.append(len(tx.purges_due(later, 10)))
    )
    assert due == [0]
