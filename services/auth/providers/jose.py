"""Checks tokens signed by a provider: pinned algorithms, the provider's own keys, and every claim that ties it to us."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from jwt.types import Options

from services.auth.providers.calling import Caller
from services.auth.providers.reading import same
from shared.kernel.errors import Code, LoginFailed

KEYS_LIVE_SECONDS = 3600.0
"""A key that the provider withdrew is honoured no longer than this."""
LEEWAY_SECONDS = 60.0
FURTHEST_SECONDS = 1e12
"""No time is further away; nor is infinity, or what is no number at all."""
ASYMMETRIC = {"RSA", "EC", "OKP"}
CLAIMS = ("exp", "iat", "aud", "iss", "sub")


class KeySet:
    """A provider's published keys: kept for an hour, looked at again for an unknown name, but not more often than told."""

    def __init__(
        self,
        caller: Caller,
        url: Callable[[], str],
        *,
        refetch_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._caller = caller
        self._url = url
        self._refetch_seconds = refetch_seconds
        self._monotonic = monotonic
        self._keys: list[dict[str, Any]] = []
        self._fetched_at: float | None = None
        self._looked_again_at: float | None = None

    def ready(self) -> None:
        """Have keys, before a code is spent; raises ``LoginFailed`` when they cannot be had."""
        if self._fetched_at is None or self._monotonic() - self._fetched_at > KEYS_LIVE_SECONDS:
            self._fetch()

    def key(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key of that name, fit for that algorithm; without a name, the only key there is."""
        self.ready()
        found = self._find(kid)
        if found is None and self._may_look_again():
            self._looked_again_at = self._monotonic()
            self._fetch()
            found = self._find(kid)
        if found is None or found.get("kty") not in ASYMMETRIC or found.get("use", "sig") != "sig":
            return None
        if found.get("alg", algorithm) != algorithm:
            return None
        return jwt.PyJWK(found, algorithm=algorithm)

    def _find(self, kid: str | None) -> dict[str, Any] | None:
        named = [key for key in self._keys if kid is None or key.get("kid") == kid]
        return named[0] if len(named) == 1 else None

    def _may_look_again(self) -> bool:
        """Names are invented by whoever sends a token: they must not make us hammer the provider."""
        last = self._looked_again_at
        return last is None or self._monotonic() - last >= self._refetch_seconds

    def _fetch(self) -> None:
        answer = self._caller.repeatable("GET", self._url())
        keys = answer.fields().get("keys")
        if answer.status != 200 or not isinstance(keys, list):
            raise answer.nonsense("no keys")
        self._keys = [key for key in keys if isinstance(key, dict)]
        self._fetched_at = self._monotonic()


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say to be for us."""

    provider: str
    issuer: str
    audiences: frozenset[str]
    algorithms: frozenset[str]
    claims: tuple[str, ...] = CLAIMS


def verify(token: str, expected: Expected, keys: KeySet, now: datetime) -> dict[str, Any]:
    """The claims of a token that the provider signed for us; raises ``LoginFailed`` (``login_token_invalid``)."""
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in expected.algorithms or "crit" in header:
            raise _refused(expected, "the algorithm")
        key = keys.key(header.get("kid"), algorithm)
        if key is None:
            raise _refused(expected, "no such key")
        options: Options = {"require": list(expected.claims), **_OURS}
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm], options=options)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
        raise _refused(expected, type(error).__name__) from None
    _check_claims(claims, expected, now)
    return claims


def check_nonce(claims: dict[str, Any], nonce: str, provider: str) -> None:
    """The token answers this attempt and no other; raises ``LoginFailed``."""
    told = claims.get("nonce")
    if not isinstance(told, str) or not same(told, nonce):
        raise LoginFailed(Code.LOGIN_TOKEN_INVALID, f"{provider} token: nonce")


_OURS: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
}
"""Checked by ourselves, below: against our clock, and one audience exactly."""


def _check_claims(claims: dict[str, Any], expected: Expected, now: datetime) -> None:
    if claims["iss"] != expected.issuer:
        raise _refused(expected, "iss")
    told = claims["aud"]
    audience = told if isinstance(told, list) else [told]
    if len(audience) != 1 and claims.get("azp") not in expected.audiences:
        raise _refused(expected, "azp")
    if not any(isinstance(one, str) and one in expected.audiences for one in audience):
        raise _refused(expected, "aud")
    present = now.timestamp()
    if "exp" in claims and _seconds(claims["exp"], expected) <= present - LEEWAY_SECONDS:
        raise _refused(expected, "exp")
    if _seconds(claims["iat"], expected) > present + LEEWAY_SECONDS:
        raise _refused(expected, "iat")
    if "nbf" in claims and _seconds(claims["nbf"], expected) > present + LEEWAY_SECONDS:
        raise _refused(expected, "nbf")


def _seconds(value: object, expected: Expected) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < FURTHEST_SECONDS:
        raise _refused(expected, "a time that is no number")
    return float(value)


def _refused(expected: Expected, why: str) -> LoginFailed:
    return LoginFailed(Code.LOGIN_TOKEN_INVALID, f"{expected.provider} token: {why}")
