"""WeChat: every documented failure, its traps, and its pushes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.auth.providers.port import LoginAttempt, LoginProof, LoginProvider, NoticeKind, RevocationStatus
from services.auth.providers.wechat import FAILURES
from shared.kernel.errors import BadRequest, Code, LoginFailed
from shared.kernel.personal import Personal, Secret
from tests.integration.logins.playing import StandIn, prove
from tests.integration.logins.test_every_provider import code_of

NAME, WEB_APP = "wechat", "wx2222222222222222"


@pytest.fixture
def wechat(providers: dict[str, LoginProvider]) -> LoginProvider:
    return providers[NAME]


def read(provider: LoginProvider, notice: dict[str, Any], **changed: Any) -> Any:
    told = {**notice, **changed}
    return provider.read_notice(told["headers"], told["query"], told["body"].encode())


@pytest.mark.parametrize("number", sorted(FAILURES))
def test_every_documented_errcode_of_the_exchange_is_mapped(
    standin: StandIn, wechat: LoginProvider, number: int
) -> None:
    """HTTP 200 with an error body; the text ends with a request id, which is not looked at."""
    proof = prove(standin, NAME, standin.person())
    standin.fault(NAME, "error", step="token", code=number)
    standin.fault(NAME, "rid", times=None)
    assert code_of(lambda: wechat.authenticate(proof)) is FAILURES[number]


def test_an_errcode_that_nobody_documented_is_a_refusal(standin: StandIn, wechat: LoginProvider) -> None:
    """With its number in the log."""
    standin.fault(NAME, "error", step="token", code=99999)
    with pytest.raises(LoginFailed) as caught:
        wechat.authenticate(prove(standin, NAME, standin.person()))
    assert caught.value.actual_code is Code.PROVIDER_REFUSED
    assert "99999" in caught.value.detail


def test_errcode_zero_is_a_success(standin: StandIn, wechat: LoginProvider) -> None:
    """ "Has errcode" is not "failed"."""
    standin.fault(NAME, "errcode_zero", times=None)
    assert wechat.authenticate(prove(standin, NAME, standin.person())).external_id.reveal().startswith("o")


def test_a_busy_wechat_does_not_cost_the_code(standin: StandIn, wechat: LoginProvider) -> None:
    """-1 may be tried again, and then it works."""
    proof = prove(standin, NAME, standin.person())
    standin.fault(NAME, "error", step="token", code=-1)
    with pytest.raises(LoginFailed) as caught:
        wechat.authenticate(proof)
    assert caught.value.retryable
    assert wechat.authenticate(proof).provider == NAME


def test_a_login_does_without_unionid_and_profile(standin: StandIn, wechat: LoginProvider) -> None:
    """What identifies is the openid."""
    standin.fault(NAME, "unionid_missing", times=None)
    standin.fault(NAME, "error", step="userinfo", code=48001)
    identity = wechat.authenticate(prove(standin, NAME, standin.person()))
    assert (identity.union_id, identity.nickname) == (None, None)
    assert len(identity.external_id.reveal()) == 28


def test_a_profile_of_somebody_else_is_not_believed(standin: StandIn, wechat: LoginProvider) -> None:
    """Neither its nickname nor its unionid."""
    standin.fault(NAME, "other_openid")
    standin.fault(NAME, "unionid_missing", step="token")
    identity = wechat.authenticate(prove(standin, NAME, standin.person()))
    assert (identity.union_id, identity.nickname) == (None, None)


def test_app_and_website_share_the_unionid_only(standin: StandIn, wechat: LoginProvider) -> None:
    """One person, two openids; the nickname is UTF-8 although WeChat does not say so."""
    person = standin.person("张三🙂")
    app = wechat.authenticate(prove(standin, NAME, person))
    web = wechat.authenticate(replace(prove(standin, NAME, person, app_id=WEB_APP), platform="web"))
    assert app.union_id == web.union_id
    assert app.union_id is not None
    assert app.external_id != web.external_id
    assert app.app_id != web.app_id
    assert web.nickname == Personal("张三🙂")


def test_a_code_of_another_app_of_ours_does_not_pass(standin: StandIn, wechat: LoginProvider) -> None:
    """The website's code on a phone."""
    proof = prove(standin, NAME, standin.person(), app_id=WEB_APP)
    assert code_of(lambda: wechat.authenticate(proof)) is Code.LOGIN_CODE_INVALID


def test_a_platform_without_an_app_is_not_on_offer(standin: StandIn) -> None:
    """Nor is a provider without any."""
    mobile = standin.providers(login_wechat_web_app_id=None, login_qq_app_id=None)
    assert mobile[NAME].platforms == {"android", "ios"}
    assert "qq" not in mobile
    proof = LoginProof(NAME, "web", code=Secret("x"))
    assert code_of(lambda: mobile[NAME].authenticate(proof)) is Code.PROVIDER_UNKNOWN


def test_a_login_starts_by_sdk_or_by_qr_page(wechat: LoginProvider) -> None:
    """The page's address carries the attempt's state."""
    attempt = LoginAttempt("ios", "state-1", Secret("nonce"))
    assert wechat.start(attempt).url is None
    assert wechat.start(attempt).scopes == ("snsapi_userinfo",)
    url = wechat.start(replace(attempt, platform="web", redirect_uri="https://a.example/cb")).url
    assert url is not None
    assert url.endswith("#wechat_redirect")
    assert "state=state-1" in url
    with pytest.raises(BadRequest):
        wechat.start(replace(attempt, platform="web"))


def test_there_is_no_call_that_revokes(wechat: LoginProvider) -> None:
    """The person is told where to do it."""
    outcome = wechat.revoke(None)
    assert (outcome.status, outcome.advice) == (RevocationStatus.NOT_POSSIBLE, "withdraw_in_wechat")


# ---- pushes


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("revoked", NoticeKind.AUTHORIZATION_REVOKED),
        ("closed", NoticeKind.ACCOUNT_CLOSED),
        ("changed", NoticeKind.PROFILE_CHANGED),
        ("subscribe", NoticeKind.NOTHING),
    ],
)
def test_a_push_names_the_person_and_is_answered_success(
    standin: StandIn, wechat: LoginProvider, kind: str, expected: NoticeKind, form: str
) -> None:
    """Encrypted, in XML or JSON, the latter with blanks in its names as in WeChat's own samples."""
    person = standin.person()
    identity = wechat.authenticate(prove(standin, NAME, person))
    notice = read(wechat, standin.notice(NAME, kind, person, format=form, blanks=True))
    assert (notice.kind, notice.external_id, notice.union_id) == (expected, identity.external_id, identity.union_id)
    assert (notice.app_id, notice.answer.body, notice.answer.status) == (identity.app_id, b"success", 200)
    assert notice.proven


def test_a_repeated_push_has_the_same_id_and_another_one_has_not(standin: StandIn, wechat: LoginProvider) -> None:
    """The id names nobody."""
    person = standin.person()
    sent = standin.notice(NAME, "revoked", person)
    other = read(wechat, standin.notice(NAME, "revoked", standin.person()))
    first, again = read(wechat, sent), read(wechat, sent)
    assert first.dedup_id == again.dedup_id != other.dedup_id
    assert first.external_id.reveal() not in first.dedup_id


def test_a_handshake_is_echoed(standin: StandIn, wechat: LoginProvider) -> None:
    """When it is signed."""
    sent = standin.notice(NAME, "handshake", standin.person())
    notice = read(wechat, sent)
    assert notice.kind is NoticeKind.NOTHING
    assert notice.answer.body.decode() == sent["query"]["echostr"]
    assert read(wechat, standin.notice(NAME, "handshake", standin.person(), forged=True)) is None


@pytest.mark.parametrize(
    "how", [{"forged": True}, {"plain": True}, {"stale_seconds": 3600}, {"for_app": "wx0"}], ids=str
)
def test_a_push_that_is_not_in_order_is_nothing(standin: StandIn, wechat: LoginProvider, how: dict[str, Any]) -> None:
    """Forged, stale, for another app, or in the clear although a key was agreed."""
    assert read(wechat, standin.notice(NAME, "revoked", standin.person(), **how)) is None


def test_a_push_without_openid_names_nobody(standin: StandIn, wechat: LoginProvider) -> None:
    """As was seen with user_info_modified; the unionid is still there."""
    notice = read(wechat, standin.notice(NAME, "changed", standin.person(), no_openid=True))
    assert notice.external_id is None
    assert notice.union_id is not None


def test_without_an_agreed_key_a_push_in_the_clear_is_read(standin: StandIn) -> None:
    """And without a token none is."""
    person = standin.person()
    sent = standin.notice(NAME, "revoked", person, plain=True)
    assert read(standin.providers(login_wechat_push_key=None)[NAME], sent) is not None
    silent = standin.providers(login_wechat_push_key=None, login_wechat_push_token=None)[NAME]
    assert read(silent, sent) is None


@pytest.mark.parametrize(
    "body", ["", "<xml", "{", "[]", "<!DOCTYPE x [<!ENTITY a 'b'>]><xml>&a;</xml>", "x" * 100_000, "<xml/>"]
)
def test_a_body_that_is_no_push_is_nothing(standin: StandIn, wechat: LoginProvider, body: str) -> None:
    """No exception, and no entity is expanded."""
    sent = standin.notice(NAME, "revoked", standin.person())
    assert read(wechat, sent, body=body) is None or not body


@pytest.mark.parametrize("step", ["token", "userinfo"])
def test_the_unionid_is_taken_from_wherever_it_stands(standin: StandIn, wechat: LoginProvider, step: str) -> None:
    """With the token or with the profile."""
    standin.fault(NAME, "unionid_missing", step=step)
    assert wechat.authenticate(prove(standin, NAME, standin.person())).union_id is not None
