"""Logging in end to end: our attempts, our accounts, the providers' stand-ins; and every false token refused at the door."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from services.auth import accounts, proofs
from services.auth.revocations import revoke_what_is_due
from shared.contracts import accounts as contract
from shared.contracts.accounts import LoginBegun
from shared.kernel.errors import Code
from tests.integration.logins.playing import EVERY, REDIRECT, StandIn
from tests.unit.auth.logins import LoginWorld, code_of
from tests.unit.worlds import POLICY

every_provider = pytest.mark.parametrize("name", EVERY)


class Door:
    """Auth on a memory twin, with the real adapters of every provider."""

    def __init__(self, standin: StandIn) -> None:
        self.standin, self.world = standin, LoginWorld()
        self.world.providers.clear()
        self.world.providers.update(standin.providers())

    def begin(self, name: str) -> LoginBegun:
        platform = "ios" if name == "apple" else "android"
        request = contract.BeginLogin(provider=name, platform=platform, redirect_uri=REDIRECT)
        return proofs.begin_login(request, self.world.parts)

    def handed(self, name: str, person: str, begun: LoginBegun, **how: Any) -> dict[str, Any]:
        """What the app has afterwards: what the provider gave it, with the attempt it belongs to."""
        asked = {key: values[0] for key, values in parse_qs(urlsplit(begun.url or "").query).items()}
        tied = {
            "redirect_uri": None if name in ("wechat", "alipay", "apple") else REDIRECT,
            "nonce": asked.get("nonce") or begun.nonce,
            "code_challenge": begun.code_challenge,
        }
        got = self.standin.grant(name, person, **{key: value for key, value in tied.items() if value}, **how)
        code = got.get("code") or got.get("auth_code")
        found = {"code": code, "id_token": got.get("id_token"), "access_token": got.get("access_token")}
        return {**found, "attempt_id": str(begun.attempt_id), "state": begun.state}

    def sign_in(self, name: str, handed: dict[str, Any]) -> contract.SignedIn:
        request = contract.SignIn(
            provider=name, platform="web", policy_version=POLICY, sealed_proof=self.world.proof(**handed)
        )
        return accounts.sign_in(request, self.world.parts)

    def arrive(self, name: str, person: str) -> contract.SignedIn:
        return self.sign_in(name, self.handed(name, person, self.begin(name)))

    def nobody(self) -> bool:
        return not self.world.work.state.subjects


@pytest.fixture
def door(standin: StandIn) -> Door:
    return Door(standin)


@every_provider
def test_a_person_logs_in_and_comes_back_to_the_same_account(door: Door, name: str) -> None:
    """From our attempt through the provider to our account; somebody else has another one."""
    ada, bo = door.standin.person("小明"), door.standin.person("小红")
    first, again, other = (door.arrive(name, person) for person in (ada, ada, bo))
    assert (first.created, again.created, other.created) == (True, False, True)
    assert first.subject_id == again.subject_id != other.subject_id
    shown = repr(door.world.work.state)
    assert "小明" not in shown
    assert ada not in shown


@every_provider
def test_a_code_replayed_opens_nothing_with_its_own_attempt_or_with_a_fresh_one(door: Door, name: str) -> None:
    """Whoever saw it pass."""
    handed = door.handed(name, door.standin.person(), door.begin(name))
    door.sign_in(name, handed)
    assert code_of(lambda: door.sign_in(name, handed)) is Code.LOGIN_CODE_INVALID
    fresh = door.begin(name)
    moved = {**handed, "attempt_id": str(fresh.attempt_id), "state": fresh.state}
    assert code_of(lambda: door.sign_in(name, moved)) in (Code.LOGIN_CODE_INVALID, Code.LOGIN_TOKEN_INVALID)
    assert len(door.world.work.state.subjects) == 1


@pytest.mark.parametrize("name", ["huawei", "oidc", "apple"])
def test_somebody_elses_code_in_my_attempt_opens_nothing(door: Door, name: str) -> None:
    """Stolen before it was used: it is tied to the attempt it was asked for, by challenge or nonce."""
    victim, mine = door.begin(name), door.begin(name)
    stolen = door.handed(name, door.standin.person(), victim)
    swapped = {**stolen, "attempt_id": str(mine.attempt_id), "state": mine.state}
    assert code_of(lambda: door.sign_in(name, swapped)) in (Code.LOGIN_CODE_INVALID, Code.LOGIN_TOKEN_INVALID)
    assert door.nobody()


TWISTS = ("wrong_aud", "wrong_iss", "wrong_nonce", "no_nonce", "no_sub", "expired", "future", "tampered")
FORGERIES = ("alg_none", "hs256_public_key", "foreign_key", "unknown_kid")


@pytest.mark.parametrize("twist", TWISTS + FORGERIES)
def test_a_swapped_or_forged_identity_token_from_the_app_opens_nothing(door: Door, twist: str) -> None:
    """Apple on a phone hands the token over itself: each claim and the signature are checked, and the code is not spent."""
    person = door.standin.person()
    crooked = door.handed("apple", person, door.begin("apple"), twist=twist)
    before = door.standin.calls("apple", "token")
    assert code_of(lambda: door.sign_in("apple", crooked)) is Code.LOGIN_TOKEN_INVALID
    assert door.nobody()
    assert door.standin.calls("apple", "token") == before
    assert door.arrive("apple", person).created


@pytest.mark.parametrize("twist", [one for one in TWISTS + FORGERIES if one != "no_nonce"])
@pytest.mark.parametrize("name", ["apple", "oidc", "huawei"])
def test_a_false_identity_token_from_the_token_endpoint_opens_nothing_either(door: Door, name: str, twist: str) -> None:
    """Whoever stands between us and the provider: no algorithm but the pinned one, no key but the published ones."""
    person = door.standin.person()
    handed = door.handed(name, person, door.begin(name))
    door.standin.fault(name, "twist", step="token", how=twist)
    assert code_of(lambda: door.sign_in(name, handed)) in (Code.LOGIN_TOKEN_INVALID, Code.LOGIN_UNFINISHED)
    assert door.nobody()
    assert door.arrive(name, person).created


def test_a_token_of_one_person_with_a_code_of_another_opens_neither_account(door: Door) -> None:
    """Apple: both must name the same person."""
    begun = door.begin("apple")
    ada, bo = (door.handed("apple", door.standin.person(), begun) for _ in range(2))
    mixed = {**ada, "code": bo["code"]}
    assert code_of(lambda: door.sign_in("apple", mixed)) is Code.LOGIN_TOKEN_INVALID
    assert door.nobody()


@pytest.mark.parametrize("name", ["qq", "weibo"])
def test_an_access_token_that_was_given_to_another_app_opens_nothing(door: Door, name: str) -> None:
    """The SDKs of QQ and Weibo hand over tokens: the provider is asked whose app each is for."""
    person = door.standin.person()
    begun = door.begin(name)
    own = door.handed(name, person, begun, kind="token")
    assert door.sign_in(name, own).created
    forged = {**own, "access_token": "somebody-made-this-up"}
    fresh = door.begin(name)
    forged |= {"attempt_id": str(fresh.attempt_id), "state": fresh.state}
    refused = code_of(lambda: door.sign_in(name, forged))
    assert refused in (Code.LOGIN_CODE_INVALID, Code.LOGIN_TOKEN_INVALID)
    assert len(door.world.work.state.subjects) == 1


@every_provider
def test_leaving_is_told_to_the_provider_and_its_person_may_come_back(door: Door, name: str) -> None:
    """Revoked there, or not possible there; never pending, and a new account afterwards."""
    ada, bo = door.standin.person(), door.standin.person()
    mine, neighbour = door.arrive(name, ada), door.arrive(name, bo)
    door.world.fence(mine.subject_id)
    revoke_what_is_due(door.world.parts)
    [job] = door.world.jobs()
    assert job.status in ("revoked", "not_possible")
    assert job.sealed is None
    if name in ("apple", "oidc", "huawei", "weibo", "alipay"):
        assert job.status == "revoked"
        assert door.standin.revocations(name)
    came_back: UUID = door.arrive(name, ada).subject_id
    assert came_back not in (mine.subject_id, neighbour.subject_id)
    assert door.world.key(neighbour.subject_id)
