"""Strings to sign, RSA2 signatures, and who holds which key."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

REQUEST = frozenset({"sign"})
"""What a request leaves out of its string: ``sign_type`` stays in."""
NOTICE = frozenset({"sign", "sign_type"})
"""What a notification and a return address leave out."""
CODECS = {"utf-8": "utf-8", "gbk": "gb18030", "gb2312": "gb18030"}
"""The charsets a caller may name, in lower case, and how Python calls them."""
_SHA1 = hashes.SHA1()  # noqa: S303 - the legacy `RSA` type, made on purpose: our service must refuse it


def text_to_sign(parameters: Mapping[str, str], leave_out: Collection[str]) -> str:
    """Raw ``key=value`` joined with ``&``, sorted by key; empty values are left out, too."""
    return "&".join(f"{key}={value}" for key, value in sorted(parameters.items()) if value and key not in leave_out)


def sign(key: rsa.RSAPrivateKey, text: str, charset: str = "utf-8", *, legacy: bool = False) -> str:
    """The signature in standard Base64; ``legacy`` uses SHA-1."""
    signature = key.sign(encode(text, charset), padding.PKCS1v15(), _SHA1 if legacy else hashes.SHA256())
    return base64.b64encode(signature).decode()


def verify(key: rsa.RSAPublicKey, text: str, signature: str, charset: str = "utf-8") -> bool:
    """Whether this is a SHA-256 signature of that text; malformed Base64 is none."""
    try:
        raw = base64.b64decode(signature, validate=True)
        key.verify(raw, encode(text, charset), padding.PKCS1v15(), hashes.SHA256())
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True


def encode(text: str, charset: str) -> bytes:
    """The bytes of a text in a charset as the protocol names it."""
    return text.encode(CODECS[charset.lower()])


def new_key() -> rsa.RSAPrivateKey:
    """2048 bits."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def read_private_key(path: Path) -> rsa.RSAPrivateKey:
    """From a PEM file, PKCS#1 or PKCS#8; raises ``ValueError``."""
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if isinstance(key, rsa.RSAPrivateKey):
        return key
    raise ValueError("not an RSA key")


def read_public_key(text: str) -> rsa.RSAPublicKey:
    """From PEM, or from the bare Base64 that the console shows; raises ``ValueError``."""
    if "BEGIN" not in text:
        lines = [text.strip()[at : at + 64] for at in range(0, len(text.strip()), 64)]
        text = "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])
    key = serialization.load_pem_public_key(text.encode())
    if isinstance(key, rsa.RSAPublicKey):
        return key
    raise ValueError("not an RSA key")


def public_pem(key: rsa.RSAPublicKey) -> str:
    """SubjectPublicKeyInfo, PEM."""
    kind, form = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding.PEM
    return key.public_bytes(form, kind).decode()
