"""Dead letters: what failed for good rests in ``<queue>.dead`` until an operator replays or drops it.

A dead queue is walked by taking each message, putting a copy where it belongs (confirmed), then letting the original go:
looking never counts as a delivery that could use up a limit, and a crash leaves a copy too many, never one too few.

What is kept goes behind the others, so two that walk at once would pass each other's letters by: one walks at a time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import pika
import pika.exceptions
from pika.adapters.blocking_connection import BlockingChannel

from shared.contracts.base import UndecodableMessage, decode
from shared.contracts.queues import LISTENERS, Listener
from shared.kernel.clock import rfc3339
from shared.messaging.topology import ATTEMPT_HEADER, ERROR_HEADER

WALKING_QUEUE = "pocketid.dead.walking"
"""Exclusive: whoever declared it walks, and it goes with their connection."""
LOCKED = 405
PATIENCE_SECONDS, PAUSE_SECONDS = 20.0, 0.02


class Fate(StrEnum):
    """What to do with a dead letter."""

    KEEP = "keep"
    REPLAY = "replay"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that rests: ids and causes, never its content."""

    queue: str
    message_id: str
    type: str
    subject_id: str
    at: str
    attempts: int
    error: str


def walk(
    url: str, listeners: Iterable[Listener], decide: Callable[[DeadLetter], Fate]
) -> list[tuple[DeadLetter, Fate]]:
    """Visit every dead letter of ``listeners`` once and do with it what ``decide`` says; what was found and done.

    Waits while somebody else walks. Raises ``pika.exceptions.AMQPError`` when that takes too long, or the broker is away.
    """
    seen: list[tuple[DeadLetter, Fate]] = []
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        channel = _alone(connection)
        channel.confirm_delivery()
        for listener in listeners:
            depth = channel.queue_declare(listener.dead_queue, passive=True).method.message_count
            for _ in range(depth):
                visited = _visit(channel, listener, decide)
                if visited is None:
                    break
                seen.append(visited)
    finally:
        connection.close()
    return seen


def listener_named(queue: str) -> Listener | None:
    """The listener whose queue (or dead queue) has this name."""
    return next((one for one in LISTENERS if queue in (one.queue, one.dead_queue)), None)


def _alone(connection: pika.BlockingConnection) -> BlockingChannel:
    """A channel, once nobody else walks."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        channel = connection.channel()
        try:
            channel.queue_declare(WALKING_QUEUE, exclusive=True)
        except pika.exceptions.ChannelClosedByBroker as error:
            if error.reply_code != LOCKED or time.monotonic() > give_up_at:
                raise
            connection.sleep(PAUSE_SECONDS)
        else:
            return channel


def _visit(
    channel: BlockingChannel, listener: Listener, decide: Callable[[DeadLetter], Fate]
) -> tuple[DeadLetter, Fate] | None:
    method, properties, body = channel.basic_get(listener.dead_queue)
    if method is None or properties is None or body is None:
        return None
    letter = _letter(listener, properties, body)
    fate = decide(letter)
    headers = {name: value for name, value in (properties.headers or {}).items() if not name.startswith("x-death")}
    if fate is Fate.KEEP:
        _put(channel, listener.dead_queue, body, properties, headers)
    elif fate is Fate.REPLAY:
        fresh = {name: value for name, value in headers.items() if name not in (ATTEMPT_HEADER, ERROR_HEADER)}
        _put(channel, listener.queue, body, properties, fresh)
    channel.basic_ack(method.delivery_tag)
    return letter, fate


def _put(
    channel: BlockingChannel, queue: str, body: bytes, properties: pika.BasicProperties, headers: dict[str, object]
) -> None:
    copied = pika.BasicProperties(
        content_type=properties.content_type, delivery_mode=2, message_id=properties.message_id, headers=headers
    )
    channel.basic_publish("", queue, body, copied, mandatory=True)


def _letter(listener: Listener, properties: pika.BasicProperties, body: bytes) -> DeadLetter:
    headers = properties.headers or {}
    attempts = int(headers.get(ATTEMPT_HEADER, 1))
    error = str(headers.get(ERROR_HEADER) or headers.get("x-first-death-reason") or "")
    try:
        message, _ = decode(body)
    except UndecodableMessage:
        message_id = str(properties.message_id or "")
        return DeadLetter(listener.queue, message_id, "undecodable", _named_in(body), "", attempts, error)
    return DeadLetter(
        listener.queue,
        str(message.message_id),
        message.type,
        str(message.subject_id),
        rfc3339(message.at),
        attempts,
        error,
    )


def _named_in(body: bytes) -> str:
    """Whom a message names that nobody here can decode, a newer version's perhaps; empty when it does not say."""
    try:
        return str(UUID(json.loads(body)["subject"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
