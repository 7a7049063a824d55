"""Whole stories of accounts on both adapters: what the use cases do in memory they do on PostgreSQL, also two at a time."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from services.auth import fencing, profiles, use_cases
from services.auth.domain.consents import broken_at
from services.auth.revocations import revoke_what_is_due
from shared.contracts import accounts, auth, consents
from shared.crypto import token_hash
from shared.kernel.errors import Code
from tests.contract.conftest import Subject as Both
from tests.unit.auth.logins import LoginWorld, code_of
from tests.unit.auth.test_notices import push
from tests.unit.worlds import PERMISSIONS


class Stage(LoginWorld):
    """The logins' world on another adapter."""

    def __init__(self, both: Both) -> None:
        super().__init__()
        self.outbox = both.outbox
        self.work = both.work
        self.parts = replace(self.parts, work=both.work)

    def said(self, kind: type[Any]) -> list[Any]:
        return [message for _, _, _, message in self.outbox() if type(message) is kind]


@pytest.fixture
def stage(auth: Both) -> Stage:
    return Stage(auth)


@pytest.fixture
def real_stage(real_auth: Both) -> Stage:
    return Stage(real_auth)


def test_a_guest_signs_in_links_renames_itself_looks_around_and_leaves(stage: Stage) -> None:
    """Every call of an account's life; the neighbour's rows are the same at the end."""
    guest, neighbour = stage.admit(age_band="adult"), stage.sign_in("Bo")
    before = stage.count(neighbour.subject_id)
    begun = stage.begin(stage.wechat)
    handed = {
        "code": stage.wechat.code_for("Ada", union="u"),
        "attempt_id": str(begun.attempt_id),
        "state": begun.state,
    }
    asked = {"handed": handed | {"device_label": "手机"}, "guest_id": guest.subject_id}
    mine = stage.sign_in(**asked, idempotency_key="k", fingerprint="f")
    assert stage.sign_in(**asked, idempotency_key="k", fingerprint="f") == mine
    assert [m.account_id for m in stage.said(auth.GuestSignedIn)] == [mine.subject_id]
    assert stage.subject(mine.subject_id).age_band == "adult"
    assert code_of(lambda: stage.sign_in(handed=handed)) is Code.LOGIN_CODE_INVALID
    assert len(stage.link(mine.subject_id, "Ada's apple", stage.apple).items) == 2
    assert code_of(lambda: stage.link(mine.subject_id, "Bo", stage.wechat)) is Code.IDENTITY_TAKEN
    stage.change(mine.subject_id, sealed_profile="AAAA")
    again = stage.sign_in(handed={"code": stage.wechat.code_for("Ada", app_id="web", union="u")})
    listed = profiles.sessions(accounts.Sessions(subject_id=mine.subject_id), stage.parts).items
    assert {session.session_id for session in listed} == {mine.session_id, again.session_id}
    ended = profiles.end_sessions(accounts.EndSessions(subject_id=mine.subject_id, keep=again.session_id), stage.parts)
    assert ended.session_ids == [mine.session_id]
    stage.unlink(mine.subject_id, stage.apple)
    revoke_what_is_due(stage.parts)
    report = stage.erase(mine.subject_id)
    told = {name: n for name, n in report.counts.items() if name.startswith("provider.")}
    assert told == {"provider.apple.revoked": 1, "provider.wechat.revoked": 1}
    assert revoke_what_is_due(stage.parts) == 0
    assert not any(stage.count(mine.subject_id).values())
    assert stage.count(neighbour.subject_id) == before
    assert stage.sign_in("Ada").created


def test_consents_policies_and_guardians_take_their_course(stage: Stage) -> None:
    """Published, granted, withdrawn, asked for, given, ended; chains stay whole on either adapter."""
    child, mother = stage.admit(age_band="under_14"), stage.sign_in("Eve", age_band="adult")
    assert code_of(lambda: stage.key(child.subject_id)) is Code.GUARDIAN_CONSENT_REQUIRED
    link = stage.ask_guardian(child.subject_id).link_token
    granted = stage.answer_guardian(mother.subject_id, "grant", link_token=link)
    assert stage.key(child.subject_id)
    stage.publish("2030-01-01")
    stage.record(mother.subject_id, "grant", "2030-01-01")
    stage.clock.forward(7 * 86400)
    assert stage.key(mother.subject_id)
    assert code_of(lambda: stage.key(child.subject_id)) is Code.POLICY_OUTDATED
    stage.record(child.subject_id, "grant", "2030-01-01")
    assert stage.key(child.subject_id)
    stage.answer_guardian(mother.subject_id, "withdraw", guardianship_id=granted.guardianship_id)
    assert code_of(lambda: stage.key(child.subject_id)) is Code.GUARDIAN_CONSENT_REQUIRED
    stage.record(mother.subject_id, "withdraw", "2030-01-01")
    assert [m.subject_id for m in stage.said(auth.ConsentWithdrawn)] == [child.subject_id, mother.subject_id]
    for subject_id in (child.subject_id, mother.subject_id):
        lines = stage.look(lambda tx, who=subject_id: tx.consents(who))
        assert len(lines) >= 3
        assert broken_at(lines) is None


def test_an_idle_guest_expires_and_keys_are_wrapped_anew(stage: Stage) -> None:
    """The timers' and the operators' parts."""
    idle, mine = stage.admit(), stage.sign_in("Ada")
    stage.clock.forward(31 * 86400)
    assert fencing.expire_guests(stage.parts) == 1
    assert [m.subject_id for m in stage.said(auth.GuestExpired)] == [idle.subject_id]
    assert stage.key(mine.subject_id, "read_own")
    assert profiles.rewrap_keys(consents.RewrapKeys(), stage.parts) == consents.Rewrapped(rewrapped=0, done=True)


# ---- two at a time


def both_at_once(stage: Stage, one: Any, two: Any) -> list[Any]:
    """What each of two threads got: an answer, or the code it was refused with."""
    start, found = threading.Barrier(2), []

    def run(action: Any) -> None:
        start.wait(10)
        try:
            found.append(action())
        except Exception as error:
            found.append(getattr(error, "actual_code", error))

    threads = [threading.Thread(target=run, args=(action,)) for action in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 2
    return found


@pytest.mark.integration
@pytest.mark.parametrize("attempt", range(5))
def test_two_first_logins_of_one_person_at_once_make_one_account(real_stage: Stage, attempt: int) -> None:
    """By union id from two apps, or twice from one: both are let in, to the same account."""
    wechat = real_stage.wechat
    codes = [
        wechat.code_for("Ada", union="u", app_id=app) for app in ("app-one", "app-web" if attempt % 2 else "app-one")
    ]
    signed = both_at_once(real_stage, *[lambda c=code: real_stage.sign_in(handed={"code": c}) for code in codes])
    assert len({one.subject_id for one in signed}) == 1, signed
    assert sorted(one.created for one in signed) == [False, True]


@pytest.mark.integration
def test_one_login_linked_by_two_accounts_at_once_belongs_to_one(real_stage: Stage) -> None:
    """The other one is told that it is taken."""
    owners = [real_stage.sign_in(who).subject_id for who in ("Ada", "Bo")]
    found = both_at_once(
        real_stage, *[lambda who=owner: real_stage.link(who, "shared apple", real_stage.apple) for owner in owners]
    )
    assert [one for one in found if one is Code.IDENTITY_TAKEN] == [Code.IDENTITY_TAKEN]
    assert sorted(real_stage.count(owner)["identities"] for owner in owners) == [1, 2]


@pytest.mark.integration
def test_two_logins_unlinked_at_once_leave_one(real_stage: Stage) -> None:
    """Never the last, however fast."""
    mine = real_stage.sign_in("Ada").subject_id
    real_stage.link(mine, "Ada's apple", real_stage.apple)
    found = both_at_once(
        real_stage,
        lambda: real_stage.unlink(mine, real_stage.wechat),
        lambda: real_stage.unlink(mine, real_stage.apple),
    )
    assert found.count(Code.LAST_IDENTITY) == 1
    assert real_stage.count(mine)["identities"] == 1


@pytest.mark.integration
def test_a_login_that_ends_at_its_provider_while_its_owner_unlinks_it_takes_no_other_login_with_it(
    real_stage: Stage,
) -> None:
    """The notice waits for the unlinking, and then finds nothing to end: the one login that is left is another one."""
    mine = real_stage.sign_in("Ada").subject_id
    real_stage.link(mine, "Ada's apple", real_stage.apple)
    ended = threading.Thread(target=lambda: push(real_stage, external_id="Ada@app-one"))
    with real_stage.work.begin() as tx:
        tx.hold_subject(mine)
        ended.start()
        time.sleep(0.3)
        [own] = [held for held in tx.identities(mine) if held.provider == "wechat"]
        tx.remove_identity(own.identity_id)
    ended.join(10)
    assert not real_stage.is_fenced(mine)
    assert [held.provider for held in real_stage.look(lambda tx: tx.identities(mine))] == ["apple"]


@pytest.mark.integration
def test_a_guest_that_comes_back_while_it_expires_is_either_gone_or_stays_whole(real_stage: Stage) -> None:
    """An expiry waits for the one who comes back, and looks again: nobody is let in and wiped in the same moment."""
    for number in range(4):
        device = f"{number:064d}"
        guest = real_stage.admit(device)
        real_stage.clock.forward(31 * 86400)
        came: list[Any] = both_at_once(
            real_stage,
            lambda: fencing.expire_guests(real_stage.parts),
            lambda d=device, s=guest.guest_secret: real_stage.admit(d, secret_hash=token_hash(s or "")),  # type: ignore[misc]
        )
        [tokens] = [one for one in came if isinstance(one, auth.Tokens)]
        assert real_stage.key(tokens.subject_id)
        assert real_stage.is_fenced(guest.subject_id) == (tokens.subject_id != guest.subject_id)


@pytest.mark.integration
def test_who_comes_back_waits_for_an_expiry_that_is_under_way(real_stage: Stage) -> None:
    """Held by the guest: resuming and refreshing both."""
    guest = real_stage.admit()
    refresh = auth.RefreshSession(refresh_hash=token_hash(guest.refresh_token))
    for back in (
        lambda: real_stage.admit(secret_hash=token_hash(guest.guest_secret or "")),
        lambda: use_cases.refresh_session(refresh, real_stage.parts),
    ):
        done = threading.Event()

        def run(action: Any = back, ended: threading.Event = done) -> None:
            action()
            ended.set()

        other = threading.Thread(target=run)
        with real_stage.work.begin() as tx:
            tx.hold_subject(guest.subject_id)
            other.start()
            assert not done.wait(0.3)
        other.join(10)
        assert done.is_set()


@pytest.mark.integration
def test_a_refresh_token_used_twice_at_once_is_noticed(real_stage: Stage) -> None:
    """One is given tokens, the other one ends their session: a thief and its victim cannot both go on."""
    for number in range(4):
        guest = real_stage.admit(f"{number:064d}")
        refresh = auth.RefreshSession(refresh_hash=token_hash(guest.refresh_token))
        found = both_at_once(real_stage, *[lambda r=refresh: use_cases.refresh_session(r, real_stage.parts)] * 2)
        [given] = [one for one in found if isinstance(one, auth.Tokens)]
        assert [one for one in found if one is not given] == [Code.SESSION_REVOKED]
        again = auth.RefreshSession(refresh_hash=token_hash(given.refresh_token))
        assert code_of(lambda a=again: use_cases.refresh_session(a, real_stage.parts)) is Code.SESSION_REVOKED  # type: ignore[misc]


@pytest.mark.integration
def test_logging_out_while_the_identity_is_deleted_leaves_nothing_of_it(real_stage: Stage) -> None:
    """What is remembered of the answer is written before the fence, and deleted, or not at all."""
    for number in range(6):
        guest = real_stage.admit(f"{number:064d}")
        key = {"idempotency_key": f"k{number}", "fingerprint": "f"}
        one = auth.EndSession(subject_id=guest.subject_id, session_id=guest.session_id, **key)
        every = accounts.EndSessions(subject_id=guest.subject_id, **key)
        leave = (
            (lambda c=one: use_cases.end_session(c, real_stage.parts))
            if number % 2
            else (lambda c=every: profiles.end_sessions(c, real_stage.parts))
        )
        both_at_once(real_stage, leave, lambda g=guest: real_stage.erase(g.subject_id))
        assert not any(real_stage.count(guest.subject_id).values())
        assert code_of(leave) is Code.SUBJECT_ERASED


@pytest.mark.integration
def test_who_refreshes_while_the_identity_is_deleted_is_told_and_the_deletion_does_not_stop(real_stage: Stage) -> None:
    """Neither holds what the other one waits for: the database would end one of them after a second, as if it were away."""
    child = real_stage.admit(age_band="under_14")
    refresh = auth.RefreshSession(refresh_hash=token_hash(child.refresh_token))
    link = real_stage.ask_guardian(child.subject_id).link_token
    mother = real_stage.sign_in("Eve", age_band="adult").subject_id
    told: list[Any] = []
    calls = (
        lambda: use_cases.refresh_session(refresh, real_stage.parts),
        lambda: real_stage.answer_guardian(mother, "grant", link_token=link),
    )
    others = [threading.Thread(target=lambda c=call: told.append(code_of(c))) for call in calls]
    with real_stage.work.begin() as tx:
        tx.fence(child.subject_id)
        for other in others:
            other.start()
        time.sleep(0.3)
        tx.delete_subject(child.subject_id)
    for other in others:
        other.join(10)
    assert sorted(told) == [Code.NOT_FOUND, Code.SUBJECT_ERASED]


@pytest.mark.integration
def test_lines_added_to_one_ledger_at_once_stay_one_chain(real_stage: Stage) -> None:
    """No fork: each waits for the one before."""
    mine = real_stage.sign_in("Ada").subject_id
    for number in range(4):
        both_at_once(
            real_stage,
            *[
                lambda n=name, a=("grant", "withdraw")[number % 2]: real_stage.record(
                    mine, a, PERMISSIONS, kind="permission", name=n
                )
                for name in ("camera", "storage")
            ],
        )
    lines = real_stage.look(lambda tx: tx.consents(mine))
    assert len(lines) == 9
    assert broken_at(lines) is None


@pytest.mark.integration
def test_a_guardians_link_used_by_two_at_once_works_for_one(real_stage: Stage) -> None:
    """The other one finds nothing, and the ledger has one grant."""
    child = real_stage.admit(age_band="under_14").subject_id
    adults = [real_stage.sign_in(who, age_band="adult").subject_id for who in ("Eve", "Adam")]
    link = real_stage.ask_guardian(child).link_token
    found = both_at_once(
        real_stage, *[lambda who=adult: real_stage.answer_guardian(who, "grant", link_token=link) for adult in adults]
    )
    assert found.count(Code.NOT_FOUND) == 1
    lines = real_stage.look(lambda tx: tx.consents(child))
    assert [line.kind for line in lines].count("guardian") == 1


@pytest.mark.integration
def test_the_same_login_twice_at_once_with_one_key_spends_its_code_once(real_stage: Stage) -> None:
    """One is let in; the other is told that the code is spent, and repeated later it gets the first one's answer."""
    handed = {"code": real_stage.wechat.code_for("Ada")}
    asked = {"handed": handed, "idempotency_key": "k", "fingerprint": "f"}
    found = both_at_once(real_stage, lambda: real_stage.sign_in(**asked), lambda: real_stage.sign_in(**asked))
    signed = [one for one in found if isinstance(one, accounts.SignedIn)]
    assert signed
    assert all(one == signed[0] or one is Code.LOGIN_CODE_INVALID for one in found)
    assert real_stage.sign_in(**asked) == signed[0]
