"""When a notice is sent again: pure arithmetic."""

from __future__ import annotations

from datetime import timedelta

GAPS = tuple(timedelta(minutes=minutes) for minutes in (4, 10, 10, 60, 120, 360, 900))
"""Between the eight sends."""


def gap_after(sends: int, speed: float) -> timedelta | None:
    """How long to wait after so many sends; ``None`` when Alipay gives up. Raises ``ValueError`` before the first."""
    if sends < 1:
        raise ValueError("the first send is not a retry")
    return GAPS[sends - 1] / speed if sends <= len(GAPS) else None
