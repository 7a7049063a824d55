"""Looking again: minutes after a certificate, and every day; what came back is a finding, and is purged again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

AGAIN = timedelta(minutes=5)
MOST_LOOKS = 12
"""So many findings in a row about one subject are not mended by asking again: an operator must look."""


@dataclass(frozen=True, slots=True)
class SecondLook:
    """A look that is due at a subject whose purge is certified; its id is kept sealed."""

    purge_id: UUID
    sealed_id: bytes
    due_at: datetime
    looks: int = 0

    def again(self, now: datetime) -> SecondLook:
        """The same look, later: something was found."""
        return replace(self, due_at=now + AGAIN, looks=self.looks + 1)
