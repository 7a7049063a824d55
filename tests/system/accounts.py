"""An account as tests play it: logins through the stand-ins, an order paid through another, all by the published interface."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import httpx

from shared.testing.eventually import eventually
from tests.system.client import Guest
from tests.system.local import LocalSystem

PHONE_LOGINS = ("wechat", "qq", "alipay", "apple", "weibo")

TOKEN_LOGINS = ("qq", "weibo")
"""Their SDKs give an access token on phones."""


class Account(Guest):
    """Somebody who logged in; speaks like a guest otherwise."""

    def __init__(self, system: LocalSystem, nickname: str, provider: str = "wechat", **more: Any) -> None:
        self.nickname = nickname
        self._providers = f"{system.env['login_standins']}/_standin"
        self._alipay = str(system.env["alipay_standin"])
        super().__init__(system.gateway)
        version = self.http.get("/v1/policies/privacy").json()["version"]
        body = {**self.proof(provider), "policy_version": version, "guest_token": self.started["access_token"], **more}
        answer = self.http.post("/v1/sessions", json=body)
        assert answer.status_code == 201, answer.text
        self.started = answer.json()
        self.subject_id = str(self.started["subject_id"])
        self.use(self.started["access_token"])

    def proof(self, provider: str) -> dict[str, Any]:
        """What the provider's SDK gives the app, on an iPhone for Apple and on Android for the others."""
        person = self._tell("/people", nickname=f"{self.nickname}@{provider}")["person_id"]
        nonce = secrets.token_urlsafe(24)
        tied = {"nonce": hashlib.sha256(nonce.encode()).hexdigest()} if provider == "apple" else {}
        kind = {"kind": "token"} if provider in TOKEN_LOGINS else {}
        got = self._tell("/grants", provider=provider, person_id=person, **tied, **kind)
        given = {name: got[name] for name in ("code", "id_token", "access_token") if name in got}
        if "auth_code" in got:
            given["code"] = got["auth_code"]
        platform = "ios" if provider == "apple" else "android"
        return {"provider": provider, "platform": platform, **given, **({"nonce": nonce} if tied else {})}

    def link(self, provider: str) -> None:
        """POST /v1/me/identities."""
        answer = self.http.post("/v1/me/identities", json=self.proof(provider))
        assert answer.status_code in (200, 201), answer.text

    def buys(self, photo_id: str, product: str = "hd-photo") -> dict[str, Any]:
        """Open an order, pay it in the wallet, and wait until that is known."""
        order = self.http.post("/v1/orders", json={"product": product, "photo_id": photo_id, "channel": "app"})
        assert order.status_code == 201, order.text
        paid = httpx.post(f"{self._alipay}/_standin/wallet/pay", json=order.json()["pay"], timeout=30)
        assert paid.status_code == 200, paid.text
        path = f"/v1/orders/{order.json()['order_id']}"
        return eventually(lambda: self.http.get(path).json(), lambda one: one["status"] == "paid", within=30)

    def _tell(self, path: str, **asked: Any) -> dict[str, Any]:
        answer = httpx.post(self._providers + path, json=asked, timeout=30)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told
