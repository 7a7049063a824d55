"""A guardian's consent for a child: asked for by a link that works once, granted by an adult's account, withdrawn at will."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.auth.domain.consents import AgeBand
from shared.kernel.errors import BadRequest, Code, PocketError

LINK_LIFE = timedelta(days=3)
LINKS_AT_ONCE = 5
"""How many links of a child may wait for an answer: one for each who could give it, and no flood."""


@dataclass(frozen=True, slots=True)
class Guardianship:
    """A child's request, and what became of it. ``link_hash`` is None once the link was used."""

    guardianship_id: UUID
    child_id: UUID
    guardian_id: UUID | None
    link_hash: str | None
    expires_at: datetime
    granted_at: datetime | None = None
    withdrawn_at: datetime | None = None

    @property
    def stands(self) -> bool:
        """Whether the child may use the service because of it."""
        return self.granted_at is not None and self.withdrawn_at is None


def may_guard(kind: str, age: AgeBand | None, guardian_id: UUID, child_id: UUID) -> None:
    """Whether this account may consent for that child; raises when not."""
    if guardian_id == child_id:
        raise BadRequest("nobody is their own guardian")
    if kind != "account":
        raise PocketError("a guest cannot be a guardian", code=Code.ACCOUNT_REQUIRED)
    if age is not AgeBand.ADULT:
        raise PocketError("a guardian has declared to be an adult", code=Code.GUARDIAN_MUST_BE_ADULT)
