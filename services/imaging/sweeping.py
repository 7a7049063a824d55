"""What imaging's timers clean up: uploads that never ended, renders cut short, objects that no row knows."""

from __future__ import annotations

from uuid import UUID

from services.imaging.domain.photos import PhotoState
from services.imaging.ports import ImagingParts
from services.imaging.use_cases import delete_found
from shared.kernel.ids import milliseconds_of
from shared.storage.port import is_export

SWEEP_BATCH = 500


def sweep_uploads(parts: ImagingParts) -> int:
    """Delete photos whose upload never finished or whose deletion was cut short; how many."""
    before = parts.clock() - parts.upload_grace
    waiting = (PhotoState.UPLOADING, PhotoState.DELETING)
    return delete_found(
        lambda tx: [photo for state in waiting for photo in tx.photos_waiting(state, before, SWEEP_BATCH)], parts
    )


def sweep_renders(parts: ImagingParts) -> int:
    """Delete what a worker that died half way through a render left: its objects, then its rows; how many."""
    with parts.work.begin() as tx:
        stale = tx.renders_unfinished(parts.clock() - parts.upload_grace, SWEEP_BATCH)
    for render in stale:
        parts.store.delete([render.file_key, render.preview_key])
        with parts.work.begin() as tx:
            tx.delete_render(render.render_id)
            tx.forget_object(render.file_key)
            tx.forget_object(render.preview_key)
    return len(stale)


def sweep_store(parts: ImagingParts) -> int:
    """Delete objects that no row knows: what a process that died between a fence and its clean-up left. How many.

    Young photos are passed over: their upload may be under way. Their age is in their id. Exports are retention's.
    """
    oldest = (parts.clock() - parts.upload_grace).timestamp() * 1000
    swept = 0
    batch: list[str] = []
    for key in parts.store.keys(""):
        if not is_export(key) and _photo_milliseconds(key) < oldest:
            batch.append(key)
        if len(batch) == SWEEP_BATCH:
            swept += _sweep_batch(batch, parts)
            batch = []
    return swept + _sweep_batch(batch, parts)


def _photo_milliseconds(key: str) -> int:
    try:
        return milliseconds_of(UUID(key.split("/")[1]))
    except (IndexError, ValueError):
        return 0


def _sweep_batch(keys: list[str], parts: ImagingParts) -> int:
    with parts.work.begin() as tx:
        orphans = tx.unregistered(keys)
    parts.store.delete(orphans)
    return len(orphans)
