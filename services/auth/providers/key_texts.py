"""Reads keys the way consoles hand them out: PEM, or the bare base64 of its DER."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from shared.kernel.personal import Secret


def rsa_private_key(text: Secret[str]) -> RSAPrivateKey:
    """An RSA key, PKCS#1 or PKCS#8; raises ``ValueError`` for anything else."""
    key = _private(text)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA private key")  # noqa: TRY004 - a wrong setting is a wrong value
    return key


def ec_private_key(text: Secret[str]) -> EllipticCurvePrivateKey:
    """A P-256 key (Apple's .p8); raises ``ValueError`` for anything else."""
    key = _private(text)
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError("not a P-256 private key")
    return key


def rsa_public_key(text: str) -> RSAPublicKey:
    """An RSA public key; raises ``ValueError`` for anything else."""
    if "-----" in text:
        key = serialization.load_pem_public_key(text.encode())
    else:
        key = serialization.load_der_public_key(_der(text))
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA public key")  # noqa: TRY004 - a wrong setting is a wrong value
    return key


def _private(text: Secret[str]) -> PrivateKeyTypes:
    written = text.reveal()
    if "-----" in written:
        return serialization.load_pem_private_key(written.encode(), password=None)
    return serialization.load_der_private_key(_der(written), password=None)


def _der(text: str) -> bytes:
    return base64.b64decode("".join(text.split()), validate=True)
