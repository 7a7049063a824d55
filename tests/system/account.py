"""A person with an account, as tests play it: logs in by the stand-ins of login providers, links more, leaves."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.system.client import Guest
from tests.system.local import LocalSystem

REDIRECT = "http://127.0.0.1:5173/back"
PLATFORMS = {"apple": "ios", "qq": "web", "weibo": "web", "huawei": "web", "oidc": "web"}
FIVE = ("wechat", "qq", "alipay", "apple", "weibo")


@dataclass
class Person:
    """Somebody at every provider; one stand-in person each."""

    system: LocalSystem
    nickname: str = "小明"
    ids: dict[str, str] = field(default_factory=dict)

    def proof(self, provider: str, gateway: httpx.Client) -> dict[str, Any]:
        """What the provider's SDK hands to the app, bound to a fresh attempt where the provider knows nonces."""
        standin = self.system.env["login_standins"]
        person_id = self.ids.get(provider) or self._introduce(provider, standin)
        wanted: dict[str, Any] = {"provider": provider, "person_id": person_id}
        bound: dict[str, Any] = {}
        platform = PLATFORMS.get(provider, "android")
        if platform != "android":
            redirect = REDIRECT if platform == "web" else None
            asked = {"provider": provider, "platform": platform, "redirect_uri": redirect}
            begun = gateway.post("/v1/login-attempts", json=asked)
            assert begun.status_code == 201, begun.text
            bound = {name: begun.json()[name] for name in ("attempt_id", "state")}
            in_link = {name: values[0] for name, values in parse_qs(urlsplit(begun.json()["url"] or "").query).items()}
            known = begun.json() | in_link
            wanted |= {name: known[name] for name in ("nonce", "code_challenge") if known.get(name)}
            wanted |= {"redirect_uri": redirect} if redirect else {}
        granted = httpx.post(f"{standin}/_standin/grants", json=wanted, timeout=30)
        assert granted.status_code == 200, granted.text
        given = granted.json()
        code = given.get("code") or given.get("auth_code")
        return {"provider": provider, "platform": platform, "code": code, "id_token": given.get("id_token"), **bound}

    def _introduce(self, provider: str, standin: str) -> str:
        body = {"provider": provider, "nickname": self.nickname}
        answer = httpx.post(f"{standin}/_standin/people", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        self.ids[provider] = answer.json()["person_id"]
        return self.ids[provider]


class Account(Guest):
    """One account on one device; a guest's stash ends with its login."""

    def __init__(
        self, system: LocalSystem, person: Person, provider: str = "wechat", guest: Guest | None = None, **more: Any
    ) -> None:
        self.person = person
        self.http = httpx.Client(base_url=system.gateway, timeout=60)
        weakref.finalize(self, self.http.close)
        version = self.http.get("/v1/policies/privacy").json()["version"]
        body = person.proof(provider, self.http) | {"policy_version": version, "device_label": "测试机"} | more
        if guest is not None:
            body["guest_token"] = guest.started["access_token"]
        answer = self.http.post("/v1/sessions", json=body)
        assert answer.status_code == 201, answer.text
        self.started = answer.json()
        self.subject_id = str(self.started["subject_id"])
        self.use(self.started["access_token"])

    def link(self, provider: str) -> None:
        """One more login."""
        answer = self.http.post("/v1/me/identities", json=self.person.proof(provider, self.http))
        assert answer.status_code == 201, answer.text

    def delete(self, **headers: str) -> httpx.Response:
        """DELETE /v1/me."""
        return self.http.delete("/v1/me", headers=headers)
