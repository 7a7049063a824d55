"""Reads fields of answers whose authors disagree on types: numbers as text, booleans as text, blanks for nothing."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from shared.kernel.errors import BadRequest, Code, LoginFailed
from shared.kernel.personal import Personal, Secret

LONGEST_ID = 255


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


def needed(value: Secret[str] | None, name: str) -> str:
    """A part of the proof; raises ``BadRequest`` when it is missing, empty or absurdly long."""
    if value is None or not value.reveal() or len(value.reveal()) > 8192:
        raise BadRequest(f"the proof has no usable {name}")
    return value.reveal()


def same(one: str, other: str) -> bool:
    """Whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def digest_of(*parts: str) -> str:
    """A name for these texts together that does not show them."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
