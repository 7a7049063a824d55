"""The exchanges and queues as RabbitMQ is told of them, in plain values that kombu, pika and aio-pika all take.

Declared by whoever connects first; declaring again is a no-op, declaring differently is refused by the broker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from kombu import Exchange, Queue

from shared.contracts.queues import (
    DEAD_EXCHANGE,
    DELIVERY_LIMIT,
    EVENTS_EXCHANGE,
    RPC_EXCHANGE,
    Listener,
)

ATTEMPT_HEADER = "x-attempt"
"""How many times a message has been tried, written on it when it is sent to wait."""

ERROR_HEADER = "x-error"
"""The code or class of the last error, written on a message that waits or rests; never its text."""


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A queue: its name, arguments, and the (exchange, routing key) pairs it is bound by."""

    name: str
    arguments: dict[str, str | int]
    bindings: tuple[tuple[str, str], ...] = field(default=())


def events_exchange() -> Exchange:
    """The one exchange of all events."""
    return Exchange(EVENTS_EXCHANGE, type="topic", durable=True)


def dead_exchange() -> Exchange:
    """Where the broker sends what it gives up on; routing keys are the dead queues' names."""
    return Exchange(DEAD_EXCHANGE, type="direct", durable=True)


def rpc_exchange() -> Exchange:
    """nameko's RPC exchange: requests by ``service.method``, replies by reply queue."""
    return Exchange(RPC_EXCHANGE, type="topic", durable=True)


def queues_of(listener: Listener) -> Iterator[QueueSpec]:
    """The dead queue, the waiting queues and the queue itself of one listener, in the order to declare them."""
    yield QueueSpec(listener.dead_queue, {"x-queue-type": "quorum"}, bindings=((DEAD_EXCHANGE, listener.dead_queue),))
    for delay in listener.delays_seconds:
        yield QueueSpec(
            listener.retry_queue(delay),
            {
                "x-queue-type": "quorum",
                "x-message-ttl": delay * 1000,
                # Back to this consumer's own queue through the default exchange, never through the topic exchange:
                # the other listeners have handled the message long ago.
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": listener.queue,
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            },
        )
    yield QueueSpec(
        listener.queue,
        {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD_EXCHANGE,
            "x-dead-letter-routing-key": listener.dead_queue,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
        bindings=tuple((EVENTS_EXCHANGE, event.type) for event in listener.events),
    )


def kombu_queue(spec: QueueSpec) -> Queue:
    """``spec`` as kombu's queue, unbound (bindings are declared by :func:`declare`)."""
    return Queue(spec.name, durable=True, queue_arguments=dict(spec.arguments))


def declare(channel: object, listeners: Iterable[Listener]) -> None:
    """Declare exchanges, queues and bindings over a kombu channel."""
    for exchange in (events_exchange(), dead_exchange(), rpc_exchange()):
        exchange(channel).declare()
    for listener in listeners:
        for spec in queues_of(listener):
            queue = kombu_queue(spec)(channel)
            queue.queue_declare()
            for exchange_name, routing_key in spec.bindings:
                queue.bind_to(exchange=exchange_name, routing_key=routing_key)
