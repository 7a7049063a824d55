"""What an account had granted is withdrawn at its providers: tried for a week, told in the certificate, never in the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from services.auth import use_cases
from services.auth.domain.identities import (
    BACK_OFF,
    HEAD_START,
    MOVES,
    REVOCATION_LIFE,
    RevocationJob,
    RevocationState,
    after_try,
)
from services.auth.providers.port import RevocationStatus
from services.auth.revocations import KEPT, LEASE, SAID, forget_revocations, revoke_what_is_due
from services.auth.sealed import REVOCATION
from shared.contracts import auth, retention
from shared.kernel.errors import Code, Conflict, LoginFailed
from shared.kernel.ids import new_id
from shared.testing.faults import Killed
from tests.unit.auth.logins import LoginWorld

LATER = RevocationStatus.TRY_LATER


@pytest.fixture
def world() -> LoginWorld:
    return LoginWorld()


def job(world: LoginWorld) -> RevocationJob:
    [only] = world.jobs()
    return only


# ---- a fence puts the tokens aside


def test_a_fence_puts_the_tokens_aside_under_a_master_key_and_the_providers_are_asked_with_them(
    world: LoginWorld,
) -> None:
    """Before the subject's key is deleted, in the same transaction; nothing rests in the clear. The neighbour's stay."""
    mine, neighbour = world.sign_in("Ada").subject_id, world.sign_in("Bo").subject_id
    world.link(mine, "Ada's apple", world.apple)
    world.fence(mine)
    jobs = {held.provider: held for held in world.jobs()}
    assert set(jobs) == {"wechat", "apple"}
    assert b"token of Ada" in world.keyring.open_for(REVOCATION, jobs["wechat"].sealed or b"")
    assert "token of" not in repr(world.work.state)
    assert str(mine) not in repr(world.jobs()), "the job names nobody"
    assert [held.revocable for held in world.look(lambda tx: tx.identities(mine))] == [None, None]
    assert [held.revocable is not None for held in world.look(lambda tx: tx.identities(neighbour))] == [True]
    assert revoke_what_is_due(world.parts) == 2
    assert (world.wechat.revoked[0] or "").startswith("token of Ada ")
    assert (world.apple.revoked[0] or "").startswith("token of Ada's apple")
    assert [(held.status, held.sealed) for held in world.jobs()] == [("revoked", None)] * 2
    assert revoke_what_is_due(world.parts) == 0


def test_fencing_again_asks_for_nothing_twice(world: LoginWorld) -> None:
    """The gateway fences, and the purge's event fences again."""
    mine = world.sign_in("Ada").subject_id
    for _ in range(3):
        use_cases.fence_subject(mine, new_id(), world.parts)
    assert len(world.jobs()) == 1


def test_a_login_without_a_token_is_reported_as_what_the_provider_makes_of_it(world: LoginWorld) -> None:
    """The person can do it: the certificate says that we could not."""
    world.wechat.outcomes = [RevocationStatus.NOT_POSSIBLE]
    mine = world.sign_in(handed={"code": world.wechat.code_for("Ada", token=False)}).subject_id
    world.fence(mine)
    revoke_what_is_due(world.parts)
    assert world.wechat.revoked == [None]
    assert job(world).status is RevocationState.NOT_POSSIBLE


def test_a_guest_has_nothing_to_withdraw(world: LoginWorld) -> None:
    """No job."""
    use_cases.fence_subject(world.admit().subject_id, new_id(), world.parts)
    assert world.jobs() == []


# ---- trying, and giving up


@pytest.mark.parametrize("status", [s for s in RevocationStatus if s is not LATER])
def test_the_token_is_wiped_however_the_try_ended(world: LoginWorld, status: RevocationStatus) -> None:
    """Revoked, not possible or refused: it is of no more use."""
    world.wechat.outcomes = [status]
    world.fence(world.sign_in("Ada").subject_id)
    revoke_what_is_due(world.parts)
    assert (job(world).status, job(world).sealed, job(world).attempts) == (SAID[status], None, 1)


@pytest.mark.parametrize(
    "trouble",
    [lambda: LATER, lambda: LoginFailed(Code.PROVIDER_UNAVAILABLE), lambda: RuntimeError("a bug in the adapter")],
)
def test_what_cannot_be_done_now_is_tried_later_and_later_and_given_up_after_seven_days(
    world: LoginWorld, trouble: Callable[[], RevocationStatus | BaseException]
) -> None:
    """5 s, 1 min, 10 min, 1 h, then every 6 h; after a week the token is wiped, whatever went wrong."""
    world.wechat.outcomes = [trouble() for _ in range(100)]
    world.fence(world.sign_in("Ada").subject_id)
    began, tries = world.clock(), []
    while job(world).status is RevocationState.PENDING:
        assert revoke_what_is_due(world.parts) == 1
        tries.append(world.clock() - began)
        if job(world).status is RevocationState.PENDING:
            assert job(world).sealed is not None
            assert revoke_what_is_due(world.parts) == 0, "not before its time"
            world.clock.forward((job(world).next_try_at - world.clock()).total_seconds())
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses[: len(BACK_OFF)] == list(BACK_OFF)
    assert set(pauses[len(BACK_OFF) :]) == {BACK_OFF[-1]}
    assert tries[-2] < REVOCATION_LIFE <= tries[-1]
    assert (job(world).status, job(world).sealed) == ("given_up", None)
    assert "token of" not in repr(world.work.state)


def test_one_provider_in_trouble_does_not_keep_the_others_waiting(world: LoginWorld) -> None:
    """Not even one whose adapter breaks."""
    world.wechat.outcomes = [RuntimeError("a bug in the adapter")]
    for person in ("Ada", "Bo", "Cy"):
        world.fence(world.sign_in(person).subject_id)
    assert revoke_what_is_due(world.parts) == 3
    assert sorted(held.status for held in world.jobs()) == ["pending", "revoked", "revoked"]


def test_a_provider_we_no_longer_have_is_refused_and_its_token_wiped(world: LoginWorld) -> None:
    """An operator took it out of the settings."""
    world.fence(world.sign_in("Ada").subject_id)
    del world.providers["wechat"]
    revoke_what_is_due(world.parts)
    assert (job(world).status, job(world).sealed) == ("refused", None)


def test_nobody_else_tries_a_token_while_its_provider_is_being_asked(world: LoginWorld) -> None:
    """The job is leased, for longer than a provider may take; should the asker have died, it comes again."""
    world.fence(world.sign_in("Ada").subject_id)
    seen: list[int] = []
    world.trouble.on("work.committed", lambda: seen.append(revoke_what_is_due(world.parts)))
    revoke_what_is_due(world.parts)
    assert world.trouble.all_happened
    assert seen == [0]
    assert len(world.wechat.revoked) == 1


def test_a_slow_try_that_ends_after_another_one_succeeded_brings_no_token_back(world: LoginWorld) -> None:
    """What has ended stays ended."""
    world.fence(world.sign_in("Ada").subject_id)
    [slow] = world.look(lambda tx: tx.revocations_due(world.clock(), 5))
    revoke_what_is_due(world.parts)
    with world.work.begin() as tx:
        tx.save_revocation(after_try(slow, RevocationState.PENDING, world.clock()))
    assert (job(world).status, job(world).sealed) == ("revoked", None)


# ---- the certificate, and the erasure that does not wait


def test_the_report_counts_how_each_provider_was_told(world: LoginWorld) -> None:
    """``provider.<name>.<status>`` in SubjectPurged; what is still being tried says so."""
    mine, neighbour = world.sign_in("Ada").subject_id, world.sign_in("Bo").subject_id
    world.link(mine, "Ada's apple", world.apple)
    world.apple.outcomes = [LATER]
    use_cases.fence_subject(mine, new_id(), world.parts)
    revoke_what_is_due(world.parts)
    report = world.erase(mine)
    told = {name: n for name, n in report.counts.items() if name.startswith("provider.")}
    assert told == {"provider.wechat.revoked": 1, "provider.apple.pending": 1}
    assert report.counts["identities"] == 2
    world.wechat.outcomes = [LATER]
    assert world.erase(neighbour).counts["provider.wechat.pending"] == 1


def test_an_account_is_forgotten_with_its_providers_told(world: LoginWorld) -> None:
    """Each is asked once before the end, so that the certificate can tell; one that breaks is told of as pending."""
    mine = world.sign_in("Ada").subject_id
    world.link(mine, "Ada's apple", world.apple)
    world.apple.outcomes = [RuntimeError("a bug in the adapter")]
    report = world.erase(mine)
    told = {name: n for name, n in report.counts.items() if name.startswith("provider.")}
    assert told == {"provider.wechat.revoked": 1, "provider.apple.pending": 1}
    assert not any(world.count(mine).values())


def test_the_timer_leaves_the_withdrawals_to_the_erasure_for_a_while(world: LoginWorld) -> None:
    """Otherwise it could have taken one up just when the certificate is written, which would then tell of it as pending."""
    mine, purge_id = world.sign_in("Ada").subject_id, new_id()
    use_cases.fence_subject(mine, purge_id, world.parts)
    assert revoke_what_is_due(world.parts) == 0
    use_cases.forget_subject(retention.DataRemoved(subject_id=mine, purge_id=purge_id), world.parts)
    [report] = world.said(auth.SubjectPurged)
    assert report.counts["provider.wechat.revoked"] == 1


def test_a_slow_provider_does_not_hold_up_the_end(world: LoginWorld) -> None:
    """After two seconds the rest is left to the timer."""
    mine = world.sign_in("Ada").subject_id
    world.link(mine, "Ada's apple", world.apple)
    for provider in (world.wechat, world.apple):
        provider.while_revoking = lambda: world.clock.forward(3)
    report = world.erase(mine)
    assert sorted(n for n in report.counts if n.startswith("provider.")) in (
        ["provider.apple.pending", "provider.wechat.revoked"],
        ["provider.apple.revoked", "provider.wechat.pending"],
    )


def test_what_was_unlinked_earlier_is_in_the_report_too(world: LoginWorld) -> None:
    """It was this person's."""
    mine = world.sign_in("Ada").subject_id
    world.link(mine, "Ada's apple", world.apple)
    world.unlink(mine, world.apple)
    revoke_what_is_due(world.parts)
    report = world.erase(mine)
    assert report.counts["provider.apple.revoked"] == 1
    assert report.counts["identities"] == 1


@pytest.mark.parametrize("trouble", [LoginFailed(Code.PROVIDER_UNAVAILABLE), RuntimeError("no"), Killed("no")])
def test_a_provider_in_trouble_never_blocks_the_erasure(world: LoginWorld, trouble: BaseException) -> None:
    """The account is gone whole, whatever its provider does; the job outlives it and names nobody."""
    mine, neighbour = world.sign_in("Ada").subject_id, world.sign_in("Bo").subject_id
    world.wechat.outcomes = [trouble]
    purge_id = new_id()
    use_cases.fence_subject(mine, purge_id, world.parts)
    world.clock.forward(HEAD_START.total_seconds())
    if isinstance(trouble, Killed):
        with pytest.raises(Killed):
            revoke_what_is_due(world.parts)
    else:
        revoke_what_is_due(world.parts)
    use_cases.forget_subject(retention.DataRemoved(subject_id=mine, purge_id=purge_id), world.parts)
    assert not any(world.count(mine).values())
    assert len(world.said(auth.SubjectPurged)) == 1
    assert world.key(neighbour)
    world.clock.forward(LEASE.total_seconds())
    revoke_what_is_due(world.parts)
    assert job(world).status is RevocationState.REVOKED


# ---- the table


def test_a_revocation_moves_by_the_table_and_by_nothing_else(world: LoginWorld) -> None:
    """Every pair: what has ended is not tried again."""
    now = world.clock()
    pending = RevocationJob(new_id(), b"t", "wechat", b"s", RevocationState.PENDING, 0, now, now + timedelta(days=7))
    for state in RevocationState:
        assert MOVES[state] == (set(RevocationState) - {state} if state is RevocationState.PENDING else set())
        if state is not RevocationState.PENDING:
            ended = after_try(pending, state, now)
            assert (ended.status, ended.sealed) == (state, None)
            for other in set(RevocationState) - {state, RevocationState.PENDING}:
                with pytest.raises(Conflict):
                    after_try(ended, other, now)
    assert set(SAID) == set(RevocationStatus)


def test_what_became_of_it_is_forgotten_a_month_after_it_could_have_been_tried_last(world: LoginWorld) -> None:
    """What still waits stays, whatever its age."""
    world.erase(world.sign_in("Ada").subject_id)
    revoke_what_is_due(world.parts)
    world.wechat.outcomes = [LATER]
    world.erase(world.sign_in("Bo").subject_id)
    revoke_what_is_due(world.parts)
    world.clock.forward((REVOCATION_LIFE + KEPT - timedelta(hours=1)).total_seconds())
    assert forget_revocations(world.parts) == 0
    world.clock.forward(7200)
    assert forget_revocations(world.parts) == 1
    assert [one.status for one in world.jobs()] == [RevocationState.PENDING]
