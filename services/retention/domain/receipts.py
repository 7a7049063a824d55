"""Receipts: they show a purge's progress without a login, cannot be guessed, hold nothing personal, and are not stored."""

from __future__ import annotations

import base64
import binascii
import hmac
from uuid import UUID

from shared.crypto import keyed_hash
from shared.kernel.errors import NotFound
from shared.kernel.personal import Secret

MAC_BYTES = 16


def receipt_of(purge_id: UUID, key: Secret[bytes], kind: str = "receipt") -> str:
    """The receipt: the purge's id and a 128-bit MAC of it, in base64url (43 characters). A ``ticket`` is the same of feedback."""
    return base64.urlsafe_b64encode(purge_id.bytes + _mac(purge_id, key, kind)).rstrip(b"=").decode()


def purge_of(receipt: str, key: Secret[bytes], kind: str = "receipt") -> UUID:
    """The purge a receipt belongs to; raises :class:`NotFound` for anything we did not make."""
    try:
        raw = base64.urlsafe_b64decode(receipt.encode("ascii") + b"=" * (-len(receipt) % 4))
        purge_id = UUID(bytes=raw[:16])
    except (binascii.Error, ValueError) as error:
        raise NotFound(kind) from error
    if not hmac.compare_digest(raw[16:], _mac(purge_id, key, kind)) or receipt_of(purge_id, key, kind) != receipt:
        raise NotFound(kind)
    return purge_id


def _mac(purge_id: UUID, key: Secret[bytes], kind: str) -> bytes:
    return keyed_hash(key, kind, purge_id.bytes)[:MAC_BYTES]
