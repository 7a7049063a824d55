"""What the doctor found: one thing that was looked at, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    says: str
    mend: str = ""
    """The command (or change) that mends it."""
