"""The stand-in's clock: Beijing time, ahead of the real one by as much as the control interface says."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")


def real_time() -> datetime:
    """Now, in Beijing."""
    return datetime.now(UTC).astimezone(BEIJING)


class StandinClock:
    """Runs as fast as the real one; ``advance`` puts it forward."""

    def __init__(self, real: Callable[[], datetime] = real_time) -> None:
        self._real = real
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        """The stand-in's time: trades, notices, bills and tokens live by it."""
        return self._real().astimezone(BEIJING) + self.ahead

    def real(self) -> datetime:
        """The caller's time: only a request's own ``timestamp`` is held against it."""
        return self._real().astimezone(BEIJING)

    def advance(self, by: timedelta) -> None:
        """Put the clock forward; raises ``ValueError`` for backwards."""
        if by < timedelta(0):
            raise ValueError("time does not run backwards")
        self.ahead += by


def stamp(moment: datetime) -> str:
    """``yyyy-MM-dd HH:mm:ss`` in Beijing."""
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def stamp_with_milliseconds(moment: datetime) -> str:
    """``yyyy-MM-dd HH:mm:ss.SSS`` in Beijing, as ``gmt_refund`` has it."""
    return f"{stamp(moment)}.{moment.microsecond // 1000:03d}"


def parse_stamp(text: str) -> datetime:
    """The moment that 19 characters of Beijing time name; raises ``ValueError``."""
    if not _STAMP.fullmatch(text):
        raise ValueError("not yyyy-MM-dd HH:mm:ss")
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
