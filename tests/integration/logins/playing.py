"""The stand-in process as the tests see it, and logins through it."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from services.auth.providers.build import build_providers
from services.auth.providers.port import LoginProof, LoginProvider, Platform
from shared.kernel.clock import utc_now
from shared.kernel.personal import Secret
from shared.kernel.settings import LoginSettings
from standins.logins.apps import fresh

EVERY = ("wechat", "qq", "alipay", "apple", "weibo", "huawei", "oidc")
REDIRECT = "https://pocketid.example/callback"
PATIENT, IMPATIENT = 5.0, 0.3


@dataclass
class StandIn:
    """The control interface."""

    url: str
    apps: list[dict[str, Any]] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    forwarded: float = 0.0

    def __post_init__(self) -> None:
        self.apps, self.env = fresh(self.url)
        self.http = httpx.Client(base_url=f"{self.url}/_standin", trust_env=False, timeout=10)
        self.tell("PUT", "/apps", apps=self.apps)

    def tell(self, method: str, path: str, **asked: Any) -> dict[str, Any]:
        answer = self.http.request(method, path, json=asked)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def reset(self) -> None:
        self.tell("DELETE", "/faults")
        if self.forwarded:
            self.forward(-self.forwarded)

    def person(self, nickname: str = "小明", **more: Any) -> str:
        return str(self.tell("POST", "/people", nickname=nickname, **more)["person_id"])

    def grant(self, provider: str, person_id: str, **how: Any) -> dict[str, Any]:
        return self.tell("POST", "/grants", provider=provider, person_id=person_id, **how)

    def fault(self, provider: str, name: str, *, step: str | None = None, times: int | None = 1, **how: Any) -> None:
        self.tell("POST", "/faults", provider=provider, name=name, step=step, times=times, how=how)

    def forward(self, seconds: float) -> None:
        self.forwarded = float(self.tell("POST", "/clock", forward_seconds=seconds)["forwarded"])

    def calls(self, provider: str, step: str) -> int:
        return int(self.tell("GET", "/calls")["calls"].get(f"{provider} {step}", 0))

    def revocations(self, provider: str) -> list[dict[str, str]]:
        return [one for one in self.tell("GET", "/revocations")["revocations"] if one["provider"] == provider]

    def notice(self, provider: str, kind: str, person_id: str, **how: Any) -> dict[str, Any]:
        """A notice, built and signed but not sent."""
        app = {"app_id": how.pop("app_id")} if "app_id" in how else {}
        asked = {"provider": provider, "kind": kind, "person_id": person_id, "how": how, **app}
        notice: dict[str, Any] = self.tell("POST", "/notices", **asked)["notice"]
        return notice

    def clock(self) -> datetime:
        """The providers' time is ours."""
        return utc_now() + timedelta(seconds=self.forwarded)

    def settings(self, **changed: Any) -> LoginSettings:
        values: dict[str, Any] = {name.removeprefix("POCKETID_").lower(): value for name, value in self.env.items()}
        return LoginSettings(**{"profile": "local", "login_read_seconds": PATIENT, **values, **changed})

    def providers(self, **changed: Any) -> dict[str, LoginProvider]:
        return build_providers(self.settings(**changed), self.clock)


@dataclass(frozen=True)
class Secrets:
    """What our server made for one attempt."""

    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    @property
    def hashed(self) -> str:
        return hashlib.sha256(self.nonce.encode()).hexdigest()


def granted(standin: StandIn, provider: str, person_id: str, own: Secrets, **how: Any) -> dict[str, Any]:
    """What the app got from the provider for this attempt."""
    tied: dict[str, dict[str, Any]] = {
        "qq": {"redirect_uri": REDIRECT},
        "weibo": {"redirect_uri": REDIRECT},
        "apple": {"nonce": own.hashed},
        "huawei": {"redirect_uri": REDIRECT, "code_challenge": own.challenge, "nonce": own.nonce},
        "oidc": {"redirect_uri": REDIRECT, "code_challenge": own.challenge, "nonce": own.nonce},
    }
    return standin.grant(provider, person_id, **{**tied.get(provider, {}), **how})


def prove(standin: StandIn, provider: str, person_id: str, own: Secrets | None = None, **how: Any) -> LoginProof:
    """A proof in order; iOS for Apple, Android for the others."""
    own = own or Secrets()
    return proof_of(provider, granted(standin, provider, person_id, own, **how), own)


def proof_of(provider: str, got: dict[str, Any], own: Secrets, platform: Platform | None = None) -> LoginProof:
    code = got.get("code") or got.get("auth_code")
    return LoginProof(
        provider=provider,
        platform=platform or ("ios" if provider == "apple" else "android"),
        code=Secret(code) if code else None,
        id_token=Secret(got["id_token"]) if "id_token" in got else None,
        access_token=Secret(got["access_token"]) if "access_token" in got else None,
        nonce=Secret(own.nonce),
        code_verifier=Secret(own.verifier),
        redirect_uri=REDIRECT,
    )
