"""Amounts: integer fen inside, yuan with two decimals on Alipay's side. No float anywhere."""

from __future__ import annotations

import re

from shared.kernel.errors import BadRequest

_YUAN = re.compile(r"(-?)(\d{1,9})(?:\.(\d{1,2}))?")


def yuan(fen: int) -> str:
    """``690`` is ``6.90``."""
    whole, cents = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole}.{cents:02d}"


def fen(text: str) -> int:
    """``6.90``, ``6.9`` and ``6`` yuan in fen; raises :class:`BadRequest` for anything that is no such amount."""
    found = _YUAN.fullmatch(text.strip()) if text.isascii() else None
    if found is None:
        raise BadRequest("not an amount of yuan")
    sign, whole, cents = found.groups()
    amount = int(whole) * 100 + int((cents or "").ljust(2, "0"))
    return -amount if sign else amount
