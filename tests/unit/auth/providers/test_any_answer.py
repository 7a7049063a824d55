"""Whatever a provider answers, a login ends in an identity or in an error of ours; so do revocations and notices."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.auth.providers.adapter import App
from services.auth.providers.alipay import AlipayKeys, AlipayLogin, AlipayPlace
from services.auth.providers.apple import AppleLogin, AppleTeam
from services.auth.providers.calling import Answer
from services.auth.providers.huawei import HuaweiLogin, HuaweiPlace
from services.auth.providers.oidc import OidcLogin, OidcRegistration
from services.auth.providers.port import PLATFORMS, LoginProof, LoginProvider, Revocation, RevocationOutcome
from services.auth.providers.qq import QQLogin
from services.auth.providers.wechat import WeChatAddresses, WeChatLogin
from services.auth.providers.wechat_push import PushKeys
from services.auth.providers.weibo import WeiboLogin
from shared.kernel.errors import BadRequest, Code, LoginFailed
from shared.kernel.personal import Secret

NOW = datetime(2026, 11, 24, tzinfo=UTC)
APP_ID = "1"
APPS = dict.fromkeys(PLATFORMS, App(APP_ID, Secret("s")))
RSA = generate_private_key(65537, 2048)
FIELDS = [
    *("access_token", "openid", "unionid", "errcode", "nickname", "client_id", "error", "ret", "uid", "appkey"),
    *("expire_in", "error_code", "result", "id_token", "refresh_token", "sub_error", "open_id", "union_id", "keys"),
    *("issuer", "jwks_uri", "token_endpoint", "revocation_endpoint", "alipay_system_oauth_token_response"),
    *("error_response", "sign", "code", "user_id", "token_endpoint_auth_methods_supported", "screen_name", "idstr"),
]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["0", APP_ID, "true", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "https://issuer.example", "x" * 300]),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3)
)
objects = st.dictionaries(st.sampled_from(FIELDS), values, max_size=8)
bodies = st.one_of(objects.map(lambda found: json.dumps(found).encode()), st.binary(max_size=60))
answers = st.lists(st.tuples(st.sampled_from([200, 400, 401, 403]), bodies), min_size=1, max_size=6)


@dataclass
class Babbler:
    """A provider that says anything."""

    provider: str
    says: list[tuple[int, bytes]] = field(default_factory=list)
    said: int = 0

    def once(self, method: str, url: str, **parts: Any) -> Answer:
        return self._next(Code.LOGIN_UNFINISHED)

    def repeatable(self, method: str, url: str, **parts: Any) -> Answer:
        return self._next(Code.PROVIDER_UNAVAILABLE)

    def _next(self, unreadable: Code) -> Answer:
        status, body = self.says[self.said % len(self.says)]
        self.said += 1
        return Answer(self.provider, status, {"NSP_STATUS": "0"}, body, unreadable)


def adapter(name: str, babbler: Babbler) -> LoginProvider:
    caller: Any = babbler
    if name == "wechat":
        return WeChatLogin(APPS, caller, WeChatAddresses("u", "u"), PushKeys(Secret("t")), lambda: NOW)
    if name == "qq":
        return QQLogin(APPS, caller, "u")
    if name == "alipay":
        return AlipayLogin(APP_ID, caller, AlipayPlace("u", "u", "p"), AlipayKeys(RSA, RSA.public_key()), lambda: NOW)
    if name == "apple":
        return AppleLogin(APPS, caller, AppleTeam("T", "K", new_ec_key(SECP256R1()), "u", "i"), 0, lambda: NOW)
    if name == "weibo":
        return WeiboLogin(APPS, caller, "u")
    if name == "huawei":
        return HuaweiLogin(APPS, caller, HuaweiPlace("u", "u", "i"), 0, lambda: NOW)
    registration = OidcRegistration("oidc", "https://issuer.example", APP_ID, Secret("s"), ("openid",), "RS256")
    return OidcLogin(registration, caller, 0, lambda: NOW)


every_provider = pytest.mark.parametrize("name", ["wechat", "qq", "alipay", "apple", "weibo", "huawei", "oidc"])
quickly = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WHOLE = {"nonce": Secret("n"), "code_verifier": Secret("v"), "redirect_uri": "https://a.example/"}


@every_provider
@quickly
@given(says=answers, by_token=st.booleans())
def test_whatever_is_answered_a_login_ends_in_order(name: str, says: list[tuple[int, bytes]], by_token: bool) -> None:
    """No TypeError of ours, no exception of a library; and an identity has an identifier."""
    handed = {"access_token": Secret("t")} if by_token else {"code": Secret("c"), "id_token": Secret("a.b.c")}
    proof = LoginProof(name, "android", **WHOLE, **handed)  # type: ignore[arg-type]
    try:
        identity = adapter(name, Babbler(name, says)).authenticate(proof)
    except (LoginFailed, BadRequest):
        return
    assert 0 < len(identity.external_id.reveal()) <= 255


@every_provider
@quickly
@given(says=answers)
def test_whatever_is_answered_a_revocation_has_an_outcome(name: str, says: list[tuple[int, bytes]]) -> None:
    """It never raises."""
    revocation = Revocation(Secret("t"), "refresh_token", APP_ID)
    assert isinstance(adapter(name, Babbler(name, says)).revoke(revocation), RevocationOutcome)


@every_provider
@quickly
@given(says=answers, body=bodies, query=st.dictionaries(st.sampled_from(["source", "uid", "timestamp"]), st.text()))
def test_whatever_is_posted_a_notice_is_read_or_it_is_nothing(
    name: str, says: list[tuple[int, bytes]], body: bytes, query: dict[str, str]
) -> None:
    """Keys that cannot be had are the only error; nothing unsigned is believed, but for Weibo's hint."""
    try:
        notice = adapter(name, Babbler(name, says)).read_notice({}, query, body)
    except LoginFailed:
        return
    assert notice is None or not notice.proven


MISSING = [
    *((name, "android", {}, ["code"], "missing") for name in ("wechat", "alipay")),
    *((name, "ios", {}, ["code", "access_token"], "one_of_them_missing") for name in ("qq", "weibo")),
    *((name, "android", {"code": Secret("c")}, ["redirect_uri"], "missing") for name in ("qq", "weibo")),
    ("apple", "ios", {}, ["attempt_id", "code", "id_token"], "missing"),
    ("apple", "ios", {"id_token": Secret("a.b.c"), "nonce": Secret("n")}, ["code"], "missing"),
    ("apple", "ios", {"code": Secret("c"), "nonce": Secret("n")}, ["id_token"], "missing"),
    ("apple", "web", {}, ["attempt_id", "code"], "missing"),
    ("apple", "android", {"code": Secret("c"), "nonce": Secret("n")}, ["attempt_id"], "missing"),
    *((name, "ios", {}, ["code", "attempt_id"], "missing") for name in ("huawei", "oidc")),
    *((name, "ios", {"id_token": Secret("a.b.c")}, ["code", "attempt_id"], "missing") for name in ("huawei", "oidc")),
    *((name, "web", {"code": Secret("c")}, ["attempt_id"], "missing") for name in ("huawei", "oidc")),
]


@pytest.mark.parametrize(("name", "platform", "handed", "fields", "reason"), MISSING)
def test_a_proof_that_is_not_whole_names_what_it_lacks_and_asks_nobody(
    name: str, platform: Any, handed: dict[str, Any], fields: list[str], reason: str
) -> None:
    """What the attempt would have brought is called by the attempt. An id_token alone logs nobody in."""
    silent = Babbler(name)
    with pytest.raises(BadRequest) as refused:
        adapter(name, silent).authenticate(LoginProof(name, platform, **handed))
    assert refused.value.public_extra == {"errors": [{"field": field, "reason": reason} for field in fields]}
    assert silent.said == 0
