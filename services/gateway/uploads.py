"""Uploads: parsed as they stream in, capped, sniffed, sealed chunk by chunk. The clear picture is never whole anywhere.

The framework's own form parser would spool it to a temporary file, in the clear; that is why the form is parsed here.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from shared.crypto import DataKey, Sealer
from shared.kernel.errors import BadRequest, Code, PhotoRejected
from shared.pictures.sniff import peek

SNIFF_BYTES = 64 * 1024
FIELD = b"file"
MAX_HEADER_BYTES = 8 * 1024


@dataclass
class Upload:
    """A sealed upload: its bytes, and the keyed fingerprint that an idempotency key is compared by."""

    sealed: bytearray
    fingerprint: str
    size: int


class SealedFile:
    """Takes the plain pieces of one file, and keeps only sealed ones.

    The subject's data key is not kept: what stays is a key derived from it for this one file, and a keyed digest.
    """

    def __init__(self, key: DataKey, bound_to: str, max_bytes: int) -> None:
        self._sealer = Sealer(key, bound_to)
        self.max_bytes = max_bytes
        self._head = bytearray()
        self._sniffed = False
        self._digest = hmac.new(key.reveal(), b"upload fingerprint", hashlib.sha256)
        self.sealed = bytearray(self._sealer.header)
        self.size = 0

    def feed(self, piece: bytes) -> None:
        """Take the next piece; raises what :func:`receive` raises."""
        self.size += len(piece)
        if self.size > self.max_bytes:
            raise _over(self.max_bytes)
        if not self._sniffed:
            self._head += piece[: SNIFF_BYTES - len(self._head)]
            if len(self._head) >= SNIFF_BYTES:
                self._sniff()
        self._digest.update(piece)
        self.sealed += self._sealer.feed(piece)

    def finish(self) -> Upload:
        """The sealed file, once all of it has come."""
        if not self._sniffed:
            self._sniff()
        self.sealed += self._sealer.finish()
        return Upload(self.sealed, self._digest.hexdigest(), self.size)

    def _sniff(self) -> None:
        """Refuse at the door what no worker could use."""
        self._sniffed = True
        head = bytes(self._head)
        self._head.clear()
        peek(head)


def _over(max_bytes: int) -> PhotoRejected:
    return PhotoRejected(Code.TOO_LARGE, "over the cap", public_extra={"max_bytes": max_bytes})


@dataclass
class _FormReader:
    """python-multipart's callbacks: finds the one ``file`` field and feeds it on."""

    file: SealedFile
    found: bool = False
    ended: bool = False
    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _taking: bool = False

    def on_part_begin(self) -> None:
        self._headers.clear()
        self._taking = False

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._refuse_long(self._name)

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._refuse_long(self._value)

    def on_header_end(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._taking = options.get(b"name") == FIELD
        if self._taking:
            if self.found:
                raise BadRequest("two files")
            self.found = True

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._taking:
            self.file.feed(data[start:end])

    def on_end(self) -> None:
        self.ended = True

    def _refuse_long(self, header: bytearray) -> None:
        if len(header) > MAX_HEADER_BYTES or len(self._headers) > 16:
            raise BadRequest("part headers too long")


async def receive(stream: AsyncIterator[bytes], content_type: str, file: SealedFile) -> Upload:
    """The sealed ``file`` of a multipart body.

    Raises ``bad_request`` (no such field, not a form), ``too_large``, ``unsupported_format``, ``too_many_pixels``.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise BadRequest("not multipart/form-data")
    reader = _FormReader(file)
    names = ("part_begin", "header_field", "header_value", "header_end", "headers_finished", "part_data", "end")
    received = 0
    try:
        parser = MultipartParser(boundary, {f"on_{name}": getattr(reader, f"on_{name}") for name in names})  # type: ignore[arg-type]  # a TypedDict of callbacks
        async for piece in stream:
            received += len(piece)
            if received > file.max_bytes + 64 * 1024:
                raise _over(file.max_bytes)
            parser.write(piece)
        parser.finalize()
        if not reader.ended:
            # The parser itself does not mind: half a picture would pass for a whole one.
            raise BadRequest("form cut short")
    except FormParserError as error:
        raise BadRequest("broken form") from error
    if not reader.found:
        raise BadRequest("no field called file")
    return file.finish()
