"""Photos and renders, their states, and the one table of moves between them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.kernel.states import moved
from shared.storage import object_key


class PhotoState(StrEnum):
    """Uploading: registered, bytes on their way. Deleting: gone for its owner, its objects being deleted."""

    UPLOADING = "uploading"
    QUEUED = "queued"
    PROCESSING = "processing"
    READY = "ready"
    REJECTED = "rejected"
    FAILED = "failed"
    DELETING = "deleting"


MOVES: dict[PhotoState, frozenset[PhotoState]] = {
    PhotoState.UPLOADING: frozenset({PhotoState.QUEUED, PhotoState.DELETING}),
    PhotoState.QUEUED: frozenset({PhotoState.PROCESSING, PhotoState.FAILED, PhotoState.DELETING}),
    PhotoState.PROCESSING: frozenset({PhotoState.READY, PhotoState.REJECTED, PhotoState.FAILED, PhotoState.DELETING}),
    PhotoState.READY: frozenset({PhotoState.DELETING}),
    PhotoState.REJECTED: frozenset({PhotoState.DELETING}),
    # An operator replays the job of a photo that failed.
    PhotoState.FAILED: frozenset({PhotoState.PROCESSING, PhotoState.DELETING}),
    PhotoState.DELETING: frozenset(),
}

SETTLED = frozenset({PhotoState.READY, PhotoState.REJECTED})
"""Work on these is done: a job that comes again has nothing to do."""

VISIBLE = frozenset(PhotoState) - {PhotoState.UPLOADING, PhotoState.DELETING}
"""What an owner sees of its photos; the others are not found."""

ORIGINAL, CUTOUT = "original", "cutout"
PHOTO_SCOPE, SHEET_SCOPE = "photo", "sheet"
"""What payments unlocks of a photo."""


def move(now: PhotoState, to: PhotoState) -> PhotoState:
    """``to``, when the table allows it; the same state again is a no-op. Raises :class:`Conflict`."""
    return moved(MOVES, now, to, "photo")


@dataclass(frozen=True, slots=True)
class Photo:
    """One uploaded picture. ``analysis`` is sealed under the subject's key; ``event_id`` is its last published event.

    ``unlocked_scopes`` is what of it may be downloaded, as payments said with ``unlock_revision``; ``people`` how many are meant
    to be in it.
    """

    photo_id: UUID
    subject_id: UUID
    state: PhotoState
    created_at: datetime
    reasons: tuple[str, ...] = ()
    analysis: bytes | None = None
    event_id: UUID | None = None
    unlock_revision: int = 0
    unlocked_scopes: tuple[str, ...] = ()
    unlocked_at: datetime | None = None
    people: int = 1

    def key_of(self, kind: str) -> str:
        """The object key of one of its objects."""
        return object_key(self.subject_id, self.photo_id, kind)


@dataclass(frozen=True, slots=True)
class Render:
    """One finished ID photo made from a photo. ``facts`` are sealed: size, spec and compliance as JSON."""

    render_id: UUID
    photo_id: UUID
    subject_id: UUID
    ready: bool
    created_at: datetime
    facts: bytes | None = None
    sheet: bool = False

    @property
    def file_key(self) -> str:
        """The object key of the finished file."""
        return object_key(self.subject_id, self.photo_id, f"render-{self.render_id}")

    @property
    def preview_key(self) -> str:
        """The object key of the watermarked preview."""
        return object_key(self.subject_id, self.photo_id, f"preview-{self.render_id}")


def is_unlocked(render: Render, photo: Photo | None, unlock_policy: str) -> bool:
    """Whether a render's file may be downloaded; a sheet needs more than a single photo does."""
    scope = SHEET_SCOPE if render.sheet else PHOTO_SCOPE
    return unlock_policy == "free" or (photo is not None and scope in photo.unlocked_scopes)


def analysis_identity(photo_id: UUID) -> str:
    """What a photo's sealed analysis is bound to."""
    return f"photos/analysis/{photo_id}"


def facts_identity(render_id: UUID) -> str:
    """What a render's sealed facts are bound to."""
    return f"renders/facts/{render_id}"


Facts = dict[str, Any]
"""A render's facts: width, height (px), kb, media_type, spec, compliance."""
