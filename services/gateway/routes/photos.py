"""Photos: upload, look, delete."""

from __future__ import annotations

from base64 import b64decode
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import anyio
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from services.gateway.access import Caller
from services.gateway.field_reasons import titled
from services.gateway.parts import CurrentCaller, GatewayParts, IdempotencyKey, Parts, Repeat
from services.gateway.problems import language_of
from services.gateway.uploads import SealedFile, Upload, receive
from shared.contracts import imaging
from shared.crypto import seal, unseal
from shared.kernel.errors import Code, PocketError
from shared.kernel.ids import new_id
from shared.storage import object_key

router = APIRouter(prefix="/v1/photos", tags=["photos"])


People = Annotated[
    int,
    Query(ge=1, le=2, description="how many people are to be in the photo: 2 for a spec whose `people` is 2, else 1"),
]


class PhotoAccepted(BaseModel):
    """The photo is stored, sealed, and waits for a worker."""

    photo_id: UUID
    status: str = Field(examples=["queued"])


class Reason(BaseModel):
    """Why a photo cannot be used."""

    code: str = Field(examples=["no_face"])
    title: str = Field(examples=["没有找到人脸，请正对镜头重拍"])


class PhotoAnswer(BaseModel):
    """A photo; its analysis once it is ready."""

    photo_id: UUID
    status: str = Field(examples=["ready"], description="queued, processing, ready, rejected or failed")
    created_at: datetime
    analysis: dict[str, Any] | None = Field(
        None, description="faces, pose, checks, and not_checked: what nobody looked at, with the reason"
    )
    reasons: list[Reason] = []


class PhotoList(BaseModel):
    """Photos, newest first."""

    items: list[PhotoAnswer]
    next_cursor: UUID | None = None


_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "JPEG, PNG, WebP or HEIC; up to 20 MB and 50 megapixels",
                        }
                    },
                }
            }
        },
    }
}


@router.post("", status_code=202, openapi_extra=_FORM)
async def upload(
    request: Request, caller: CurrentCaller, parts: GatewayParts, key: IdempotencyKey, people: People = 1
) -> PhotoAccepted:
    """Upload a selfie. It is encrypted as it streams in; `photo.ready` or `photo.rejected` follows on `/v1/events`."""
    photo_id = new_id()
    bound_to = object_key(caller.subject_id, photo_id, "original")
    async with parts.uploads:
        file = SealedFile(
            await parts.keys.key_of(caller.subject_id, "process_photo"), bound_to, parts.settings.max_upload_bytes
        )
        received = await receive(request.stream(), request.headers.get("content-type", ""), file)
        registered = await parts.asker.ask(
            imaging.RegisterPhoto(
                subject_id=caller.subject_id,
                photo_id=photo_id,
                idempotency_key=key,
                fingerprint=received.fingerprint if people == 1 else f"{received.fingerprint}:{people}",
                people=people,
            )
        )
        if registered.status == "uploading":
            await _store(received, bound_to, registered.object_key, caller, parts)
            stored = await _confirm(registered, caller, parts)
            return PhotoAccepted(photo_id=registered.photo_id, status=stored.status)
    return PhotoAccepted(photo_id=registered.photo_id, status="queued")


@router.get("")
async def list_photos(
    request: Request,
    caller: CurrentCaller,
    parts: GatewayParts,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: UUID | None = None,
) -> PhotoList:
    """The subject's photos, newest first."""
    page = await parts.asker.ask(imaging.ListPhotos(subject_id=caller.subject_id, limit=limit, cursor=cursor))
    items = [await _shown(photo, caller, parts, language_of(request)) for photo in page.items]
    return PhotoList(items=items, next_cursor=page.next_cursor)


@router.get("/{photo_id}")
async def get_photo(photo_id: UUID, request: Request, caller: CurrentCaller, parts: GatewayParts) -> PhotoAnswer:
    """One photo with its analysis; somebody else's is not found."""
    photo = await parts.asker.ask(imaging.GetPhoto(subject_id=caller.subject_id, photo_id=photo_id))
    return await _shown(photo, caller, parts, language_of(request))


@router.delete("/{photo_id}", status_code=204)
async def delete_photo(photo_id: UUID, caller: CurrentCaller, parts: GatewayParts, repeat: Repeat) -> None:
    """Delete one photo with its cutout and all its renders."""
    doomed = imaging.DeletePhoto(subject_id=caller.subject_id, photo_id=photo_id, **repeat)
    await parts.asker.ask(doomed, timeout=20)


async def _store(received: Upload, bound_to: str, wanted_key: str, caller: Caller, parts: Parts) -> None:
    sealed = bytes(received.sealed)
    if wanted_key != bound_to:
        # An upload repeated after a crash between registering and storing: seal for the photo that was registered then.
        data_key = await parts.keys.key_of(caller.subject_id, "process_photo")
        sealed = seal(data_key, unseal(data_key, sealed, bound_to), wanted_key)
    await anyio.to_thread.run_sync(parts.store.put, wanted_key, sealed)


async def _confirm(registered: imaging.Registered, caller: Caller, parts: Parts) -> imaging.PhotoState:
    try:
        return await parts.asker.ask(imaging.PhotoStored(subject_id=caller.subject_id, photo_id=registered.photo_id))
    except PocketError as error:
        if error.actual_code in (Code.SUBJECT_ERASED, Code.NOT_FOUND):
            # Purged while the bytes were on their way: what we wrote must go.
            await anyio.to_thread.run_sync(parts.store.delete, [registered.object_key])
        raise


async def _shown(photo: imaging.PhotoState, caller: Caller, parts: Parts, language: str) -> PhotoAnswer:
    analysis = None
    if photo.analysis:
        identity = f"photos/analysis/{photo.photo_id}"
        analysis = await parts.open_json(caller.subject_id, b64decode(photo.analysis), identity)
    reasons = [Reason(**titled(code, language)) for code in photo.reasons]
    return PhotoAnswer(
        photo_id=photo.photo_id,
        status=photo.status,
        created_at=photo.created_at,
        analysis=analysis,
        reasons=reasons,
    )
