"""Weibo: every documented failure, tokens of other apps, revocation, and a notice that is only a hint."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.auth.providers.port import (
    Granted,
    LoginAttempt,
    LoginProof,
    LoginProvider,
    NoticeKind,
    Revocation,
    RevocationStatus,
)
from services.auth.providers.weibo import FAILURES
from shared.kernel.errors import Code
from shared.kernel.personal import Secret
from tests.integration.logins.playing import REDIRECT, Secrets, StandIn, proof_of, prove
from tests.integration.logins.test_every_provider import code_of

NAME = "weibo"


@pytest.fixture
def weibo(providers: dict[str, LoginProvider]) -> LoginProvider:
    return providers[NAME]


def by_token(standin: StandIn, person: str) -> LoginProof:
    return proof_of(NAME, standin.grant(NAME, person, kind="token"), Secrets())


def kept(standin: StandIn, weibo: LoginProvider, person: str) -> Revocation:
    revocation = weibo.authenticate(prove(standin, NAME, person)).revocation
    assert revocation is not None
    return revocation


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("number", sorted(FAILURES))
def test_every_documented_error_code_is_mapped(
    standin: StandIn, weibo: LoginProvider, number: int, as_text: bool
) -> None:
    """As a number or as text; of the exchange and of the token's own record."""
    if as_text:
        standin.fault(NAME, "text_error_code", times=None)
    standin.fault(NAME, "error", step="token", code=number)
    assert code_of(lambda: weibo.authenticate(prove(standin, NAME, standin.person()))) is FAILURES[number]
    standin.fault(NAME, "error", step="token_info", code=number)
    assert code_of(lambda: weibo.authenticate(by_token(standin, standin.person()))) is FAILURES[number]


def test_a_token_from_the_sdk_logs_in_when_weibo_says_it_is_ours(standin: StandIn, weibo: LoginProvider) -> None:
    """As the same person whom the code names; the uid is text of more than 53 bits."""
    person = standin.person()
    first, second = weibo.authenticate(by_token(standin, person)), weibo.authenticate(prove(standin, NAME, person))
    assert (first.app_id, first.external_id, first.nickname) == (second.app_id, second.external_id, second.nickname)
    assert int(first.external_id.reveal()) > 2**53


@pytest.mark.parametrize("fault", ["foreign_client", "expired"])
def test_a_token_of_another_app_or_of_yesterday_logs_nobody_in(
    standin: StandIn, weibo: LoginProvider, fault: str
) -> None:
    """Token substitution; and ``expire_in`` below zero comes with HTTP 200."""
    standin.fault(NAME, fault)
    assert code_of(lambda: weibo.authenticate(by_token(standin, standin.person()))) is Code.LOGIN_TOKEN_INVALID


def test_a_wrong_redirect_uri_is_refused(standin: StandIn, weibo: LoginProvider) -> None:
    """21322."""
    proof = replace(prove(standin, NAME, standin.person()), redirect_uri="https://elsewhere.example/cb")
    assert code_of(lambda: weibo.authenticate(proof)) is Code.PROVIDER_REFUSED


def test_a_login_does_without_a_profile(standin: StandIn, weibo: LoginProvider) -> None:
    """The uid identifies."""
    standin.fault(NAME, "error", step="userinfo", code=10024)
    assert weibo.authenticate(prove(standin, NAME, standin.person())).nickname is None


def test_a_grant_is_revoked_and_the_neighbours_is_not(standin: StandIn, weibo: LoginProvider) -> None:
    """``"true"`` is text; a second time it is as good as revoked."""
    mine, neighbours = (kept(standin, weibo, standin.person()) for _ in range(2))
    assert weibo.still_granted(mine) is Granted.YES
    assert weibo.revoke(mine).status is RevocationStatus.REVOKED
    assert weibo.still_granted(mine) is Granted.NO
    assert weibo.still_granted(neighbours) is Granted.YES
    assert weibo.revoke(mine).status is RevocationStatus.REVOKED


@pytest.mark.parametrize(
    ("fault", "how", "expected"),
    [
        ("unconvinced", {}, RevocationStatus.TRY_LATER),
        ("html", {}, RevocationStatus.TRY_LATER),
        ("too_many", {}, RevocationStatus.TRY_LATER),
        ("error", {"code": 10023}, RevocationStatus.TRY_LATER),
        ("error", {"code": 21324}, RevocationStatus.REFUSED),
        ("error", {"code": 21327}, RevocationStatus.REVOKED),
    ],
)
def test_a_revocation_that_fails_says_whether_to_try_again(
    standin: StandIn, weibo: LoginProvider, fault: str, how: dict[str, int], expected: RevocationStatus
) -> None:
    """It never raises."""
    revocation = kept(standin, weibo, standin.person())
    standin.fault(NAME, fault, step="revoke", times=2, **how)
    assert weibo.revoke(revocation).status is expected


def test_a_notice_is_a_hint_that_is_to_be_confirmed(standin: StandIn, weibo: LoginProvider) -> None:
    """Anybody can send one; only Weibo can say that it is true."""
    person = standin.person()
    revocation = kept(standin, weibo, person)
    identity = weibo.authenticate(prove(standin, NAME, person))
    false_alarm = {"source": identity.app_id, "uid": identity.external_id.reveal(), "auth_end": "1"}
    hint = weibo.read_notice({}, false_alarm, b"")
    assert hint is not None
    assert (hint.proven, hint.kind, hint.external_id) == (
        False,
        NoticeKind.AUTHORIZATION_REVOKED,
        identity.external_id,
    )
    assert weibo.still_granted(revocation) is Granted.YES
    sent = standin.notice(NAME, "revoked", person)
    assert weibo.read_notice({}, sent["query"], b"") is not None
    assert weibo.still_granted(revocation) is Granted.NO
    assert weibo.read_notice({}, {**false_alarm, "source": "another app"}, b"") is None


def test_a_login_in_a_browser_starts_at_weibos_page(weibo: LoginProvider) -> None:
    """With state and redirect_uri."""
    url = weibo.start(LoginAttempt("web", "state-1", Secret("n"), redirect_uri=REDIRECT)).url
    assert url is not None
    assert "state=state-1" in url
