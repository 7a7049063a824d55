"""Profiles, sessions and the master keys: sealed before they come here, ended one by one, wrapped anew without reading."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from uuid import UUID

import pytest

from services.auth import profiles, use_cases
from services.auth.fencing import fence
from services.auth.providers.port import RevocationStatus
from services.auth.revocations import revoke_what_is_due
from shared.contracts import accounts, auth, consents
from shared.crypto import Keyring, seal, token_hash
from shared.kernel.errors import Code
from shared.kernel.ids import new_id
from tests.unit.auth.logins import LoginWorld, code_of
from tests.unit.worlds import OTHER_DEVICE, secret_bytes


@pytest.fixture
def world() -> LoginWorld:
    return LoginWorld()


def sealed(world: LoginWorld, subject_id: UUID, text: bytes = b'{"nickname": "Ada"}') -> str:
    return b64encode(seal(world.data_key(subject_id), text, f"{subject_id}/profile")).decode()


def shown(world: LoginWorld, subject_id: UUID) -> accounts.ProfileState:
    return profiles.profile(accounts.Profile(subject_id=subject_id), world.parts)


def test_a_profile_comes_sealed_and_goes_sealed_and_what_is_left_out_stays(world: LoginWorld) -> None:
    """Byte for byte; the neighbour's stays empty."""
    mine, neighbour = world.sign_in("Ada").subject_id, world.sign_in("Bo").subject_id
    assert shown(world, mine) == accounts.ProfileState(sealed_profile=None, age_band=None)
    text = sealed(world, mine)
    world.change(mine, sealed_profile=text)
    world.change(mine, age_band="adult")
    assert shown(world, mine) == accounts.ProfileState(sealed_profile=text, age_band="adult")
    world.change(mine)
    assert shown(world, mine) == accounts.ProfileState(sealed_profile=text, age_band="adult")
    assert shown(world, neighbour) == accounts.ProfileState(sealed_profile=None, age_band=None)


def test_what_makes_no_sense_or_is_too_large_is_refused(world: LoginWorld) -> None:
    """8 KiB are enough for a nickname; what is not base64 is a bad request too."""
    mine = world.sign_in("Ada").subject_id
    for wrong in ({"sealed_profile": "A" * 12_000}, {"sealed_profile": "no base64!"}, {"age_band": "ancient"}):
        assert code_of(lambda w=wrong: world.change(mine, **w)) is Code.BAD_REQUEST  # type: ignore[misc]
    assert shown(world, mine).sealed_profile is None


def test_a_child_does_not_become_older_alone(world: LoginWorld) -> None:
    """Neither adult nor 14; saying it again is fine, and so is a profile. A grown-up may correct itself."""
    child = world.sign_in("Mia", age_band="under_14").subject_id
    for older in ("14_to_17", "adult"):
        assert code_of(lambda age=older: world.change(child, age_band=age)) is Code.CONFLICT  # type: ignore[misc]
    assert world.change(child, age_band="under_14", sealed_profile=sealed(world, child)).age_band == "under_14"
    assert world.sign_in("Mia", age_band="adult").subject_id == child
    assert world.subject(child).age_band == "under_14", "logging in again does not make it older either"
    youth = world.sign_in("Max", age_band="14_to_17").subject_id
    assert world.change(youth, age_band="adult").age_band == "adult"


def test_a_fence_takes_the_profile_and_behind_it_there_is_none(world: LoginWorld) -> None:
    """Wiped with the key; the neighbour's is still shown."""
    mine, neighbour = world.sign_in("Ada").subject_id, world.sign_in("Bo").subject_id
    for subject_id in (mine, neighbour):
        world.change(subject_id, sealed_profile=sealed(world, subject_id))
    use_cases.fence_subject(mine, new_id(), world.parts)
    assert world.subject(mine).profile is None
    assert code_of(lambda: shown(world, mine)) is Code.SUBJECT_ERASED
    assert code_of(lambda: world.change(mine, age_band="adult")) is Code.SUBJECT_ERASED
    assert shown(world, neighbour).sealed_profile


# ---- sessions


def listed(world: LoginWorld, subject_id: UUID) -> list[UUID]:
    found = profiles.sessions(accounts.Sessions(subject_id=subject_id), world.parts)
    return [session.session_id for session in found.items]


def test_sessions_are_listed_last_used_first_and_only_while_they_live(world: LoginWorld) -> None:
    """One that was ended is gone from the list; the neighbour's are never in it."""
    one = world.sign_in("Ada")
    world.clock.forward(10)
    two = world.sign_in("Ada")
    neighbour = world.sign_in("Bo")
    world.clock.forward(10)
    use_cases.refresh_session(auth.RefreshSession(refresh_hash=token_hash(one.refresh_token)), world.parts)
    assert listed(world, one.subject_id) == [one.session_id, two.session_id]
    use_cases.end_session(auth.EndSession(subject_id=one.subject_id, session_id=one.session_id), world.parts)
    assert listed(world, one.subject_id) == [two.session_id]
    assert listed(world, neighbour.subject_id) == [neighbour.session_id]


@pytest.mark.parametrize("keep_first", [False, True])
def test_all_sessions_end_or_all_but_the_one_that_asks(world: LoginWorld, keep_first: bool) -> None:
    """Each is denied and said; its refresh token is dead; the neighbour stays logged in."""
    mine, neighbour = [world.sign_in("Ada") for _ in range(3)], world.sign_in("Bo")
    keep = mine[0].session_id if keep_first else None
    request = accounts.EndSessions(subject_id=mine[0].subject_id, keep=keep)
    ended = set(profiles.end_sessions(request, world.parts).session_ids)
    assert ended == {s.session_id for s in mine} - {keep}
    assert {m.session_id for m in world.said(auth.SessionRevoked)} == ended  # type: ignore[attr-defined]
    denied = set(use_cases.denials(world.parts).hashes)
    assert denied == {token_hash(str(session_id)) for session_id in ended}
    for tokens in (*mine, neighbour):
        refresh = auth.RefreshSession(refresh_hash=token_hash(tokens.refresh_token))
        if tokens.session_id in ended:
            assert code_of(lambda r=refresh: use_cases.refresh_session(r, world.parts)) is Code.SESSION_REVOKED  # type: ignore[misc]
        else:
            assert use_cases.refresh_session(refresh, world.parts)
    assert profiles.end_sessions(request, world.parts).session_ids == []


def test_somebody_elses_session_is_neither_ended_nor_kept(world: LoginWorld) -> None:
    """One's own end all the same."""
    mine, neighbour = world.sign_in("Ada"), world.sign_in("Bo")
    theirs = auth.EndSession(subject_id=mine.subject_id, session_id=neighbour.session_id)
    assert code_of(lambda: use_cases.end_session(theirs, world.parts)) is Code.NOT_FOUND
    request = accounts.EndSessions(subject_id=mine.subject_id, keep=neighbour.session_id)
    assert profiles.end_sessions(request, world.parts).session_ids == [mine.session_id]
    assert listed(world, neighbour.subject_id) == [neighbour.session_id]


# ---- another master key


def exchanged(world: LoginWorld) -> Keyring:
    """The operators put a new master key before the old one."""
    old = world.keyring._keys
    world.keyring = Keyring({"m2": secret_bytes(), **old})
    world.parts = replace(world.parts, keyring=world.keyring)
    return world.keyring


def rewrap(world: LoginWorld, limit: int = 500) -> consents.Rewrapped:
    return profiles.rewrap_keys(consents.RewrapKeys(limit=limit), world.parts)


def test_only_keys_of_other_masters_are_wrapped_anew_and_the_data_keys_stay(world: LoginWorld) -> None:
    """In batches until none is left; what was sealed before opens afterwards, and the old master may go."""
    old = [world.sign_in(who).subject_id for who in ("Ada", "Bo", "Cy")]
    before = {subject_id: world.data_key(subject_id).reveal() for subject_id in old}
    keyring = exchanged(world)
    new = world.sign_in("Di").subject_id
    untouched = world.subject(new).wrapped_key
    assert [(r.rewrapped, r.done) for r in (rewrap(world, 2), rewrap(world, 2), rewrap(world, 2))] == [
        (2, False), (1, True), (0, True),
    ]  # fmt: skip
    only_new = Keyring({"m2": keyring._keys["m2"]})
    for subject_id in old:
        wrapped = world.subject(subject_id).wrapped_key
        assert wrapped is not None
        assert only_new.unwrap(wrapped, subject_id).reveal() == before[subject_id]
    assert world.subject(new).wrapped_key == untouched


def test_a_key_that_a_fence_deletes_while_it_is_wrapped_anew_stays_deleted(world: LoginWorld) -> None:
    """The fence wins; the neighbour's key is wrapped."""
    doomed, neighbour = world.sign_in("Ada").subject_id, world.sign_in("Bo").subject_id
    exchanged(world)

    def meanwhile() -> None:
        with world.work.begin() as tx:
            fence(doomed, None, world.parts, tx)

    world.trouble.on("work.committed", meanwhile)
    rewrap(world)
    assert world.trouble.all_happened
    assert world.subject(doomed).wrapped_key is None
    held = world.subject(neighbour).wrapped_key
    assert held is not None
    assert world.keyring.wrapped_by(held) == "m2"


def test_what_waits_under_a_master_key_is_sealed_anew_too(world: LoginWorld) -> None:
    """A provider's token that is still to be withdrawn would be lost with the old key: it is not."""
    world.wechat.outcomes = [RevocationStatus.TRY_LATER]
    mine = world.sign_in("Ada").subject_id
    world.erase(mine)
    revoke_what_is_due(world.parts)
    keyring = exchanged(world)
    assert rewrap(world).done
    world.keyring = Keyring({"m2": keyring._keys["m2"]})
    world.parts = replace(world.parts, keyring=world.keyring)
    world.clock.forward(60)
    revoke_what_is_due(world.parts)
    [job] = world.jobs()
    assert (job.status, job.sealed) == ("revoked", None)
    assert len(set(world.wechat.revoked)) == 1


def test_a_batch_has_a_size_whatever_is_asked_for(world: LoginWorld) -> None:
    """At least one, at most five thousand."""
    world.admit()
    world.admit(OTHER_DEVICE)
    exchanged(world)
    assert rewrap(world, 0).rewrapped == 1
    assert rewrap(world, 10**9).rewrapped == 1
