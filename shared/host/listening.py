"""``@listens_to(listener, EventType)``: an entry point that decodes inside, judges every outcome, and loses nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from kombu import Connection, pools
from kombu.message import Message
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import Entrypoint, ProviderCollector, SharedExtension
from opentelemetry.trace import SpanKind

from shared.contracts import Listener
from shared.contracts import Message as ContractMessage
from shared.contracts.base import decode
from shared.host.consuming import BROKER_TROUBLE, RawQueueConsumer
from shared.kernel import log
from shared.kernel.errors import PocketError
from shared.messaging import topology
from shared.messaging.delivery import DeliveryPolicy, Verdict
from shared.rpc import wire
from shared.telemetry import metrics, tracing

logger = log.get_logger("listening")
F = TypeVar("F", bound=Callable[..., Any])


class _ListenerQueue(SharedExtension, ProviderCollector):
    """One consumer queue, shared by the methods that each handle one of its message types."""

    queue_consumer = RawQueueConsumer()

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self.listener = listener
        self.listeners = (listener,)
        self.policy = DeliveryPolicy(listener.delays_seconds)

    @property
    def sharing_key(self) -> tuple[type, str]:
        return type(self), self.listener.queue

    def setup(self) -> None:
        spec = list(topology.queues_of(self.listener))[-1]
        self.queue = topology.kombu_queue(spec)
        self.queue_consumer.register_provider(self)

    def stop(self) -> None:
        self.queue_consumer.unregister_provider(self)

    def handle_raw(self, message: Message) -> None:
        """Decode, find the method, run it in a worker; whatever goes wrong is judged, never raised."""
        try:
            decoded, traceparent = decode(_bytes_of(message))
            entrypoint = self._method_for(decoded)
        except Exception as error:  # noqa: BLE001 - any trouble with a message is a judgement on that message
            self.settle(message, error)
            return
        try:
            self.container.spawn_worker(
                entrypoint,
                (_Delivered(decoded, traceparent),),
                {},
                handle_result=partial(self._handle_result, message, time.monotonic()),
            )
        except ContainerBeingKilled:
            self.queue_consumer.give_back(message)

    def settle(self, message: Message, error: BaseException | None) -> Verdict:
        """Acknowledge, send to wait, or bury. The message is only let go once its next place is confirmed."""
        attempt = int((message.headers or {}).get(topology.ATTEMPT_HEADER, 1))
        judgement = self.policy.judge(error, attempt)
        metrics.HANDLED.labels(self.listener.queue, judgement.verdict).inc()
        if error is not None:
            _tell(self.listener.queue, error, attempt, judgement.verdict)
        try:
            if judgement.verdict is Verdict.RETRY:
                self._move(message, self.listener.retry_queue(judgement.delay_seconds), attempt + 1, error)
            elif judgement.verdict is Verdict.BURY:
                self._move(message, self.listener.dead_queue, attempt, error)
            self.queue_consumer.ack_message(message)
        except BROKER_TROUBLE as trouble:
            # The message is still the broker's: it comes back, here or elsewhere, and the inbox knows what was done.
            logger.warning("broker went away", queue=self.listener.queue, error=type(trouble).__name__)
            self.queue_consumer.give_back(message)
        return judgement.verdict

    def _method_for(self, decoded: ContractMessage) -> Any:
        for entrypoint in self._providers:
            if type(decoded) is entrypoint.kind:
                return entrypoint
        raise LookupError(f"{self.listener.queue} has no method for {decoded.type}")

    def _handle_result(self, message: Message, started: float, ctx: Any, result: Any, exc_info: Any) -> tuple[Any, Any]:
        metrics.HANDLING_SECONDS.labels(self.listener.queue).observe(time.monotonic() - started)
        self.settle(message, exc_info[1] if exc_info else None)
        return result, exc_info

    def _move(self, message: Message, queue: str, attempt: int, error: BaseException | None) -> None:
        with pools.producers[
            Connection(self.container.config["AMQP_URI"], transport_options={"confirm_publish": True})
        ].acquire(block=True, timeout=10) as producer:
            producer.publish(
                _bytes_of(message),
                routing_key=queue,
                content_type=message.content_type,
                content_encoding="binary",
                delivery_mode=2,
                message_id=message.properties.get("message_id"),
                headers={topology.ATTEMPT_HEADER: attempt, topology.ERROR_HEADER: _kind_of(error)},
                mandatory=True,
                retry=True,
                retry_policy={"max_retries": 3, "interval_start": 0.1},
            )


class _Delivered:
    """A decoded message on its way to its method, with the trace it belongs to."""

    def __init__(self, message: ContractMessage, traceparent: str | None) -> None:
        self.message = message
        self.traceparent = traceparent


class ListensTo(Entrypoint):
    """The entry point behind :func:`listens_to`."""

    def __init__(self, listener: Listener, kind: type[ContractMessage], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.queue = _ListenerQueue(listener)

    def setup(self) -> None:
        """Join the listener's queue."""
        self.queue.register_provider(self)

    def stop(self) -> None:
        """Leave it."""
        self.queue.unregister_provider(self)


def listens_to(listener: Listener, kind: type[ContractMessage]) -> Callable[[F], F]:
    """Run the method for every message of ``kind`` on the listener's queue; it takes the decoded message.

    The method returns to acknowledge; it raises to have the message judged (:class:`DeliveryPolicy`).
    """

    def decorate(method: F) -> F:
        def handle(service: Any, delivered: _Delivered) -> None:
            with tracing.span(f"{listener.queue} {kind.type}", delivered.traceparent, SpanKind.CONSUMER):
                method(service, delivered.message)

        handle.__name__ = method.__name__
        handle.__doc__ = method.__doc__
        decorated: F = ListensTo.decorator(listener, kind)(handle)
        return decorated

    return decorate


def _bytes_of(message: Message) -> bytes:
    body = message.body
    return body.encode() if isinstance(body, str) else bytes(body)


def _kind_of(error: BaseException | None) -> str:
    return str(error.actual_code) if isinstance(error, PocketError) else type(error).__name__


def _tell(queue: str, error: BaseException, attempt: int, verdict: Verdict) -> None:
    detail = error.detail if isinstance(error, PocketError) else wire.where(error)
    logger.warning(
        "message not handled", queue=queue, attempt=attempt, verdict=verdict, error=_kind_of(error), detail=detail
    )
