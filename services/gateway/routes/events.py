"""The event stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header
from sse_starlette import EventSourceResponse

from services.gateway.access import Caller
from services.gateway.parts import CurrentCaller, GatewayParts, Parts
from services.gateway.stream import ServerEvent, SessionEnded, from_order, from_state
from shared.contracts import imaging, payments
from shared.kernel.errors import PocketError
from shared.kernel.ids import new_id, parse_id

router = APIRouter(prefix="/v1", tags=["events"])

LOOK_BACK_MILLISECONDS = 120_000
"""What a stream opened without Last-Event-ID is told of the past: nobody misses the photo that was ready too soon."""


_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "one event after another: `id`, `event`, and `data` as JSON with `at` and what it is about",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get("/events", response_class=EventSourceResponse, responses=_STREAM)
async def events(
    caller: CurrentCaller,
    parts: GatewayParts,
    last_event_id: Annotated[
        str | None, Header(description="continue after this event; nothing in between is lost")
    ] = None,
) -> EventSourceResponse:
    """`photo.ready`, `photo.rejected`, `photo.failed`, `order.paid`, `order.refunded`, `export.ready`, `purge.completed` of this subject, as they happen (SSE).

    A stream ends with its session and at the expiry of its access token, at the latest: the last event is then
    `session.ended` with `{"code": "session_revoked" | "token_expired"}`, without an id. It also ends after `purge.completed`.
    """
    after = parse_id(last_event_id, "Last-Event-ID") if last_event_id else _recently()
    ping = max(1, int(parts.settings.sse_heartbeat_seconds))
    return EventSourceResponse(
        _events(caller, after, parts), ping=ping, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


async def _events(caller: Caller, after: UUID, parts: Parts) -> AsyncIterator[dict[str, str]]:
    """First what was missed, then what comes; live events are collected meanwhile, and told once."""
    told: set[UUID] = set()
    with parts.hub.reading(caller) as reader:
        if parts.access.is_denied(caller.session_id):
            reader.revoke()  # between the door and here
        for event in await _missed(caller, after, parts):
            if reader.ended:
                break
            told.add(event.event_id)
            yield event.to_sse()
        async for live in reader.events():
            if isinstance(live, SessionEnded) or live.event_id not in told:
                yield live.to_sse()


async def _missed(caller: Caller, after: UUID, parts: Parts) -> list[ServerEvent]:
    photos, orders = await asyncio.gather(_missed_photos(caller, after, parts), _missed_orders(caller, after, parts))
    return sorted((event for event in (*photos, *orders) if event is not None), key=lambda event: event.event_id)


async def _missed_photos(caller: Caller, after: UUID, parts: Parts) -> list[ServerEvent | None]:
    try:
        news = await parts.asker.ask(imaging.PhotoNews(subject_id=caller.subject_id, after=after))
    except PocketError:
        # Better a stream without its past than none: a client that cares reconnects with its Last-Event-ID.
        return []
    return [from_state(photo) for photo in news.items]


async def _missed_orders(caller: Caller, after: UUID, parts: Parts) -> list[ServerEvent | None]:
    try:
        news = await parts.asker.ask(payments.OrderNews(subject_id=caller.subject_id, after=after))
    except PocketError:
        return []
    return [from_order(order) for order in news.items]


def _recently() -> UUID:
    """An id as if made a little while ago: ids order by time."""
    return UUID(int=new_id().int - (LOOK_BACK_MILLISECONDS << 80))
