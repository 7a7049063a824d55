"""Money: whole fen inside, yuan with two decimals on the wire."""

from __future__ import annotations

import re

MOST_FEN = 100_000_000 * 100
_YUAN = re.compile(r"(0|[1-9][0-9]{0,8})(?:\.([0-9]{1,2}))?")


def to_fen(yuan: object) -> int:
    """``"9.90"`` is 990 fen; raises ``ValueError`` unless it is between 0.01 and 100000000.00 yuan."""
    matched = _YUAN.fullmatch(yuan) if isinstance(yuan, str) else None
    if not matched:
        raise ValueError("not an amount in yuan")
    fen = int(matched[1]) * 100 + int((matched[2] or "").ljust(2, "0"))
    if not 1 <= fen <= MOST_FEN:
        raise ValueError("amount out of range")
    return fen


def to_yuan(fen: int) -> str:
    """990 fen is ``"9.90"``; a negative amount keeps its sign."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"
