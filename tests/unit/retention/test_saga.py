"""The purge saga's pure rules: the table of moves, and that only the sum of the facts counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.retention.domain.purges import (
    BACK_OFF_SECONDS,
    IDENTITY,
    MOVES,
    PARTICIPANTS,
    Purge,
    PurgeState,
    Step,
    advance,
    complete,
    give_up,
    hear_fence,
    hear_report,
    left_over,
    move,
    open_purge,
    start_over,
)
from shared.kernel.errors import Conflict
from shared.kernel.ids import new_id

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
FACTS = ["fence", *PARTICIPANTS, IDENTITY]


def fresh() -> Purge:
    return open_purge(new_id(), new_id(), b"t", "stash_wiped", NOW)


def tell(purge: Purge, fact: str) -> tuple[Purge, list[Step]]:
    heard = hear_fence(purge) if fact == "fence" else hear_report(purge, fact, {"rows": 1})
    return advance(heard, NOW)


orders = st.lists(st.sampled_from(FACTS), max_size=12).flatmap(lambda extra: st.permutations(FACTS + extra))


@given(orders)
def test_facts_in_any_order_and_any_repetition_lead_to_verification(order: list[str]) -> None:
    """Late, twice, out of order: only their sum counts. The identity is asked for exactly once."""
    purge, asked = fresh(), []
    for fact in order:
        purge, steps = tell(purge, fact)
        asked += steps
    assert purge.state is PurgeState.VERIFYING
    assert asked == [Step.ASK_IDENTITY]
    assert [state for state, _ in purge.timeline] == ["requested", "fenced", "purging", "verifying"]


@given(st.sampled_from(FACTS), st.lists(st.sampled_from(FACTS), max_size=12))
def test_a_missing_fact_never_verifies(missing: str, told: list[str]) -> None:
    """Whoever has not answered is a failure, never a success: however often the others speak."""
    purge = fresh()
    for fact in told:
        if fact != missing:
            purge, _ = tell(purge, fact)
            assert purge.state is not PurgeState.VERIFYING
    if missing != "fence":
        assert missing in purge.waiting_for


@given(st.lists(st.sampled_from(FACTS), max_size=8), orders)
def test_starting_over_forgets_the_reports_and_keeps_fence_and_counts(before: list[str], after: list[str]) -> None:
    """Asked again, everybody must answer again; what was deleted stays counted."""
    purge = fresh()
    for fact in before:
        purge, _ = tell(purge, fact)
    counted, fenced = dict(purge.counts), purge.fenced
    purge, steps = start_over(purge, NOW, "trouble")
    assert steps == [Step.ASK_PARTICIPANTS]
    assert purge.state is not PurgeState.VERIFYING
    assert (dict(purge.counts), purge.fenced) == (counted, fenced)
    assert purge.waiting_for == [*PARTICIPANTS, IDENTITY]
    for fact in after:
        purge, _ = tell(purge, fact)
    assert purge.state is PurgeState.VERIFYING


def test_how_providers_stand_is_told_as_of_the_last_report_and_everything_else_adds_up() -> None:
    """A token that waited at the first report and was withdrawn by the second one is not both."""
    purge = open_purge(new_id(), new_id(), b"t", "account_deleted", NOW)
    purge = hear_report(purge, "auth", {"sessions": 2, "provider.wechat.pending": 1})
    purge = hear_report(purge, "imaging", {"photos": 1})
    purge = hear_report(purge, "auth", {"sessions": 1, "provider.wechat.revoked": 1})
    assert purge.counts == {"auth.sessions": 3, "imaging.photos": 1, "auth.provider.wechat.revoked": 1}


def test_purge_states_move_by_the_table_and_by_nothing_else() -> None:
    """Every pair: the same again is a no-op, what the table allows goes and is written down, the rest is a conflict."""
    assert set(MOVES) == set(PurgeState)
    for now in PurgeState:
        purge = Purge(new_id(), new_id(), b"t", "r", now, NOW, NOW, NOW)
        for to in PurgeState:
            if to is now:
                assert move(purge, to, NOW) is purge
            elif to in MOVES[now]:
                moved = move(purge, to, NOW)
                assert (moved.state, moved.timeline) == (to, ((to, NOW),))
            else:
                with pytest.raises(Conflict):
                    move(purge, to, NOW)


def test_only_a_verified_purge_completes_and_nothing_leaves_completed() -> None:
    """There is one door to the certificate, and it opens one way."""
    assert [state for state, targets in MOVES.items() if PurgeState.COMPLETED in targets] == [PurgeState.VERIFYING]
    assert MOVES[PurgeState.COMPLETED] == frozenset()
    for state in PurgeState:
        if state not in (PurgeState.VERIFYING, PurgeState.COMPLETED):
            with pytest.raises(Conflict):
                complete(Purge(new_id(), new_id(), b"t", "r", state, NOW, NOW, NOW), NOW, "jws")


def test_every_state_that_is_not_an_end_can_become_stuck() -> None:
    """No purge ends silently: there is no state without a way out."""
    for state, targets in MOVES.items():
        if state not in (PurgeState.COMPLETED, PurgeState.STUCK):
            assert PurgeState.STUCK in targets
            assert give_up(Purge(new_id(), new_id(), b"t", "r", state, NOW, NOW, NOW), NOW, "x").trouble == "x"


def test_completing_forgets_whose_it_was() -> None:
    """From then on only the tombstone knows."""
    purge = fresh()
    for fact in FACTS:
        purge, _ = tell(purge, fact)
    done = complete(purge, NOW, "jws")
    assert (done.subject_id, done.certificate, done.trouble) == (None, "jws", None)


@given(st.integers(1, 30))
def test_back_off_grows_and_has_a_ceiling(times: int) -> None:
    """Never faster, never slower than the table's last step."""
    purge = fresh()
    waits = []
    for _ in range(times):
        purge, _ = start_over(purge, NOW, None)
        waits.append(purge.next_look_at - NOW)
    assert waits == sorted(waits)
    assert waits[-1] <= timedelta(seconds=BACK_OFF_SECONDS[-1])


@given(
    st.dictionaries(st.sampled_from(["a", "b"]), st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 2)))
)
def test_whatever_is_not_zero_is_left_over(absence: dict[str, dict[str, int]]) -> None:
    """Empty exactly when every count is zero."""
    assert bool(left_over(absence)) == any(n for counts in absence.values() for n in counts.values())
