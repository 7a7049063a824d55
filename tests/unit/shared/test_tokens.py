"""Signed tokens: ours, of their kind, in their time; everything else ends at the door."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from shared.crypto.signing import BadSignature, Expired, Signer, public_keys, unverified, verify
from shared.kernel.personal import Secret

SEED = Secret(b"s" * 32)
SIGNER = Signer({"k1": SEED})
KEYS = public_keys(SIGNER.jwks())
KIND = "at+jwt"


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"iss": "pocketid", "sub": "x", "iat": now, "exp": now + 600, **changes}


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def forge(header: dict[str, Any], payload: dict[str, Any], sign: Any) -> str:
    body = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(payload).encode())}"
    return f"{body}.{b64(sign(body.encode()))}"


def refused(token: str, **options: Any) -> None:
    with pytest.raises(BadSignature):
        verify(token, KEYS, **{"kind": KIND, "issuer": "pocketid", **options})


def test_a_token_of_ours_is_verified_by_the_published_keys_alone() -> None:
    """The JWKS holds public halves only."""
    token = SIGNER.sign(claims(), kind=KIND)
    assert verify(token, KEYS, kind=KIND, issuer="pocketid")["sub"] == "x"
    for key in SIGNER.jwks():
        assert set(key) == {"kty", "crv", "use", "alg", "kid", "x"}
    assert b64(SEED.reveal()) not in json.dumps(SIGNER.jwks())


def test_alg_none_is_refused() -> None:
    """The oldest trick."""
    for name in ("none", "None", "NONE"):
        refused(forge({"alg": name, "kid": "k1", "typ": KIND}, claims(), lambda body: b""))


def test_a_public_key_used_as_an_hmac_secret_is_refused() -> None:
    """Key confusion: what everybody knows must not sign."""
    raw = KEYS["k1"].public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = KEYS["k1"].public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (raw, pem):
        refused(
            forge(
                {"alg": "HS256", "kid": "k1", "typ": KIND},
                claims(),
                lambda b, s=secret: hmac.digest(s, b, hashlib.sha256),
            )
        )


def test_one_kind_of_token_never_passes_for_another() -> None:
    """A certificate is no access token, and the other way round."""
    for kind in ("JWT", "purge-certificate+jwt", ""):
        refused(SIGNER.sign(claims(), kind=kind))


def test_an_expired_token_is_told_apart_from_a_false_one() -> None:
    """The client refreshes the one and starts anew with the other."""
    token = SIGNER.sign(claims(exp=int(time.time()) - 1), kind=KIND)
    with pytest.raises(Expired):
        verify(token, KEYS, kind=KIND, issuer="pocketid")
    with pytest.raises(BadSignature) as other:
        verify(Signer({"k1": Secret(b"x" * 32)}).sign(claims(exp=0), kind=KIND), KEYS, kind=KIND)
    assert not isinstance(other.value, Expired), "a forged token is not merely late"


def test_an_unknown_missing_or_odd_key_name_is_refused() -> None:
    """The name chooses among our keys and does nothing else."""
    refused(Signer({"k2": SEED}).sign(claims(), kind=KIND))
    signature = lambda body: b"\x00" * 64  # noqa: E731
    for kid in (None, 1, ["k1"], {"k1": 1}, "../k1", ""):
        refused(forge({"alg": "EdDSA", "kid": kid, "typ": KIND}, claims(), signature))
    refused(forge({"alg": "EdDSA", "typ": KIND}, claims(), signature))


def test_another_issuer_is_refused() -> None:
    """Keys may be shared by mistake; the issuer is looked at too."""
    refused(SIGNER.sign(claims(iss="somebody"), kind=KIND))


def test_both_keys_verify_during_a_rotation_and_the_first_one_signs() -> None:
    """Tokens of the old key live out their time."""
    rotated = Signer({"k2": Secret(b"n" * 32), "k1": SEED})
    both = public_keys(rotated.jwks())
    for token in (SIGNER.sign(claims(), kind=KIND), rotated.sign(claims(), kind=KIND)):
        assert verify(token, both, kind=KIND)
    assert unverified(rotated.sign(claims(), kind=KIND))["kid"] == "k2"


@given(st.one_of(st.text(max_size=80), st.from_regex(r"[A-Za-z0-9_-]{0,30}\.[A-Za-z0-9_-]{0,30}\.[A-Za-z0-9_-]{0,30}")))
def test_garbage_is_refused_and_never_another_error(token: str) -> None:
    """Anybody may send anything in the Authorization header."""
    refused(token)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=4), x, max_size=3),
    )
)
def test_any_json_as_header_or_payload_is_refused(value: Any) -> None:
    """Well-formed nonsense too."""
    for header, payload in ((value, claims()), ({"alg": "EdDSA", "kid": "k1", "typ": KIND}, value)):
        refused(forge(header, payload, lambda body: b"\x00" * 64))


def test_keys_of_other_kinds_in_a_jwks_are_passed_over() -> None:
    """A newer auth may publish what we do not know yet."""
    assert set(public_keys([{"kty": "RSA", "kid": "r", "n": "..."}, *SIGNER.jwks()])) == {"k1"}
