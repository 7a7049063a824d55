"""What the services need of an object store, and how objects are named.

A key is derived, ``<subject>/<photo>/<kind>``: a redelivered job writes the same key, and one prefix holds everything a
subject has. Only sealed bytes ever go in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol
from uuid import UUID

from shared.kernel.errors import Unavailable


class ObjectMissing(Exception):
    """There is no object of that key."""


class StoreUnavailable(Unavailable):
    """The store does not answer, or refuses us."""


class ObjectStore(Protocol):
    """Bytes by key. Every method may raise :class:`StoreUnavailable`."""

    def put(self, key: str, sealed: bytes) -> None:
        """Write (or write again) one object."""

    def get(self, key: str) -> bytes:
        """One object's bytes; raises :class:`ObjectMissing`."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, all their versions; keys that do not exist are fine."""

    def delete_prefix(self, prefix: str) -> int:
        """Delete everything under ``prefix``: all versions, and unfinished multipart uploads. How many objects."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys of all versions of all objects under ``prefix``."""


def object_key(subject_id: UUID, photo_id: UUID, kind: str) -> str:
    """``<subject>/<photo>/<kind>``."""
    return f"{subject_id}/{photo_id}/{kind}"


EXPORT_KIND = "export-"
"""Begins the kinds of an export's objects: they are retention's, in imaging's neighbourhood."""


def export_key(subject_id: UUID, export_id: UUID, attempt: int, part: int) -> str:
    """``<subject>/<export>/export-<attempt>-<part>``: one part of one build of an export."""
    return object_key(subject_id, export_id, f"{EXPORT_KIND}{attempt}-{part:05d}")


def is_export(key: str) -> bool:
    """Whether a key is of an export."""
    return key.rsplit("/", 1)[-1].startswith(EXPORT_KIND)


def subject_prefix(subject_id: UUID) -> str:
    """The prefix that holds everything a subject has."""
    return f"{subject_id}/"


def photo_prefix(subject_id: UUID, photo_id: UUID) -> str:
    """The prefix that holds everything of one photo."""
    return f"{subject_id}/{photo_id}/"
