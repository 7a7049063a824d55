"""What a worker does with a matting job and a render call. Plain functions: pixels outside of transactions, fences inside.

Every step may be the last one of this process. A job that comes again finds the photo's state and the same derived keys.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID

from services.imaging.domain.photos import (
    CUTOUT,
    ORIGINAL,
    SETTLED,
    Photo,
    PhotoState,
    Render,
    analysis_identity,
    facts_identity,
    move,
)
from services.imaging.ports import ImagingTransaction, ImagingWork, SubjectKeys
from services.imaging.use_cases import shown_render
from shared.contracts import imaging as contract
from shared.crypto import seal, unseal
from shared.kernel.clock import Clock
from shared.kernel.errors import Conflict, NotFound, NotReady, PhotoRejected, SubjectErased
from shared.kernel.ids import new_id
from shared.storage import ObjectMissing, ObjectStore
from shared.storage.port import photo_prefix
from shared.telemetry import metrics

INBOX = "imaging.matte"
"""The inbox name of matting: one for both job queues, so that a job handled from one is known on the other."""


class Cutout(Protocol):
    """A person cut out of a photo."""

    @property
    def analysis(self) -> dict[str, Any]:
        """What was seen: faces, pose, checks, model (JSON)."""

    def to_bytes(self) -> bytes:
        """The compact container that is stored."""


class Rendered(Protocol):
    """A finished ID photo."""

    @property
    def image(self) -> bytes:
        """The file."""

    @property
    def preview(self) -> bytes:
        """The watermarked preview (JPEG)."""

    @property
    def width(self) -> int:
        """Pixels."""

    @property
    def height(self) -> int:
        """Pixels."""

    @property
    def kb(self) -> float:
        """The file's size."""

    @property
    def media_type(self) -> str:
        """The file's type."""

    @property
    def compliance(self) -> dict[str, Any]:
        """What was measured on the result (JSON)."""


class Studio(Protocol):
    """The pipeline, with its models loaded."""

    def prepare(self, photo_bytes: bytes) -> Any:
        """Decode, find the face, check; raises :class:`PhotoRejected`."""

    def matte(self, prepared: Sequence[Any]) -> Sequence[Cutout]:
        """Cut the persons out, in one inference."""

    def order_of(self, order: dict[str, Any]) -> Any:
        """The order, understood; raises a coded error for one that makes no sense."""

    def render(self, cutout_bytes: bytes, order: Any) -> Rendered:
        """A finished ID photo from a stored cutout."""


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """Everything a worker's cases depend on."""

    work: ImagingWork
    store: ObjectStore
    keys: SubjectKeys
    studio: Studio
    clock: Clock
    unlock_policy: str


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
        key = parts.keys.key_of(photo.subject_id)
        sealed = parts.store.get(photo.key_of(ORIGINAL))
        original = unseal(key, sealed, photo.key_of(ORIGINAL))
        with metrics.STAGE_SECONDS.labels("prepare").time():
            return Prepared(job, photo, parts.studio.prepare(original))
    except PhotoRejected as rejection:
        _reject(job, photo, rejection, parts)
        raise Void("rejected") from rejection
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


def make_render(call: contract.MakeRender, parts: WorkerParts) -> contract.RenderState:
    """A finished ID photo from a ready cutout: registered, made, stored, told. Repeated with one key: the same one."""
    scope = f"render:{call.subject_id}"
    wanted = parts.studio.order_of(call.order)
    with parts.work.begin() as tx:
        tx.refuse_fenced(call.subject_id)
        if call.idempotency_key:
            before = tx.recall(scope, call.idempotency_key, call.fingerprint)
            if before is not None:
                return _render_before(UUID(before["render_id"]), parts, tx)
        photo = _renderable(tx.photo(call.photo_id), call)
        render = Render(new_id(), photo.photo_id, photo.subject_id, False, parts.clock())
        tx.add_render(render)
        tx.register_object(render.file_key, photo)
        tx.register_object(render.preview_key, photo)
    try:
        render = _draw(render, photo, wanted, call.order.get("spec"), parts)
    except Exception:
        _drop_render(render, parts)
        raise
    with parts.work.begin() as tx:
        if not tx.is_fenced(call.subject_id) and tx.render(render.render_id) is not None:
            tx.save_render(render)
            if call.idempotency_key:
                answer = {"render_id": str(render.render_id)}
                tx.remember(scope, call.idempotency_key, call.fingerprint, call.subject_id, answer)
            return shown_render(render, parts.unlock_policy)
    _clean_up(photo, parts)
    raise SubjectErased("fenced while rendering")


def _claim(job: contract.MattePhoto, parts: WorkerParts) -> Photo:
    with parts.work.begin() as tx:
        photo = tx.photo(job.photo_id)
        fenced = tx.is_fenced(job.subject_id)
        if not fenced and photo is not None and photo.state is not PhotoState.DELETING:
            if photo.state in SETTLED:
                raise Void("done before")
            photo = replace(photo, state=move(photo.state, PhotoState.PROCESSING))
            tx.save_photo(photo)
            tx.register_object(photo.key_of(CUTOUT), photo)
            return photo
    # Whatever an earlier try of this job wrote after the purge had passed must go.
    if fenced:
        parts.keys.fence(job.subject_id)
    parts.store.delete_prefix(photo_prefix(job.subject_id, job.photo_id))
    raise Void("fenced or deleted")


def _reject(job: contract.MattePhoto, photo: Photo, rejection: PhotoRejected, parts: WorkerParts) -> None:
    """A photo that cannot be used is not kept: its original goes, the reason stays."""
    _settle(job, photo, PhotoState.REJECTED, parts, reasons=(str(rejection.actual_code),))
    parts.store.delete([photo.key_of(ORIGINAL), photo.key_of(CUTOUT)])
    with parts.work.begin() as tx:
        tx.forget_object(photo.key_of(ORIGINAL))
        tx.forget_object(photo.key_of(CUTOUT))
    metrics.PHOTOS.labels("rejected").inc()


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


def _renderable(photo: Photo | None, call: contract.MakeRender) -> Photo:
    if photo is None or photo.subject_id != call.subject_id:
        raise NotFound("photo")
    if photo.state in (PhotoState.QUEUED, PhotoState.PROCESSING):
        raise NotReady("photo")
    if photo.state in (PhotoState.UPLOADING, PhotoState.DELETING):
        raise NotFound("photo")
    if photo.state is not PhotoState.READY:
        raise Conflict(
            f"the photo is {photo.state}", public_extra={"status": photo.state, "reasons": list(photo.reasons)}
        )
    return photo


def _render_before(render_id: UUID, parts: WorkerParts, tx: ImagingTransaction) -> contract.RenderState:
    render = tx.render(render_id)
    if render is None:
        raise NotFound("the render of this idempotency key is deleted")
    return shown_render(render, parts.unlock_policy)


def _draw(render: Render, photo: Photo, wanted: Any, spec: str | None, parts: WorkerParts) -> Render:
    key = parts.keys.key_of(photo.subject_id)
    cutout = unseal(key, parts.store.get(photo.key_of(CUTOUT)), photo.key_of(CUTOUT))
    with metrics.STAGE_SECONDS.labels("render").time():
        made = parts.studio.render(cutout, wanted)
    facts = {
        "width": made.width,
        "height": made.height,
        "kb": made.kb,
        "media_type": made.media_type,
        "spec": spec,
        "compliance": made.compliance,
    }
    parts.store.put(render.file_key, seal(key, made.image, render.file_key))
    parts.store.put(render.preview_key, seal(key, made.preview, render.preview_key))
    sealed = seal(key, json.dumps(facts).encode(), facts_identity(render.render_id))
    return replace(render, ready=True, facts=sealed)


def _drop_render(render: Render, parts: WorkerParts) -> None:
    """A render that could not be made leaves nothing: objects first, then what says where they are."""
    parts.store.delete([render.file_key, render.preview_key])
    with parts.work.begin() as tx:
        tx.delete_render(render.render_id)
        tx.forget_object(render.file_key)
        tx.forget_object(render.preview_key)
