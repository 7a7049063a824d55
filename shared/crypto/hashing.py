"""Hashes that stand for something we must recognise and may not keep: devices, tokens, erased subjects."""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

from shared.kernel.personal import Secret


def keyed_hash(key: Secret[bytes], purpose: str, value: bytes) -> bytes:
    """HMAC-SHA256 (32 bytes) of ``value`` for one purpose; useless without the key, unlinkable between purposes."""
    return hmac.digest(key.reveal(), purpose.encode() + b"\x00" + value, hashlib.sha256)


def device_hash(pepper: Secret[bytes], device_id: UUID) -> str:
    """What stands for a device UUID everywhere behind the gateway (hex of a keyed hash)."""
    return keyed_hash(pepper, "device", device_id.bytes).hex()


def token_hash(token: str) -> str:
    """What is kept of a random token of ours (hex SHA-256; the token has 256 bits, so no key is needed)."""
    return hashlib.sha256(token.encode()).hexdigest()


def tombstone(key: Secret[bytes], subject_id: UUID) -> bytes:
    """What a fence keeps of an erased subject: recognises its id when a late message names it, tells nothing else."""
    return keyed_hash(key, "tombstone", subject_id.bytes)
