"""Calls from asyncio: one AMQP connection, an exclusive reply queue, time-outs, a circuit breaker a service."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustChannel, AbstractRobustConnection
from pydantic import BaseModel

from shared.contracts.base import Call
from shared.contracts.queues import RENDER_QUEUE, RPC_EXCHANGE, rpc_queue
from shared.kernel.errors import TimedOut, Unavailable
from shared.rpc import wire
from shared.rpc.breaker import CircuitBreaker
from shared.telemetry.tracing import current_traceparent

A = TypeVar("A", bound=BaseModel)
BROKER_TROUBLE = (aio_pika.exceptions.AMQPError, OSError, RuntimeError, asyncio.InvalidStateError)


class Asker:
    """Asks services, whatever becomes of the broker meanwhile: while it is away, calls fail at once as unavailable."""

    def __init__(self, amqp_url: str, timeout_seconds: float) -> None:
        self._url = amqp_url
        self._timeout = timeout_seconds
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._breakers: dict[str, CircuitBreaker] = {}
        self._reply_to = str(uuid4())
        self._connection: AbstractRobustConnection | None = None
        self._channel: AbstractRobustChannel | None = None

    async def connect(self) -> None:
        """Connect, trying for ever; afterwards the connection restores itself."""
        while self._connection is None:
            try:
                self._connection = await aio_pika.connect_robust(self._url, timeout=10, heartbeat=10)
            except BROKER_TROUBLE:
                await asyncio.sleep(0.5)
        self._channel = await self._open_channel()

    async def close(self) -> None:
        """Close the connection; calls that still wait fail."""
        if self._connection is not None:
            await self._connection.close()

    @property
    def connection(self) -> AbstractRobustConnection:
        """The connection, once :meth:`connect` has returned."""
        assert self._connection is not None
        return self._connection

    @property
    def connected(self) -> bool:
        """Whether the broker is there just now."""
        return self._connection is not None and self._connection.connected.is_set() and self._channel is not None

    async def ask(self, call: Call[A], *, timeout: float | None = None) -> A:
        """The answer to ``call``; raises the service's own error, :class:`TimedOut` or :class:`Unavailable`."""
        breaker = self._breakers.setdefault(call.service, CircuitBreaker())
        breaker.before()
        limit = timeout or self._timeout
        correlation_id = str(uuid4())
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[correlation_id] = reply
        try:
            async with asyncio.timeout(limit):
                await self._send(call, correlation_id, limit)
                body = await reply
        except TimeoutError as error:
            breaker.silent()
            raise TimedOut(f"{call.service}.{call.method}") from error
        except BROKER_TROUBLE as error:
            breaker.silent()
            raise Unavailable(f"broker: {type(error).__name__}") from error
        finally:
            del self._waiting[correlation_id]
        breaker.answered()
        kind: Any = call.answer
        answer: A = wire.decode_reply(body, kind)
        return answer

    async def _open_channel(self) -> AbstractRobustChannel:
        assert self._connection is not None
        channel = await self._connection.channel(publisher_confirms=False)
        exchange = await channel.declare_exchange(RPC_EXCHANGE, "topic", durable=True)
        queue = await channel.declare_queue(f"rpc.reply-gateway-{self._reply_to}", exclusive=True, auto_delete=True)
        await queue.bind(exchange, self._reply_to)
        await queue.consume(self._on_reply, no_ack=True)
        return channel

    async def _send(self, call: Call[Any], correlation_id: str, limit: float) -> None:
        if self._channel is None or not self.connected:
            raise ConnectionError("no broker")
        traceparent = current_traceparent()
        message = aio_pika.Message(
            wire.encode_call(call),
            content_type="application/json",
            content_encoding="utf-8",
            reply_to=self._reply_to,
            correlation_id=correlation_id,
            delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT,
            expiration=limit,
            headers={"traceparent": traceparent} if traceparent else {},
        )
        if rpc_queue(call.service) == RENDER_QUEUE:
            await self._channel.default_exchange.publish(message, RENDER_QUEUE)
        else:
            exchange = await self._channel.get_exchange(RPC_EXCHANGE, ensure=False)
            await exchange.publish(message, f"{call.service}.{call.method}")

    async def _on_reply(self, message: AbstractIncomingMessage) -> None:
        waiting = self._waiting.get(message.correlation_id or "")
        if waiting is not None and not waiting.done():
            waiting.set_result(message.body)
