"""What imaging's use cases need from outside; PostgreSQL and a memory twin both give it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.imaging.domain.photos import Photo, Render
from shared.crypto import DataKey
from shared.kernel.clock import Clock
from shared.messaging.transaction import EveryTransaction
from shared.storage import ObjectStore


class ImagingTransaction(EveryTransaction, Protocol):
    """One transaction on imaging's data (the parts every service has, then imaging's own)."""

    def add_photo(self, photo: Photo) -> None:
        """A new photo."""

    def photo(self, photo_id: UUID) -> Photo | None:
        """A photo by id, held until this transaction ends."""

    def photo_seen(self, photo_id: UUID) -> Photo | None:
        """A photo by id, not held: a worker's change of it need not be waited for."""

    def save_photo(self, photo: Photo) -> None:
        """A photo's new state, reasons, analysis and event."""

    def save_unlock(self, photo: Photo) -> None:
        """What of a photo may be downloaded, by its own revision."""

    def delete_photo(self, photo_id: UUID) -> None:
        """Delete the rows of a photo, its renders and objects."""

    def photos_of(self, subject_id: UUID, limit: int, before: UUID | None) -> list[Photo]:
        """The subject's visible photos, newest first."""

    def photos_with_news(self, subject_id: UUID, after: UUID) -> list[Photo]:
        """The subject's visible photos whose last event came after ``after``, oldest event first."""

    def photos_waiting(self, state: str, before: datetime, limit: int) -> list[Photo]:
        """Photos that have been in ``state`` since before a moment."""

    def register_object(self, key: str, photo: Photo) -> None:
        """Commit an object's key before its first byte is written. Again is fine."""

    def forget_object(self, key: str) -> None:
        """The object is deleted."""

    def unregistered(self, keys: Sequence[str]) -> list[str]:
        """Those of ``keys`` that no row knows."""

    def add_render(self, render: Render) -> None:
        """A new render."""

    def render(self, render_id: UUID) -> Render | None:
        """A render by id."""

    def renders_of(self, photo_id: UUID) -> list[Render]:
        """A photo's finished renders, oldest first."""

    def save_render(self, render: Render) -> None:
        """A render's new state and facts."""

    def renders_unfinished(self, before: datetime, limit: int) -> list[Render]:
        """Renders that were begun before a moment and never became ready."""

    def delete_render(self, render_id: UUID) -> None:
        """Delete the row of a render."""

    def delete_subject(self, subject_id: UUID) -> dict[str, int]:
        """Delete every row of the subject; how many, by kind."""

    def subjects_held(self, after: UUID | None, limit: int) -> list[UUID]:
        """Subjects that anything here names, in order, after one."""

    def photos_before(self, before: datetime, limit: int) -> list[Photo]:
        """Visible photos uploaded before a moment, oldest first, held until this transaction ends."""

    def originals_before(self, before: datetime, limit: int) -> list[Photo]:
        """Ready photos uploaded before a moment whose original is still registered."""

    def registered_keys(self, after: str, before: datetime, limit: int) -> list[str]:
        """Objects' keys in byte order after one, of those registered before a moment."""

    def count_subject(self, subject_id: UUID) -> dict[str, int]:
        """How many rows of the subject there are, by kind."""


class ImagingWork(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractContextManager[ImagingTransaction]:
        """A transaction: committed at the end of the block, rolled back on an exception."""


class SubjectKeys(Protocol):
    """Gives a subject's data key to those who may unwrap it."""

    def key_of(self, subject_id: UUID, *, anew: bool = False) -> DataKey:
        """The key, two seconds old at most, or asked for ``anew``; raises ``subject_erased`` when there is none."""

    def fence(self, subject_id: UUID) -> None:
        """Forget it: a fence was seen."""


@dataclass(frozen=True, slots=True)
class ImagingParts:
    """Everything the imaging service's use cases depend on."""

    work: ImagingWork
    store: ObjectStore
    clock: Clock
    upload_grace: timedelta
    unlock_policy: str
    keep_originals: timedelta = timedelta(days=7)
    keep_photos: timedelta = timedelta(days=90)
