"""What a worker does with a matting job (and, by its neighbour, a render call): pixels outside of transactions, fences inside.

Every step may be the last one of this process. A job that comes again finds the photo's state and the same derived keys.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.imaging.domain.photos import (
    CUTOUT,
    ORIGINAL,
    SETTLED,
    Photo,
    PhotoState,
    analysis_identity,
    move,
)
from services.imaging.render_cases import make_render
from services.imaging.worker_ports import Cutout, Rendered, Studio, WorkerParts
from shared.contracts import imaging as contract
from shared.crypto import seal, unseal
from shared.kernel.errors import ConsentMissing, PhotoRejected, SubjectErased
from shared.storage import ObjectMissing
from shared.storage.port import photo_prefix
from shared.telemetry import metrics

__all__ = [
    "Cutout",
    "Prepared",
    "Rendered",
    "Studio",
    "Void",
    "WorkerParts",
    "fail_job",
    "finish_job",
    "make_render",
    "matte_batch",
    "prepare_job",
]

INBOX = "imaging.matte"
"""The inbox name of matting: one for both job queues, so that a job handled from one is known on the other."""


class Void(Exception):
    """The job has nothing to do any more: its photo is done, deleted, or behind a fence."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job whose photo is decoded and has a usable face."""

    job: contract.MattePhoto
    photo: Photo
    prepared: Any


def prepare_job(job: contract.MattePhoto, parts: WorkerParts) -> Prepared:
    """Take up a job: claim the photo, fetch and open its original, find the face.

    Raises :class:`Void` when there is nothing to do; a photo that cannot be used is settled as rejected, then Void.
    """
    photo = _claim(job, parts)
    try:
        # Anew, now that the photo is claimed: a consent withdrawn before is refused here, one withdrawn later finds its row.
        key = parts.keys.key_of(photo.subject_id, anew=True)
        sealed = parts.store.get(photo.key_of(ORIGINAL))
        original = unseal(key, sealed, photo.key_of(ORIGINAL))
        with metrics.STAGE_SECONDS.labels("prepare").time():
            return Prepared(job, photo, parts.studio.prepare(original, people=photo.people))
    except PhotoRejected as rejection:
        _reject(job, photo, rejection, parts)
        raise Void("rejected") from rejection
    except ConsentMissing as refusal:
        _reject(job, photo, PhotoRejected(refusal.actual_code), parts)
        raise Void("no consent") from refusal
    except SubjectErased as error:
        _clean_up(photo, parts)
        raise Void("no key") from error
    except ObjectMissing as error:
        if _is_void(photo, parts):
            raise Void("purged meanwhile") from error
        raise


def matte_batch(jobs: Sequence[Prepared], parts: WorkerParts) -> list[Cutout]:
    """One inference for all."""
    with metrics.STAGE_SECONDS.labels("matte").time():
        return list(parts.studio.matte([job.prepared for job in jobs]))


def finish_job(job: Prepared, cutout: Cutout, parts: WorkerParts) -> None:
    """Store the cutout under its registered key, then say that the photo is ready; behind a fence undo it instead."""
    photo = job.photo
    try:
        key = parts.keys.key_of(photo.subject_id)
        sealed = seal(key, cutout.to_bytes(), photo.key_of(CUTOUT))
        analysis = seal(key, json.dumps(cutout.analysis).encode(), analysis_identity(photo.photo_id))
        parts.store.put(photo.key_of(CUTOUT), sealed)
    except ConsentMissing as refusal:
        _reject(job.job, photo, PhotoRejected(refusal.actual_code), parts)
        raise Void("consent withdrawn meanwhile") from refusal
    except SubjectErased as error:
        _clean_up(photo, parts)
        raise Void("no key") from error
    _settle(job.job, photo, PhotoState.READY, parts, analysis=analysis)
    metrics.PHOTOS.labels("ready").inc()


def fail_job(job: contract.MattePhoto, parts: WorkerParts) -> None:
    """The job is about to be buried: the person must see that it failed. An operator's replay takes it up again."""
    with parts.work.begin() as tx:
        photo = None if tx.is_fenced(job.subject_id) else tx.photo(job.photo_id)
        if photo is None or photo.state not in (PhotoState.QUEUED, PhotoState.PROCESSING):
            return
        event = contract.PhotoFailed(subject_id=photo.subject_id, photo_id=photo.photo_id)
        tx.save_photo(replace(photo, state=move(photo.state, PhotoState.FAILED), event_id=event.message_id))
        tx.publish(event)
    metrics.PHOTOS.labels("failed").inc()


def _claim(job: contract.MattePhoto, parts: WorkerParts) -> Photo:
    with parts.work.begin() as tx:
        fenced = tx.is_fenced(job.subject_id)
        photo = tx.photo(job.photo_id)
        held = None if fenced or photo is None or photo.state is PhotoState.DELETING else photo
        if held is not None and held.state not in SETTLED:
            held = replace(held, state=move(held.state, PhotoState.PROCESSING))
            tx.save_photo(held)
            tx.register_object(held.key_of(CUTOUT), held)
            return held
    if held is not None:
        if held.state is PhotoState.REJECTED:
            # An earlier try may have died between saying so and deleting.
            _discard(held, parts)
        raise Void("done before")
    # Whatever an earlier try of this job wrote after the purge had passed must go.
    if fenced:
        parts.keys.fence(job.subject_id)
    parts.store.delete_prefix(photo_prefix(job.subject_id, job.photo_id))
    raise Void("fenced or deleted")


def _reject(job: contract.MattePhoto, photo: Photo, rejection: PhotoRejected, parts: WorkerParts) -> None:
    """A photo that cannot (or may not) be used is not kept: its original goes, the reason stays."""
    _settle(job, photo, PhotoState.REJECTED, parts, reasons=(str(rejection.actual_code),))
    _discard(photo, parts)
    metrics.PHOTOS.labels("rejected").inc()


def _discard(photo: Photo, parts: WorkerParts) -> None:
    parts.store.delete([photo.key_of(ORIGINAL), photo.key_of(CUTOUT)])
    with parts.work.begin() as tx:
        tx.forget_object(photo.key_of(ORIGINAL))
        tx.forget_object(photo.key_of(CUTOUT))


def _settle(
    job: contract.MattePhoto,
    photo: Photo,
    state: PhotoState,
    parts: WorkerParts,
    *,
    reasons: tuple[str, ...] = (),
    analysis: bytes | None = None,
) -> None:
    """Commit the outcome and its event, once; raises :class:`Void` (and cleans up) when the photo is no longer ours."""
    ids = {"subject_id": photo.subject_id, "photo_id": photo.photo_id}
    ready = state is PhotoState.READY
    event = contract.PhotoReady(**ids) if ready else contract.PhotoRejected(**ids, reasons=list(reasons))
    with parts.work.begin() as tx:
        held = None if tx.is_fenced(photo.subject_id) else tx.photo(photo.photo_id)
        if held is not None and held.state is not PhotoState.DELETING:
            if held.state not in SETTLED and tx.first_time(INBOX, job.message_id):
                settled = replace(
                    held, state=move(held.state, state), reasons=reasons, analysis=analysis, event_id=event.message_id
                )
                tx.save_photo(settled)
                tx.publish(event)
            return
    _clean_up(photo, parts)
    raise Void("fenced or deleted while we worked")


def _is_void(photo: Photo, parts: WorkerParts) -> bool:
    with parts.work.begin() as tx:
        held = None if tx.is_fenced(photo.subject_id) else tx.photo(photo.photo_id)
        return held is None or held.state is PhotoState.DELETING or held.state in SETTLED


def _clean_up(photo: Photo, parts: WorkerParts) -> None:
    parts.keys.fence(photo.subject_id)
    parts.store.delete_prefix(photo_prefix(photo.subject_id, photo.photo_id))
