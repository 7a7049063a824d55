"""The tables of failures: each documented one has a code, and each code tells person and client what to do."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from services.auth.providers import alipay, huawei, oauth, qq, wechat, weibo
from services.auth.providers.adapter import outcome_of
from services.auth.providers.advice import ADVICE
from services.auth.providers.alipay import AlipayLogin
from services.auth.providers.apple import AppleLogin
from services.auth.providers.huawei import HuaweiLogin
from services.auth.providers.oidc import OidcLogin
from services.auth.providers.port import RevocationStatus
from services.auth.providers.qq import QQLogin
from services.auth.providers.wechat import WeChatLogin
from services.auth.providers.weibo import WeiboLogin
from shared.kernel.errors import MEANINGS, Code, LoginFailed

LOGIN_CODES = {code for code in Code if code.startswith(("login_", "provider_"))}
TABLES: dict[str, Mapping[int, Code] | Mapping[str, Code]] = {
    "wechat": wechat.FAILURES,
    "qq": qq.FAILURES,
    "alipay": alipay.FAILURES,
    "apple and oidc": oauth.FAILURES,
    "weibo": weibo.FAILURES,
    "huawei": huawei.FAILURES,
}
DOCUMENTED = {
    "wechat": {40029, 40163, 40013, 40125, 41002, 41004, 41008, 40001, 40014, 42001, 40030, 42002, 40003, 48001}
    | {45009, 45011, 42007, -1},
    "qq": {100016, 100013, 100048, 100019, 100020, -1, -23, 1002, 100030},
    "alipay": {"isv.code-invalid", "aop.invalid-auth-token", "aop.auth-token-time-out", "40002", "20001"},
    "apple and oidc": {"invalid_grant", "invalid_client", "unauthorized_client", "invalid_request"},
    "weibo": {21322, 21324, 21325, 21327, 21330, 21314, 21315, 21316, 21317, 21332, 10023, 10024},
    "huawei": {1101, 20152, 6, 102, 31204},
}


@pytest.mark.parametrize("name", TABLES)
def test_every_documented_failure_stands_in_its_table(name: str) -> None:
    """And maps to a code about logins."""
    assert DOCUMENTED[name] <= set(TABLES[name])
    assert set(TABLES[name].values()) <= LOGIN_CODES


@pytest.mark.parametrize("code", sorted(LOGIN_CODES))
def test_every_login_code_says_what_to_do_in_both_languages(code: Code) -> None:
    """Only what may be tried again with the same code is retryable."""
    meaning = MEANINGS[code]
    assert meaning.zh
    assert meaning.en
    assert meaning.retryable == (code in (Code.PROVIDER_UNAVAILABLE, Code.PROVIDER_RATE_LIMITED))


@pytest.mark.parametrize("code", sorted(LOGIN_CODES))
def test_a_failed_revocation_is_tried_again_when_that_may_help(code: Code) -> None:
    """Everything else waits for an operator, and the person is told what to do."""
    outcome = outcome_of(LoginFailed(code), "withdraw_at_provider")
    passing = {Code.PROVIDER_UNAVAILABLE, Code.PROVIDER_RATE_LIMITED, Code.LOGIN_UNFINISHED}
    assert (outcome.status is RevocationStatus.TRY_LATER) == (code in passing)
    assert (outcome.advice is None) == (code in passing)


@pytest.mark.parametrize(
    "kind", [WeChatLogin, QQLogin, AlipayLogin, AppleLogin, WeiboLogin, HuaweiLogin, OidcLogin], ids=str
)
def test_every_provider_has_advice_in_both_languages(kind: type) -> None:
    """For whoever has to withdraw a grant without us."""
    assert set(ADVICE[kind.advice]) == {"zh", "en"}  # type: ignore[attr-defined]
