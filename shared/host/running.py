"""Runs a nameko service as a process: health pages first, then wait for the broker, then serve, whatever comes and goes."""

from __future__ import annotations

import functools
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlparse

import eventlet
from nameko.extensions import DependencyProvider
from nameko.runners import ServiceRunner

from shared.kernel import log
from shared.kernel.errors import TimedOut, Unavailable
from shared.kernel.settings import BrokerSettings
from shared.telemetry import health, tracing

logger = log.get_logger("host")
MAX_WORKERS = 10
RESTART_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)


class Part(DependencyProvider):
    """A part of the service by name (its unit of work, its store ...), built once by the process's ``main``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_dependency(self, worker_ctx: Any) -> Any:
        """nameko puts what is returned here on the service instance."""
        return self.container.config["parts"][self.name]


@dataclass
class Host:
    """One nameko service in one process."""

    service: type
    settings: BrokerSettings
    parts: dict[str, Any]
    checks: dict[str, health.Check] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _consumers: list[Any] = field(default_factory=list)
    _runner: ServiceRunner | None = None

    def run(self) -> None:
        """Serve until SIGTERM. A container that dies (the broker was away too long) is started again with back-off."""
        log.configure(self.settings.process, self.settings.log_level)
        tracing.configure(self.settings.process)
        self._serve_health()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: eventlet.spawn_n(self._stop))
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                self._serve_once()
            except Exception as error:  # noqa: BLE001 - the supervisor of the container: any death is answered by a new start
                failures = 0 if time.monotonic() - started > 60 else failures + 1
                delay = RESTART_SECONDS[min(failures, len(RESTART_SECONDS) - 1)]
                logger.warning("container died", service=self.service.__name__, error=type(error).__name__, delay=delay)
                time.sleep(delay)
        logger.info("stopped", service=self.service.__name__)

    def _serve_once(self) -> None:
        self._wait_for_broker()
        if self._stopping.is_set():
            return
        self._consumers.clear()
        runner = ServiceRunner(
            {
                "AMQP_URI": self.settings.amqp_url.get_secret_value(),
                "HEARTBEAT": 10,
                "max_workers": MAX_WORKERS,
                "parts": self.parts,
                "consumers": self._consumers,
            }
        )
        runner.add_service(self.service)
        self._runner = runner
        try:
            runner.start()
            logger.info("serving", service=self.service.__name__)
            runner.wait()
        finally:
            self._runner = None

    def _stop(self) -> None:
        self._stopping.set()
        if self._runner is not None:
            self._runner.stop()

    def _wait_for_broker(self) -> None:
        url = urlparse(self.settings.amqp_url.get_secret_value())
        while not self._stopping.is_set():
            try:
                socket.create_connection((url.hostname or "127.0.0.1", url.port or 5672), timeout=3).close()
                return
            except OSError:
                time.sleep(0.5)

    def _serve_health(self) -> None:
        pages = health.Health()
        pages.live["loop"] = self._check_turning
        pages.ready["consuming"] = self._check_consuming
        pages.ready.update(self.checks)
        port = health.serve(pages, self.settings.health_host, self.settings.health_port)
        logger.info("health pages", port=port)

    def _check_turning(self) -> None:
        for consumer in list(self._consumers):
            consumer.pulse.check()

    def _check_consuming(self) -> None:
        if not self._consumers:
            raise ConnectionError("no consumer")
        for consumer in list(self._consumers):
            consumer.check()


def quietly(method: Callable[[Any], None]) -> Callable[[Any], None]:
    """For timers: an outage of what the method needs is logged, and the next turn tries again."""

    @functools.wraps(method)
    def turn(service: Any) -> None:
        try:
            method(service)
        except (Unavailable, TimedOut) as error:
            logger.warning("timer skipped a turn", method=method.__name__, detail=error.detail)

    return turn
