"""Calls from plain threads (workers) and green ones (services): kombu, a small pool of connections with reply queues."""

from __future__ import annotations

import queue
import time
from typing import Any, TypeVar
from uuid import uuid4

import amqp.exceptions
import kombu
import kombu.exceptions
from kombu.message import Message
from pydantic import BaseModel

from shared.contracts.base import Call
from shared.contracts.queues import RPC_EXCHANGE
from shared.kernel.errors import TimedOut, Unavailable
from shared.messaging.topology import rpc_exchange
from shared.rpc import wire
from shared.telemetry.tracing import current_traceparent

A = TypeVar("A", bound=BaseModel)
BROKER_TROUBLE = (OSError, amqp.exceptions.AMQPError, kombu.exceptions.KombuError)


class PlainAsker:
    """Asks services and blocks for the answer. Thread-safe; connects at the first call."""

    def __init__(self, amqp_url: str, timeout_seconds: float = 5.0, connections: int = 4) -> None:
        self._url = amqp_url
        self._timeout = timeout_seconds
        self._idle: queue.Queue[_Line | None] = queue.LifoQueue()
        for _ in range(connections):
            self._idle.put(None)

    def ask(self, call: Call[A], *, timeout: float | None = None) -> A:
        """The answer to ``call``; raises the service's own error, :class:`TimedOut` or :class:`Unavailable`."""
        limit = timeout or self._timeout
        deadline = time.monotonic() + limit
        try:
            line = self._idle.get(timeout=limit)
        except queue.Empty:
            raise TimedOut("all lines busy") from None
        try:
            line = line or _Line(self._url, limit)
            body = line.ask(call, deadline)
        except TimeoutError as error:
            _hang_up(line)
            line = None
            raise TimedOut(f"{call.service}.{call.method}") from error
        except BROKER_TROUBLE as error:
            _hang_up(line)
            line = None
            raise Unavailable(f"broker: {type(error).__name__}") from error
        except BaseException:
            _hang_up(line)
            line = None
            raise
        finally:
            self._idle.put(line)
        kind: Any = call.answer
        answer: A = wire.decode_reply(body, kind)
        return answer


class _Line:
    """One connection with its own exclusive reply queue; one call at a time."""

    def __init__(self, url: str, timeout: float) -> None:
        self._connection = kombu.Connection(url, connect_timeout=timeout)
        self._channel = self._connection.channel()
        self._reply_to = str(uuid4())
        self._replies: dict[str, bytes] = {}
        replies = kombu.Queue(
            f"rpc.reply-{self._reply_to}",
            rpc_exchange(),
            routing_key=self._reply_to,
            exclusive=True,
            auto_delete=True,
            durable=False,
        )
        consumer = kombu.Consumer(self._channel, queues=[replies], on_message=self._on_reply, no_ack=True)
        consumer.consume()
        self._producer = kombu.Producer(self._channel)

    def ask(self, call: Call[Any], deadline: float) -> bytes:
        correlation_id = str(uuid4())
        left = max(0.001, deadline - time.monotonic())
        traceparent = current_traceparent()
        self._producer.publish(
            wire.encode_call(call),
            exchange=RPC_EXCHANGE,
            routing_key=f"{call.service}.{call.method}",
            reply_to=self._reply_to,
            correlation_id=correlation_id,
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=1,
            expiration=left,
            headers={"traceparent": traceparent} if traceparent else {},
        )
        while correlation_id not in self._replies:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._connection.drain_events(timeout=left)
        body = self._replies.pop(correlation_id)
        self._replies.clear()
        return body

    def hang_up(self) -> None:
        self._connection.release()

    def _on_reply(self, message: Message) -> None:
        body = message.body
        self._replies[str(message.properties.get("correlation_id"))] = (
            body.encode() if isinstance(body, str) else bytes(body)
        )


def _hang_up(line: _Line | None) -> None:
    if line is not None:
        try:
            line.hang_up()
        except BROKER_TROUBLE:
            return
