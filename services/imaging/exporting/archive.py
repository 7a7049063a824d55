"""A ZIP that is cut into parts while it is written: one part is all that is ever in memory, and none touches a disk."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import datetime
from types import TracebackType

PART_BYTES = 4 * 1024 * 1024

TakePart = Callable[[int, bytes], None]
"""Takes part number 1, 2, ... of the archive's clear bytes."""


class _Cutter:
    """The write end of a pipe, as zipfile wants it: it cannot seek, so sizes follow each file."""

    def __init__(self, take: TakePart, part_bytes: int) -> None:
        self._take = take
        self._part_bytes = part_bytes
        self._pending = bytearray()
        self.parts = 0
        self.broken = False
        self.size = 0

    def write(self, piece: bytes) -> int:
        """Take in a piece; full parts go out."""
        if self.broken:
            # zipfile wants to write its directory even to an archive that is given up.
            return len(piece)
        self._pending += piece
        while len(self._pending) >= self._part_bytes:
            self._hand_over(self._part_bytes)
        return len(piece)

    def flush(self) -> None:
        """Nothing: a part goes out when it is full."""

    def close(self) -> None:
        """Nothing: :meth:`finish` says when it is whole."""

    def finish(self) -> None:
        """The last part goes out."""
        if self._pending:
            self._hand_over(len(self._pending))

    def _hand_over(self, length: int) -> None:
        part = bytes(self._pending[:length])
        del self._pending[:length]
        self.parts += 1
        self.size += length
        self._take(self.parts, part)


class Archive:
    """A ZIP in the making; a context manager. ``size`` is its bytes once it is closed."""

    def __init__(self, take: TakePart, part_bytes: int = PART_BYTES) -> None:
        self._cutter = _Cutter(take, part_bytes)
        self._zip = zipfile.ZipFile(self._cutter, "w", zipfile.ZIP_STORED)

    @property
    def size(self) -> int:
        """Bytes that went out so far."""
        return self._cutter.size

    def add(self, name: str, content: bytes, at: datetime, *, deflate: bool = False) -> None:
        """One file; pictures are compressed already."""
        entry = zipfile.ZipInfo(name, at.timetuple()[:6])
        entry.external_attr = 0o600 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
        self._zip.writestr(entry, content)

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._cutter.broken = kind is not None
        self._zip.close()
        if not self._cutter.broken:
            self._cutter.finish()
