"""What one run holds still: ids, time, signatures, log lines. Patched while a run lasts, restored afterwards."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import structlog
from cryptography.exceptions import InvalidSignature

from services.payments.adapters import memory_alipay
from shared.crypto import Keyring
from shared.kernel import ids, log
from shared.kernel.personal import Secret
from shared.testing.held_clock import HeldClock

BEGIN = datetime(2026, 11, 24, 8, tzinfo=UTC)
MARK = "Ada-Lovelace"
"""Stands in everything that is personal, so that one search finds whatever lies in the clear."""

KEYRING = Keyring({"m1": Secret(b"m" * 32)})
TOMBSTONE_KEY = Secret(b"t" * 32)
RECEIPT_KEY = Secret(b"r" * 32)
NOTICE_KEY = Secret(b"n" * 32)
PEPPER = Secret(b"p" * 32)


class QuickSigner:
    """Signs tokens and certificates with nothing: signatures have tests of their own."""

    def sign(self, payload: dict[str, Any], *, kind: str = "JWT") -> str:
        return json.dumps({"kind": kind, **payload})

    def jwks(self) -> list[dict[str, str]]:
        return []


class QuickKey:
    """A key pair of Alipay's that costs microseconds; a forger's differs."""

    def __init__(self, number: int) -> None:
        self._secret = b"%d" % number

    def public_key(self) -> QuickKey:
        return self

    def sign(self, text: bytes, *scheme: Any) -> bytes:
        return hashlib.sha256(self._secret + text).digest()

    def verify(self, signature: bytes, text: bytes, *scheme: Any) -> None:
        if signature != self.sign(text):
            raise InvalidSignature


KEYS = [QuickKey(0), QuickKey(1)]


@contextmanager
def held_still(seed: int, clock: HeldClock, lines: list[dict[str, Any]]) -> Iterator[None]:
    """While this lasts, ids follow the held clock and the seed, log lines go to ``lines``."""
    dice = random.Random(seed)

    def remember(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        lines.append(dict(line))
        raise structlog.DropEvent

    processors = [structlog.processors.add_log_level, log._drop_what_is_not_allowed, remember]
    before = (ids.os, ids.time, ids._last, memory_alipay.key_number)  # type: ignore[attr-defined]
    told = structlog.get_config()
    ids.os = SimpleNamespace(urandom=dice.randbytes)  # type: ignore[attr-defined, assignment]
    ids.time = SimpleNamespace(time_ns=lambda: int(clock.now.timestamp() * 1000) * 1_000_000)  # type: ignore[attr-defined, assignment]
    ids._last = 0
    memory_alipay.key_number = KEYS.__getitem__  # type: ignore[assignment]
    structlog.configure(processors=processors, wrapper_class=structlog.make_filtering_bound_logger(20))
    try:
        yield
    finally:
        ids.os, ids.time, ids._last, memory_alipay.key_number = before  # type: ignore[attr-defined]
        structlog.configure(**told)
