"""A circuit breaker: a service that keeps failing to answer is not asked for a while, so that callers fail fast."""

from __future__ import annotations

import time
from collections.abc import Callable

from shared.kernel.errors import Unavailable


class CircuitBreaker:
    """Opens after ``failures`` silences in a row; half-open after ``pause_seconds``, when one call may try.

    Only silence counts (time-outs, no broker): an answer with an error code is an answer.
    """

    def __init__(
        self, failures: int = 5, pause_seconds: float = 2.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._pause = pause_seconds
        self._monotonic = monotonic
        self._failures = 0
        self._opened_at: float | None = None

    def before(self) -> None:
        """Called before asking; raises :class:`Unavailable` while the circuit is open."""
        if self._opened_at is None:
            return
        if self._monotonic() - self._opened_at < self._pause:
            raise Unavailable("circuit open")
        self._opened_at = self._monotonic()  # half-open: this call tries, the others wait another pause

    def answered(self) -> None:
        """An answer came."""
        self._failures = 0
        self._opened_at = None

    def silent(self) -> None:
        """No answer came."""
        self._failures += 1
        if self._failures >= self._limit:
            self._opened_at = self._monotonic()
