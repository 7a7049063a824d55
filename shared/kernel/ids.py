"""UUIDv7 identifiers (RFC 9562): random, unguessable and ordered by time."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

from shared.kernel.errors import BadRequest

_last = 0
_lock = threading.Lock()


def new_id() -> UUID:
    """A fresh UUIDv7: 48 bits of Unix milliseconds, 12 bits of sub-millisecond order, 62 random bits.

    Ids made by one process are strictly increasing, so that they order events.
    """
    global _last
    with _lock:
        # Milliseconds and a 12-bit fraction of one, as one growing number (RFC 9562, 6.2, method 3).
        _last = max(time.time_ns() * 4096 // 1_000_000, _last + 1)
        stamp = _last
    milliseconds, fraction = divmod(stamp, 4096)
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | fraction << 64
    value |= 0b10 << 62 | int.from_bytes(os.urandom(8), "big") >> 2
    return UUID(int=value)


def parse_id(text: object, what: str = "id") -> UUID:
    """The UUID in ``text``; raises :class:`BadRequest` naming ``what`` when there is none."""
    try:
        return UUID(str(text))
    except ValueError as error:
        raise BadRequest(f"{what} is not a UUID") from error


def milliseconds_of(identifier: UUID) -> int:
    """Unix milliseconds at which a UUIDv7 was made."""
    return identifier.int >> 80
