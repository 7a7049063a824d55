"""Sign in with Apple: the identity token proves, the code is exchanged at once for the token that revokes one day."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from services.auth.providers import oauth
from services.auth.providers.adapter import Adapter, App, address, needed_redirect, outcome_of
from services.auth.providers.calling import Caller, code_is_spent
from services.auth.providers.jose import CLAIMS, Expected, KeySet, check_nonce, verify
from services.auth.providers.port import (
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
from services.auth.providers.reading import all_needed, digest_of, id_of, is_true, needed, personal, same, text_of
from shared.kernel.clock import Clock
from shared.kernel.errors import BadRequest, Code, LoginFailed
from shared.kernel.personal import Personal, Secret

SECRET_LIFE = timedelta(minutes=5)
EVENTS: Mapping[str, NoticeKind] = {
    "consent-revoked": NoticeKind.AUTHORIZATION_REVOKED,
    "account-delete": NoticeKind.ACCOUNT_CLOSED,  # the documentation and Apple's servers
    "account-deleted": NoticeKind.ACCOUNT_CLOSED,  # do not agree on the word
    "email-disabled": NoticeKind.PROFILE_CHANGED,
    "email-enabled": NoticeKind.PROFILE_CHANGED,
}


@dataclass(frozen=True, slots=True)
class AppleTeam:
    """Our developer team: its key makes the client secrets, and a person's ``sub`` is the same in all its apps."""

    team_id: str
    key_id: str
    key: EllipticCurvePrivateKey
    base_url: str
    issuer: str

    def client_secret(self, client_id: str, clock: Clock) -> Secret[str]:
        """A JWT that says who we are, for five minutes."""
        now = clock()
        claims = {
            "iss": self.team_id,
            "iat": int(now.timestamp()),
            "exp": int((now + SECRET_LIFE).timestamp()),
            "aud": self.issuer,
            "sub": client_id,
        }
        return Secret(jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": self.key_id}))


class AppleLogin(Adapter):
    """Logs in by Apple. The identity's ``app_id`` is the team's id, so that a phone and a browser find one account."""

    advice = "withdraw_in_apple"
    in_browser: frozenset[Platform] = frozenset({"android", "web"})

    def __init__(
        self, apps: Mapping[Platform, App], caller: Caller, team: AppleTeam, refetch_seconds: float, clock: Clock
    ) -> None:
        super().__init__("apple", apps, caller)
        self._team = team
        self._clock = clock
        self._keys = KeySet(caller, lambda: f"{team.base_url}/auth/keys", refetch_seconds=refetch_seconds)

    def start(self, attempt: LoginAttempt) -> LoginStart:
        """No scopes: we need neither a name nor an e-mail address, and so the browser comes back by a plain GET."""
        app = self.app_on(attempt.platform)
        nonce = hashed(attempt.nonce.reveal())
        if attempt.platform == "ios":
            return LoginStart(app.app_id, nonce=nonce)
        url = address(
            f"{self._team.base_url}/auth/authorize",
            client_id=app.app_id,
            redirect_uri=needed_redirect(attempt.redirect_uri),
            response_type="code",
            response_mode="query",
            state=attempt.state,
            nonce=nonce,
        )
        return LoginStart(app.app_id, url=url, nonce=nonce)

    def authenticate(self, proof: LoginProof) -> ProviderIdentity:
        """The identity token first, where there is one; then the code, whose own token must name the same person."""
        app, native = self.app_on(proof.platform), proof.platform == "ios"
        all_needed(nonce=proof.nonce, code=proof.code, **{"id_token": proof.id_token} if native else {})
        if not native and not proof.redirect_uri:
            raise BadRequest.at("attempt_id", detail="a login in a browser, without its attempt")
        nonce, code = hashed(needed(proof.nonce, "nonce")), needed(proof.code, "code")
        shown = None
        if native or proof.id_token is not None:
            shown = self._verified(app, needed(proof.id_token, "id_token"))
            check_nonce(shown, nonce, self.name)
        self._keys.ready()
        granted = self._exchange(app, code, None if native else proof.redirect_uri)
        with code_is_spent():
            claims = self._verified(app, text_of(granted, "id_token") or "")
        if shown is None or "nonce" in claims:
            check_nonce(claims, nonce, self.name)
        if shown is not None and not same(id_of(shown, "sub", self.name), id_of(claims, "sub", self.name)):
            raise LoginFailed(Code.LOGIN_TOKEN_INVALID, "apple: token and code are two persons'")
        return self._identity(app, claims, text_of(granted, "refresh_token"))

    def revoke(self, revocation: Revocation | None) -> RevocationOutcome:
        """``POST /auth/revoke``; Apple says 200 also for a token that is already invalid."""
        app = self.owned(revocation) if revocation else None
        if revocation is None or app is None:
            return super().revoke(revocation)
        form = {
            **self._client(app),
            "token": revocation.token.reveal(),
            "token_type_hint": revocation.token_type_hint,
        }
        try:
            oauth.judge(self._caller.repeatable("POST", f"{self._team.base_url}/auth/revoke", data=form), "revoke")
        except LoginFailed as failed:
            self.note("a revocation failed", failed)
            return outcome_of(failed, self.advice)
        return RevocationOutcome(RevocationStatus.REVOKED)

    def read_notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> ProviderNotice | None:
        """A server-to-server notice: ``{"payload": JWS}`` whose claim ``events`` is JSON within JSON."""
        try:
            payload = text_of(_object(body), "payload") or ""
            claims = verify(payload, self._expected("iss", "iat", "aud", "jti", "events"), self._keys, self._clock())
            event = _object(claims["events"])
        except ValueError:
            return None
        except LoginFailed as failed:
            if failed.actual_code is Code.LOGIN_TOKEN_INVALID:
                return None
            raise
        return ProviderNotice(
            provider=self.name,
            app_id=self._team.team_id,
            kind=EVENTS.get(text_of(event, "type") or "", NoticeKind.NOTHING),
            answer=NoticeAnswer(),
            external_id=personal(text_of(event, "sub")),
            dedup_id=digest_of(self.name, str(claims["jti"])),
        )

    def _exchange(self, app: App, code: str, redirect_uri: str | None) -> dict[str, Any]:
        form = {**self._client(app), "grant_type": "authorization_code", "code": code}
        if redirect_uri is not None:
            form["redirect_uri"] = redirect_uri
        return oauth.judge(self._caller.once("POST", f"{self._team.base_url}/auth/token", data=form), "exchange")

    def _client(self, app: App) -> dict[str, str]:
        secret = self._team.client_secret(app.app_id, self._clock)
        return {"client_id": app.app_id, "client_secret": secret.reveal()}

    def _verified(self, app: App, token: str) -> dict[str, Any]:
        claims = verify(token, self._expected(*CLAIMS), self._keys, self._clock())
        if claims["aud"] not in (app.app_id, [app.app_id]):
            raise LoginFailed(Code.LOGIN_TOKEN_INVALID, "apple token: aud is another of our apps")
        return claims

    def _expected(self, *claims: str) -> Expected:
        audiences = frozenset(app.app_id for app in self._apps.values())
        return Expected(self.name, self._team.issuer, audiences, frozenset({"RS256"}), claims)

    def _identity(self, app: App, claims: dict[str, Any], refresh_token: str | None) -> ProviderIdentity:
        kept = Revocation(Secret(refresh_token), "refresh_token", app.app_id) if refresh_token else None
        return ProviderIdentity(
            provider=self.name,
            app_id=self._team.team_id,
            external_id=Personal(id_of(claims, "sub", self.name)),
            email=personal(text_of(claims, "email")) if is_true(claims, "email_verified") else None,
            revocation=kept,
        )


def hashed(nonce: str) -> str:
    """What Apple is given as nonce: SHA-256 of the raw one, in hex."""
    return hashlib.sha256(nonce.encode()).hexdigest()


def _object(text: object) -> dict[str, Any]:
    """JSON text (or what it was already read to) as an object; raises ``ValueError`` otherwise."""
    try:
        found = json.loads(text) if isinstance(text, str | bytes) else text
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - a notice of the wrong shape is a wrong value
    return found
