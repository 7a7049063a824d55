"""The people who have accounts at the providers, and the identifiers that each provider gives them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody made up."""

    person_id: str
    nickname: str
    email: str | None = None
    email_verified: bool = True


def letters(length: int, *parts: str) -> str:
    """The same letters and digits for the same parts: an identifier that looks like a provider's."""
    digest = hashlib.sha512("\x1f".join(parts).encode()).digest()
    return base64.b64encode(digest, altchars=b"-_").decode()[:length]


def digits(length: int, *parts: str) -> str:
    """The same digits for the same parts."""
    number = int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest(), "big")
    return str(number)[:length]


def hexes(length: int, *parts: str) -> str:
    """The same upper-case hexadecimal digits for the same parts."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest().upper()[:length]
