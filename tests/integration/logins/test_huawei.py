"""Huawei: PKCE, two algorithms, tokens with a plus in them, failures in a header."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.auth.providers.huawei import FAILURES
from services.auth.providers.port import LoginAttempt, LoginProvider, RevocationStatus
from shared.kernel.errors import BadRequest, Code
from shared.kernel.personal import Secret
from standins.logins.keys import TWISTS
from tests.integration.logins.playing import REDIRECT, StandIn, prove
from tests.integration.logins.test_every_provider import code_of

NAME = "huawei"


@pytest.fixture
def huawei(providers: dict[str, LoginProvider]) -> LoginProvider:
    return providers[NAME]


@pytest.mark.parametrize("twist", sorted(set(TWISTS) - {"no_nonce"}))
def test_a_crooked_id_token_logs_nobody_in(standin: StandIn, huawei: LoginProvider, twist: str) -> None:
    """It is verified, as the libraries do not."""
    standin.fault(NAME, "twist", step="token", how=twist)
    assert code_of(lambda: huawei.authenticate(prove(standin, NAME, standin.person()))) is Code.LOGIN_TOKEN_INVALID


@pytest.mark.parametrize(
    ("error", "sub_error", "expected"),
    [
        (1101, 20152, FAILURES[20152]),
        (1101, 20154, FAILURES[1101]),
        (1102, 20001, Code.PROVIDER_REFUSED),
        (102, 0, FAILURES[102]),
        (6, 0, FAILURES[6]),
        (31204, 0, FAILURES[31204]),
    ],
)
def test_every_documented_error_of_the_exchange_is_mapped(
    standin: StandIn, huawei: LoginProvider, error: int, sub_error: int, expected: Code
) -> None:
    """``sub_error`` before ``error``."""
    standin.fault(NAME, "error", step="token", code=error, sub_error=sub_error)
    assert code_of(lambda: huawei.authenticate(prove(standin, NAME, standin.person()))) is expected


@pytest.mark.parametrize("status", [6, 102, 31204, 99])
def test_every_documented_nsp_status_is_mapped(standin: StandIn, huawei: LoginProvider, status: int) -> None:
    """HTTP 200, and the failure in a header."""
    standin.fault(NAME, "no_id_token")
    standin.fault(NAME, "nsp_status", step="token_info", code=status)
    expected = FAILURES.get(status, Code.PROVIDER_REFUSED)
    assert code_of(lambda: huawei.authenticate(prove(standin, NAME, standin.person()))) is expected


@pytest.mark.parametrize("fault", ["no_id_token", "no_openid", "ps256"])
def test_the_person_is_the_same_whichever_way_huawei_tells(standin: StandIn, huawei: LoginProvider, fault: str) -> None:
    """Without id_token or openid the token's own record is asked, with ``+ / =`` in the token."""
    person = standin.person()
    straight = huawei.authenticate(prove(standin, NAME, person))
    standin.fault(NAME, fault)
    other = huawei.authenticate(prove(standin, NAME, person))
    assert (other.external_id, other.union_id) == (straight.external_id, straight.union_id)


def test_without_keys_no_code_is_spent(standin: StandIn) -> None:
    """The person may try the same again."""
    huawei, proof = standin.providers()[NAME], prove(standin, NAME, standin.person())
    standin.fault(NAME, "html", step="keys", times=2)
    assert code_of(lambda: huawei.authenticate(proof)) is Code.PROVIDER_UNAVAILABLE
    assert huawei.authenticate(proof).provider == NAME


def test_a_token_of_another_app_logs_nobody_in(standin: StandIn, huawei: LoginProvider) -> None:
    """Token substitution."""
    standin.fault(NAME, "no_id_token")
    standin.fault(NAME, "foreign_client")
    assert code_of(lambda: huawei.authenticate(prove(standin, NAME, standin.person()))) is Code.LOGIN_TOKEN_INVALID


def test_a_code_without_its_verifier_logs_nobody_in(standin: StandIn, huawei: LoginProvider) -> None:
    """A stolen code is worth nothing; nor is one with another attempt's nonce."""
    proof = prove(standin, NAME, standin.person())
    stolen = replace(proof, code_verifier=Secret("x" * 43))
    assert code_of(lambda: huawei.authenticate(stolen)) is Code.LOGIN_CODE_INVALID
    with pytest.raises(BadRequest):
        huawei.authenticate(replace(proof, code_verifier=None))
    other = replace(prove(standin, NAME, standin.person()), nonce=Secret("of another attempt"))
    assert code_of(lambda: huawei.authenticate(other)) is Code.LOGIN_TOKEN_INVALID


@pytest.mark.parametrize(
    ("fault", "how", "expected"),
    [
        (None, {}, RevocationStatus.REVOKED),
        ("html", {}, RevocationStatus.TRY_LATER),
        ("error", {"code": 1101, "sub_error": 31204}, RevocationStatus.REVOKED),
        ("error", {"code": 1102, "sub_error": 20001}, RevocationStatus.REFUSED),
    ],
)
def test_a_grant_is_revoked(
    standin: StandIn, huawei: LoginProvider, fault: str | None, how: dict[str, int], expected: RevocationStatus
) -> None:
    """By the refresh token, which has a plus in it; a token that is gone is as good as revoked."""
    person = standin.person()
    revocation = huawei.authenticate(prove(standin, NAME, person)).revocation
    assert revocation is not None
    assert "+" in revocation.token.reveal()
    if fault:
        standin.fault(NAME, fault, step="revoke", times=2, **how)
    assert huawei.revoke(revocation).status is expected
    if not fault:
        assert standin.revocations(NAME)[-1]["person_id"] == person
        assert huawei.revoke(revocation).status is RevocationStatus.REVOKED
    assert huawei.revoke(None).advice == "withdraw_in_huawei"


def test_a_login_starts_with_a_challenge(huawei: LoginProvider) -> None:
    """PKCE on every platform."""
    attempt = LoginAttempt("web", "state-1", Secret("n"), code_challenge="c" * 43, redirect_uri=REDIRECT)
    start = huawei.start(attempt)
    assert start.uses_pkce
    assert start.url is not None
    assert "code_challenge=" + "c" * 43 in start.url
    assert huawei.start(replace(attempt, platform="android")).url is None
