"""Alipay: the app logs in with a text that we sign; its code is exchanged at the gateway, whose answers are signed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, quote

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from services.auth.providers import alipay_signing as signing
from services.auth.providers.adapter import Adapter, App, address, needed_redirect, outcome_of
from services.auth.providers.calling import Answer, Caller
from services.auth.providers.port import (
    PLATFORMS,
    LoginAttempt,
    LoginProof,
    LoginStart,
    NoticeAnswer,
    NoticeKind,
    ProviderIdentity,
    ProviderNotice,
    Revocation,
    RevocationOutcome,
    RevocationStatus,
)
from services.auth.providers.reading import digest_of, id_of, needed, personal, text_of
from shared.kernel.clock import Clock
from shared.kernel.errors import Code, LoginFailed
from shared.kernel.personal import Personal, Secret

CHINA = timezone(timedelta(hours=8))
NOT_GRANTED = "40006"
FAILURES: Mapping[str, Code] = {
    "isv.code-invalid": Code.LOGIN_CODE_INVALID,  # wrong, used, expired, or another app's
    "aop.invalid-auth-token": Code.LOGIN_TOKEN_INVALID,
    "aop.auth-token-time-out": Code.LOGIN_TOKEN_INVALID,
    "isp.unknow-error": Code.PROVIDER_UNAVAILABLE,
    "aop.unknow-error": Code.PROVIDER_UNAVAILABLE,
    "isv.invalid-signature": Code.PROVIDER_REFUSED,
    "isv.invalid-app-id": Code.PROVIDER_REFUSED,
    "20000": Code.PROVIDER_UNAVAILABLE,
    "20001": Code.LOGIN_TOKEN_INVALID,
    "40001": Code.PROVIDER_REFUSED,
    "40002": Code.PROVIDER_REFUSED,
    "40003": Code.PROVIDER_REFUSED,
    "40005": Code.PROVIDER_RATE_LIMITED,
    NOT_GRANTED: Code.PROVIDER_REFUSED,
}
"""``sub_code``, else ``code``, to our code; any other is ``provider_refused``."""


@dataclass(frozen=True, slots=True)
class AlipayKeys:
    """Our private key, and Alipay's public one (not our own: Alipay's console shows both)."""

    ours: RSAPrivateKey
    theirs: RSAPublicKey


@dataclass(frozen=True, slots=True)
class AlipayPlace:
    """Where Alipay is, and who we are there."""

    gateway: str
    login_page: str
    pid: str


class AlipayLogin(Adapter):
    """Logs in by Alipay: by ``user_id`` where the app still gets one, else by ``open_id``."""

    advice = "withdraw_in_alipay"

    def __init__(self, app_id: str, caller: Caller, place: AlipayPlace, keys: AlipayKeys, clock: Clock) -> None:
        super().__init__("alipay", dict.fromkeys(PLATFORMS, App(app_id, Secret(""))), caller)
        self._app_id = app_id
        self._place = place
        self._keys = keys
        self._clock = clock

    def start(self, attempt: LoginAttempt) -> LoginStart:
        """The text for ``AuthTask.authV2``; in a browser, the login page."""
        if attempt.platform == "web":
            url = address(
                self._place.login_page,
                app_id=self._app_id,
                scope="auth_user",
                redirect_uri=needed_redirect(attempt.redirect_uri),
                state=attempt.state,
            )
            return LoginStart(self._app_id, ("auth_user",), url=url)
        text = signing.joined(
            {
                "apiname": "com.alipay.account.auth",
                "app_id": self._app_id,
                "app_name": "mc",
                "auth_type": "AUTHACCOUNT",
                "biz_type": "openservice",
                "method": "alipay.open.auth.sdk.code.get",
                "pid": self._place.pid,
                "product_id": "APP_FAST_LOGIN",
                "scope": "kuaijie",
                "sign_type": "RSA2",
                "target_id": digest_of(self.name, attempt.state)[:32],
            }
        )
        signature = quote(signing.sign(self._keys.ours, text), safe="")
        return LoginStart(self._app_id, ("kuaijie",), auth_string=f"{text}&sign={signature}")

    def authenticate(self, proof: LoginProof) -> ProviderIdentity:
        """Whom the code names; the ``user_id`` that the client shows is not even read."""
        self.app_on(proof.platform)
        own = {"grant_type": "authorization_code", "code": needed(proof.code, "code")}
        granted = self._judge(
            self._caller.once("POST", self._place.gateway, **self._request("alipay.system.oauth.token", own)),
            "alipay.system.oauth.token",
        )
        kind = "user_id" if text_of(granted, "user_id") else "open_id"
        external, token = id_of(granted, kind, self.name), id_of(granted, "access_token", self.name)
        return ProviderIdentity(
            provider=self.name,
            app_id=self._app_id,
            external_id=Personal(external),
            union_id=personal(text_of(granted, "union_id")),
            nickname=personal(self._nickname(token, external)),
            revocation=Revocation(Secret(external), kind, self._app_id),
        )

    def revoke(self, revocation: Revocation | None) -> RevocationOutcome:
        """``relation.cancel``, which Alipay does not grant to every app: then the person has to."""
        if revocation is None:
            return super().revoke(revocation)
        method = "alipay.open.auth.userauth.relation.cancel"
        wanted = json.dumps({revocation.token_type_hint: revocation.token.reveal()})
        try:
            answer = self._caller.repeatable(
                "POST", self._place.gateway, **self._request(method, {"biz_content": wanted})
            )
            told = self._judge(answer, method)
        except LoginFailed as failed:
            self.note("a revocation failed", failed)
            if NOT_GRANTED in failed.detail:
                return RevocationOutcome(RevocationStatus.NOT_POSSIBLE, self.advice)
            return outcome_of(failed, self.advice)
        if told.get("result") in ("success", True, "true"):
            return RevocationOutcome(RevocationStatus.REVOKED)
        return RevocationOutcome(RevocationStatus.REFUSED, self.advice)

    def read_notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> ProviderNotice | None:
        """``alipay.open.auth.userauth.cancelled``, a signed form."""
        try:
            form = dict(parse_qsl(body.decode(), keep_blank_values=True))
            told = json.loads(form.get("biz_content", ""))
        except (ValueError, RecursionError):
            return None
        if not isinstance(told, dict) or text_of(told, "app_id") != self._app_id or not self._is_genuine(form):
            return None
        withdrawn = form.get("msg_method") == "alipay.open.auth.userauth.cancelled"
        return ProviderNotice(
            provider=self.name,
            app_id=self._app_id,
            kind=NoticeKind.AUTHORIZATION_REVOKED if withdrawn else NoticeKind.NOTHING,
            answer=NoticeAnswer(b"success"),
            external_id=personal(text_of(told, "user_id") or text_of(told, "open_id")),
            dedup_id=digest_of(self.name, form.get("notify_id", "")),
        )

    def _is_genuine(self, form: Mapping[str, str]) -> bool:
        """Alipay signs some pushes without ``sign_type``, and some with it."""
        bare = {name: value for name, value in form.items() if name != "sign_type"}
        signature = form.get("sign", "")
        return any(signing.is_signed(self._keys.theirs, signing.joined(one), signature) for one in (bare, form))

    def _nickname(self, token: str, external: str) -> str | None:
        method = "alipay.user.info.share"
        try:
            answer = self._caller.repeatable(
                "POST", self._place.gateway, **self._request(method, {"auth_token": token})
            )
            shown = self._judge(answer, method)
        except LoginFailed as failed:
            self.note("a login without a profile", failed)
            return None
        return text_of(shown, "nick_name") if external in (shown.get("user_id"), shown.get("open_id")) else None

    def _request(self, method: str, own: Mapping[str, str]) -> dict[str, Any]:
        """Common parameters in the query, a method's own in the form; one signature over all of them."""
        common = {
            "app_id": self._app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": self._clock().astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S"),
            "version": "1.0",
        }
        if "auth_token" in own:
            common["auth_token"] = own["auth_token"]
        signature = signing.sign(self._keys.ours, signing.joined({**common, **own}))
        form = {name: value for name, value in own.items() if name != "auth_token"}
        return {"params": {**common, "sign": signature}, "data": form}

    def _judge(self, answer: Answer, method: str) -> dict[str, Any]:
        """The node of a success, which Alipay must have signed; failures come unsigned, too."""
        fields, node = answer.fields(), method.replace(".", "_") + "_response"
        told = fields.get(node) or fields.get("error_response")
        if not isinstance(told, dict):
            raise answer.nonsense("neither a success nor a failure")
        code, sub_code = text_of(told, "code"), text_of(told, "sub_code")
        if node not in fields or code not in (None, "10000"):
            mapped = FAILURES.get(sub_code or "", FAILURES.get(code or "", Code.PROVIDER_REFUSED))
            known = sub_code if sub_code in FAILURES else "other"
            raise LoginFailed(mapped, f"{self.name} {method}: {code if code in FAILURES else 'other'} {known}")
        signature = text_of(fields, "sign") or ""
        if not signing.is_signed(self._keys.theirs, signing.signed_part(answer.text(), node) or "", signature):
            raise LoginFailed(Code.PROVIDER_REFUSED, f"{self.name} {method}: the answer's signature is wrong")
        return told
