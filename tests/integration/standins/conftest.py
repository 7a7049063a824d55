"""The real process on a free port, and a receiver of notices that answers as it is told."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.testing.eventually import eventually
from tests.conftest import free_port
from tests.integration.standins.merchant import Merchant, pem

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Receiver:
    """Takes notices; ``answers`` is used up first, then ``success``."""

    url: str
    forms: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=list)

    def of(self, number: str) -> list[dict[str, str]]:
        return [form for form in self.forms if form.get("out_trade_no") == number]

    def wait(self, number: str, count: int = 1) -> list[dict[str, str]]:
        return eventually(lambda: self.of(number), lambda seen: len(seen) >= count, within=10, every=0.01)


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def start(port: int, **more: str) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POCKETID_")}
    told = {"POCKETID_PROFILE": "local", "POCKETID_STANDIN_ALIPAY_PORT": str(port), **more}
    command = [sys.executable, "-m", "standins.alipay"]
    return subprocess.Popen(command, cwd=ROOT, env={**kept, **told}, stderr=subprocess.PIPE)


@pytest.fixture(scope="session")
def process() -> Iterator[str]:
    """One stand-in for the session; retries come 2000 times faster."""
    port = free_port()
    running = start(port, POCKETID_STANDIN_ALIPAY_SPEED="2000")
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: answers(url), within=20)
        yield url
    finally:
        running.terminate()
        _, said = running.communicate(timeout=10)
    assert b"Traceback" not in said, said.decode()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client


@pytest.fixture
def merchant(process: str, key: rsa.RSAPrivateKey, http: httpx.Client) -> Merchant:
    """A fresh start, in key mode."""
    found = Merchant(process, key, http)
    found.control("POST", "reset")
    found.control("PUT", f"apps/{found.app_id}", {"public_key": pem(key.public_key())})
    found.control("PUT", "options", {"buyer": "user_id", "refund_pause_seconds": 0, "timestamp_tolerance_seconds": 900})
    return found


_NUMBERS = itertools.count(1)


@pytest.fixture
def number() -> str:
    """An order number that no test used."""
    return f"T{next(_NUMBERS):08d}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            charset = dict(parse_qsl(body.decode())).get("charset", "utf-8")
            made.bodies.append(body)
            made.kinds.append(self.headers["Content-Type"])
            status, answer = made.answers.pop(0) if made.answers else (200, b"success")
            made.forms.append(dict(parse_qsl(body.decode(), keep_blank_values=True, encoding=charset)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}/notify"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


Arm = Callable[..., None]


@pytest.fixture
def arm(merchant: Merchant) -> Arm:
    """``arm("timeout", times=2, seconds=1)``."""

    def armed(name: str, times: int | None = 1, method: str | None = None, **arguments: object) -> None:
        merchant.control("POST", "faults", {"name": name, "times": times, "method": method, "arguments": arguments})

    return armed
