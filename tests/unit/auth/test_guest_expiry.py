"""A guest that was not seen for as long as the retention rules allow goes by itself; one that was seen does not."""

from __future__ import annotations

import pytest

from services.auth import fencing, use_cases
from shared.contracts import auth
from shared.crypto import token_hash
from shared.kernel.errors import Code
from shared.testing.faults import Killed
from tests.unit.auth.logins import LoginWorld, code_of
from tests.unit.worlds import OTHER_DEVICE

IDLE = 30 * 86400


@pytest.fixture
def world() -> LoginWorld:
    return LoginWorld()


def test_a_guest_that_was_not_seen_for_thirty_days_is_fenced_and_its_end_is_said(world: LoginWorld) -> None:
    """To the second; a guest seen since, and an account never seen again, stay."""
    idle, account = world.admit(), world.sign_in("Ada")
    seen = world.admit(OTHER_DEVICE)
    world.clock.forward(IDLE)
    assert fencing.expire_guests(world.parts) == 0, "not a second too early"
    use_cases.refresh_session(auth.RefreshSession(refresh_hash=token_hash(seen.refresh_token)), world.parts)
    world.clock.forward(1)
    assert fencing.expire_guests(world.parts) == 1
    assert code_of(lambda: world.key(idle.subject_id, "read_own")) is Code.SUBJECT_ERASED
    assert [m.subject_id for m in world.said(auth.GuestExpired)] == [idle.subject_id]
    assert [m.subject_id for m in world.said(auth.SubjectFenced)] == [idle.subject_id]
    assert world.key(seen.subject_id)
    assert world.key(account.subject_id)
    assert fencing.expire_guests(world.parts) == 0, "once"


def test_any_of_its_sessions_keeps_a_guest_alive(world: LoginWorld) -> None:
    """Resuming counts as being seen."""
    first = world.admit()
    world.clock.forward(IDLE - 10)
    world.admit(secret_hash=token_hash(first.guest_secret or ""))
    world.clock.forward(IDLE - 10)
    assert fencing.expire_guests(world.parts) == 0
    assert world.key(first.subject_id)


def test_the_device_of_an_expired_guest_starts_anew_and_says_nothing_of_a_replacement(world: LoginWorld) -> None:
    """Even with its old secret."""
    old = world.admit()
    world.clock.forward(IDLE + 1)
    fencing.expire_guests(world.parts)
    new = world.admit(secret_hash=token_hash(old.guest_secret or ""))
    assert new.subject_id != old.subject_id
    assert world.said(auth.GuestReplaced) == []


def test_a_guest_that_comes_back_just_then_is_not_expired(world: LoginWorld) -> None:
    """It is looked at again under its lock; the other one goes."""
    back, gone = world.admit(), world.admit(OTHER_DEVICE)
    world.clock.forward(IDLE + 1)
    refresh = auth.RefreshSession(refresh_hash=token_hash(back.refresh_token))
    world.trouble.on("work.committed", lambda: use_cases.refresh_session(refresh, world.parts))
    fencing.expire_guests(world.parts)
    assert world.trouble.all_happened
    assert world.key(back.subject_id)
    assert world.is_fenced(gone.subject_id)


@pytest.mark.parametrize("step", ["tx.forget_device", "tx.fence", "tx.publish", "work.commit"])
def test_an_expiry_that_dies_is_taken_up_the_next_minute(world: LoginWorld, step: str) -> None:
    """All or nothing, and nobody is forgotten."""
    idle = world.admit()
    world.clock.forward(IDLE + 1)
    world.trouble.kill(step, skip=1 if step == "work.commit" else 0)
    with pytest.raises(Killed):
        fencing.expire_guests(world.parts)
    assert world.trouble.all_happened
    assert not world.is_fenced(idle.subject_id)
    assert world.said(auth.GuestExpired) == []
    fencing.expire_guests(world.parts)
    assert world.is_fenced(idle.subject_id)
    assert len(world.said(auth.GuestExpired)) == 1


def test_more_guests_than_one_round_takes_go_in_the_next_ones(world: LoginWorld) -> None:
    """A hundred at a time."""
    guests = [world.admit(f"{number:064d}").subject_id for number in range(103)]
    world.clock.forward(IDLE + 1)
    assert [fencing.expire_guests(world.parts) for _ in range(3)] == [100, 3, 0]
    assert all(world.is_fenced(guest) for guest in guests)
