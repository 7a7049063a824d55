"""An account leaves while its processes die: between any two steps, no token is lost and none is in the clear."""

from __future__ import annotations

import pytest

from services.auth import use_cases
from services.auth.adapters.memory_accounts import AuthState
from services.auth.domain.identities import (
    RevocationState,
)
from services.auth.revocations import LEASE, revoke_what_is_due
from shared.contracts import retention
from shared.kernel.ids import new_id
from shared.testing.faults import Killed
from shared.testing.memory_work import snapshot
from tests.unit.auth.logins import LoginWorld


def leave(world: LoginWorld) -> None:
    """Everything from the fence to the provider's answer, each part repeated until it is done, as timers and queues do."""
    mine, purge_id = world.leaving, new_id()  # type: ignore[attr-defined]
    fence = retention.PurgeRequested(subject_id=mine, purge_id=purge_id, reason="account_deleted")
    forget = retention.DataRemoved(subject_id=mine, purge_id=purge_id)
    for part in (
        lambda: use_cases.fence_for_purge(fence, world.parts),
        lambda: revoke_what_is_due(world.parts),
        lambda: use_cases.forget_subject(forget, world.parts),
        lambda: revoke_what_is_due(world.parts),
    ):
        for _ in range(5):
            try:
                part()
            except Killed:
                world.clock.forward(LEASE.total_seconds())
                continue
            break


def prepared() -> LoginWorld:
    world = LoginWorld()
    world.leaving = world.sign_in("Ada").subject_id  # type: ignore[attr-defined]
    world.link(world.leaving, "Ada's apple", world.apple)  # type: ignore[attr-defined]
    world.sign_in("Bo")
    world.trouble.steps.clear()
    return world


def every_step() -> list[tuple[str, int]]:
    world = prepared()
    leave(world)
    counted: dict[str, int] = {}
    steps = []
    for step in world.trouble.steps:
        steps.append((step, counted.get(step, 0)))
        counted[step] = counted.get(step, 0) + 1
    return steps


@pytest.mark.parametrize(("step", "skip"), every_step())
def test_killed_between_any_two_steps_no_token_is_lost_and_none_is_in_the_clear(step: str, skip: int) -> None:
    """At every commit: while the account lives its token is under its key; afterwards it is in a job, or was used."""
    world = prepared()
    world.trouble.kill(step, skip=skip)
    states: list[AuthState] = []
    hook = world.work.hook

    def watching(at: str) -> None:
        if at == "work.committed":
            states.append(snapshot(world.work.state))
        hook(at)

    world.work.hook = watching
    leave(world)
    assert world.trouble.all_happened, "a step that is never reached proves nothing"
    for state in states:
        assert "token of" not in repr(state)
        kept = [i for i in state.identities.values() if i.subject_id == world.leaving and i.revocable]  # type: ignore[attr-defined]
        waiting = [j for j in state.revocations.values() if j.sealed or j.status is RevocationState.REVOKED]
        assert len(kept) + len(waiting) == 2, "each token is in exactly one place until it was used"
    assert [(held.status, held.sealed) for held in world.jobs()] == [("revoked", None)] * 2
    used = {token for token in world.wechat.revoked + world.apple.revoked if token}
    assert len(used) == 2
    assert not any(world.count(world.leaving).values())  # type: ignore[attr-defined]
    [neighbour] = world.work.state.identities.values()
    assert neighbour.revocable
