"""Everything that the stand-ins know: apps, people, codes and tokens, faults, and what was asked of them."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from standins.logins.apps import App
from standins.logins.faults import Faults
from standins.logins.keys import SigningKeys
from standins.logins.people import Person

CODE_LIVES_SECONDS = {"wechat": 600, "qq": 600, "alipay": 86400, "apple": 300, "weibo": 600, "huawei": 300, "oidc": 60}
SIGNERS = ("apple", "huawei", "oidc")


@dataclass(slots=True)
class Grant:
    """A code: whose, for which app, tied to what."""

    provider: str
    app_id: str
    person: Person
    expires_at: float
    redirect_uri: str | None = None
    nonce: str | None = None
    challenge: str | None = None
    used: bool = False


@dataclass(slots=True)
class Token:
    """An access or refresh token."""

    provider: str
    app_id: str
    person: Person
    kind: str
    expires_at: float
    revoked: bool = False


@dataclass
class World:
    """The state of one stand-in process."""

    apps: list[App] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    people: dict[str, Person] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    revocations: list[dict[str, str]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    keys: dict[str, SigningKeys] = field(default_factory=lambda: {name: SigningKeys(name) for name in SIGNERS})
    forwarded: float = 0.0

    def now(self) -> float:
        """Seconds since 1970, plus what the control interface let pass."""
        return time.time() + self.forwarded

    def app(self, provider: str, app_id: str) -> App | None:
        """A registered app."""
        return next((app for app in self.apps if (app.provider, app.app_id) == (provider, app_id)), None)

    def first_app(self, provider: str) -> App:
        """The provider's first app; raises ``LookupError`` when none is registered."""
        found = next((app for app in self.apps if app.provider == provider), None)
        if found is None:
            raise LookupError(f"no app is registered at {provider}")
        return found

    def add_person(self, nickname: str, email: str | None = None, email_verified: bool = True) -> Person:
        """Somebody new."""
        person = Person(secrets.token_hex(8), nickname, email, email_verified)
        self.people[person.person_id] = person
        return person

    def new_code(self, app: App, person: Person, tied: Mapping[str, str | None]) -> str:
        """A code for the app, as a login would give it; ``tied``: redirect_uri, nonce, challenge."""
        code = secrets.token_urlsafe(24)
        life = CODE_LIVES_SECONDS[app.provider]
        redirect_uri, nonce, challenge = tied.get("redirect_uri"), tied.get("nonce"), tied.get("challenge")
        expires_at = self.now() + life
        self.grants[code] = Grant(app.provider, app.app_id, person, expires_at, redirect_uri, nonce, challenge)
        return code

    def spend(self, provider: str, code: str, app_id: str) -> Grant | str:
        """The grant of a code, which is then used; or why not: ``unknown``, ``used``, ``expired``, ``other_app``."""
        grant = self.grants.get(code)
        if grant is None or grant.provider != provider:
            return "unknown"
        if grant.app_id != app_id:
            return "other_app"
        if grant.used:
            return "used"
        if grant.expires_at < self.now():
            return "expired"
        grant.used = True
        return grant

    def new_token(self, app: App, person: Person, kind: str, seconds: float, *, ending: str = "") -> str:
        """A token of the person for the app."""
        token = secrets.token_hex(16).upper() + ending
        self.tokens[token] = Token(app.provider, app.app_id, person, kind, self.now() + seconds)
        return token

    def token(self, provider: str, token: str) -> Token | None:
        """A token that still counts."""
        found = self.tokens.get(token)
        if found is None or found.provider != provider or found.revoked or found.expires_at < self.now():
            return None
        return found

    def revoke(self, provider: str, token: str, **more: str) -> Token | None:
        """Mark a token (and its person's others for the app) as revoked, and remember that it was asked for."""
        found = self.tokens.get(token)
        genuine = found if found is not None and found.provider == provider else None
        told = {"provider": provider, "known": "yes" if genuine else "no", **more}
        if genuine is not None:
            told |= {"person_id": genuine.person.person_id, "app_id": genuine.app_id}
            self.withdraw(provider, genuine.app_id, genuine.person)
        self.revocations.append(told)
        return genuine

    def withdraw(self, provider: str, app_id: str, person: Person) -> None:
        """None of the person's tokens for the app counts any more."""
        for token in self.tokens.values():
            if (token.provider, token.app_id, token.person) == (provider, app_id, person):
                token.revoked = True

    def fault(self, provider: str, name: str, step: str) -> Mapping[str, Any] | None:
        """Whether a fault is in force for this call."""
        return self.faults.take(provider, name, step)
