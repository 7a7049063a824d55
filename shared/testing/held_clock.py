"""A clock that moves only when it is told to."""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.kernel.clock import utc_now


class HeldClock:
    """Both kinds of clock in one: called, it tells the time in UTC; ``monotonic`` counts seconds."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or utc_now()
        self._elapsed = 0.0

    def __call__(self) -> datetime:
        """The time it is held at."""
        return self.now

    def monotonic(self) -> float:
        """Seconds that were let pass."""
        return self._elapsed

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        self._elapsed += seconds
