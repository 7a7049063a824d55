"""nameko's queue consumer, taught to hand over raw messages: what cannot be decoded must not kill the container."""

from __future__ import annotations

from functools import partial
from typing import Any

import amqp.exceptions
import kombu.exceptions
from kombu import Connection
from kombu.message import Message
from nameko.messaging import QueueConsumer

from shared.messaging import topology
from shared.telemetry.health import Pulse

BROKER_TROUBLE = (OSError, amqp.exceptions.AMQPError, kombu.exceptions.KombuError, TimeoutError)
"""What a broker that goes away looks like from here."""


class RawQueueConsumer(QueueConsumer):
    """One connection a container; providers have ``queue`` (kombu), ``listeners`` and ``handle_raw(message)``."""

    def __init__(self) -> None:
        super().__init__()
        self.pulse = Pulse(30)
        self.consuming = False

    def setup(self) -> None:
        """Show ourselves to the health pages."""
        self.container.config["consumers"].append(self)

    def get_consumers(self, consumer_cls: Any, channel: Any) -> Any:
        """kombu asks after every (re)connection: declare the topology, then consume raw."""
        declared = [listener for provider in self._providers for listener in provider.listeners]
        topology.declare(channel, declared)
        for provider in self._providers:
            consumer = consumer_cls(queues=[provider.queue], on_message=partial(self._hand_over, provider))
            consumer.qos(prefetch_count=self.prefetch_count)
            self._consumers[provider] = consumer
        return self._consumers.values()

    def on_consume_ready(self, connection: Connection, channel: Any, consumers: Any, **kwargs: Any) -> None:
        """Consumers are registered with the broker: now we are ready."""
        self.consuming = True
        super().on_consume_ready(connection, channel, consumers, **kwargs)

    def on_consume_end(self, connection: Connection, default_channel: Any) -> None:
        """The connection went away, or we are stopping."""
        self.consuming = False

    def on_iteration(self) -> None:
        """Every turn of the consuming loop (about once a second when idle)."""
        self.pulse.beat()
        super().on_iteration()

    def on_connection_error(self, exc: BaseException, interval: float) -> None:
        """The broker is away: stay alive, be not ready."""
        self.consuming = False
        self.pulse.beat()

    def check(self) -> None:
        """Raises unless messages are really being consumed."""
        if not self.consuming:
            raise ConnectionError("not consuming")
        self.pulse.check()

    def give_back(self, message: Message) -> None:
        """Let the broker hand the message out again; if the connection is gone, it does so by itself."""
        try:
            self.requeue_message(message)
        except BROKER_TROUBLE:
            return

    def _hand_over(self, provider: Any, message: Message) -> None:
        self.container.spawn_managed_thread(partial(provider.handle_raw, message))
