"""Claim: events go from outbox to handled (inbox and effect committed) at least half as fast as bare messages.

Baseline: kombu publishing with confirms and consuming with acknowledgements, one process each, nothing committed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from uuid import uuid4

import psycopg

from bench.figures import claim, local_system
from shared.contracts.base import encode
from shared.contracts.queues import EVENTS_EXCHANGE
from tests.chaos.probe_contract import ProbeHappened
from tests.system.local import LocalSystem


def bare(url: str, count: int) -> float:
    """Messages a second: published one by one with confirms by a second process, consumed and acknowledged here."""
    import kombu

    body = b"x" * 400
    publisher = subprocess.Popen(
        [sys.executable, "-c", _PUBLISHER, url, str(count), str(len(body))], env=os.environ, stdin=subprocess.PIPE
    )
    with kombu.Connection(url) as connection:
        channel = connection.channel()
        queue = kombu.Queue("bench.bare", durable=True, queue_arguments={"x-queue-type": "quorum"})(channel)
        queue.declare()
        handled = 0

        def handle(message: kombu.message.Message) -> None:
            nonlocal handled
            handled += 1
            message.ack()

        consumer = kombu.Consumer(channel, [queue], on_message=handle, prefetch_count=10)
        consumer.consume()
        assert publisher.stdin
        publisher.stdin.write(b"go\n")
        publisher.stdin.close()
        begun = time.monotonic()
        while handled < count:
            connection.drain_events(timeout=30)
        took = time.monotonic() - begun
        queue.delete()
    publisher.wait()
    return count / took


_PUBLISHER = """
import sys, kombu
url, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with kombu.Connection(url, transport_options={"confirm_publish": True}) as connection:
    producer = connection.Producer()
    sys.stdin.readline()
    for _ in range(count):
        producer.publish(b"x" * size, routing_key="bench.bare", delivery_mode=2)
"""


def ours(system: LocalSystem, count: int) -> float:
    """Events a second from a full outbox to the last committed effect."""
    system.sql(
        "imaging",
        "CREATE TABLE probe_effects (message_id uuid); CREATE TABLE probe_tries (at timestamptz DEFAULT now());"
        "CREATE TABLE probe_orders (fail boolean); INSERT INTO probe_orders VALUES (false)",
    )
    environment = system.environment_of("imaging") | {"POCKETID_HEALTH_PORT": "0"}
    process = subprocess.Popen([sys.executable, "-m", "tests.chaos.probe"], env=environment, stderr=subprocess.DEVNULL)
    try:
        time.sleep(4)
        with psycopg.connect(system.env["databases"]["imaging"]) as connection:
            for _ in range(count):
                event = ProbeHappened(subject_id=uuid4())
                connection.execute(
                    "INSERT INTO outbox (message_id, exchange, routing_key, mandatory, body) VALUES (%s, %s, %s, true, %s)",
                    (event.message_id, EVENTS_EXCHANGE, event.type, encode(event)),
                )
            connection.execute("NOTIFY outbox")
        begun = time.monotonic()
        while True:
            [(done,)] = system.sql("imaging", "SELECT count(*) FROM probe_effects")
            if done >= count:
                return count / (time.monotonic() - begun)
            time.sleep(0.02)
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=3000)
    wanted = parser.parse_args()
    with local_system() as system:
        slow, fast = bare(system.env["amqp"], wanted.events), ours(system, wanted.events)
    claim(
        f"{wanted.events} events, outbox to handled",
        f"{fast:.0f} events/s (relay, quorum queue, inbox and effect in one transaction each)",
        f"{slow:.0f} messages/s, bare kombu confirmed publish and consume",
        fast / slow,
        ">= 0.5",
    )


if __name__ == "__main__":
    main()
