"""Alipay's RSA2: what is signed, how keys are written, and which bytes of an answer a signature covers."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256


def joined(parameters: Mapping[str, str]) -> str:
    """``a=1&b=2``, sorted by name, nothing encoded, without ``sign`` and without empty values."""
    kept = sorted((name, value) for name, value in parameters.items() if name != "sign" and value)
    return "&".join(f"{name}={value}" for name, value in kept)


def sign(key: RSAPrivateKey, text: str) -> str:
    """The signature of a text, in base64."""
    return base64.b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()


def is_signed(key: RSAPublicKey, text: str, signature: str) -> bool:
    """Whether Alipay signed this text."""
    try:
        key.verify(base64.b64decode(signature, validate=True), text.encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def signed_part(answer: str, node: str) -> str | None:
    """The exact text of ``node``'s value in an answer: that, byte for byte, is what was signed."""
    mark = f'"{node}"'
    at = answer.find(mark)
    if at < 0:
        return None
    start = answer.find("{", at + len(mark))
    try:
        _, end = json.JSONDecoder().raw_decode(answer, start)
    except (ValueError, RecursionError):
        return None
    return answer[start:end]
