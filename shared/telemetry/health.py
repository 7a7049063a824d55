"""Live, ready, metrics: three small pages of every process, on their own thread (a green one under eventlet).

*Live* means the process's main loop turns (restart it otherwise). *Ready* means it can do its work just now: connected,
really consuming, its database and store answering. A broker that is down makes a process not ready, never dead.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Check = Callable[[], None]
"""Raises when the thing it looks at is not well."""


class Pulse:
    """The last time a loop turned; stale when that was longer ago than ``limit_seconds``."""

    def __init__(self, limit_seconds: float = 30.0) -> None:
        self._limit = limit_seconds
        self._last = time.monotonic()

    def beat(self) -> None:
        """The loop turned."""
        self._last = time.monotonic()

    def check(self) -> None:
        """Raises when the loop has not turned for too long."""
        age = time.monotonic() - self._last
        if age > self._limit:
            raise RuntimeError(f"no turn of the loop for {age:.0f} s")


class Health:
    """The checks of one process, by name; a failing live check asks for a restart."""

    def __init__(self) -> None:
        self.live: dict[str, Check] = {}
        self.ready: dict[str, Check] = {}

    def look(self, checks: dict[str, Check]) -> tuple[bool, dict[str, str]]:
        """Whether all are well, and what each says (``ok`` or the kind of trouble; never a person's data)."""
        report: dict[str, str] = {}
        for name, check in checks.items():
            try:
                check()
                report[name] = "ok"
            except Exception as error:  # noqa: BLE001 - whatever is wrong, the page says so and stays up
                report[name] = f"{type(error).__name__}"
        return all(value == "ok" for value in report.values()), report

    def page(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body of ``/healthz``, ``/readyz`` or ``/metrics``."""
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest()
        if path not in ("/healthz", "/readyz"):
            return 404, "text/plain", b"not found\n"
        well, report = self.look(self.live if path == "/healthz" else {**self.live, **self.ready})
        body = json.dumps({"status": "ok" if well else "unwell", "checks": report}).encode()
        return 200 if well else 503, "application/json", body


def serve(health: Health, host: str, port: int) -> int:
    """Serve the pages in the background; the port (a free one when ``port`` is 0)."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = health.page(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Health checks are not news."""

    server = ThreadingHTTPServer((host, port), Pages)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return int(server.server_address[1])
