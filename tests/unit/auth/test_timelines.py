"""The timelines of consents and policies: no sequence of steps gets a key that the last word about privacy does not give."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.auth.domain.consents import broken_at
from services.auth.domain.policies import NOTICE
from shared.kernel.errors import Code, Conflict, PocketError
from tests.unit.auth.logins import LoginWorld, code_of
from tests.unit.worlds import POLICY


@pytest.fixture
def world() -> LoginWorld:
    return LoginWorld()


DAYS = st.integers(0, 20)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.just(0)),
        st.tuples(st.just("grant"), st.integers(0, 5)),
        st.tuples(st.just("withdraw"), st.integers(0, 5)),
        st.tuples(st.just("sign_in"), st.integers(0, 5)),
        st.tuples(st.just("forward"), DAYS),
    ),
    max_size=25,
)


class Model:
    """What the policy says, in a dozen lines: versions by the day they were published, and the last line about privacy."""

    def __init__(self, now: datetime) -> None:
        self.published: list[tuple[str, datetime]] = [(POLICY, now - timedelta(days=30))]
        self.last: tuple[str, str] = ("grant", POLICY)

    def counting(self, now: datetime) -> list[str]:
        """The newest version that is seven days old, and all that are younger."""
        taken_effect = [n for n, (_, at) in enumerate(self.published) if at + timedelta(days=7) <= now]
        return [version for version, _ in self.published[max(taken_effect, default=0) :]]

    def refusal(self, now: datetime) -> Code | None:
        if self.last[0] != "grant":
            return Code.CONSENT_REQUIRED
        return None if self.last[1] in self.counting(now) else Code.POLICY_OUTDATED


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_the_key_is_handed_out_iff_the_last_privacy_line_grants_a_version_that_counts_now(
    steps: list[tuple[str, int]],
) -> None:
    """For any sequence of publishing, granting, withdrawing, logging in and waiting. One's own is always readable."""
    world = LoginWorld()
    mine, neighbour = world.sign_in("Ada").subject_id, world.sign_in("Bo").subject_id
    model = Model(world.clock())
    for action, number in steps:
        version = model.published[number % len(model.published)][0]
        now = world.clock()
        if action == "forward":
            world.clock.forward(number * 86400 + 1)
        elif action == "publish":
            name = f"2030-01-01.{len(model.published)}"
            published = world.publish(name)
            assert published.effective_at - published.published_at == NOTICE == timedelta(days=7)
            model.published.append((name, now))
            world.clock.forward(1)
        elif action == "withdraw":
            world.record(mine, "withdraw", version)
            model.last = ("withdraw", version)
        elif version in model.counting(now):
            signed = world.sign_in("Ada", policy_version=version) if action == "sign_in" else None
            assert signed is None or signed.subject_id == mine
            world.record(mine, "grant", version)
            model.last = ("grant", version)
        else:
            refused = code_of(
                lambda v=version, a=action: (  # type: ignore[misc]
                    world.sign_in("Ada", policy_version=v) if a == "sign_in" else world.record(mine, "grant", v)
                )
            )
            assert refused is Code.POLICY_OUTDATED
        expected = model.refusal(world.clock())
        for purpose in ("process_photo", "keep_profile"):
            if expected is None:
                assert world.key(mine, purpose)
            else:
                assert code_of(lambda p=purpose: world.key(mine, p)) is expected  # type: ignore[misc]
        assert world.key(mine, "read_own")
        assert world.key(neighbour, "read_own")
    assert broken_at(world.look(lambda tx: tx.consents(mine))) is None


def test_consent_to_an_upcoming_version_counts_already_and_goes_on_counting(world: LoginWorld) -> None:
    """Who agrees in time is never asked again; who does not is asked on the day, and mends it by consenting."""
    early, late = world.sign_in("Ada").subject_id, world.sign_in("Bo").subject_id
    world.publish("2030-01-01")
    world.record(early, "grant", "2030-01-01")
    assert world.key(early)
    world.clock.forward(NOTICE.total_seconds() - 1)
    assert world.key(late), "not a second before its day"
    world.clock.forward(1)
    assert world.key(early)
    with pytest.raises(PocketError) as refusal:
        world.key(late)
    assert refusal.value.actual_code is Code.POLICY_OUTDATED
    assert refusal.value.public_extra == {"policy_version": "2030-01-01"}
    world.record(late, "grant", "2030-01-01")
    assert world.key(late)


def test_nobody_publishes_into_the_past_or_over_what_is_published(world: LoginWorld) -> None:
    """The date is the clock's; a version, once out, does not change."""
    published = world.publish("2030-01-01")
    assert published.published_at == world.clock()
    with pytest.raises(Conflict):
        world.publish("2030-01-01")
    with pytest.raises(Conflict):
        world.publish(POLICY)
    for wrong in ("", "v2", "2030-1-1", "2030-01-01.1234", "2030-01-01\n"):
        assert code_of(lambda wrong=wrong: world.publish(wrong)) is Code.BAD_REQUEST  # type: ignore[misc]
    assert code_of(lambda: world.publish("2031-01-01", "diary")) is Code.BAD_REQUEST


def test_another_document_of_the_same_name_of_version_does_not_count_as_the_privacy_policy(world: LoginWorld) -> None:
    """Terms are not the privacy policy."""
    mine = world.sign_in("Ada").subject_id
    world.publish("2030-01-01", "terms")
    world.record(mine, "grant", "2030-01-01", name="terms")
    world.clock.forward(NOTICE.total_seconds())
    assert world.key(mine)
    assert code_of(lambda: world.record(mine, "grant", "2030-01-01")) is Code.POLICY_OUTDATED
