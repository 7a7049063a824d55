"""From what an app hands over to who that is: login attempts bound on the server, nonces burned, providers asked."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

from services.auth.answers import ByMasterKey
from services.auth.domain.identities import ATTEMPT_LIFE, NONCE_LIFE, KeptAttempt
from services.auth.ports import AuthParts, AuthTransaction
from services.auth.providers.port import LoginAttempt, LoginProof, LoginProvider, ProviderIdentity
from services.auth.sealed import ATTEMPT, platform_of
from shared.contracts import accounts as contract
from shared.crypto import token_hash
from shared.kernel.errors import BadRequest, Code, LoginFailed
from shared.kernel.ids import new_id, parse_id
from shared.kernel.personal import Secret
from shared.messaging.repeats import Remembered

SCOPE = "login attempt"
BEGUN = "login begun"
"""Purpose under which the answer to somebody who began a login is kept."""
SHORTEST_KEY = 16
"""Characters of a key that nobody has by chance; a UUID has 36."""


def begin_login(request: contract.BeginLogin, parts: AuthParts) -> contract.LoginBegun:
    """State, nonce and PKCE verifier for one login; what the app needs to go to the provider with.

    Who begins a login is nobody yet: a key is among everybody's, so it must be one that nobody else could think of.
    """
    if request.idempotency_key and len(request.idempotency_key) < SHORTEST_KEY:
        raise BadRequest("Idempotency-Key: too short to be nobody else's")
    provider = provider_of(request.provider, parts)
    platform = platform_of(request.platform)
    parts.redirects.check(request.redirect_uri, platform)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    start = provider.start(LoginAttempt(platform, state, Secret(nonce), challenge, request.redirect_uri))
    kept = {
        "state": state,
        "nonce": nonce,
        "verifier": verifier if start.uses_pkce else None,
        "redirect_uri": request.redirect_uri,
        "platform": platform,
    }
    sealed = parts.keyring.seal_for(ATTEMPT, json.dumps(kept).encode())
    attempt = KeptAttempt(new_id(), provider.name, sealed, parts.clock() + ATTEMPT_LIFE)
    begun = contract.LoginBegun(
        attempt_id=attempt.attempt_id,
        state=state,
        nonce=start.nonce,
        code_challenge=challenge if start.uses_pkce else None,
        app_id=start.app_id,
        scopes=list(start.scopes),
        url=start.url,
        auth_string=start.auth_string,
        expires_in=int(ATTEMPT_LIFE.total_seconds()),
    )
    answers = Remembered(SCOPE, attempt.attempt_id, ByMasterKey(BEGUN, parts.keyring))
    with parts.work.begin() as tx:
        return answers.once(request, lambda: _kept(attempt, begun, tx), tx)


def proven(provider_name: str, platform: str, handed: dict[str, Any], parts: AuthParts) -> ProviderIdentity:
    """Ask the provider who the proof proves. What an attempt knows is taken from it, not from the app.

    The attempt is spent by it, unless the provider was never asked; a nonce that proved somebody proves nobody again.
    """
    provider = provider_of(provider_name, parts)
    _require_attempt(platform, handed)
    attempt = _taken(provider, handed, parts) if handed.get("attempt_id") else None
    bound = _bound_by(attempt, handed, parts) if attempt else {}
    nonce = bound.get("nonce") or handed.get("nonce")
    redirect_uri = bound.get("redirect_uri") or handed.get("redirect_uri")
    on = platform_of(bound.get("platform") or platform)
    parts.redirects.check(redirect_uri, on)
    proof = LoginProof(
        provider=provider.name,
        platform=on,
        code=_secret(handed.get("code")),
        id_token=_secret(handed.get("id_token")),
        access_token=_secret(handed.get("access_token")),
        nonce=_secret(nonce),
        code_verifier=_secret(bound.get("verifier") or handed.get("code_verifier")),
        redirect_uri=redirect_uri,
    )
    try:
        identity = provider.authenticate(proof)
    except (LoginFailed, BadRequest) as error:
        never_asked = error.retryable or isinstance(error, BadRequest)
        if never_asked and attempt is not None:
            with parts.work.begin() as tx:
                tx.add_attempt(attempt)
        raise
    if nonce:
        with parts.work.begin() as tx:
            if not tx.burn(token_hash(f"{provider.name}:{nonce}"), parts.clock() + NONCE_LIFE):
                raise LoginFailed(Code.LOGIN_TOKEN_INVALID, "nonce used before")
    return identity


def _kept(attempt: KeptAttempt, begun: contract.LoginBegun, tx: AuthTransaction) -> contract.LoginBegun:
    tx.add_attempt(attempt)
    return begun


def _require_attempt(platform: str, handed: dict[str, Any]) -> None:
    """A login that came back by a browser is one that was begun here, whoever the provider is.

    Otherwise somebody could have a browser finish a login that *they* began, and be used as theirs (login CSRF).
    Raises ``BadRequest`` naming what is missing. SDKs on phones hand their result to the app that asked: they may do without.
    """
    if platform == "web" or handed.get("redirect_uri"):
        missing = [name for name in ("attempt_id", "state") if not handed.get(name)]
        if missing:
            raise BadRequest.at(*missing)


def _taken(provider: LoginProvider, handed: dict[str, Any], parts: AuthParts) -> KeptAttempt:
    with parts.work.begin() as tx:
        attempt = tx.take_attempt(parse_id(str(handed["attempt_id"]), "attempt_id"))
    if attempt is None or attempt.provider != provider.name or attempt.expires_at < parts.clock():
        raise LoginFailed(Code.LOGIN_CODE_INVALID, "no such attempt")
    return attempt


def _bound_by(attempt: KeptAttempt, handed: dict[str, Any], parts: AuthParts) -> dict[str, Any]:
    bound: dict[str, Any] = json.loads(parts.keyring.open_for(ATTEMPT, attempt.sealed))
    shown = str(handed.get("state") or "")
    if not secrets.compare_digest(str(bound["state"]).encode(), shown.encode(errors="replace")):
        raise LoginFailed(Code.LOGIN_CODE_INVALID, "state of another attempt")
    return bound


def provider_of(name: str, parts: AuthParts) -> LoginProvider:
    """The provider by name; raises ``provider_unknown`` for one that is not on offer."""
    provider = parts.providers.get(name)
    if provider is None:
        raise LoginFailed(Code.PROVIDER_UNKNOWN, "not on offer")
    return provider


def _secret(value: Any) -> Secret[str] | None:
    return Secret(str(value)) if value else None
