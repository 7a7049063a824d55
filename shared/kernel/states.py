"""States move through one visible table: the same state again is a no-op, anything that is not in the table raises."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from shared.kernel.errors import Conflict

S = TypeVar("S", bound=StrEnum)


def moved(moves: Mapping[S, frozenset[S]], now: S, to: S, what: str) -> S:
    """``to``, when ``moves`` allows it from ``now``; raises :class:`Conflict` that names ``what``."""
    if to is not now and to not in moves[now]:
        raise Conflict(f"a {what} does not go from {now} to {to}")
    return to
