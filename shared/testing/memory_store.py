"""The object store in memory: passes the same contract suite as the S3 one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shared.storage.port import ObjectMissing


class MemoryStore:
    """A dictionary with the manners of an object store."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, sealed: bytes) -> None:
        """Write (or write again) one object."""
        self.objects[key] = bytes(sealed)

    def get(self, key: str) -> bytes:
        """One object's bytes; raises :class:`ObjectMissing`."""
        try:
            return self.objects[key]
        except KeyError:
            raise ObjectMissing(key) from None

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; keys that do not exist are fine."""
        for key in keys:
            self.objects.pop(key, None)

    def delete_prefix(self, prefix: str) -> int:
        """Delete everything under ``prefix``; how many objects."""
        doomed = list(self.keys(prefix))
        self.delete(doomed)
        return len(doomed)

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys under ``prefix``, in byte order (keys are ASCII)."""
        return iter(sorted(key for key in self.objects if key.startswith(prefix)))
