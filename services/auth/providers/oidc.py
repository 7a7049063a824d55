"""Any OpenID Connect provider: discovery, authorization code with PKCE, an id_token in the one algorithm we pinned."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from services.auth.providers import oauth
from services.auth.providers.adapter import Adapter, App, address, needed_redirect, outcome_of
from services.auth.providers.calling import Caller, code_is_spent
from services.auth.providers.jose import Expected, KeySet, check_nonce, verify
from services.auth.providers.port import (
    PLATFORMS,
    LoginAttempt,
    LoginProof,
    LoginStart,
    Platform,
    ProviderIdentity,
    Revocation,
    RevocationOutcome,
    RevocationStatus,
)
from services.auth.providers.reading import all_needed, id_of, is_true, needed, personal, text_of
from shared.kernel.clock import Clock
from shared.kernel.errors import BadRequest, Code, LoginFailed
from shared.kernel.personal import Personal, Secret

DISCOVERY_LIVES_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class OidcRegistration:
    """Our registration: ``secret`` is empty for a public client."""

    name: str
    issuer: str
    client_id: str
    secret: Secret[str]
    scopes: tuple[str, ...]
    algorithm: str


class Discovery:
    """The provider's discovery document, kept for an hour."""

    def __init__(self, caller: Caller, issuer: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._caller = caller
        self._issuer = issuer
        self._monotonic = monotonic
        self._found: dict[str, Any] = {}
        self._fetched_at = 0.0

    def endpoint(self, name: str) -> str:
        """An endpoint's address; raises ``LoginFailed`` when there is none, or none that is as safe as the issuer's."""
        found = self.optional_endpoint(name)
        if found is None:
            raise LoginFailed(Code.PROVIDER_REFUSED, f"{self._caller.provider} discovery: no {name}")
        return found

    def optional_endpoint(self, name: str) -> str | None:
        """The same for an endpoint that not every provider has."""
        found = text_of(self.document(), name)
        if found is not None and urlsplit(found).scheme not in {"https", urlsplit(self._issuer).scheme}:
            raise LoginFailed(Code.PROVIDER_REFUSED, f"{self._caller.provider} discovery: {name} is not safe")
        return found

    def document(self) -> dict[str, Any]:
        """The document; its issuer is the one that we were told, to the letter."""
        if not self._found or self._monotonic() - self._fetched_at > DISCOVERY_LIVES_SECONDS:
            url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            answer = self._caller.repeatable("GET", url)
            if answer.status != 200:
                raise answer.nonsense("no discovery document")
            found = answer.fields()
            if found.get("issuer") != self._issuer:
                raise LoginFailed(Code.PROVIDER_REFUSED, f"{self._caller.provider} discovery: another issuer")
            self._found, self._fetched_at = found, self._monotonic()
        return self._found


class OidcLogin(Adapter):
    """Logs in by an OpenID Connect provider."""

    in_browser: frozenset[Platform] = frozenset(PLATFORMS)

    def __init__(self, registration: OidcRegistration, caller: Caller, refetch_seconds: float, clock: Clock) -> None:
        app = App(registration.client_id, registration.secret)
        super().__init__(registration.name, dict.fromkeys(PLATFORMS, app), caller)
        self._registration = registration
        self._clock = clock
        self._discovery = Discovery(caller, registration.issuer)
        self._keys = KeySet(caller, lambda: self._discovery.endpoint("jwks_uri"), refetch_seconds=refetch_seconds)

    def start(self, attempt: LoginAttempt) -> LoginStart:
        """The login page, on a phone, too (in its browser); raises ``BadRequest`` without a challenge."""
        ours = self._registration
        if not attempt.code_challenge:
            raise BadRequest("this login needs a code_challenge")
        url = address(
            self._discovery.endpoint("authorization_endpoint"),
            response_type="code",
            client_id=ours.client_id,
            redirect_uri=needed_redirect(attempt.redirect_uri),
            scope=" ".join(ours.scopes),
            state=attempt.state,
            nonce=attempt.nonce.reveal(),
            code_challenge=attempt.code_challenge,
            code_challenge_method="S256",
        )
        return LoginStart(ours.client_id, ours.scopes, uses_pkce=True, url=url)

    def authenticate(self, proof: LoginProof) -> ProviderIdentity:
        """The person of the id_token that came for the code, for our verifier, and for this attempt's nonce."""
        all_needed(code=proof.code, nonce=proof.nonce, code_verifier=proof.code_verifier)
        nonce = needed(proof.nonce, "nonce")
        form = {
            "grant_type": "authorization_code",
            "code": needed(proof.code, "code"),
            "redirect_uri": needed_redirect(proof.redirect_uri),
            "code_verifier": needed(proof.code_verifier, "code_verifier"),
        }
        self._keys.ready()
        endpoint = self._discovery.endpoint("token_endpoint")
        granted = oauth.judge(self._caller.once("POST", endpoint, **self._as_us(form)), "exchange")
        with code_is_spent():
            claims = verify(text_of(granted, "id_token") or "", self._expected(), self._keys, self._clock())
        check_nonce(claims, nonce, self.name)
        nickname = text_of(claims, "nickname") or text_of(claims, "preferred_username") or text_of(claims, "name")
        refresh_token = text_of(granted, "refresh_token")
        client_id = self._registration.client_id
        return ProviderIdentity(
            provider=self.name,
            app_id=client_id,
            external_id=Personal(id_of(claims, "sub", self.name)),
            nickname=personal(nickname),
            email=personal(text_of(claims, "email")) if is_true(claims, "email_verified") else None,
            revocation=Revocation(Secret(refresh_token), "refresh_token", client_id) if refresh_token else None,
        )

    def revoke(self, revocation: Revocation | None) -> RevocationOutcome:
        """RFC 7009, where the provider has it."""
        try:
            endpoint = self._discovery.optional_endpoint("revocation_endpoint") if revocation else None
            if revocation is None or endpoint is None:
                return super().revoke(revocation)
            form = {"token": revocation.token.reveal(), "token_type_hint": revocation.token_type_hint}
            oauth.judge(self._caller.repeatable("POST", endpoint, **self._as_us(form)), "revoke")
        except LoginFailed as failed:
            self.note("a revocation failed", failed)
            return outcome_of(failed, self.advice)
        return RevocationOutcome(RevocationStatus.REVOKED)

    def _as_us(self, form: Mapping[str, str]) -> dict[str, Any]:
        """The form with our credentials, the way the provider wants them."""
        ours, secret = self._registration, self._registration.secret.reveal()
        if not secret:
            return {"data": {**form, "client_id": ours.client_id}}
        wanted = self._discovery.document().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "client_secret_basic" in wanted:
            return {"data": dict(form), "auth": (quote(ours.client_id, safe=""), quote(secret, safe=""))}
        return {"data": {**form, "client_id": ours.client_id, "client_secret": secret}}

    def _expected(self) -> Expected:
        ours = self._registration
        return Expected(self.name, ours.issuer, frozenset({ours.client_id}), frozenset({ours.algorithm}))
