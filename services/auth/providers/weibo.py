"""Weibo: a code, or the token of the mobile SDK, which counts only when Weibo says that it was issued for our own app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.auth.providers.adapter import Adapter, App, address, needed_redirect, outcome_of
from services.auth.providers.calling import Answer, Caller, code_is_spent
from services.auth.providers.port import (
    Granted,
    LoginAttempt,
    LoginProof,
    LoginStart,
    NoticeAnswer,
    NoticeKind,
    Platform,
    ProviderIdentity,
    ProviderNotice,
    Revocation,
    RevocationOutcome,
    RevocationStatus,
)
from services.auth.providers.reading import digest_of, id_of, is_true, needed, number_of, personal, text_of
from shared.kernel.errors import Code, LoginFailed
from shared.kernel.personal import Personal, Secret

FAILURES: Mapping[int, Code] = {
    10023: Code.PROVIDER_RATE_LIMITED,
    10024: Code.PROVIDER_RATE_LIMITED,
    21314: Code.LOGIN_TOKEN_INVALID,  # used
    21315: Code.LOGIN_TOKEN_INVALID,  # expired
    21316: Code.LOGIN_TOKEN_INVALID,  # revoked
    21317: Code.LOGIN_TOKEN_INVALID,  # rejected
    21322: Code.PROVIDER_REFUSED,  # redirect_uri
    21324: Code.PROVIDER_REFUSED,  # client
    21325: Code.LOGIN_CODE_INVALID,
    21327: Code.LOGIN_TOKEN_INVALID,
    21330: Code.LOGIN_CANCELLED,
    21332: Code.LOGIN_TOKEN_INVALID,
}
"""``error_code`` (a number or text) to our code; any other is ``provider_refused``."""


class WeiboLogin(Adapter):
    """Logs in by Weibo; ``uid`` is text, since it does not fit every integer."""

    advice = "withdraw_in_weibo"

    def __init__(self, apps: Mapping[Platform, App], caller: Caller, base_url: str) -> None:
        super().__init__("weibo", apps, caller)
        self._base_url = base_url

    def start(self, attempt: LoginAttempt) -> LoginStart:
        """The login page in a browser; nothing but our id for the SDK."""
        app = self.app_on(attempt.platform)
        if attempt.platform != "web":
            return LoginStart(app.app_id)
        url = address(
            f"{self._base_url}/oauth2/authorize",
            client_id=app.app_id,
            redirect_uri=needed_redirect(attempt.redirect_uri),
            response_type="code",
            state=attempt.state,
            display="mobile",
        )
        return LoginStart(app.app_id, url=url)

    def authenticate(self, proof: LoginProof) -> ProviderIdentity:
        """Whoever Weibo says that the token belongs to, when it also says that it was issued for our app."""
        app = self.app_on(proof.platform)
        if proof.code is None:
            token = needed(proof.access_token, "code", "access_token")
            told = self._token_of(token)
        else:
            token = id_of(self._exchange(app, proof), "access_token", self.name)
            with code_is_spent():
                told = self._token_of(token)
        if text_of(told, "appkey") != app.app_id:
            raise LoginFailed(Code.LOGIN_TOKEN_INVALID, "weibo token: for another app")
        if (number_of(told, "expire_in") or 0) <= 0:
            raise LoginFailed(Code.LOGIN_TOKEN_INVALID, "weibo token: expired")
        uid = id_of(told, "uid", self.name)
        return ProviderIdentity(
            provider=self.name,
            app_id=app.app_id,
            external_id=Personal(uid),
            nickname=personal(self._nickname(token, uid)),
            revocation=Revocation(Secret(token), "access_token", app.app_id),
        )

    def revoke(self, revocation: Revocation | None) -> RevocationOutcome:
        """``revokeoauth2``; a token that is no longer valid is as good as revoked."""
        if revocation is None:
            return super().revoke(revocation)
        form = {"access_token": revocation.token.reveal()}
        try:
            answer = self._caller.repeatable("POST", f"{self._base_url}/oauth2/revokeoauth2", data=form)
            done = is_true(self._judge(answer, "revoke"), "result")
        except LoginFailed as failed:
            if failed.actual_code is Code.LOGIN_TOKEN_INVALID:
                return RevocationOutcome(RevocationStatus.REVOKED)
            self.note("a revocation failed", failed)
            return outcome_of(failed, self.advice)
        return RevocationOutcome(RevocationStatus.REVOKED if done else RevocationStatus.TRY_LATER)

    def still_granted(self, revocation: Revocation) -> Granted:
        """As ``get_token_info`` has it."""
        try:
            told = self._token_of(revocation.token.reveal())
        except LoginFailed as failed:
            if failed.actual_code is Code.LOGIN_TOKEN_INVALID:
                return Granted.NO
            raise
        return Granted.YES if (number_of(told, "expire_in") or 0) > 0 else Granted.NO

    def read_notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> ProviderNotice | None:
        """A GET that anybody could have sent: a hint."""
        source, uid = query.get("source", ""), query.get("uid", "")
        if source not in {app.app_id for app in self._apps.values()} or not uid:
            return None
        return ProviderNotice(
            provider=self.name,
            app_id=source,
            kind=NoticeKind.AUTHORIZATION_REVOKED,
            answer=NoticeAnswer(),
            external_id=personal(uid),
            dedup_id=digest_of(self.name, source, uid, query.get("auth_end", "")),
            proven=False,
        )

    def _exchange(self, app: App, proof: LoginProof) -> dict[str, Any]:
        form = {
            "client_id": app.app_id,
            "client_secret": app.secret.reveal(),
            "grant_type": "authorization_code",
            "code": needed(proof.code, "code"),
            "redirect_uri": needed_redirect(proof.redirect_uri),
        }
        return self._judge(self._caller.once("POST", f"{self._base_url}/oauth2/access_token", data=form), "exchange")

    def _token_of(self, token: str) -> dict[str, Any]:
        url = f"{self._base_url}/oauth2/get_token_info"
        return self._judge(self._caller.repeatable("POST", url, data={"access_token": token}), "get_token_info")

    def _nickname(self, token: str, uid: str) -> str | None:
        asked = {"access_token": token, "uid": uid}
        try:
            answer = self._caller.repeatable("GET", f"{self._base_url}/2/users/show.json", params=asked)
            shown = self._judge(answer, "users/show")
        except LoginFailed as failed:
            self.note("a login without a profile", failed)
            return None
        return text_of(shown, "screen_name") if text_of(shown, "idstr") == uid else None

    def _judge(self, answer: Answer, step: str) -> dict[str, Any]:
        """The fields of a success; failures come with any status."""
        fields = answer.fields()
        if answer.status == 200 and "error_code" not in fields and "error" not in fields:
            return fields
        number = number_of(fields, "error_code")
        code = Code.PROVIDER_REFUSED if number is None else FAILURES.get(number, Code.PROVIDER_REFUSED)
        raise LoginFailed(code, f"{self.name} {step}: status {answer.status}, error_code {number}")
