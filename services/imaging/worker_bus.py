"""The worker's end of the bus: one pika connection on its own thread, so that heartbeats flow while pixels are worked on.

Jobs come from ``imaging.matte.paid`` and ``imaging.matte.free`` (prefetch = one batch each), exports from
``imaging.exports`` (one at a time), render calls from ``imaging.render``. Work happens on other threads; they settle messages through ``add_callback_threadsafe``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pika
import pika.exceptions
from pika.adapters.blocking_connection import BlockingChannel

from shared.contracts.base import CONTENT_TYPE
from shared.contracts.queues import (
    DEAD_EXCHANGE,
    EVENTS_EXCHANGE,
    EXPORTS,
    MATTE_FREE,
    MATTE_PAID,
    RENDER_QUEUE,
    RPC_EXCHANGE,
    Listener,
)
from shared.kernel import log
from shared.kernel.personal import Secret
from shared.messaging.delivery import Judgement, Verdict
from shared.messaging.topology import ATTEMPT_HEADER, ERROR_HEADER, queues_of
from shared.telemetry.health import Pulse

logger = log.get_logger("worker.bus")
RECONNECT_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
RENDER_PREFETCH = 8
TROUBLE = (pika.exceptions.AMQPError, OSError)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message in our hands, of one life of the connection: after a reconnect it is somebody else's again."""

    body: bytes
    tag: int
    epoch: int
    listener: Listener | None
    attempt: int = 1
    deliveries: int = 0
    reply_to: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None


class WorkerBus:
    """Connects, consumes, settles, and connects again, until told to stop."""

    def __init__(
        self,
        url: Secret[str],
        batch: int,
        on_job: Callable[[Delivery], None],
        on_render: Callable[[Delivery], None],
        on_export: Callable[[Delivery], None],
    ) -> None:
        self._url = url
        self._batch = batch
        self._on_job = on_job
        self._on_render = on_render
        self._on_export = on_export
        self._epoch = 0
        self._connection: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None
        self._stopping = threading.Event()
        self.pulse = Pulse(60)
        self.consuming = False

    def run(self) -> None:
        """The I/O loop; returns after :meth:`stop`."""
        failures = 0
        while not self._stopping.is_set():
            try:
                self._connect()
                failures = 0
                while not self._stopping.is_set():
                    self.pulse.beat()
                    assert self._connection is not None
                    self._connection.process_data_events(time_limit=1)
            except TROUBLE as error:
                delay = RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)]
                failures += 1
                logger.warning("connection lost", error=type(error).__name__, delay=delay)
                self.pulse.beat()
                self._stopping.wait(delay)
            finally:
                self.consuming = False
        self._close()

    def stop_consuming(self) -> None:
        """Take no new messages; what is in hand can still be settled."""
        self._threadsafe(self._cancel)

    def stop(self) -> None:
        """End :meth:`run`. What is not settled goes back to its queue."""
        self._stopping.set()

    def settle(self, delivery: Delivery, judgement: Judgement, error: str) -> None:
        """Acknowledge, send to wait, or bury a job; from any thread. Its next place is confirmed before it is let go."""
        self._threadsafe(lambda: self._settle(delivery, judgement, error))

    def reply(self, delivery: Delivery, body: bytes) -> None:
        """Answer a render call and acknowledge it; from any thread."""
        self._threadsafe(lambda: self._reply(delivery, body))

    def check(self) -> None:
        """Raises unless messages are really being consumed."""
        if not self.consuming:
            raise ConnectionError("not consuming")
        self.pulse.check()

    def _connect(self) -> None:
        parameters = pika.URLParameters(self._url.reveal())
        parameters.heartbeat = 10
        parameters.blocked_connection_timeout = 30
        parameters.tcp_options = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
        self._connection = pika.BlockingConnection(parameters)
        self._epoch += 1
        channel = self._channel = self._connection.channel()
        declare(channel, (MATTE_PAID, MATTE_FREE, EXPORTS))
        channel.queue_declare(RENDER_QUEUE, durable=True)
        channel.confirm_delivery()
        channel.basic_qos(prefetch_count=self._batch)
        for listener in (MATTE_PAID, MATTE_FREE):
            channel.basic_consume(listener.queue, self._receiver(listener, self._on_job))
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(EXPORTS.queue, self._receiver(EXPORTS, self._on_export))
        channel.basic_qos(prefetch_count=RENDER_PREFETCH)
        channel.basic_consume(RENDER_QUEUE, self._receiver(None, self._on_render))
        self.consuming = True

    def _receiver(self, listener: Listener | None, hand_over: Callable[[Delivery], None]) -> Callable[..., None]:
        epoch = self._epoch

        def receive(channel: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
            headers = properties.headers or {}
            hand_over(
                Delivery(
                    body=body,
                    tag=method.delivery_tag,
                    epoch=epoch,
                    listener=listener,
                    attempt=int(headers.get(ATTEMPT_HEADER, 1)),
                    deliveries=int(headers.get("x-delivery-count", 0)),
                    reply_to=properties.reply_to,
                    correlation_id=properties.correlation_id,
                    traceparent=headers.get("traceparent"),
                )
            )

        return receive

    def _settle(self, delivery: Delivery, judgement: Judgement, error: str) -> None:
        channel = self._channel_of(delivery)
        if channel is None or delivery.listener is None:
            return
        if judgement.verdict is Verdict.RETRY:
            self._move(
                channel, delivery, delivery.listener.retry_queue(judgement.delay_seconds), delivery.attempt + 1, error
            )
        elif judgement.verdict is Verdict.BURY:
            self._move(channel, delivery, delivery.listener.dead_queue, delivery.attempt, error)
        channel.basic_ack(delivery.tag)

    def _move(self, channel: BlockingChannel, delivery: Delivery, queue: str, attempt: int, error: str) -> None:
        properties = pika.BasicProperties(
            content_type=CONTENT_TYPE,
            delivery_mode=2,
            headers={ATTEMPT_HEADER: attempt, ERROR_HEADER: error},
        )
        channel.basic_publish("", queue, delivery.body, properties, mandatory=True)

    def _reply(self, delivery: Delivery, body: bytes) -> None:
        channel = self._channel_of(delivery)
        if channel is None:
            return
        if delivery.reply_to:
            properties = pika.BasicProperties(
                content_type="application/json",
                content_encoding="utf-8",
                correlation_id=delivery.correlation_id,
                delivery_mode=1,
            )
            channel.basic_publish(RPC_EXCHANGE, delivery.reply_to, body, properties)
        channel.basic_ack(delivery.tag)

    def _channel_of(self, delivery: Delivery) -> BlockingChannel | None:
        alive = delivery.epoch == self._epoch and self._channel is not None and self._channel.is_open
        return self._channel if alive else None

    def _cancel(self) -> None:
        if self._channel is not None and self._channel.is_open:
            for tag in list(self._channel.consumer_tags):
                self._channel.basic_cancel(tag)

    def _close(self) -> None:
        try:
            if self._connection is not None and self._connection.is_open:
                self._connection.close()
        except TROUBLE as error:
            logger.info("closed", error=type(error).__name__)

    def _threadsafe(self, action: Callable[[], None]) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            connection.add_callback_threadsafe(action)
        except TROUBLE as error:
            # The broker hands the message out again; what was done about it is known by state and inbox.
            logger.warning("not settled", error=type(error).__name__)


def declare(channel: BlockingChannel, listeners: tuple[Listener, ...]) -> None:
    """Declare exchanges, queues and bindings over a pika channel."""
    for name, kind in ((EVENTS_EXCHANGE, "topic"), (DEAD_EXCHANGE, "direct"), (RPC_EXCHANGE, "topic")):
        channel.exchange_declare(name, kind, durable=True)
    for listener in listeners:
        for spec in queues_of(listener):
            channel.queue_declare(spec.name, durable=True, arguments=dict(spec.arguments))
            for exchange, routing_key in spec.bindings:
                channel.queue_bind(spec.name, exchange, routing_key)
