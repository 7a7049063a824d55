"""Logins with Alipay: one-use codes, tokens that expire, bonds that can be cut. Pure; time is a parameter."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from standins.alipay.refusals import Refused

CODE_LIFE = timedelta(minutes=3)
ACCESS_LIFE = timedelta(seconds=1_296_000)
REFRESH_LIFE = timedelta(seconds=2_592_000)


@dataclass(frozen=True)
class Person:
    """An Alipay user as an app may see him or her."""

    user_id: str = "2088000000000099"
    open_id: str = "standin-buyer-open-id"
    union_id: str = ""
    profile: dict[str, str] = field(default_factory=dict)


@dataclass
class Grant:
    """A person said yes to an app."""

    app_id: str
    person: Person
    scope: str
    dies: datetime


class Logins:
    """Codes, access tokens and refresh tokens."""

    def __init__(self) -> None:
        self._codes: dict[str, Grant] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}

    def agree(self, app_id: str, person: Person, scope: str, now: datetime, life: timedelta = CODE_LIFE) -> str:
        """An ``auth_code`` for this app."""
        code = secrets.token_hex(16)
        self._codes[code] = Grant(app_id, person, scope, now + life)
        return code

    def exchange(self, app_id: str, code: str, now: datetime) -> tuple[str, str, Person]:
        """A code for an access token and a refresh token; raises ``isv.code-invalid``: used, expired, another app's."""
        grant = self._codes.get(code)
        if not grant or grant.app_id != app_id or grant.dies <= now:
            raise Refused("40002", "isv.code-invalid", "授权码code无效")
        del self._codes[code]
        return self._tokens(grant, now)

    def refresh(self, app_id: str, token: str, now: datetime) -> tuple[str, str, Person]:
        """New tokens for a refresh token, which is used up; raises ``isv.refresh-token-invalid``."""
        grant = self._refresh.get(token)
        if not grant or grant.app_id != app_id or grant.dies <= now:
            raise Refused("40002", "isv.refresh-token-invalid", "刷新令牌refresh_token无效")
        del self._refresh[token]
        return self._tokens(grant, now)

    def person(self, app_id: str, token: str, now: datetime) -> Grant:
        """Who gave this access token; raises ``aop.invalid-auth-token`` or ``aop.auth-token-time-out``."""
        grant = self._access.get(token)
        if not grant or grant.app_id != app_id:
            raise Refused("20001", "aop.invalid-auth-token", "无效的访问令牌")
        if grant.dies <= now:
            raise Refused("20001", "aop.auth-token-time-out", "访问令牌已过期")
        return grant

    def revoke(self, app_id: str, token: str) -> bool:
        """Whether there was such an access token; it is gone."""
        grant = self._access.get(token)
        return bool(grant and grant.app_id == app_id and self.cut(app_id, grant.person.user_id, grant.person.open_id))

    def cut(self, app_id: str, user_id: str = "", open_id: str = "") -> bool:
        """Everything between an app and a person ends; whether there was anything."""
        before = len(self._access) + len(self._refresh)
        for held in (self._codes, self._access, self._refresh):
            for token, grant in list(held.items()):
                same = grant.person.user_id == user_id if user_id else grant.person.open_id == open_id
                if grant.app_id == app_id and same:
                    del held[token]
        return len(self._access) + len(self._refresh) < before

    def _tokens(self, grant: Grant, now: datetime) -> tuple[str, str, Person]:
        access, refresh = f"standinB{secrets.token_hex(16)}", f"standinR{secrets.token_hex(16)}"
        self._access[access] = Grant(grant.app_id, grant.person, grant.scope, now + ACCESS_LIFE)
        self._refresh[refresh] = Grant(grant.app_id, grant.person, grant.scope, now + REFRESH_LIFE)
        return access, refresh, grant.person
