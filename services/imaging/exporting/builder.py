"""Builds one export: every service is asked, every photo opened one at a time, the ZIP sealed part by part into the store.

Each part is registered with retention before it is written, and sealed under a key that is asked for anew: behind a
fence there is neither, and what was written goes. A build that died is begun again under a new number.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel

from services.imaging.domain.photos import CUTOUT, ORIGINAL
from services.imaging.exporting import record
from services.imaging.exporting.archive import PART_BYTES, Archive
from services.imaging.exporting.page import index_page
from services.imaging.ports import SubjectKeys
from shared.contracts import Call, bookkeeping, consents, imaging, retention, rights
from shared.crypto import DataKey, seal, unseal
from shared.kernel.clock import Clock, rfc3339
from shared.kernel.errors import Conflict, NotFound, PhotoRejected, SubjectErased
from shared.pictures.sniff import Format, format_of
from shared.storage import ObjectMissing, ObjectStore, object_key
from shared.storage.port import export_key, photo_prefix
from shared.telemetry import metrics

A = TypeVar("A", bound=BaseModel)
_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}


class Asks(Protocol):
    """Calls to the services."""

    def ask(self, call: Call[A]) -> A:
        """The answer; raises a coded error."""


class Pictures(Protocol):
    """Shows a stored cutout."""

    def cutout_picture(self, cutout_bytes: bytes) -> bytes:
        """As PNG."""


@dataclass(frozen=True, slots=True)
class ExportParts:
    """Everything a builder depends on. ``keys`` are for reading a person's own data, which needs no consent."""

    asker: Asks
    store: ObjectStore
    keys: SubjectKeys
    pictures: Pictures
    clock: Clock
    part_bytes: int = PART_BYTES


def build_export(job: retention.BuildExport, parts: ExportParts) -> None:
    """Build it whole, or leave nothing. There is nothing to do for one that has ended, or whose subject has."""
    ids = {"subject_id": job.subject_id, "export_id": job.export_id}
    try:
        begun = parts.asker.ask(rights.BeginExport(**ids))
    except (SubjectErased, NotFound):
        # An earlier try of this job may have written after the purge had passed.
        parts.keys.fence(job.subject_id)
        parts.store.delete_prefix(photo_prefix(job.subject_id, job.export_id))
        return
    except Conflict:
        return
    build = _Build(job, begun.attempt, parts)
    try:
        with metrics.EXPORT_SECONDS.time():
            size = build.run()
        parts.asker.ask(rights.FinishExport(**ids, attempt=begun.attempt, bytes=size))
    except (SubjectErased, NotFound):
        parts.keys.fence(job.subject_id)
        build.undo()
    except Conflict:
        # Another builder has overtaken this one.
        build.undo()
    except Exception:
        build.undo()
        raise


def fail_export(job: retention.BuildExport, parts: ExportParts) -> None:
    """The job is about to be buried."""
    parts.asker.ask(rights.FailExport(subject_id=job.subject_id, export_id=job.export_id))


class _Build:
    """One build of one export."""

    def __init__(self, job: retention.BuildExport, attempt: int, parts: ExportParts) -> None:
        self._subject_id = job.subject_id
        self._export_id = job.export_id
        self._attempt = attempt
        self._parts = parts
        self._now = parts.clock()
        self._written: list[str] = []

    def run(self) -> int:
        """The archive's size once all its parts are stored."""
        ask, subject_id = self._parts.asker.ask, self._subject_id
        account = record.account_record(ask(consents.ExportSubject(subject_id=subject_id)), self._key)
        money = record.payments_record(ask(bookkeeping.ExportSubject(subject_id=subject_id)))
        rest = record.rights_record(ask(rights.ExportSubject(subject_id=subject_id)), self._key)
        with Archive(self._take, self._parts.part_bytes) as archive:
            photos = self._photos(archive)
            content: dict[str, Any] = {
                "format": record.FORMAT,
                "exported_at": rfc3339(self._now),
                "account": account,
                "photos": photos,
                "payments": money,
                **rest,
            }
            text = json.dumps(content, ensure_ascii=False, indent=2).encode()
            archive.add("data.json", text, self._now, deflate=True)
            archive.add("index.html", index_page(content).encode(), self._now, deflate=True)
        return archive.size

    def undo(self) -> None:
        """Delete what this build has written, and nothing of another one."""
        self._parts.store.delete(self._written)

    def _key(self) -> DataKey:
        return self._parts.keys.key_of(self._subject_id)

    def _take(self, number: int, part: bytes) -> None:
        key = export_key(self._subject_id, self._export_id, self._attempt, number)
        self._parts.asker.ask(
            rights.RegisterPart(
                subject_id=self._subject_id, export_id=self._export_id, attempt=self._attempt, part=number
            )
        )
        sealed = seal(self._key(), part, key)
        self._written.append(key)
        self._parts.store.put(key, sealed)

    def _photos(self, archive: Archive) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: UUID | None = None
        while True:
            page = self._parts.asker.ask(imaging.ExportSubject(subject_id=self._subject_id, cursor=cursor))
            found += [self._photo(portion, archive) for portion in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return found

    def _photo(self, portion: imaging.PhotoPortion, archive: Archive) -> dict[str, Any]:
        told = record.photo_record(portion, self._key)
        photo_id, at = portion.photo.photo_id, portion.photo.created_at
        original = self._open(object_key(self._subject_id, photo_id, ORIGINAL))
        if original is not None:
            told["original"] = _add(archive, f"photos/{photo_id}/original.{_ending(original)}", original, at)
        cutout = self._open(object_key(self._subject_id, photo_id, CUTOUT))
        if cutout is not None:
            picture = self._parts.pictures.cutout_picture(cutout)
            told["cutout"] = _add(archive, f"photos/{photo_id}/cutout.png", picture, at)
        for render, shown in zip(portion.renders, told["renders"], strict=True):
            name = f"photos/{photo_id}/renders/{render.render_id}"
            shown.update(self._render(render, shown["facts"].get("media_type", ""), name, archive))
        return told

    def _render(self, render: imaging.RenderState, media_type: str, name: str, archive: Archive) -> dict[str, str]:
        """The finished file where it is unlocked; else the preview that everybody gets."""
        if not render.unlocked:
            preview = self._open(render.preview_key)
            return {"preview": _add(archive, f"{name}-preview.jpg", preview, render.created_at)} if preview else {}
        file = self._open(render.file_key)
        ending = _ENDINGS.get(media_type, "bin")
        return {"file": _add(archive, f"{name}.{ending}", file, render.created_at)} if file else {}

    def _open(self, key: str) -> bytes | None:
        """An object's clear bytes; None when it is not kept (any more): photos may be deleted meanwhile."""
        try:
            sealed = self._parts.store.get(key)
        except ObjectMissing:
            return None
        return unseal(self._key(), sealed, key)


def _add(archive: Archive, name: str, content: bytes, at: datetime) -> str:
    archive.add(name, content, at)
    return name


def _ending(picture: bytes) -> str:
    try:
        kind = format_of(picture)
    except PhotoRejected:
        return "bin"
    return "jpg" if kind is Format.JPEG else str(kind)
