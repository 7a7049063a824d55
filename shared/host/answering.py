"""``@answers(CallType)``: an RPC entry point in nameko's wire format that decodes inside and speaks in error codes.

Wire format (nameko 2): request ``{"args": [request], "kwargs": {}}`` to exchange ``nameko-rpc`` with routing key
``service.method``; reply ``{"result": ..., "error": ...}`` to the same exchange with the ``reply_to`` routing key. Calls
are transient and expire with their caller's patience; nothing of them is written to disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from kombu import Connection, Queue, pools
from kombu.message import Message
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import Entrypoint, ProviderCollector, SharedExtension
from opentelemetry.trace import SpanKind
from pydantic import BaseModel

from shared.contracts import Call
from shared.contracts.queues import rpc_queue
from shared.host.consuming import BROKER_TROUBLE, RawQueueConsumer
from shared.kernel import log
from shared.kernel.errors import Code, NotFound, PocketError
from shared.messaging import topology
from shared.rpc import wire
from shared.telemetry import metrics, tracing

logger = log.get_logger("answering")
F = TypeVar("F", bound=Callable[..., Any])


class _CallQueue(SharedExtension, ProviderCollector):
    """The service's RPC queue, shared by its answering methods."""

    queue_consumer = RawQueueConsumer()
    listeners = ()

    def setup(self) -> None:
        name = self.container.service_name
        self.queue = Queue(rpc_queue(name), topology.rpc_exchange(), routing_key=f"{name}.*", durable=True)
        self.queue_consumer.register_provider(self)

    def stop(self) -> None:
        self.queue_consumer.unregister_provider(self)

    def handle_raw(self, message: Message) -> None:
        """Decode the call and run its method; what cannot be decoded is answered with an error."""
        started = time.monotonic()
        try:
            entrypoint = self._method_for(str(message.delivery_info["routing_key"]))
            call = wire.decode_call(message.body, entrypoint.kind)
        except PocketError as error:
            self._reply(message, "unknown", started, None, error)
            return
        traceparent = (message.headers or {}).get("traceparent")
        try:
            self.container.spawn_worker(
                entrypoint,
                (_Called(call, traceparent),),
                {},
                handle_result=partial(self._handle_result, message, entrypoint.method_name, started),
            )
        except ContainerBeingKilled:
            self.queue_consumer.give_back(message)

    def _method_for(self, routing_key: str) -> Any:
        for entrypoint in self._providers:
            if routing_key == f"{entrypoint.kind.service}.{entrypoint.kind.method}":
                return entrypoint
        raise NotFound(f"no method {routing_key[:80]}")

    def _handle_result(
        self, message: Message, method: str, started: float, ctx: Any, result: Any, exc_info: Any
    ) -> tuple[Any, Any]:
        self._reply(message, method, started, result, exc_info[1] if exc_info else None)
        return result, exc_info

    def _reply(
        self, message: Message, method: str, started: float, result: BaseModel | None, error: BaseException | None
    ) -> None:
        code = error.actual_code if isinstance(error, PocketError) else Code.INTERNAL if error else "ok"
        metrics.CALLS.labels(method, code).inc()
        metrics.CALL_SECONDS.labels(method).observe(time.monotonic() - started)
        if code is Code.INTERNAL and error:
            logger.error("call failed", method=method, error=type(error).__name__, detail=wire.where(error))
        try:
            reply_to = message.properties.get("reply_to")
            if reply_to:
                self._publish(wire.encode_reply(result, error), reply_to, message.properties.get("correlation_id"))
            self.queue_consumer.ack_message(message)
        except BROKER_TROUBLE as trouble:
            logger.warning("broker went away", method=method, error=type(trouble).__name__)

    def _publish(self, body: bytes, reply_to: str, correlation_id: str | None) -> None:
        with pools.producers[Connection(self.container.config["AMQP_URI"])].acquire(block=True, timeout=10) as producer:
            producer.publish(
                body,
                exchange=topology.rpc_exchange().name,
                routing_key=reply_to,
                correlation_id=correlation_id,
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode=1,
                retry=True,
                retry_policy={"max_retries": 2, "interval_start": 0.1},
            )


class _Called:
    """A decoded call on its way to its method, with the trace it belongs to."""

    def __init__(self, request: Call[Any], traceparent: str | None) -> None:
        self.request = request
        self.traceparent = traceparent


class Answers(Entrypoint):
    """The entry point behind :func:`answers`."""

    calls = _CallQueue()

    def __init__(self, kind: type[Call[Any]], **kwargs: Any) -> None:
        # Errors with codes are answers, not accidents: nameko need not log them as such.
        super().__init__(expected_exceptions=(PocketError,), **kwargs)
        self.kind = kind

    def setup(self) -> None:
        """Join the service's call queue."""
        self.calls.register_provider(self)

    def stop(self) -> None:
        """Leave it."""
        self.calls.unregister_provider(self)


def answers(kind: type[Call[Any]]) -> Callable[[F], F]:
    """Run the method for every call of ``kind``; it takes the decoded request and returns ``kind.answer``."""

    def decorate(method: F) -> F:
        def handle(service: Any, called: _Called) -> Any:
            with tracing.span(f"{kind.service}.{kind.method}", called.traceparent, SpanKind.SERVER):
                return method(service, called.request)

        handle.__name__ = method.__name__
        handle.__doc__ = method.__doc__
        decorated: F = Answers.decorator(kind)(handle)
        return decorated

    return decorate
