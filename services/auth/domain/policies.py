"""Policy documents: versions, and which one is in force (seven days after its publication, shortened by nobody)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.auth.domain.consents import DOCUMENTS

__all__ = ["DOCUMENTS", "NOTICE", "PolicyDocument", "countable", "in_force", "upcoming"]

NOTICE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """One version of one document in one language."""

    document: str
    version: str
    published_at: datetime
    language: str
    title: str
    markdown: str

    @property
    def effective_at(self) -> datetime:
        """When it takes effect."""
        return self.published_at + NOTICE


def in_force(versions: Sequence[PolicyDocument], now: datetime) -> PolicyDocument | None:
    """The newest version that has taken effect; before any has, the first one (there is nothing older to fall back to)."""
    ordered = sorted(versions, key=lambda version: version.published_at)
    effective = [version for version in ordered if version.effective_at <= now]
    return effective[-1] if effective else (ordered[0] if ordered else None)


def upcoming(versions: Sequence[PolicyDocument], now: datetime) -> PolicyDocument | None:
    """The next version, published and not yet in force."""
    current = in_force(versions, now)
    later = [v for v in versions if current and v.published_at > current.published_at and v.effective_at > now]
    return min(later, key=lambda version: version.published_at, default=None)


def countable(versions: Sequence[PolicyDocument], now: datetime) -> list[str]:
    """The versions whose consent counts now: the one in force, and those that are published to follow it."""
    current = in_force(versions, now)
    return [v.version for v in versions if current and v.published_at >= current.published_at]
