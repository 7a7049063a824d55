"""Server-sent events: one exclusive queue a process hears all events; each open stream gets those of its own subject.

A stream lives no longer than what opened it: it ends when its session is denied, and when its access token expires.
``Last-Event-ID`` survives reconnects, other gateway processes and restarts: event ids are ordered by time (UUIDv7), and
what was missed is asked of the services, not of a memory here.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustConnection

from services.gateway.access import Caller
from shared.contracts import Message, auth, decode, imaging, payments, retention
from shared.contracts.base import UndecodableMessage
from shared.contracts.queues import EVENTS_EXCHANGE
from shared.crypto import token_hash
from shared.kernel import log
from shared.kernel.clock import rfc3339
from shared.kernel.errors import Code
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


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The last a client sees of a session that is over. Without an id: what it missed still comes after the one before."""

    code: Code

    def to_sse(self) -> dict[str, str]:
        """The fields sse-starlette writes."""
        return {"event": "session.ended", "data": json.dumps({"code": self.code})}


class Reader:
    """One open stream: what waits to be told on it, until its session ends, its token expires or it lags too far behind."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self._waiting: asyncio.Queue[ServerEvent | None] = asyncio.Queue(BACKLOG)
        self._ended: SessionEnded | None = None

    @property
    def ended(self) -> SessionEnded | None:
        """Why nothing more may be told; None while it may."""
        if self._ended is None and self.caller.seconds_left() <= 0:
            self._ended = SessionEnded(Code.TOKEN_EXPIRED)
        return self._ended

    def offer(self, event: ServerEvent | None) -> None:
        """An event for it, or its end (None). A reader that lags too far behind is ended, and comes back for the rest."""
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            self._close()

    def revoke(self) -> None:
        """Its session is denied: what still waits is not told any more."""
        self._ended = self._ended or SessionEnded(Code.SESSION_REVOKED)
        self._close()

    async def events(self) -> AsyncIterator[ServerEvent | SessionEnded]:
        """What comes, as it comes; last of all, why the session is over, where that is the reason."""
        while self.ended is None:
            try:
                async with asyncio.timeout(self.caller.seconds_left()):
                    event = await self._waiting.get()
            except TimeoutError:
                continue
            if event is None and self._ended is None:
                return
            if event is not None:
                yield event
        yield self.ended

    def _close(self) -> None:
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)


class Hub:
    """Hears events and hands them to the streams of their subject."""

    def __init__(self, on_heard: list[Any] | None = None) -> None:
        self._readers: dict[UUID, set[Reader]] = defaultdict(set)
        self._sessions: dict[str, set[Reader]] = defaultdict(set)
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

    @contextmanager
    def reading(self, caller: Caller) -> Iterator[Reader]:
        """A stream of the caller's events from now on; ends with a purge of the subject too."""
        reader = Reader(caller)
        session = token_hash(str(caller.session_id))
        self._readers[caller.subject_id].add(reader)
        self._sessions[session].add(reader)
        try:
            yield reader
        finally:
            _leave(self._readers, caller.subject_id, reader)
            _leave(self._sessions, session, reader)

    def deny(self, hashed: str) -> None:
        """End the streams of a session that is refused from now on.

        A fenced subject's streams stay open: they have yet to tell that the purge is completed.
        """
        for reader in self._sessions.get(hashed, ()):
            reader.revoke()

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
        for reader in self._readers.get(message.subject_id, ()):
            reader.offer(event)
            if isinstance(message, retention.PurgeCompleted):
                reader.offer(None)


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


def _leave(readers: dict[Any, set[Reader]], key: Any, reader: Reader) -> None:
    readers[key].discard(reader)
    if not readers[key]:
        del readers[key]
