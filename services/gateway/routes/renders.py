"""Renders: order one, see it, download it."""

from __future__ import annotations

from base64 import b64decode
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.access import Caller
from services.gateway.parts import CurrentCaller, GatewayParts, IdempotencyKey, Parts, fingerprint
from shared.contracts import imaging, payments
from shared.kernel.errors import Code, PocketError, TimedOut, Unavailable

router = APIRouter(prefix="/v1", tags=["renders"])

_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}


class RenderRequest(BaseModel):
    """What the finished photo should be: a spec, or a size of one's own."""

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={"examples": [{"spec": "one-inch", "background": "blue"}]},
    )

    spec: str | None = Field(None, max_length=80, examples=["one-inch"])
    width_mm: float | None = Field(None, gt=0)
    height_mm: float | None = Field(None, gt=0)
    width_px: int | None = Field(None, gt=0)
    height_px: int | None = Field(None, gt=0)
    dpi: int | None = Field(None, gt=0)
    background: Any = Field(None, description="a colour name, `#RRGGBB`, a gradient, `original` or `transparent`")
    beautify: dict[str, Any] | None = None
    sheet: Any = Field(
        None,
        description="a paper's name, `100x150` (mm), or an object: `paper` or `width_mm` and `height_mm`, `gap_mm`, "
        "`margin_mm`, `marks`, `dpi`, `count`, `also` (a list of `spec` and `count`)",
        examples=["six-inch", {"paper": "a4", "gap_mm": 1, "also": [{"spec": "two-inch", "count": 4}]}],
    )
    format: Literal["jpeg", "png", "pdf"] | None = Field(None, description="`pdf` is for sheets")
    max_kb: float | None = Field(None, gt=0)


class RenderAnswer(BaseModel):
    """A finished render."""

    render_id: UUID
    photo_id: UUID
    width: int = Field(examples=[295])
    height: int = Field(examples=[413])
    kb: float
    media_type: str
    spec: str | None
    compliance: dict[str, Any]
    unlocked: bool
    created_at: datetime


@router.post("/photos/{photo_id}/renders", status_code=201)
async def make_render(
    photo_id: UUID, body: RenderRequest, caller: CurrentCaller, parts: GatewayParts, key: IdempotencyKey
) -> RenderAnswer:
    """Make an ID photo from a ready photo: synchronous, a few tens of milliseconds."""
    order = body.model_dump(exclude_none=True)
    render = await parts.asker.ask(
        imaging.MakeRender(
            subject_id=caller.subject_id,
            photo_id=photo_id,
            order=order,
            idempotency_key=key,
            fingerprint=fingerprint([str(photo_id), order]),
        ),
        timeout=30,
    )
    return await _shown(render, caller, parts)


@router.get("/renders/{render_id}")
async def get_render(render_id: UUID, caller: CurrentCaller, parts: GatewayParts) -> RenderAnswer:
    """One render; somebody else's is not found."""
    return await _shown(await _render(render_id, caller, parts), caller, parts)


@router.get("/renders/{render_id}/preview", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}})
async def preview(render_id: UUID, caller: CurrentCaller, parts: GatewayParts) -> Response:
    """The watermarked preview, always to be had."""
    render = await _render(render_id, caller, parts)
    picture = await parts.open_object(caller.subject_id, render.preview_key)
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private, no-store"})


@router.get(
    "/renders/{render_id}/file",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}, "image/png": {}, "application/pdf": {}}},
        402: {"description": "`payment_required`"},
    },
)
async def file(render_id: UUID, caller: CurrentCaller, parts: GatewayParts) -> Response:
    """The finished file; 402 `payment_required` until it is unlocked."""
    render = await _render(render_id, caller, parts)
    if not render.unlocked and not await _just_unlocked(render, caller, parts):
        raise PocketError("locked", code=Code.PAYMENT_REQUIRED)
    facts = await _facts(render, caller, parts)
    picture = await parts.open_object(caller.subject_id, render.file_key)
    name = f"{facts.get('spec') or 'photo'}.{_ENDINGS.get(facts['media_type'], 'bin')}"
    headers = {"Cache-Control": "private, no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(picture, media_type=facts["media_type"], headers=headers)


async def _render(render_id: UUID, caller: Caller, parts: Parts) -> imaging.RenderState:
    return await parts.asker.ask(imaging.GetRender(subject_id=caller.subject_id, render_id=render_id))


async def _just_unlocked(render: imaging.RenderState, caller: Caller, parts: Parts) -> bool:
    """Whether payments knows of an unlock that imaging has not heard of yet: who was told `order.paid` is not sent away."""
    try:
        access = await parts.asker.ask(
            payments.PhotoAccess(subject_id=caller.subject_id, photo_id=render.photo_id), timeout=2
        )
    except (Unavailable, TimedOut):
        return False
    return ("sheet" if render.sheet else "photo") in access.scopes


async def _facts(render: imaging.RenderState, caller: Caller, parts: Parts) -> dict[str, Any]:
    identity = f"renders/facts/{render.render_id}"
    return await parts.open_json(caller.subject_id, b64decode(render.facts), identity)


async def _shown(render: imaging.RenderState, caller: Caller, parts: Parts) -> RenderAnswer:
    facts = await _facts(render, caller, parts)
    return RenderAnswer(
        render_id=render.render_id,
        photo_id=render.photo_id,
        unlocked=render.unlocked,
        created_at=render.created_at,
        **facts,
    )
