"""WeChat: a code from the SDK (or the QR page) for an openid; pushes when a person withdraws; no call to revoke."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.auth.providers.adapter import Adapter, App, address, needed_redirect
from services.auth.providers.calling import Answer, Caller
from services.auth.providers.port import (
    LoginAttempt,
    LoginProof,
    LoginStart,
    NoticeAnswer,
    NoticeKind,
    Platform,
    ProviderIdentity,
    ProviderNotice,
)
from services.auth.providers.reading import digest_of, id_of, needed, number_of, personal, text_of
from services.auth.providers.wechat_push import PushKeys, open_push
from shared.kernel.clock import Clock
from shared.kernel.errors import Code, LoginFailed
from shared.kernel.personal import Personal

FAILURES: Mapping[int, Code] = {
    -1: Code.PROVIDER_UNAVAILABLE,  # busy; the code is not spent
    40001: Code.LOGIN_TOKEN_INVALID,
    40003: Code.LOGIN_TOKEN_INVALID,  # openid
    40013: Code.PROVIDER_REFUSED,  # appid
    40014: Code.LOGIN_TOKEN_INVALID,
    40029: Code.LOGIN_CODE_INVALID,
    40030: Code.LOGIN_TOKEN_INVALID,
    40125: Code.PROVIDER_REFUSED,  # secret
    40163: Code.LOGIN_CODE_INVALID,  # used
    41002: Code.PROVIDER_REFUSED,
    41004: Code.PROVIDER_REFUSED,
    41008: Code.LOGIN_CODE_INVALID,
    42001: Code.LOGIN_TOKEN_INVALID,
    42002: Code.LOGIN_TOKEN_INVALID,
    42007: Code.LOGIN_TOKEN_INVALID,  # the password was changed
    45009: Code.PROVIDER_RATE_LIMITED,
    45011: Code.PROVIDER_RATE_LIMITED,
    48001: Code.PROVIDER_REFUSED,
}
"""``errcode`` to our code; any other is ``provider_refused``. ``errmsg`` is never looked at: its text varies."""

EVENTS: Mapping[str, NoticeKind] = {
    "user_authorization_revoke": NoticeKind.AUTHORIZATION_REVOKED,
    "user_authorization_cancellation": NoticeKind.ACCOUNT_CLOSED,
    "user_info_modified": NoticeKind.PROFILE_CHANGED,
}


@dataclass(frozen=True, slots=True)
class WeChatAddresses:
    """Where WeChat is."""

    api: str
    login_page: str


class WeChatLogin(Adapter):
    """Logs in by WeChat. Mobile and website apps have different openids and, on one open-platform account, one unionid."""

    advice = "withdraw_in_wechat"

    def __init__(
        self,
        apps: Mapping[Platform, App],
        caller: Caller,
        addresses: WeChatAddresses,
        push_keys: PushKeys | None,
        clock: Clock,
    ) -> None:
        super().__init__("wechat", apps, caller)
        self._addresses = addresses
        self._push_keys = push_keys
        self._clock = clock

    def start(self, attempt: LoginAttempt) -> LoginStart:
        """The QR page in a browser; a scope for the SDK elsewhere."""
        app = self.app_on(attempt.platform)
        if attempt.platform != "web":
            return LoginStart(app.app_id, ("snsapi_userinfo",))
        scopes = ("snsapi_login",)
        url = address(
            self._addresses.login_page,
            appid=app.app_id,
            redirect_uri=needed_redirect(attempt.redirect_uri),
            response_type="code",
            scope=scopes[0],
            state=attempt.state,
        )
        return LoginStart(app.app_id, scopes, url=f"{url}#wechat_redirect")

    def authenticate(self, proof: LoginProof) -> ProviderIdentity:
        """One exchange; the nickname is a courtesy that a login does without."""
        app = self.app_on(proof.platform)
        granted = self._exchange(app, needed(proof.code, "code"))
        openid = id_of(granted, "openid", self.name)
        profile = self._profile(text_of(granted, "access_token"), openid)
        union = text_of(granted, "unionid") or text_of(profile, "unionid")
        return ProviderIdentity(
            provider=self.name,
            app_id=app.app_id,
            external_id=Personal(openid),
            union_id=personal(union),
            nickname=personal(text_of(profile, "nickname")),
        )

    def read_notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> ProviderNotice | None:
        """A push of the open platform (XML or JSON, encrypted or not), or its handshake."""
        push = open_push(self._push_keys, query, body, self._clock()) if self._push_keys else None
        if push is None:
            return None
        app_ids = [app.app_id for app in self._apps.values()]
        if push.handshake is not None:
            return ProviderNotice(self.name, app_ids[0], NoticeKind.NOTHING, NoticeAnswer(push.handshake.encode()))
        app_id = push.fields.get("AppID", "")
        if app_id not in app_ids or push.app_id not in (None, app_id):
            return None
        openid = push.fields.get("OpenID", "")
        event = push.fields.get("Event", "")
        return ProviderNotice(
            provider=self.name,
            app_id=app_id,
            kind=EVENTS.get(event, NoticeKind.NOTHING),
            answer=NoticeAnswer(b"success"),
            external_id=personal(openid),
            union_id=personal(push.fields.get("UnionID")),
            dedup_id=digest_of(self.name, app_id, openid, event, push.fields.get("CreateTime", "")),
        )

    def _exchange(self, app: App, code: str) -> dict[str, Any]:
        parameters = {
            "appid": app.app_id,
            "secret": app.secret.reveal(),
            "code": code,
            "grant_type": "authorization_code",
        }
        return self._judge(
            self._caller.once("GET", f"{self._addresses.api}/sns/oauth2/access_token", params=parameters), "exchange"
        )

    def _profile(self, token: str | None, openid: str) -> dict[str, Any]:
        if token is None:
            return {}
        asked = {"access_token": token, "openid": openid, "lang": "zh_CN"}
        try:
            profile = self._judge(
                self._caller.repeatable("GET", f"{self._addresses.api}/sns/userinfo", params=asked), "userinfo"
            )
        except LoginFailed as failed:
            self.note("a login without a profile", failed)
            return {}
        return profile if text_of(profile, "openid") == openid else {}

    def _judge(self, answer: Answer, step: str) -> dict[str, Any]:
        """The fields of a success. ``errcode`` 0 is one, and the HTTP status says nothing."""
        fields = answer.fields()
        if not fields.get("errcode"):
            return fields
        number = number_of(fields, "errcode")
        code = Code.PROVIDER_REFUSED if number is None else FAILURES.get(number, Code.PROVIDER_REFUSED)
        raise LoginFailed(code, f"{self.name} {step}: errcode {number}")
