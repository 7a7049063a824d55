"""Keys that sign tokens, their rotation, and tokens that are crooked in every way an attacker would try."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

TWISTS: Mapping[str, str] = {
    "alg_none": "`alg` none, no signature",
    "hs256_public_key": "HMAC with our public key (PEM) as its secret: key confusion",
    "foreign_key": "signed with another key, under the name of ours",
    "unknown_kid": "signed with a key that is not published",
    "wrong_aud": "for another app",
    "wrong_iss": "by another issuer",
    "wrong_nonce": "for another attempt",
    "no_nonce": "without a nonce",
    "expired": "an hour old and over",
    "future": "issued in an hour",
    "no_sub": "about nobody",
    "tampered": "altered after signing",
}
"""Ways in which a token can be crooked."""


def new_rsa_key() -> RSAPrivateKey:
    """2048 bits."""
    return generate_private_key(65537, 2048)


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class SigningKeys:
    """A provider's keys: the newest signs, all are published."""

    def __init__(self, name: str, count: int = 2) -> None:
        self._name = name
        self._made = 0
        self._keys: dict[str, RSAPrivateKey] = {}
        for _ in range(count):
            self.rotate(keep=count)

    def rotate(self, keep: int = 2) -> str:
        """A new key signs from now on; only the newest ``keep`` are still published. The new one's name."""
        self._made += 1
        kid = f"{self._name}-{self._made}"
        self._keys[kid] = new_rsa_key()
        self._keys = dict(list(self._keys.items())[-keep:])
        return kid

    def jwks(self) -> dict[str, Any]:
        """The public halves."""
        return {"keys": [_jwk(kid, key) for kid, key in self._keys.items()]}

    def sign(self, claims: Mapping[str, Any], *, algorithm: str = "RS256", twist: str = "") -> str:
        """A compact JWS by the newest key, straight or crooked."""
        kid, key = list(self._keys.items())[-1]
        told = _twisted(claims, twist)
        if twist == "alg_none":
            return _compact({"alg": "none", "kid": kid}, told, lambda _: b"")
        if twist == "hs256_public_key":
            secret = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            return _compact({"alg": "HS256", "kid": kid}, told, lambda text: hmac.digest(secret, text, "sha256"))
        if twist in ("foreign_key", "unknown_kid"):
            key, kid = new_rsa_key(), f"{kid}-x" if twist == "unknown_kid" else kid
        token = _compact({"alg": algorithm, "kid": kid}, told, lambda text: _sign(key, text, algorithm))
        if twist == "tampered":
            header, _, signature = token.split(".")
            return ".".join((header, b64(json.dumps({**told, "sub": "somebody else"}).encode()), signature))
        return token


def _twisted(claims: Mapping[str, Any], twist: str) -> dict[str, Any]:
    told = dict(claims)
    changes: dict[str, dict[str, Any]] = {
        "wrong_aud": {"aud": "com.example.another"},
        "wrong_iss": {"iss": "https://accounts.example.com"},
        "wrong_nonce": {"nonce": hashlib.sha256(b"another attempt").hexdigest()},
        "expired": {"iat": told.get("iat", 0) - 7200, "exp": told.get("iat", 0) - 3600},
        "future": {"iat": told.get("iat", 0) + 3600, "exp": told.get("iat", 0) + 7200},
    }
    told |= changes.get(twist, {})
    for missing in {"no_nonce": ["nonce"], "no_sub": ["sub"]}.get(twist, []):
        told.pop(missing, None)
    return told


def _sign(key: RSAPrivateKey, text: bytes, algorithm: str) -> bytes:
    if algorithm == "PS256":
        return key.sign(text, PSS(MGF1(SHA256()), PSS.DIGEST_LENGTH), SHA256())
    return key.sign(text, PKCS1v15(), SHA256())


def _compact(header: Mapping[str, Any], claims: Mapping[str, Any], signer: Callable[[bytes], bytes]) -> str:
    head, body = (b64(json.dumps(part).encode()) for part in (header, claims))
    return f"{head}.{body}.{b64(signer(f'{head}.{body}'.encode()))}"


def _jwk(kid: str, key: RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {
        "kty": "RSA",
        "kid": kid,
        "use": "sig",
        "n": b64(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
        "e": b64(numbers.e.to_bytes(3, "big")),
    }
