"""QQ: a code, or the token of the mobile SDK, which counts only when QQ says that it was issued for our own app."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from services.auth.providers.adapter import Adapter, App, address, needed_redirect
from services.auth.providers.calling import Answer, Caller, code_is_spent
from services.auth.providers.port import LoginAttempt, LoginProof, LoginStart, Platform, ProviderIdentity
from services.auth.providers.reading import id_of, needed, number_of, personal, text_of
from shared.kernel.errors import Code, LoginFailed
from shared.kernel.personal import Personal

FAILURES: Mapping[int, Code] = {
    100013: Code.LOGIN_TOKEN_INVALID,
    100016: Code.LOGIN_TOKEN_INVALID,
    100019: Code.LOGIN_CODE_INVALID,
    100020: Code.LOGIN_CODE_INVALID,  # used
    100030: Code.PROVIDER_REFUSED,  # our app may not use this call
    100048: Code.PROVIDER_REFUSED,  # our app may not see the unionid
    -1: Code.LOGIN_TOKEN_INVALID,  # `ret` of get_user_info, as the next two
    -23: Code.LOGIN_TOKEN_INVALID,
    1002: Code.LOGIN_TOKEN_INVALID,
}
"""``error`` or ``ret`` to our code; any other is ``provider_refused``."""

NO_UNION_ID = 100048
JSONP = re.compile(r"^[A-Za-z_$][\w$.]*\s*\((.*)\)\s*;?$", re.DOTALL)
SCOPES = ("get_user_info",)


def parse_answer(text: str) -> dict[str, Any] | None:
    """The fields of one of QQ's answers: JSONP, JSON or a query string, whichever it is; ``None`` when it is none."""
    inner = text.strip()
    if wrapped := JSONP.match(inner):
        inner = wrapped[1].strip()
    try:
        found = json.loads(inner)
    except (ValueError, RecursionError):
        return dict(parse_qsl(inner)) or None if re.match(r"^\w+=", inner) else None
    return found if isinstance(found, dict) else None


class QQLogin(Adapter):
    """Logs in by QQ."""

    advice = "withdraw_in_qq"

    def __init__(self, apps: Mapping[Platform, App], caller: Caller, base_url: str) -> None:
        super().__init__("qq", apps, caller)
        self._base_url = base_url

    def start(self, attempt: LoginAttempt) -> LoginStart:
        """The login page in a browser; a scope for the SDK elsewhere."""
        app = self.app_on(attempt.platform)
        if attempt.platform != "web":
            return LoginStart(app.app_id, SCOPES)
        url = address(
            f"{self._base_url}/oauth2.0/authorize",
            response_type="code",
            client_id=app.app_id,
            redirect_uri=needed_redirect(attempt.redirect_uri),
            state=attempt.state,
            scope=SCOPES[0],
            display="mobile",
        )
        return LoginStart(app.app_id, SCOPES, url=url)

    def authenticate(self, proof: LoginProof) -> ProviderIdentity:
        """Whoever the token belongs to, as QQ itself says; what the client says of an openid is not even read."""
        app = self.app_on(proof.platform)
        if proof.code is None:
            token = needed(proof.access_token, "code", "access_token")
            me = self._me(token)
        else:
            token = self._exchange(app, proof)
            with code_is_spent():
                me = self._me(token)
        if text_of(me, "client_id") != app.app_id:
            raise LoginFailed(Code.LOGIN_TOKEN_INVALID, f"{self.name} me: the token is for another app")
        openid = id_of(me, "openid", self.name)
        return ProviderIdentity(
            provider=self.name,
            app_id=app.app_id,
            external_id=Personal(openid),
            union_id=personal(text_of(me, "unionid")),
            nickname=personal(self._nickname(app, token, openid)),
        )

    def _exchange(self, app: App, proof: LoginProof) -> str:
        asked = {
            "grant_type": "authorization_code",
            "client_id": app.app_id,
            "client_secret": app.secret.reveal(),
            "code": needed(proof.code, "code"),
            "redirect_uri": needed_redirect(proof.redirect_uri),
            "fmt": "json",
            "need_openid": "1",
        }
        answer = self._caller.once("GET", f"{self._base_url}/oauth2.0/token", params=asked)
        return id_of(self._judge(answer, "token"), "access_token", self.name)

    def _me(self, token: str) -> dict[str, Any]:
        """What the token is for; once more without the unionid where our app may not see it."""
        asked = {"access_token": token, "fmt": "json"}
        url = f"{self._base_url}/oauth2.0/me"
        answer = self._caller.repeatable("GET", url, params={**asked, "unionid": "1"})
        fields = _fields(answer)
        if number_of(fields, "error") == NO_UNION_ID:
            self.note("no permission for the unionid", LoginFailed(Code.PROVIDER_REFUSED, "qq me: error 100048"))
            answer = self._caller.repeatable("GET", url, params=asked)
        return self._judge(answer, "me")

    def _nickname(self, app: App, token: str, openid: str) -> str | None:
        asked = {"access_token": token, "oauth_consumer_key": app.app_id, "openid": openid}
        try:
            answer = self._caller.repeatable("GET", f"{self._base_url}/user/get_user_info", params=asked)
            return text_of(self._judge(answer, "get_user_info"), "nickname")
        except LoginFailed as failed:
            self.note("a login without a profile", failed)
            return None

    def _judge(self, answer: Answer, step: str) -> dict[str, Any]:
        """The fields of a success: no ``error``, and ``ret`` 0 or none."""
        fields = _fields(answer)
        for name in ("error", "ret"):
            number = number_of(fields, name)
            if fields.get(name) not in (None, 0, "0"):
                code = Code.PROVIDER_REFUSED if number is None else FAILURES.get(number, Code.PROVIDER_REFUSED)
                raise LoginFailed(code, f"{self.name} {step}: {name} {number}")
        return fields


def _fields(answer: Answer) -> dict[str, Any]:
    fields = parse_answer(answer.text())
    if fields is None:
        raise answer.nonsense("neither JSON, JSONP nor a query string")
    return fields
