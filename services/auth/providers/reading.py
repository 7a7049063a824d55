"""Reads fields of answers whose authors disagree on types: numbers as text, booleans as text, blanks for nothing."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from shared.kernel.errors import BadRequest, Code, LoginFailed
from shared.kernel.personal import Personal, Secret

LONGEST_ID = 255
LONGEST_PART = 8192


def text_of(fields: Mapping[str, Any], name: str) -> str | None:
    """A field as text (an integer counts); ``None`` when it is missing, empty or something else."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def number_of(fields: Mapping[str, Any], name: str) -> int | None:
    """A field as an integer, also when it is written as text; ``None`` when it is missing or something else."""
    text = text_of(fields, name)
    if text is None or len(text) > 20:
        return None
    try:
        return int(text)
    except ValueError:
        return None


def is_true(fields: Mapping[str, Any], name: str) -> bool:
    """Whether a field is true, or says ``true``."""
    return fields.get(name) is True or fields.get(name) == "true"


def id_of(fields: Mapping[str, Any], name: str, provider: str) -> str:
    """An identifier; raises ``LoginFailed`` when there is none that we could keep."""
    found = text_of(fields, name)
    if found is None or len(found) > LONGEST_ID or not found.isprintable():
        raise LoginFailed(Code.LOGIN_TOKEN_INVALID, f"{provider}: no usable {name}")
    return found


def personal(text: str | None) -> Personal[str] | None:
    """A person's value, or nothing; what is too long to be one is nothing. Halves of characters are left out."""
    whole = (text or "").encode("utf-8", "ignore").decode()
    return Personal(whole) if whole and len(whole) <= LONGEST_ID else None


FROM_ATTEMPT = frozenset({"nonce", "code_verifier"})
"""Parts of a proof that a client does not have: its attempt brings them."""


def needed(value: Secret[str] | None, *names: str) -> str:
    """A part of the proof, by the field or fields that could bring it; raises ``BadRequest`` naming them.

    Missing, empty and absurdly long are alike.
    """
    if not _usable(value):
        raise BadRequest.at(*_fields(names), reason="missing" if len(names) == 1 else "one_of_them_missing")
    assert value is not None
    return value.reveal()


def all_needed(**parts: Secret[str] | None) -> None:
    """Raises ``BadRequest`` naming every part of the proof that is not there: all at once, not one a try."""
    missing = [name for name, value in parts.items() if not _usable(value)]
    if missing:
        raise BadRequest.at(*_fields(missing))


def same(one: str, other: str) -> bool:
    """Whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def digest_of(*parts: str) -> str:
    """A name for these texts together that does not show them."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _usable(value: Secret[str] | None) -> bool:
    return value is not None and 0 < len(value.reveal()) <= LONGEST_PART


def _fields(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys("attempt_id" if name in FROM_ATTEMPT else name for name in names))
