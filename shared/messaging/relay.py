"""The relay: takes committed messages out of a service's outbox and hands them to RabbitMQ, each at least once.

``python -m shared.messaging.relay SERVICE``: a process of its own, so that what a dead service committed still goes out.
Woken by LISTEN/NOTIFY, with a slow poll behind it. Publishes with confirms and ``mandatory``; a row is deleted only once
the broker has confirmed it, in the transaction that holds the row locked, so two relays share the work.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from datetime import timedelta
from typing import Any

import aio_pika
import psycopg
from aio_pika.abc import AbstractChannel, AbstractExchange
from psycopg.rows import dict_row

from shared.contracts.base import CONTENT_TYPE
from shared.contracts.queues import DEAD_EXCHANGE, EVENTS_EXCHANGE, LISTENERS, RPC_EXCHANGE
from shared.db.unit_of_work import OUTBOX_CHANNEL
from shared.kernel import log
from shared.kernel.settings import BrokerSettings, load
from shared.messaging.topology import queues_of
from shared.telemetry import health, metrics

BATCH = 200
POLL_SECONDS = 5.0
TIDY_SECONDS = 3600.0
INBOX_LIFE = timedelta(days=30)
"""Longer than any message can wait, rest among the dead included (an operator looks after those within days)."""
IDEMPOTENCY_LIFE = timedelta(days=7)
RECONNECT_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)

logger = log.get_logger("relay")


class Relay:
    """Moves one service's outbox to the broker until cancelled; survives either side going away."""

    def __init__(self, service: str, dsn: str, amqp_url: str) -> None:
        self.service = service
        self._dsn = dsn
        self._amqp_url = amqp_url
        self.pulse = health.Pulse(60)
        self.connected = False
        self._tidied_at = -TIDY_SECONDS

    async def run(self) -> None:
        """Relay for ever: connect, move, and on trouble connect again with back-off."""
        failures = 0
        while True:
            try:
                async with (
                    await aio_pika.connect(self._amqp_url, timeout=10, heartbeat=10) as broker,
                    await psycopg.AsyncConnection.connect(self._dsn, autocommit=True, row_factory=dict_row) as database,
                ):
                    channel = await broker.channel(publisher_confirms=True, on_return_raises=True)
                    exchanges = await declare_all(channel)
                    failures = 0
                    await self._relay_while_connected(database, exchanges)
            except (TimeoutError, OSError, psycopg.Error, aio_pika.exceptions.AMQPError) as error:
                self.connected = False
                delay = RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)]
                failures += 1
                logger.warning("connection lost", service=self.service, error=type(error).__name__, delay=delay)
                self.pulse.beat()
                await asyncio.sleep(delay)

    async def _relay_while_connected(
        self, database: psycopg.AsyncConnection[dict[str, Any]], exchanges: dict[str, AbstractExchange]
    ) -> None:
        await database.execute(f"LISTEN {OUTBOX_CHANNEL}")
        self.connected = True
        while True:
            moved, kept = await self._move_batch(database, exchanges)
            await self._tidy(database)
            self.pulse.beat()
            if moved == BATCH:
                continue
            await _woken(database, POLL_SECONDS if not kept else 1.0)

    async def _tidy(self, database: psycopg.AsyncConnection[dict[str, Any]]) -> None:
        """Once an hour: what the inbox and the idempotency keys no longer need to remember."""
        if time.monotonic() - self._tidied_at < TIDY_SECONDS:
            return
        self._tidied_at = time.monotonic()
        await database.execute("DELETE FROM inbox WHERE handled_at < now() - %s", (INBOX_LIFE,))
        await database.execute("DELETE FROM idempotency WHERE created_at < now() - %s", (IDEMPOTENCY_LIFE,))

    async def _move_batch(
        self, database: psycopg.AsyncConnection[dict[str, Any]], exchanges: dict[str, AbstractExchange]
    ) -> tuple[int, int]:
        """Publish what waits (a batch at most); how many went out, and how many the broker had no queue for."""
        async with database.transaction():
            cursor = await database.execute(
                "SELECT position, message_id, exchange, routing_key, mandatory, body FROM outbox"
                " ORDER BY position LIMIT %s FOR UPDATE SKIP LOCKED",
                (BATCH,),
            )
            rows = await cursor.fetchall()
            metrics.OUTBOX_WAITING.labels(self.service).set(len(rows))
            outcomes = await asyncio.gather(*(_publish(exchanges[row["exchange"]], row) for row in rows))
            gone = [row["position"] for row, confirmed in zip(rows, outcomes, strict=True) if confirmed]
            if gone:
                await database.execute("DELETE FROM outbox WHERE position = ANY(%s)", (gone,))
        kept = len(rows) - len(gone)
        if gone:
            metrics.RELAYED.labels(self.service).inc(len(gone))
        if kept:
            metrics.UNROUTABLE.labels(self.service).inc(kept)
            logger.error("no queue for messages, kept", service=self.service, count=kept)
        return len(gone), kept


async def declare_all(channel: AbstractChannel) -> dict[str, AbstractExchange]:
    """Declare every exchange and every listener's queues; the exchanges by name (with the default one as ``""``)."""
    exchanges: dict[str, AbstractExchange] = {"": channel.default_exchange}
    for name, kind in ((EVENTS_EXCHANGE, "topic"), (DEAD_EXCHANGE, "direct"), (RPC_EXCHANGE, "topic")):
        exchanges[name] = await channel.declare_exchange(name, kind, durable=True)
    for listener in LISTENERS:
        for spec in queues_of(listener):
            queue = await channel.declare_queue(spec.name, durable=True, arguments=dict(spec.arguments))
            for exchange_name, routing_key in spec.bindings:
                await queue.bind(exchange_name, routing_key)
    return exchanges


async def _publish(exchange: AbstractExchange, row: dict[str, Any]) -> bool:
    """Whether the broker has taken the message for good (False: it has no queue for it)."""
    message = aio_pika.Message(
        bytes(row["body"]),
        content_type=CONTENT_TYPE,
        message_id=str(row["message_id"]),
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    try:
        await exchange.publish(message, row["routing_key"], mandatory=row["mandatory"], timeout=15)
    except aio_pika.exceptions.PublishError:
        return False
    return True


async def _woken(database: psycopg.AsyncConnection[dict[str, Any]], seconds: float) -> None:
    """Return at the next notification, or after ``seconds``."""
    async for _ in database.notifies(timeout=seconds, stop_after=1):
        return


async def serve(service: str) -> None:
    """Run the relay of ``service`` with its health pages until SIGTERM."""
    settings = load(BrokerSettings)
    log.configure(settings.process, settings.log_level)
    relay = Relay(service, os.environ[f"POCKETID_{service.upper()}_DSN"], settings.amqp_url.get_secret_value())
    pages = health.Health()
    pages.live["loop"] = relay.pulse.check
    pages.ready["connected"] = lambda: _require(relay.connected)
    health.serve(pages, settings.health_host, settings.health_port)
    task = asyncio.create_task(relay.run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _require(condition: bool) -> None:
    if not condition:
        raise RuntimeError("not connected")


def main() -> None:
    """The process: relay the outbox of the service named on the command line."""
    asyncio.run(serve(sys.argv[1]))


if __name__ == "__main__":
    main()
