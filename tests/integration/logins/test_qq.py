"""QQ: three formats, every documented failure, and tokens of other apps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.auth.providers.port import LoginAttempt, LoginProof, LoginProvider, RevocationStatus
from services.auth.providers.qq import FAILURES
from shared.kernel.errors import Code
from shared.kernel.personal import Personal, Secret
from tests.integration.logins.playing import REDIRECT, Secrets, StandIn, proof_of, prove
from tests.integration.logins.test_every_provider import code_of

NAME = "qq"
BY_ERROR = sorted(number for number in FAILURES if number > 100000)
BY_RET = [-1, -23, 1002, 100030]


@pytest.fixture
def qq(providers: dict[str, LoginProvider]) -> LoginProvider:
    return providers[NAME]


def by_token(standin: StandIn, person: str) -> LoginProof:
    """As the mobile SDK hands it over."""
    return proof_of(NAME, standin.grant(NAME, person, kind="token"), Secrets())


@pytest.mark.parametrize(
    ("step", "number"),
    [*(("token", number) for number in BY_ERROR), *(("me", number) for number in BY_ERROR if number != 100048)],
)
def test_every_documented_error_is_mapped_in_either_format(
    standin: StandIn, qq: LoginProvider, number: int, step: str
) -> None:
    """JSON or JSONP with HTTP 200, also where a success would be a query string."""
    for jsonp in (False, True):
        proof = by_token(standin, standin.person()) if step == "me" else prove(standin, NAME, standin.person())
        standin.fault(NAME, "error", step=step, code=number)
        if jsonp:
            standin.fault(NAME, "jsonp", step=step)
        assert code_of(lambda proof=proof: qq.authenticate(proof)) is FAILURES[number]  # type: ignore[misc]


@pytest.mark.parametrize("fault", ["query_string", "jsonp", "numeric_client"])
def test_answers_in_another_format_than_asked_for_are_read(standin: StandIn, qq: LoginProvider, fault: str) -> None:
    """Query string, JSONP with blanks, numbers for text."""
    standin.fault(NAME, fault, times=None)
    assert qq.authenticate(prove(standin, NAME, standin.person())).nickname == Personal("小明")


def test_a_token_from_the_sdk_logs_in_when_qq_says_it_is_ours(standin: StandIn, qq: LoginProvider) -> None:
    """As the same person whom the code names."""
    person = standin.person()
    assert qq.authenticate(by_token(standin, person)) == qq.authenticate(prove(standin, NAME, person))


def test_a_token_of_another_app_logs_nobody_in(standin: StandIn, qq: LoginProvider) -> None:
    """Token substitution: however genuine the token is."""
    standin.fault(NAME, "foreign_client")
    assert code_of(lambda: qq.authenticate(by_token(standin, standin.person()))) is Code.LOGIN_TOKEN_INVALID


def test_a_token_that_has_expired_logs_nobody_in(standin: StandIn, qq: LoginProvider) -> None:
    """100016."""
    proof = by_token(standin, standin.person())
    standin.forward(7776001)
    assert code_of(lambda: qq.authenticate(proof)) is Code.LOGIN_TOKEN_INVALID


def test_without_permission_for_the_unionid_a_login_still_works(standin: StandIn, qq: LoginProvider) -> None:
    """100048: asked again without it."""
    standin.fault(NAME, "no_unionid", times=None)
    assert qq.authenticate(prove(standin, NAME, standin.person())).union_id is None


@pytest.mark.parametrize("number", BY_RET)
def test_a_login_does_without_a_profile(standin: StandIn, qq: LoginProvider, number: int) -> None:
    """Every documented ``ret``."""
    standin.fault(NAME, "error", step="userinfo", code=number)
    assert qq.authenticate(prove(standin, NAME, standin.person())).nickname is None


def test_a_wrong_redirect_uri_is_refused(standin: StandIn, qq: LoginProvider) -> None:
    """It belongs to the code."""
    proof = replace(prove(standin, NAME, standin.person()), redirect_uri="https://elsewhere.example/cb")
    assert code_of(lambda: qq.authenticate(proof)) is Code.PROVIDER_REFUSED


def test_when_qq_falls_silent_after_the_exchange_the_person_is_asked_again(standin: StandIn, qq: LoginProvider) -> None:
    """The code is gone, so "try again later" would be a lie; a look-up alone may be tried again."""
    standin.fault(NAME, "html", step="me", times=2)
    assert code_of(lambda: qq.authenticate(prove(standin, NAME, standin.person()))) is Code.LOGIN_UNFINISHED
    standin.fault(NAME, "html", step="me", times=2)
    assert code_of(lambda: qq.authenticate(by_token(standin, standin.person()))) is Code.PROVIDER_UNAVAILABLE


def test_a_look_up_that_fails_once_is_repeated_once(standin: StandIn, qq: LoginProvider) -> None:
    """It changes nothing at QQ."""
    before = standin.calls(NAME, "me")
    standin.fault(NAME, "html", step="me")
    assert qq.authenticate(by_token(standin, standin.person())).provider == NAME
    assert standin.calls(NAME, "me") == before + 2


def test_ios_may_have_an_app_of_its_own(standin: StandIn) -> None:
    """Another app id, another openid."""
    own = standin.providers(login_qq_ios_app_id="101000002", login_qq_ios_app_secret="s")[NAME]
    assert own.start(LoginAttempt("ios", "s", Secret("n"))).app_id == "101000002"
    assert own.start(LoginAttempt("android", "s", Secret("n"))).app_id == "101000001"


def test_a_login_in_a_browser_starts_at_qqs_page(qq: LoginProvider) -> None:
    """With state and redirect_uri."""
    url = qq.start(LoginAttempt("web", "state-1", Secret("n"), redirect_uri=REDIRECT)).url
    assert url is not None
    assert "state=state-1" in url
    assert "/oauth2.0/authorize?" in url


def test_there_is_no_call_that_revokes_and_no_notice(qq: LoginProvider) -> None:
    """The person is told where to do it."""
    assert qq.revoke(None).status is RevocationStatus.NOT_POSSIBLE
    assert qq.revoke(None).advice == "withdraw_in_qq"
    assert qq.read_notice({}, {"openid": "x"}, b"x") is None
