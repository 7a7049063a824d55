"""RSA2 (SHA256withRSA, PKCS#1 v1.5): what is signed, how, and with whose key. Never SHA-1, whatever a message says."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

MIN_BITS = 2048


class WrongKey(ValueError):
    """The text is no RSA key of 2048 bits or more in PEM, or bare Base64."""


def private_key(text: str) -> RSAPrivateKey:
    """The app's own private key: PEM (PKCS#1 or PKCS#8), or the bare Base64 that Alipay's tool gives."""
    for label in ("PRIVATE KEY", "RSA PRIVATE KEY"):
        try:
            key = serialization.load_pem_private_key(_pem(text, label), password=None)
        except (ValueError, TypeError):
            continue
        if isinstance(key, RSAPrivateKey) and key.key_size >= MIN_BITS:
            return key
    raise WrongKey("no RSA private key of 2048 bits or more")


def public_key(text: str) -> RSAPublicKey:
    """Alipay's public key (not our own: the most reported mistake), PEM or bare Base64."""
    try:
        key = serialization.load_pem_public_key(_pem(text, "PUBLIC KEY"))
    except (ValueError, TypeError) as error:
        raise WrongKey("no public key") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_BITS:
        raise WrongKey("no RSA public key of 2048 bits or more")
    return key


def request_text(parameters: Mapping[str, str]) -> str:
    """What a request's signature is over: all parameters but ``sign`` and empty ones, sorted, values as they are."""
    return "&".join(f"{name}={value}" for name, value in sorted(parameters.items()) if name != "sign" and value)


def notice_text(parameters: Mapping[str, str]) -> str:
    """What a notice's signature is over: as a request's, but ``sign_type`` does not count."""
    return request_text({name: value for name, value in parameters.items() if name != "sign_type"})


def sign(text: str, key: RSAPrivateKey) -> str:
    """The Base64 signature of ``text`` in UTF-8."""
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def holds(text: bytes, signature: str, key: RSAPublicKey) -> bool:
    """Whether ``signature`` is Alipay's over ``text``; whatever else it is, False."""
    try:
        key.verify(base64.b64decode(signature, validate=True), text, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _pem(text: str, label: str) -> bytes:
    if "-----BEGIN" in text:
        return text.encode()
    body = "".join(text.split())
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()
