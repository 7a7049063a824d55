"""Rate limits of one gateway process: so many a window, by name. Approximate on purpose; nothing depends on it but load."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from shared.kernel.errors import Code, PocketError

WINDOW_SECONDS = 3600.0
FORGET_SECONDS = 60.0
MAX_NAMES = 100_000


class RateLimiter:
    """Counts uses by name within a sliding hour."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._uses: dict[str, deque[float]] = {}
        self._forgot_at = monotonic()

    def use(self, name: str, limit: int) -> None:
        """Count one use; raises ``too_many_requests`` when ``name`` has had ``limit`` within the hour."""
        now = self._monotonic()
        if now - self._forgot_at > FORGET_SECONDS or len(self._uses) > MAX_NAMES:
            self._forget(now)
        uses = self._uses.setdefault(name, deque())
        while uses and now - uses[0] >= WINDOW_SECONDS:
            uses.popleft()
        if len(uses) >= limit:
            wait = max(1, math.ceil(uses[0] + WINDOW_SECONDS - now))
            raise PocketError("rate", code=Code.TOO_MANY_REQUESTS, public_extra={"retry_after": wait})
        uses.append(now)

    def _forget(self, now: float) -> None:
        """An address is not kept for longer than it counts."""
        self._forgot_at = now
        for name in [n for n, uses in self._uses.items() if not uses or now - uses[-1] > WINDOW_SECONDS]:
            del self._uses[name]
