"""Server-sent events: one exclusive queue a process hears all events; each open stream gets those of its own subject.

``Last-Event-ID`` survives reconnects, other gateway processes and restarts: event ids are ordered by time (UUIDv7), and
what was missed is asked of the services, not of a memory here.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustConnection

from shared.contracts import Message, auth, decode, imaging, payments, retention
from shared.contracts.base import UndecodableMessage
from shared.contracts.queues import EVENTS_EXCHANGE
from shared.kernel import log
from shared.kernel.clock import rfc3339
from shared.kernel.ids import milliseconds_of

logger = log.get_logger("stream")
BACKLOG = 256
"""Events a slow reader may lag behind; then its stream is closed, and it comes back with its Last-Event-ID."""

HEARD: tuple[type[Message], ...] = (
    auth.SubjectFenced,
    auth.SessionRevoked,
    auth.ConsentWithdrawn,
    imaging.PhotoReady,
    imaging.PhotoRejected,
    imaging.PhotoFailed,
    payments.OrderPaid,
    payments.OrderRefunded,
    retention.PurgeCompleted,
    retention.ExportReady,
)


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event as a client sees it."""

    event_id: UUID
    name: str
    fields: dict[str, Any]

    def to_sse(self) -> dict[str, str]:
        """The fields sse-starlette writes."""
        return {"id": str(self.event_id), "event": self.name, "data": json.dumps(self.fields, ensure_ascii=False)}


class Hub:
    """Hears events and hands them to the streams of their subject."""

    def __init__(self, on_heard: list[Any] | None = None) -> None:
        self._readers: dict[UUID, set[asyncio.Queue[ServerEvent | None]]] = defaultdict(set)
        self.on_heard = on_heard or []
        self.listening = False

    async def listen(self, connection: AbstractRobustConnection) -> None:
        """Bind this process's own queue; it is declared again by itself after an outage."""
        channel = await connection.channel()
        exchange = await channel.declare_exchange(EVENTS_EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(exclusive=True, auto_delete=True)
        for kind in HEARD:
            await queue.bind(exchange, kind.type)
        await queue.consume(self._on_message, no_ack=True)
        self.listening = True

    async def read(self, subject_id: UUID) -> AsyncIterator[ServerEvent]:
        """The subject's events from now on; ends when the subject is purged or the reader is too slow."""
        queue: asyncio.Queue[ServerEvent | None] = asyncio.Queue(BACKLOG)
        self._readers[subject_id].add(queue)
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._readers[subject_id].discard(queue)
            if not self._readers[subject_id]:
                del self._readers[subject_id]

    async def _on_message(self, delivered: AbstractIncomingMessage) -> None:
        try:
            message, _ = decode(delivered.body)
        except UndecodableMessage as error:
            logger.warning("undecodable event", detail=error.detail)
            return
        for callback in self.on_heard:
            callback(message)
        event = shown(message)
        if event is None:
            return
        for queue in list(self._readers.get(message.subject_id, ())):
            _offer(queue, event)
            if isinstance(message, retention.PurgeCompleted):
                _offer(queue, None)


def shown(message: Message) -> ServerEvent | None:
    """What a client sees of a message; None when it is not for clients."""
    fields: dict[str, Any] = {"at": _said_at(message.message_id)}
    if isinstance(message, (imaging.PhotoReady, imaging.PhotoRejected, imaging.PhotoFailed)):
        fields["photo_id"] = str(message.photo_id)
        if isinstance(message, imaging.PhotoRejected):
            fields["reasons"] = message.reasons
    elif isinstance(message, (payments.OrderPaid, payments.OrderRefunded)):
        fields |= message.model_dump(mode="json", exclude={"message_id", "at", "subject_id"})
    elif isinstance(message, retention.ExportReady):
        fields["export_id"] = str(message.export_id)
    elif isinstance(message, retention.PurgeCompleted):
        fields["purge_id"] = str(message.purge_id)
    else:
        return None
    _, thing, verb, _ = message.type.split(".")
    return ServerEvent(message.message_id, f"{thing}.{verb}", fields)


def from_state(photo: imaging.PhotoState) -> ServerEvent | None:
    """The event that a photo's present state once was said with."""
    if photo.event_id is None or photo.status not in ("ready", "rejected", "failed"):
        return None
    fields: dict[str, Any] = {"at": _said_at(photo.event_id), "photo_id": str(photo.photo_id)}
    if photo.status == "rejected":
        fields["reasons"] = list(photo.reasons)
    return ServerEvent(photo.event_id, f"photo.{photo.status}", fields)


def from_order(order: payments.OrderState) -> ServerEvent | None:
    """The event that an order's present state was last said with."""
    if order.event_id is None:
        return None
    fields: dict[str, Any] = {"at": _said_at(order.event_id), "order_id": str(order.order_id)}
    if order.refunded:
        return ServerEvent(order.event_id, "order.refunded", fields | {"refunded": order.refunded})
    return ServerEvent(order.event_id, "order.paid", fields | {"product": order.product})


def _said_at(event_id: UUID) -> str:
    """When an event was said: its id knows, live or told from state."""
    return rfc3339(datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds_of(event_id)))


def _offer(queue: asyncio.Queue[ServerEvent | None], event: ServerEvent | None) -> None:
    try:
        queue.put_nowait(event)
    except asyncio.QueueFull:
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)
