"""What a worker does with a render call: registered, drawn, stored, told; a call repeated with its key gets the same one.

Drawing is slow and stays outside of transactions: the photo, its subject, or the answer to the key may have changed
when it ends, and are looked at again then.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.imaging.domain.photos import CUTOUT, Photo, PhotoState, Render, facts_identity
from services.imaging.ports import ImagingTransaction
from services.imaging.use_cases import shown_render
from services.imaging.worker_ports import WorkerParts
from shared.contracts import imaging as contract
from shared.crypto import seal, unseal
from shared.kernel.errors import Conflict, IdempotencyConflict, NotFound, NotReady, SubjectErased
from shared.kernel.ids import new_id
from shared.storage import ObjectMissing
from shared.telemetry import metrics


def make_render(call: contract.MakeRender, parts: WorkerParts) -> contract.RenderState:
    """A finished ID photo from a ready cutout. Raises ``not_found``, ``not_ready``, ``conflict``, ``subject_erased``."""
    wanted = parts.studio.order_of(call.order)
    with parts.work.begin() as tx:
        tx.refuse_fenced(call.subject_id)
        before = _answered_before(call, parts, tx)
        if before is not None:
            return before
        photo = _renderable(tx.photo(call.photo_id), call)
        is_sheet = call.order.get("sheet") is not None
        render = Render(new_id(), photo.photo_id, photo.subject_id, False, parts.clock(), sheet=is_sheet)
        tx.add_render(render)
        tx.register_object(render.file_key, photo)
        tx.register_object(render.preview_key, photo)
    try:
        render = _draw(render, photo, wanted, call.order.get("spec"), parts)
    except Exception as error:
        _drop(render, parts)
        if isinstance(error, ObjectMissing):
            _refuse_what_is_gone(call, parts)
        raise
    try:
        answer = _keep(render, call, parts)
    except (IdempotencyConflict, NotFound, SubjectErased) as error:
        if isinstance(error, SubjectErased):
            parts.keys.fence(call.subject_id)
        _drop(render, parts)
        raise
    if answer.render_id != render.render_id:
        _drop(render, parts)
    return answer


def _answered_before(
    call: contract.MakeRender, parts: WorkerParts, tx: ImagingTransaction
) -> contract.RenderState | None:
    if not call.idempotency_key:
        return None
    before = tx.recall(_scope(call), call.idempotency_key, call.fingerprint)
    if before is None:
        return None
    render = tx.render(UUID(before["render_id"]))
    if render is None:
        raise NotFound("the render of this idempotency key is deleted")
    return shown_render(render, tx.photo_seen(render.photo_id), parts.unlock_policy)


def _renderable(photo: Photo | None, call: contract.MakeRender) -> Photo:
    if photo is None or photo.subject_id != call.subject_id:
        raise NotFound("photo")
    if photo.state in (PhotoState.QUEUED, PhotoState.PROCESSING):
        raise NotReady("photo")
    if photo.state in (PhotoState.UPLOADING, PhotoState.DELETING):
        raise NotFound("photo")
    if photo.state is not PhotoState.READY:
        raise Conflict(
            f"the photo is {photo.state}", public_extra={"photo_status": photo.state, "reasons": list(photo.reasons)}
        )
    return photo


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


def _keep(render: Render, call: contract.MakeRender, parts: WorkerParts) -> contract.RenderState:
    """Commit the render and its key's answer; another render when the same call, made twice at once, has kept that one."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(call.subject_id)
        before = _answered_before(call, parts, tx)
        if before is not None:
            return before
        photo = _renderable(tx.photo(call.photo_id), call)
        if tx.render(render.render_id) is None:
            raise NotFound("swept away: it took too long")
        tx.save_render(render)
        if call.idempotency_key:
            answer = {"render_id": str(render.render_id)}
            tx.remember(_scope(call), call.idempotency_key, call.fingerprint, call.subject_id, answer)
        return shown_render(render, photo, parts.unlock_policy)


def _refuse_what_is_gone(call: contract.MakeRender, parts: WorkerParts) -> None:
    """An object is missing: rightly so when its photo or its subject went meanwhile; that is then the answer."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(call.subject_id)
        _renderable(tx.photo(call.photo_id), call)


def _drop(render: Render, parts: WorkerParts) -> None:
    """A render that could not be made leaves nothing: objects first, then what says where they are."""
    parts.store.delete([render.file_key, render.preview_key])
    with parts.work.begin() as tx:
        tx.delete_render(render.render_id)
        tx.forget_object(render.file_key)
        tx.forget_object(render.preview_key)


def _scope(call: contract.MakeRender) -> str:
    return f"render:{call.subject_id}"
