"""Subjects and their states: active, then erasing; a gone subject has no row at all, only a tombstone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.auth.domain.consents import AgeBand
from shared.kernel.states import moved


class SubjectState(StrEnum):
    """Active: may use the service. Erasing: fenced, its key is gone, rows wait for the end of the purge."""

    ACTIVE = "active"
    ERASING = "erasing"


MOVES: dict[SubjectState, frozenset[SubjectState]] = {
    SubjectState.ACTIVE: frozenset({SubjectState.ERASING}),
    SubjectState.ERASING: frozenset(),
}


def move(now: SubjectState, to: SubjectState) -> SubjectState:
    """``to``, when the table allows it; the same state again is a no-op. Raises :class:`Conflict`."""
    return moved(MOVES, now, to, "subject")


@dataclass(frozen=True, slots=True)
class Subject:
    """Whoever data belongs to; ``wrapped_key`` is None once it is erasing."""

    subject_id: UUID
    kind: str
    state: SubjectState
    wrapped_key: bytes | None
    created_at: datetime
    age_band: AgeBand | None = None
    profile: bytes | None = None
    """Sealed under the subject's data key."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A temporary identity: a device (as keyed hash) and the hash of the secret that lets it resume."""

    subject_id: UUID
    device_hash: str
    secret_hash: str
