"""Ed25519 signing keys as JOSE sees them: EdDSA tokens and certificates, and the JWKS that verifies them (RFC 8037)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.kernel.personal import Secret

ALGORITHM = "EdDSA"


class Signer:
    """Ed25519 keys by name; the first signs, the public halves of all are published."""

    def __init__(self, seeds: Mapping[str, Secret[bytes]]) -> None:
        self._private = {kid: Ed25519PrivateKey.from_private_bytes(seed.reveal()) for kid, seed in seeds.items()}
        self.current = next(iter(self._private))

    def sign(self, payload: dict[str, Any], *, kind: str = "JWT") -> str:
        """``payload`` as a compact JWS; ``kind`` becomes the ``typ`` header, so that one kind never passes for another."""
        headers = {"kid": self.current, "typ": kind}
        return jwt.encode(payload, self._private[self.current], algorithm=ALGORITHM, headers=headers)

    def jwks(self) -> list[dict[str, str]]:
        """The public keys, as JWK dictionaries."""
        return [
            {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": ALGORITHM, "kid": kid, "x": _b64(_raw(key))}
            for kid, key in self._private.items()
        ]


class BadSignature(Exception):
    """Not signed by any of the keys, or signed as something else, or (for tokens) past its time."""


class Expired(BadSignature):
    """Truly signed, but past its time."""


def verify(
    token: str, keys: Mapping[str, Ed25519PublicKey], *, kind: str = "JWT", issuer: str | None = None
) -> dict[str, Any]:
    """The payload of a compact JWS signed by one of ``keys``; raises :class:`BadSignature`, :class:`Expired`.

    Only EdDSA is accepted, whatever the header says: ``none`` and key confusion end here.
    """
    try:
        header = jwt.get_unverified_header(token)
        key = keys.get(header.get("kid", ""))
        if key is None or header.get("typ") != kind:
            raise BadSignature("unknown key or another kind of token")
        payload: dict[str, Any] = jwt.decode(
            token, key, algorithms=[ALGORITHM], issuer=issuer, options={"verify_aud": False}
        )
    except jwt.ExpiredSignatureError as error:
        raise Expired("past its time") from error
    except (jwt.PyJWTError, ValueError) as error:
        raise BadSignature(type(error).__name__) from error
    return payload


def unverified(token: str) -> dict[str, Any]:
    """``{"kid": ..., "payload": ...}`` of a compact JWS, for display only: nothing has been checked."""
    payload: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return {"kid": jwt.get_unverified_header(token).get("kid"), "payload": payload}


def public_keys(jwks: list[dict[str, str]]) -> dict[str, Ed25519PublicKey]:
    """The keys of a JWKS by name; entries that are not Ed25519 are passed over."""
    return {
        key["kid"]: Ed25519PublicKey.from_public_bytes(_unb64(key["x"])) for key in jwks if key.get("crv") == "Ed25519"
    }


def _raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
