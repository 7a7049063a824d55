"""Apple: crooked identity tokens, rotating keys, the code that is exchanged at once, revocation, notices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.auth.providers.oauth import FAILURES
from services.auth.providers.port import LoginAttempt, LoginProvider, NoticeKind, RevocationStatus
from shared.kernel.errors import BadRequest, Code
from shared.kernel.personal import Personal, Secret
from standins.logins.apps import fresh
from standins.logins.keys import TWISTS
from tests.integration.logins.playing import REDIRECT, Secrets, StandIn, granted, proof_of, prove
from tests.integration.logins.test_every_provider import code_of

NAME, WEB_APP = "apple", "com.example.pocketid.web"


@pytest.fixture
def apple(providers: dict[str, LoginProvider]) -> LoginProvider:
    return providers[NAME]


def read(provider: LoginProvider, notice: dict[str, Any]) -> Any:
    return provider.read_notice(notice["headers"], notice["query"], notice["body"].encode())


def on_the_web(standin: StandIn, person: str, own: Secrets, **how: Any) -> Any:
    got = granted(standin, NAME, person, own, app_id=WEB_APP, redirect_uri=REDIRECT, **how)
    del got["id_token"]  # a browser comes back with the code alone
    return proof_of(NAME, got, own, "web")


@pytest.mark.parametrize("twist", sorted(TWISTS))
def test_a_crooked_identity_token_logs_nobody_in(standin: StandIn, apple: LoginProvider, twist: str) -> None:
    """alg none, key confusion, foreign and unknown keys, another aud, iss, nonce: and the code is not even spent."""
    before = standin.calls(NAME, "token")
    proof = prove(standin, NAME, standin.person(), twist=twist)
    assert code_of(lambda: apple.authenticate(proof)) is Code.LOGIN_TOKEN_INVALID
    assert standin.calls(NAME, "token") == before


@pytest.mark.parametrize("twist", sorted(set(TWISTS) - {"no_nonce"}))
def test_a_crooked_token_of_the_exchange_logs_nobody_in(standin: StandIn, apple: LoginProvider, twist: str) -> None:
    """In a browser it is all there is; on a phone it must agree with the one that was shown."""
    standin.fault(NAME, "twist", step="token", how=twist)
    proof = prove(standin, NAME, standin.person())
    assert code_of(lambda: apple.authenticate(proof)) is Code.LOGIN_TOKEN_INVALID
    standin.fault(NAME, "twist", step="token", how=twist)
    proof = on_the_web(standin, standin.person(), Secrets())
    assert code_of(lambda: apple.authenticate(proof)) is Code.LOGIN_TOKEN_INVALID


@pytest.mark.parametrize("error", sorted(FAILURES))
def test_every_documented_error_is_mapped(standin: StandIn, apple: LoginProvider, error: str) -> None:
    """HTTP 400 with an ``error``."""
    standin.fault(NAME, "error", step="token", code=error)
    assert code_of(lambda: apple.authenticate(prove(standin, NAME, standin.person()))) is FAILURES[error]


@pytest.mark.parametrize("garbage", ["", "x", "a.b.c", "e30.e30.", "é.é.é", "x" * 9000])
def test_what_is_no_token_logs_nobody_in(standin: StandIn, apple: LoginProvider, garbage: str) -> None:
    """No exception of a library gets through."""
    proof = replace(prove(standin, NAME, standin.person()), id_token=Secret(garbage))
    expected = {Code.LOGIN_TOKEN_INVALID, Code.BAD_REQUEST}
    with pytest.raises(Exception) as caught:
        apple.authenticate(proof)
    assert getattr(caught.value, "actual_code", None) in expected


def test_the_nonce_of_another_attempt_does_not_pass(standin: StandIn, apple: LoginProvider) -> None:
    """A stolen token with its code cannot be brought in another attempt; nor without one."""
    proof = replace(prove(standin, NAME, standin.person()), nonce=Secret("of another attempt"))
    assert code_of(lambda: apple.authenticate(proof)) is Code.LOGIN_TOKEN_INVALID
    with pytest.raises(BadRequest):
        apple.authenticate(replace(proof, nonce=None))


def test_the_raw_nonce_in_the_token_does_not_pass(standin: StandIn, apple: LoginProvider) -> None:
    """Apple gets the hash; a token with the raw one was made by somebody who saw our attempt."""
    own = Secrets()
    proof = prove(standin, NAME, standin.person(), own, nonce=own.nonce)
    assert code_of(lambda: apple.authenticate(proof)) is Code.LOGIN_TOKEN_INVALID


def test_a_token_and_a_code_of_two_persons_do_not_pass(standin: StandIn, apple: LoginProvider) -> None:
    """A swapped id_token."""
    own = Secrets()
    mine, theirs = prove(standin, NAME, standin.person(), own), prove(standin, NAME, standin.person(), own)
    swapped = replace(mine, id_token=theirs.id_token)
    assert code_of(lambda: apple.authenticate(swapped)) is Code.LOGIN_TOKEN_INVALID


def test_a_token_for_our_website_does_not_pass_on_a_phone(standin: StandIn, apple: LoginProvider) -> None:
    """Each platform has its own audience."""
    proof = prove(standin, NAME, standin.person(), app_id=WEB_APP)
    assert code_of(lambda: apple.authenticate(proof)) is Code.LOGIN_TOKEN_INVALID


def test_phone_and_browser_find_one_account(standin: StandIn, apple: LoginProvider) -> None:
    """``sub`` and our team are the same; the tokens kept for revocation belong to different clients."""
    person = standin.person()
    phone = apple.authenticate(prove(standin, NAME, person))
    web = apple.authenticate(on_the_web(standin, person, Secrets()))
    assert (phone.app_id, phone.external_id) == (web.app_id, web.external_id)
    assert phone.revocation is not None
    assert web.revocation is not None
    assert (phone.revocation.client_id, web.revocation.client_id) == ("com.example.pocketid", WEB_APP)


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("verified", [False, True])
def test_an_address_counts_only_when_it_is_verified(
    standin: StandIn, apple: LoginProvider, verified: bool, as_text: bool
) -> None:
    """``true`` and ``"true"`` are; ``false`` and ``"false"`` are not."""
    if as_text:
        standin.fault(NAME, "string_booleans", times=None)
    person = standin.person(email="a@example.com", email_verified=verified)
    identity = apple.authenticate(prove(standin, NAME, person))
    assert identity.email == (Personal("a@example.com") if verified else None)


# ---- keys


def test_a_rotated_key_is_fetched_when_its_name_is_met(standin: StandIn) -> None:
    """And keys that are known are not fetched again."""
    apple = standin.providers()[NAME]
    apple.authenticate(prove(standin, NAME, standin.person()))
    fetched = standin.calls(NAME, "keys")
    apple.authenticate(prove(standin, NAME, standin.person()))
    assert standin.calls(NAME, "keys") == fetched
    standin.tell("POST", "/keys", provider=NAME)
    assert apple.authenticate(prove(standin, NAME, standin.person())).provider == NAME
    assert standin.calls(NAME, "keys") == fetched + 1


def test_unknown_key_names_do_not_make_us_fetch_again_and_again(standin: StandIn) -> None:
    """At most once in the pause that is configured: or else anybody could make us hammer Apple."""
    apple = standin.providers()[NAME]
    apple.authenticate(prove(standin, NAME, standin.person()))
    fetched = standin.calls(NAME, "keys")
    for _ in range(5):
        proof = prove(standin, NAME, standin.person(), twist="unknown_kid")
        assert code_of(lambda proof=proof: apple.authenticate(proof)) is Code.LOGIN_TOKEN_INVALID  # type: ignore[misc]
    assert standin.calls(NAME, "keys") == fetched + 1


def test_without_keys_no_code_is_spent(standin: StandIn) -> None:
    """The person may try the same again."""
    person = standin.person()
    for proof in (prove(standin, NAME, person), on_the_web(standin, person, Secrets())):
        apple = standin.providers()[NAME]
        standin.fault(NAME, "html", step="keys", times=2)
        assert code_of(lambda apple=apple, proof=proof: apple.authenticate(proof)) is Code.PROVIDER_UNAVAILABLE  # type: ignore[misc]
        assert apple.authenticate(proof).provider == NAME


def test_in_a_browser_a_token_without_a_nonce_logs_nobody_in(standin: StandIn, apple: LoginProvider) -> None:
    """There is no other token that could have had it."""
    standin.fault(NAME, "twist", step="token", how="no_nonce")
    proof = on_the_web(standin, standin.person(), Secrets())
    assert code_of(lambda: apple.authenticate(proof)) is Code.LOGIN_TOKEN_INVALID


# ---- the client secret


@pytest.mark.parametrize("name", ["APPLE_PRIVATE_KEY", "APPLE_TEAM_ID", "APPLE_KEY_ID"])
def test_our_wrong_key_is_our_mistake(standin: StandIn, name: str) -> None:
    """Apple checks signature, team and key id."""
    wrong = fresh(standin.url)[1][f"POCKETID_LOGIN_{name}"] if name.endswith("PRIVATE_KEY") else "WRONG12345"
    apple = standin.providers(**{f"login_{name.lower()}": wrong})[NAME]
    assert code_of(lambda: apple.authenticate(prove(standin, NAME, standin.person()))) is Code.PROVIDER_REFUSED


# ---- revocation


def test_a_grant_is_revoked_with_the_refresh_token(standin: StandIn, apple: LoginProvider) -> None:
    """Also a second time, and with garbage: Apple says 200."""
    person = standin.person()
    revocation = apple.authenticate(prove(standin, NAME, person)).revocation
    assert revocation is not None
    assert apple.revoke(revocation).status is RevocationStatus.REVOKED
    assert standin.revocations(NAME)[-1]["person_id"] == person
    assert standin.revocations(NAME)[-1]["hint"] == "refresh_token"
    assert apple.revoke(revocation).status is RevocationStatus.REVOKED
    assert apple.revoke(replace(revocation, token=Secret("garbage"))).status is RevocationStatus.REVOKED


@pytest.mark.parametrize(
    ("fault", "how", "expected"),
    [
        ("html", {}, RevocationStatus.TRY_LATER),
        ("too_many", {}, RevocationStatus.TRY_LATER),
        ("error", {"code": "invalid_client"}, RevocationStatus.REFUSED),
        ("error", {"code": "invalid_request"}, RevocationStatus.REFUSED),
    ],
)
def test_a_revocation_that_fails_says_whether_to_try_again(
    standin: StandIn, apple: LoginProvider, fault: str, how: dict[str, str], expected: RevocationStatus
) -> None:
    """It never raises."""
    revocation = apple.authenticate(prove(standin, NAME, standin.person())).revocation
    standin.fault(NAME, fault, step="revoke", times=2, **how)
    assert apple.revoke(revocation).status is expected


def test_without_a_refresh_token_the_person_is_told_what_to_do(standin: StandIn, apple: LoginProvider) -> None:
    """The code is dead after five minutes, and an identity token cannot be revoked."""
    standin.fault(NAME, "no_refresh_token")
    identity = apple.authenticate(prove(standin, NAME, standin.person()))
    assert identity.revocation is None
    outcome = apple.revoke(identity.revocation)
    assert (outcome.status, outcome.advice) == (RevocationStatus.NOT_POSSIBLE, "withdraw_in_apple")


# ---- notices


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("revoked", NoticeKind.AUTHORIZATION_REVOKED),
        ("closed", NoticeKind.ACCOUNT_CLOSED),
        ("deleted", NoticeKind.ACCOUNT_CLOSED),
        ("changed", NoticeKind.PROFILE_CHANGED),
        ("something new", NoticeKind.NOTHING),
    ],
)
def test_a_notice_names_the_person(standin: StandIn, apple: LoginProvider, kind: str, expected: NoticeKind) -> None:
    """``events`` is JSON within JSON, and both words for a deletion are known."""
    person = standin.person()
    identity = apple.authenticate(prove(standin, NAME, person))
    sent = standin.notice(NAME, kind, person)
    notice = read(apple, sent)
    assert (notice.kind, notice.app_id, notice.external_id) == (expected, identity.app_id, identity.external_id)
    assert (notice.answer.status, notice.answer.body) == (200, b"")
    assert notice.dedup_id == read(apple, sent).dedup_id != read(apple, standin.notice(NAME, kind, person)).dedup_id


@pytest.mark.parametrize(
    "twist", ["alg_none", "hs256_public_key", "foreign_key", "unknown_kid", "wrong_aud", "wrong_iss", "tampered"]
)
def test_a_forged_notice_is_nothing(standin: StandIn, apple: LoginProvider, twist: str) -> None:
    """Anybody can send one."""
    assert read(apple, standin.notice(NAME, "revoked", standin.person(), twist=twist)) is None


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"payload": 1}', '{"payload": "a.b.c"}', "\xff"])
def test_a_body_that_is_no_notice_is_nothing(standin: StandIn, apple: LoginProvider, body: str) -> None:
    """No exception."""
    assert apple.read_notice({}, {}, body.encode("latin-1")) is None


def test_an_identity_token_is_no_notice(standin: StandIn, apple: LoginProvider) -> None:
    """Although Apple signed it for us."""
    token = granted(standin, NAME, standin.person(), Secrets())["id_token"]
    assert apple.read_notice({}, {}, f'{{"payload": "{token}"}}'.encode()) is None


def test_a_login_starts_without_asking_for_name_or_address(apple: LoginProvider) -> None:
    """We need neither; Apple gets the hash of the nonce."""
    attempt = LoginAttempt("ios", "state-1", Secret("raw"))
    start = apple.start(attempt)
    assert (start.scopes, start.url) == ((), None)
    assert start.nonce != "raw"
    web = apple.start(replace(attempt, platform="web", redirect_uri=REDIRECT))
    assert web.url is not None
    assert "scope" not in web.url
    assert f"nonce={start.nonce}" in web.url
