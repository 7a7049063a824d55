"""Alipay: a signed text for the app, signed answers, every documented failure, withdrawal both ways."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from services.auth.providers import alipay_signing
from services.auth.providers.alipay import FAILURES
from services.auth.providers.port import LoginAttempt, LoginProvider, NoticeKind, RevocationStatus
from shared.kernel.errors import Code
from shared.kernel.personal import Personal, Secret
from standins.logins.apps import fresh
from tests.integration.logins.playing import REDIRECT, StandIn, prove
from tests.integration.logins.test_every_provider import code_of

NAME = "alipay"


@pytest.fixture
def alipay(providers: dict[str, LoginProvider]) -> LoginProvider:
    return providers[NAME]


def read(provider: LoginProvider, notice: dict[str, Any]) -> Any:
    return provider.read_notice(notice["headers"], notice["query"], notice["body"].encode())


@pytest.mark.parametrize("failure", sorted(FAILURES))
@pytest.mark.parametrize("unsigned", [False, True])
def test_every_documented_failure_is_mapped_signed_or_not(
    standin: StandIn, alipay: LoginProvider, failure: str, unsigned: bool
) -> None:
    """By ``sub_code``, else by ``code``."""
    how = {"code": failure} if failure.isdecimal() else {"code": "40002", "sub_code": failure}
    standin.fault(NAME, "error", step="token", **how)
    if unsigned:
        standin.fault(NAME, "unsigned_error")
    assert code_of(lambda: alipay.authenticate(prove(standin, NAME, standin.person()))) is FAILURES[failure]


@pytest.mark.parametrize("fault", ["unsigned", "forged"])
def test_a_success_that_alipay_did_not_sign_logs_nobody_in(standin: StandIn, alipay: LoginProvider, fault: str) -> None:
    """Whoever answers there is not Alipay."""
    standin.fault(NAME, fault, step="token")
    assert code_of(lambda: alipay.authenticate(prove(standin, NAME, standin.person()))) is Code.PROVIDER_REFUSED


def test_our_wrong_key_is_our_mistake(standin: StandIn) -> None:
    """``isv.invalid-signature``, not the person's fault."""
    wrong = fresh(standin.url)[1]["POCKETID_LOGIN_ALIPAY_PRIVATE_KEY"]
    provider = standin.providers(login_alipay_private_key=wrong)[NAME]
    assert code_of(lambda: provider.authenticate(prove(standin, NAME, standin.person()))) is Code.PROVIDER_REFUSED


def test_an_app_that_gets_no_user_id_knows_people_by_open_id(standin: StandIn, alipay: LoginProvider) -> None:
    """And keeps what withdraws: the same identifier."""
    person = standin.person()
    old = alipay.authenticate(prove(standin, NAME, person))
    standin.fault(NAME, "open_id_only", times=None)
    new = alipay.authenticate(prove(standin, NAME, person))
    assert old.external_id.reveal().startswith("2088")
    assert not new.external_id.reveal().startswith("2088")
    assert new.revocation is not None
    assert new.revocation.token_type_hint == "open_id"
    assert new.nickname == Personal("小明")


@pytest.mark.parametrize("fault", ["empty_profile", "error"])
def test_a_login_does_without_a_profile(standin: StandIn, alipay: LoginProvider, fault: str) -> None:
    """Which may be empty, or fail."""
    how = {"code": "20001", "sub_code": "aop.auth-token-time-out"} if fault == "error" else {}
    standin.fault(NAME, fault, step="userinfo", **how)
    assert alipay.authenticate(prove(standin, NAME, standin.person())).nickname is None


def test_the_text_for_the_app_is_signed_by_us_and_unique_to_the_attempt(
    standin: StandIn, alipay: LoginProvider
) -> None:
    """Sorted, not encoded but for the signature."""
    attempt = LoginAttempt("android", "state-1", Secret("n"))
    text = alipay.start(attempt).auth_string
    assert text is not None
    signed, _, signature = text.partition("&sign=")
    fields = dict(parse_qsl(signed))
    assert list(fields) == sorted(fields)
    assert fields["apiname"] == "com.alipay.account.auth"
    assert len(fields["target_id"]) <= 32
    ours = next(app for app in standin.apps if app["provider"] == NAME)["more"]["public_key"]
    key: Any = load_der_public_key(base64.b64decode(ours))
    assert alipay_signing.is_signed(key, signed, unquote(signature))
    other = alipay.start(replace(attempt, state="state-2")).auth_string
    assert other is not None
    assert fields["target_id"] not in other
    web = alipay.start(replace(attempt, platform="web", redirect_uri=REDIRECT)).url
    assert web is not None
    assert "publicAppAuthorize" in web


# ---- withdrawal


@pytest.mark.parametrize("open_id_only", [False, True])
def test_a_grant_is_cancelled_at_alipay(standin: StandIn, alipay: LoginProvider, open_id_only: bool) -> None:
    """By user_id or open_id, whichever we know; of that person alone."""
    person = standin.person()
    if open_id_only:
        standin.fault(NAME, "open_id_only", times=None)
    revocation = alipay.authenticate(prove(standin, NAME, person)).revocation
    assert alipay.revoke(revocation).status is RevocationStatus.REVOKED
    assert standin.revocations(NAME)[-1]["person_id"] == person


@pytest.mark.parametrize(
    ("fault", "how", "expected"),
    [
        ("not_granted", {}, RevocationStatus.NOT_POSSIBLE),
        ("error", {"code": "20000", "sub_code": "isp.unknow-error"}, RevocationStatus.TRY_LATER),
        ("error", {"code": "40002", "sub_code": "isv.invalid-signature"}, RevocationStatus.REFUSED),
    ],
)
def test_a_cancellation_that_fails_says_whether_to_try_again(
    standin: StandIn, alipay: LoginProvider, fault: str, how: dict[str, str], expected: RevocationStatus
) -> None:
    """An app without the permission tells the person where to do it."""
    revocation = alipay.authenticate(prove(standin, NAME, standin.person())).revocation
    standin.fault(NAME, fault, step="revoke", times=2, **how)
    outcome = alipay.revoke(revocation)
    assert outcome.status is expected
    if expected is RevocationStatus.NOT_POSSIBLE:
        assert outcome.advice == "withdraw_in_alipay"


def test_a_cancellation_of_somebody_unknown_is_refused(standin: StandIn, alipay: LoginProvider) -> None:
    """``result`` is not ``success``."""
    revocation = alipay.authenticate(prove(standin, NAME, standin.person())).revocation
    assert revocation is not None
    assert alipay.revoke(replace(revocation, token=Secret("2088"))).status is RevocationStatus.REFUSED


@pytest.mark.parametrize("with_sign_type", [False, True])
def test_a_push_that_alipay_signed_names_the_person(
    standin: StandIn, alipay: LoginProvider, with_sign_type: bool
) -> None:
    """With or without ``sign_type`` under the signature."""
    person = standin.person()
    identity = alipay.authenticate(prove(standin, NAME, person))
    sent = standin.notice(NAME, "revoked", person, with_sign_type=with_sign_type)
    notice = read(alipay, sent)
    assert (notice.kind, notice.external_id) == (NoticeKind.AUTHORIZATION_REVOKED, identity.external_id)
    assert notice.answer.body == b"success"
    assert notice.dedup_id == read(alipay, sent).dedup_id


@pytest.mark.parametrize("how", [{"forged": True}, {"for_app": "2021000000009999"}], ids=str)
def test_a_push_that_is_not_in_order_is_nothing(standin: StandIn, alipay: LoginProvider, how: dict[str, Any]) -> None:
    """Forged, or about another app."""
    assert read(alipay, standin.notice(NAME, "revoked", standin.person(), **how)) is None


def test_an_altered_push_is_nothing(standin: StandIn, alipay: LoginProvider) -> None:
    """One digit is enough; and so is a body that is none."""
    sent = standin.notice(NAME, "revoked", standin.person())
    assert read(alipay, {**sent, "body": sent["body"].replace("2088", "2089")}) is None
    for body in ("", "biz_content=[]", "biz_content={", "biz_content=%ff"):
        assert read(alipay, {**sent, "body": body}) is None
