"""Who asks: access tokens checked here, without a call; what was fenced or revoked is refused from the moment we hear.

Public keys come from auth once and again when a token names a key we do not know. Denials come by event; what was said
while this process was not listening is asked for when it starts to.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from shared.contracts.auth import Denials, TokenKeys
from shared.crypto import token_hash
from shared.crypto.signing import BadSignature, Expired, public_keys, verify
from shared.kernel.errors import Code, PocketError, SubjectErased, Unauthenticated
from shared.rpc.asking import Asker

TOKEN_ISSUER = "pocketid"
TOKEN_KIND = "at+jwt"
DENIAL_LIFE_SECONDS = 2 * 3600
KEY_REFRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Caller:
    """The subject behind a token, and until when the token lets it pass (seconds since 1970)."""

    subject_id: UUID
    session_id: UUID
    kind: str
    expires_at: float

    def seconds_left(self) -> float:
        """How long the token lives; zero or less once it is over."""
        return self.expires_at - time.time()


class Access:
    """Checks tokens. One a process. ``on_denied`` hears the hash (``token_hash``) of every subject or session refused."""

    def __init__(self, asker: Asker, on_denied: Callable[[str], None] | None = None) -> None:
        self._asker = asker
        self._on_denied = on_denied
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._keys_asked_at = 0.0
        self._denied: dict[str, float] = {}
        self._refreshing = asyncio.Lock()
        self.loaded = False

    async def load(self) -> None:
        """Ask auth for the public keys and for the denials we may have missed."""
        await self._refresh_keys()
        answer = await self._asker.ask(Denials())
        for hashed in answer.hashes:
            self._deny(hashed)
        self.loaded = True

    def deny(self, identifier: UUID) -> None:
        """Refuse the tokens of a fenced subject or an ended session from now on."""
        self._deny(token_hash(str(identifier)))

    def is_denied(self, identifier: UUID) -> bool:
        """Whether a subject's or session's tokens are refused."""
        return token_hash(str(identifier)) in self._denied

    async def caller(self, authorization: str | None, *, even_fenced: bool = False) -> Caller:
        """The caller named by an ``Authorization`` header.

        Raises ``unauthenticated``, ``token_expired``, ``session_revoked`` or ``subject_erased``. ``even_fenced`` lets a
        fenced subject through, for the one call that may be repeated after it fenced itself.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("no bearer token")
        claims = await self._claims(token.strip())
        try:
            subject_id, session_id = UUID(str(claims["sub"])), UUID(str(claims["sid"]))
            caller = Caller(subject_id, session_id, str(claims["kind"]), float(str(claims["exp"])))
        except (KeyError, ValueError) as error:
            raise Unauthenticated("claims") from error
        if self.is_denied(caller.subject_id):
            if not even_fenced:
                raise SubjectErased("denied")
        elif self.is_denied(caller.session_id):
            raise PocketError("denied", code=Code.SESSION_REVOKED)
        return caller

    async def _claims(self, token: str) -> dict[str, object]:
        for last_try in (False, True):
            try:
                return verify(token, self._keys, kind=TOKEN_KIND, issuer=TOKEN_ISSUER)
            except Expired as error:
                raise PocketError("expired", code=Code.TOKEN_EXPIRED) from error
            except BadSignature as error:
                # Perhaps signed by a key that auth has only just taken up.
                if last_try or not await self._refresh_keys():
                    raise Unauthenticated(str(error)) from error
        raise AssertionError("unreachable")

    async def _refresh_keys(self) -> bool:
        """Whether the keys were asked for (not more often than every few seconds, whatever tokens come)."""
        async with self._refreshing:
            if time.monotonic() - self._keys_asked_at < KEY_REFRESH_SECONDS and self._keys:
                return False
            answer = await self._asker.ask(TokenKeys())
            self._keys = public_keys(answer.keys)
            self._keys_asked_at = time.monotonic()
            return True

    def _deny(self, hashed: str) -> None:
        now = time.monotonic()
        self._denied[hashed] = now + DENIAL_LIFE_SECONDS
        if len(self._denied) % 1000 == 0:
            self._denied = {h: until for h, until in self._denied.items() if until > now}
        if self._on_denied is not None:
            self._on_denied(hashed)
