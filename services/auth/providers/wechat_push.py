"""Opens WeChat's message push: signature, optional AES, XML or JSON; whatever is not in order is nothing."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from services.auth.providers.reading import same
from shared.kernel.personal import Secret

MAX_BYTES = 64 * 1024
FRESH = timedelta(minutes=10)
BLOCK = 32
"""PKCS#7 to 32 bytes, although the cipher's blocks have 16."""


class Crooked(Exception):
    """Not a push, or not from WeChat."""


@dataclass(frozen=True, slots=True)
class PushKeys:
    """What the push was configured with. With an AES key, pushes in the clear are refused."""

    token: Secret[str]
    aes_key: Secret[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """A genuine push: its fields by name, or what a handshake wants to hear."""

    fields: Mapping[str, str] = field(default_factory=dict)
    handshake: str | None = None
    app_id: str | None = None
    """The app it was encrypted for."""


def parse_aes_key(text: str) -> Secret[bytes]:
    """The 32 bytes of an EncodingAESKey of 43 letters; raises ``ValueError`` otherwise."""
    key = base64.b64decode(text + "=", validate=True)
    if len(key) != 32:
        raise ValueError("an EncodingAESKey has 43 letters")
    return Secret(key)


def open_push(keys: PushKeys, query: Mapping[str, str], body: bytes, now: datetime) -> Push | None:
    """The push, or ``None`` when it is stale, too long, wrongly signed or unreadable."""
    try:
        return _open(keys, query, body, now)
    except (Crooked, ValueError, ET.ParseError, RecursionError):
        return None


def signature(*parts: str) -> str:
    """SHA-1 of the sorted parts: what WeChat signs with."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - WeChat's choice


def _open(keys: PushKeys, query: Mapping[str, str], body: bytes, now: datetime) -> Push:
    if len(body) > MAX_BYTES:
        raise Crooked
    stamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    if not stamp.isdecimal() or len(stamp) > 12 or abs(now.timestamp() - int(stamp)) > FRESH.total_seconds():
        raise Crooked
    if not body or keys.aes_key is None:
        if not same(signature(keys.token.reveal(), stamp, nonce), query.get("signature", "")):
            raise Crooked
        return Push(_fields(body)) if body else Push(handshake=query.get("echostr", ""))
    sealed = _fields(body).get("Encrypt", "")
    if not same(signature(keys.token.reveal(), stamp, nonce, sealed), query.get("msg_signature", "")):
        raise Crooked
    message, app_id = _decrypt(keys.aes_key.reveal(), sealed)
    return Push(_fields(message), app_id=app_id)


def _decrypt(key: bytes, sealed: str) -> tuple[bytes, str]:
    """16 random bytes, the length in 4, the message, the app id."""
    try:
        raw = base64.b64decode(sealed, validate=True)
    except binascii.Error as error:
        raise Crooked from error
    cipher = Cipher(AES(key), CBC(key[:16])).decryptor()
    plain = cipher.update(raw) + cipher.finalize()
    padding = plain[-1] if plain else 0
    if not 1 <= padding <= BLOCK or plain[-padding:] != bytes([padding]) * padding:
        raise Crooked
    length = int.from_bytes(plain[16:20], "big")
    rest = plain[20:-padding]
    if length > len(rest):
        raise Crooked
    return rest[:length], rest[length:].decode()


def _fields(message: bytes) -> dict[str, str]:
    """The flat fields of a message; some of WeChat's own samples have blanks around the names."""
    text = message.decode("utf-8-sig").strip()
    if text.startswith("{"):
        found = json.loads(text)
        return {str(name).strip(): str(value) for name, value in found.items() if isinstance(value, str | int)}
    if "<!" in text.replace("<![CDATA[", ""):
        raise Crooked
    return {part.tag.strip(): (part.text or "").strip() for part in ET.fromstring(text)}  # noqa: S314 - no DTD
