"""Imaging's data in memory, keys that can be taken away, and a studio without pixels: twins for tests and simulations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.imaging.domain.photos import ORIGINAL, VISIBLE, Photo, PhotoState, Render
from shared.crypto import DataKey, new_data_key
from shared.kernel.clock import Clock, utc_now
from shared.kernel.errors import Code, PhotoRejected, PocketError, SubjectErased
from shared.kernel.personal import Secret
from shared.testing.faults import Hook, calm
from shared.testing.memory_work import ConstraintBroken, MemoryState, MemoryTransaction, MemoryWork, delete_where

NEWS_LIMIT = 200


@dataclass(frozen=True, slots=True)
class _Object:
    subject_id: UUID
    photo_id: UUID
    registered_at: datetime


@dataclass
class ImagingState(MemoryState):
    """Imaging's tables."""

    photos: dict[UUID, Photo] = field(default_factory=dict)
    changed_at: dict[UUID, datetime] = field(default_factory=dict)
    objects: dict[str, _Object] = field(default_factory=dict)
    renders: dict[UUID, Render] = field(default_factory=dict)


class MemoryImaging(MemoryTransaction[ImagingState]):
    """One transaction on imaging's tables."""

    def add_photo(self, photo: Photo) -> None:
        """A new photo."""
        if photo.photo_id in self.state.photos:
            raise ConstraintBroken("photo twice")
        self._put(replace(photo, reasons=(), analysis=None, event_id=None))

    def photo(self, photo_id: UUID) -> Photo | None:
        """A photo by id."""
        return self.state.photos.get(photo_id)

    def photo_seen(self, photo_id: UUID) -> Photo | None:
        """A photo by id."""
        return self.state.photos.get(photo_id)

    def save_photo(self, photo: Photo) -> None:
        """A photo's new state, reasons, analysis and event."""
        held = self.state.photos.get(photo.photo_id)
        if held is not None:
            kept = ("subject_id", "created_at", "unlock_revision", "unlocked_scopes", "unlocked_at", "people")
            self._put(replace(photo, **{name: getattr(held, name) for name in kept}))

    def save_unlock(self, photo: Photo) -> None:
        """What of a photo may be downloaded, by its own revision."""
        held = self.state.photos.get(photo.photo_id)
        if held is not None:
            changed = ("unlock_revision", "unlocked_scopes", "unlocked_at")
            self.state.photos[photo.photo_id] = replace(held, **{name: getattr(photo, name) for name in changed})

    def delete_photo(self, photo_id: UUID) -> None:
        """Delete the rows of a photo, its renders and objects."""
        self.state.photos.pop(photo_id, None)
        self.state.changed_at.pop(photo_id, None)
        delete_where(self.state.objects, lambda row: row.photo_id == photo_id)
        delete_where(self.state.renders, lambda render: render.photo_id == photo_id)

    def photos_of(self, subject_id: UUID, limit: int, before: UUID | None) -> list[Photo]:
        """The subject's visible photos, newest first."""
        found = [p for p in self._visible(subject_id) if before is None or p.photo_id < before]
        return sorted(found, key=lambda photo: photo.photo_id, reverse=True)[:limit]

    def photos_with_news(self, subject_id: UUID, after: UUID) -> list[Photo]:
        """The subject's visible photos whose last event came after ``after``, oldest event first."""
        found = [(p.event_id, p) for p in self._visible(subject_id) if p.event_id is not None and p.event_id > after]
        return [photo for _, photo in sorted(found, key=lambda pair: pair[0])][:NEWS_LIMIT]

    def photos_waiting(self, state: str, before: datetime, limit: int) -> list[Photo]:
        """Photos that have been in ``state`` since before a moment."""
        changed = self.state.changed_at
        found = [p for p in self.state.photos.values() if p.state == state and changed[p.photo_id] < before]
        return sorted(found, key=lambda photo: changed[photo.photo_id])[:limit]

    def register_object(self, key: str, photo: Photo) -> None:
        """Commit an object's key before its first byte is written. Again is fine."""
        self._require_photo(photo.photo_id)
        self.state.objects.setdefault(key, _Object(photo.subject_id, photo.photo_id, self._clock()))

    def forget_object(self, key: str) -> None:
        """The object is deleted."""
        self.state.objects.pop(key, None)

    def unregistered(self, keys: Sequence[str]) -> list[str]:
        """Those of ``keys`` that no row knows."""
        return [key for key in keys if key not in self.state.objects]

    def add_render(self, render: Render) -> None:
        """A new render."""
        self._require_photo(render.photo_id)
        if render.render_id in self.state.renders:
            raise ConstraintBroken("render twice")
        self.state.renders[render.render_id] = render

    def render(self, render_id: UUID) -> Render | None:
        """A render by id."""
        return self.state.renders.get(render_id)

    def renders_of(self, photo_id: UUID) -> list[Render]:
        """A photo's finished renders, oldest first."""
        own = [render for render in self.state.renders.values() if render.photo_id == photo_id and render.ready]
        return sorted(own, key=lambda render: render.render_id)

    def save_render(self, render: Render) -> None:
        """A render's new state and facts."""
        held = self.state.renders.get(render.render_id)
        if held is not None:
            self.state.renders[render.render_id] = replace(held, ready=render.ready, facts=render.facts)

    def renders_unfinished(self, before: datetime, limit: int) -> list[Render]:
        """Renders that were begun before a moment and never became ready."""
        found = [render for render in self.state.renders.values() if not render.ready and render.created_at < before]
        return sorted(found, key=lambda render: render.created_at)[:limit]

    def delete_render(self, render_id: UUID) -> None:
        """Delete the row of a render."""
        self.state.renders.pop(render_id, None)

    def delete_subject(self, subject_id: UUID) -> dict[str, int]:
        """Delete every row of the subject; how many, by kind."""
        counts = self.count_subject(subject_id)
        self.forget_answers(subject_id)
        for photo in [p for p in self.state.photos.values() if p.subject_id == subject_id]:
            self.delete_photo(photo.photo_id)
        return counts

    def photos_before(self, before: datetime, limit: int) -> list[Photo]:
        """Visible photos uploaded before a moment, oldest first."""
        old = [p for p in self.state.photos.values() if p.state in VISIBLE and p.created_at < before]
        return sorted(old, key=lambda photo: photo.created_at)[:limit]

    def originals_before(self, before: datetime, limit: int) -> list[Photo]:
        """Ready photos uploaded before a moment whose original is still registered."""
        ready = [p for p in self.photos_before(before, len(self.state.photos)) if p.state is PhotoState.READY]
        return [photo for photo in ready if photo.key_of(ORIGINAL) in self.state.objects][:limit]

    def registered_keys(self, after: str, before: datetime, limit: int) -> list[str]:
        """Objects' keys in byte order after one, of those registered before a moment."""
        old = [key for key, row in self.state.objects.items() if row.registered_at < before and key > after]
        return sorted(old)[:limit]

    def subjects_held(self, after: UUID | None, limit: int) -> list[UUID]:
        """Subjects that anything here names, in order, after one."""
        return self._page(after, limit, self.state.photos, self.state.objects, self.state.renders)

    def count_subject(self, subject_id: UUID) -> dict[str, int]:
        """How many rows of the subject there are, by kind."""
        return {
            "photos": sum(photo.subject_id == subject_id for photo in self.state.photos.values()),
            "objects": sum(row.subject_id == subject_id for row in self.state.objects.values()),
            "renders": sum(render.subject_id == subject_id for render in self.state.renders.values()),
            "idempotency": self._count_answers(subject_id),
        }

    def _visible(self, subject_id: UUID) -> list[Photo]:
        return [p for p in self.state.photos.values() if p.subject_id == subject_id and p.state in VISIBLE]

    def _put(self, photo: Photo) -> None:
        self.state.photos[photo.photo_id] = photo
        self.state.changed_at[photo.photo_id] = self._clock()

    def _require_photo(self, photo_id: UUID) -> None:
        if photo_id not in self.state.photos:
            raise ConstraintBroken("no such photo")


def memory_imaging(
    tombstone_key: Secret[bytes], *, clock: Clock = utc_now, hook: Hook = calm
) -> MemoryWork[ImagingState, MemoryImaging]:
    """Imaging's work in memory, empty."""
    return MemoryWork(ImagingState(), MemoryImaging, tombstone_key, clock=clock, hook=hook)


class MemoryKeys:
    """Data keys as auth holds them; a fence takes one away for good."""

    def __init__(self) -> None:
        self._keys: dict[UUID, DataKey] = {}
        self.fences_seen: list[UUID] = []

    def admit(self, subject_id: UUID) -> DataKey:
        """A subject starts: it has a key from now on."""
        return self._keys.setdefault(subject_id, new_data_key())

    def destroy(self, subject_id: UUID) -> None:
        """What auth's fence does."""
        self._keys.pop(subject_id, None)

    def key_of(self, subject_id: UUID, *, anew: bool = False) -> DataKey:
        """The key, always asked for anew; raises ``subject_erased`` when there is none."""
        key = self._keys.get(subject_id)
        if key is None:
            raise SubjectErased("no key")
        return key

    def fence(self, subject_id: UUID) -> None:
        """Forget it here. (The key itself is auth's to destroy: another photo of a living subject still opens.)"""
        self.fences_seen.append(subject_id)


@dataclass(frozen=True, slots=True)
class MemoryCutout:
    """What a studio without pixels makes of a photo."""

    analysis: dict[str, Any]
    content: bytes

    def to_bytes(self) -> bytes:
        """The container."""
        return self.content


@dataclass(frozen=True, slots=True)
class MemoryRendered:
    """What it makes of a cutout."""

    image: bytes
    preview: bytes
    width: int
    height: int
    kb: float
    media_type: str
    compliance: dict[str, Any]


class MemoryStudio:
    """A studio without pixels, deterministic, that still minds its inputs.

    A photo is text: ``photo of <somebody>`` (of two: ``photo of <somebody> and <somebody>``), or ``unusable: <code>``. Anything
    else is corrupt, as it would be.
    """

    SPECS = frozenset({"one-inch", "cn-passport"})

    def prepare(self, photo_bytes: bytes, *, people: int = 1) -> str:
        """Who is in the photo; raises :class:`PhotoRejected`."""
        text = photo_bytes.decode(errors="replace")
        if text.startswith("unusable: "):
            raise PhotoRejected(Code(text.removeprefix("unusable: ")))
        if not text.startswith("photo of "):
            raise PhotoRejected(Code.CORRUPT_IMAGE)
        if (found := text.count(" and ") + 1) != people:
            raise PhotoRejected(Code.SECOND_FACE_MISSING if found < people else Code.SEVERAL_FACES)
        return text.removeprefix("photo of ")

    def matte(self, prepared: Sequence[str]) -> list[MemoryCutout]:
        """One cutout each, in order."""
        return [MemoryCutout({"faces": 1, "who": _digest(who)}, f"cutout of {who}".encode()) for who in prepared]

    def cutout_picture(self, cutout_bytes: bytes) -> bytes:
        """Whatever it is, as it is."""
        return b"picture of " + cutout_bytes

    def order_of(self, order: dict[str, Any]) -> str:
        """The spec's id; raises ``unknown_spec``."""
        spec = order.get("spec")
        if spec not in self.SPECS:
            raise PocketError("no such spec", code=Code.UNKNOWN_SPEC)
        return str(spec)

    def render(self, cutout_bytes: bytes, order: str) -> MemoryRendered:
        """A file that depends on the cutout and the order, and on nothing else."""
        if not cutout_bytes.startswith(b"cutout of "):
            raise ValueError("not a cutout of ours")
        image = json.dumps({"of": cutout_bytes.decode(), "spec": order}).encode()
        return MemoryRendered(image, b"preview " + image, 295, 413, len(image) / 1024, "image/jpeg", {"passed": True})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
