"""Exports: their states, the one table of moves between them, and when a build is given up.

A build may die anywhere and begin again: each has a number that its objects carry, and only the newest can be finished.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from shared.kernel.states import moved

STALLED_AFTER = timedelta(minutes=10)
"""A build from which nothing was heard for so long is begun again by somebody else."""
MOST_BUILDS = 5
ROW_KEPT = timedelta(days=30)
"""How long the row of an export that has ended stays, for its subject to see; its objects go at once."""
A_DAY = timedelta(days=1)


class ExportState(StrEnum):
    """Expired and failed exports have no objects, or will have none in a moment."""

    QUEUED = "queued"
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


MOVES: dict[ExportState, frozenset[ExportState]] = {
    ExportState.QUEUED: frozenset({ExportState.BUILDING, ExportState.FAILED}),
    ExportState.BUILDING: frozenset({ExportState.READY, ExportState.FAILED}),
    ExportState.READY: frozenset({ExportState.EXPIRED}),
    ExportState.FAILED: frozenset(),
    ExportState.EXPIRED: frozenset(),
}
UNDER_WAY = frozenset({ExportState.QUEUED, ExportState.BUILDING})
ENDED = frozenset({ExportState.FAILED, ExportState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Export:
    """One export. ``parts`` are registered before they are written; ``cleared`` once an ended one has no objects."""

    export_id: UUID
    subject_id: UUID
    state: ExportState
    requested_at: datetime
    heard_at: datetime
    attempt: int = 0
    parts: int = 0
    size: int | None = None
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    cleared: bool = False


def move(export: Export, to: ExportState) -> Export:
    """The export in state ``to``; the same state again is a no-op. Raises :class:`Conflict`."""
    return replace(export, state=moved(MOVES, export.state, to, "export"))


def begun(export: Export, now: datetime) -> Export:
    """A builder has taken it up (again): what earlier builds registered does not count."""
    return replace(move(export, ExportState.BUILDING), attempt=export.attempt + 1, parts=0, heard_at=now)


def finished(export: Export, size: int, now: datetime, life: timedelta) -> Export:
    """All its parts are stored."""
    return replace(move(export, ExportState.READY), size=size, expires_at=now + life, heard_at=now)


def failed(export: Export, now: datetime) -> Export:
    """It will not be built any more."""
    return replace(move(export, ExportState.FAILED), ended_at=now)


def expired(export: Export, now: datetime) -> Export:
    """Its time is over."""
    return replace(move(export, ExportState.EXPIRED), ended_at=now)


def seen_at(export: Export, now: datetime) -> Export:
    """The export as it is to be shown: past its time it is expired, whether or not the sweep has come by."""
    past = export.state is ExportState.READY and export.expires_at is not None and now >= export.expires_at
    return expired(export, export.expires_at or now) if past else export
