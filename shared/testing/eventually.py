"""Wait for something to become true, and show the last state seen when it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(
    look: Callable[[], T], accept: Callable[[T], bool] = bool, *, within: float = 30.0, every: float = 0.05
) -> T:
    """What ``look`` returns once ``accept`` takes it; raises ``AssertionError`` with the last sight after ``within`` s."""
    deadline = time.monotonic() + within
    while True:
        seen: T | None
        try:
            seen = look()
            if accept(seen):
                return seen
            last: object = seen
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; last seen: {last!r}")
        time.sleep(every)
