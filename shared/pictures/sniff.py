"""What a file is, from its first bytes alone: format and size, without decoding a pixel. The gateway's first look."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import StrEnum

from shared.kernel.errors import Code, PhotoRejected

MAX_BYTES = 20 * 1024 * 1024
"""The largest upload, 20 MiB."""
MAX_PIXELS = 50_000_000
"""The largest picture, 50 million pixels, whatever its file's size."""

Size = tuple[int, int]


class Format(StrEnum):
    """The formats that are accepted."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    HEIC = "heic"


HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
AVIF_BRANDS = {b"avif", b"avis"}
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def peek(head: bytes) -> tuple[Format, Size | None]:
    """Format and (width, height) from a file's first bytes (64 to 256 KiB are plenty); no size when it lies further on.

    The size is the stored one, before any rotation. Raises PhotoRejected: unsupported_format, too_many_pixels.
    """
    kind = format_of(head)
    size = _READERS[kind](head)
    if size is not None and size[0] * size[1] > MAX_PIXELS:
        raise PhotoRejected(Code.TOO_MANY_PIXELS, f"{size[0]}x{size[1]} pixels")
    return kind, size


def format_of(head: bytes) -> Format:
    """The format by its magic bytes, never by a file name. Raises PhotoRejected: unsupported_format."""
    if head[:3] == b"\xff\xd8\xff":
        return Format.JPEG
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return Format.PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    if head[4:8] == b"ftyp" and _is_heif(head):
        return Format.HEIC
    raise PhotoRejected(Code.UNSUPPORTED_FORMAT, "no known magic bytes")


def _is_heif(head: bytes) -> bool:
    end = min(int.from_bytes(head[:4], "big"), 256)
    brands = {head[8:12]} | {head[at : at + 4] for at in range(16, end, 4)}
    return bool(brands & HEIF_BRANDS) and not brands & AVIF_BRANDS


def _jpeg_size(head: bytes) -> Size | None:
    for marker, at in _jpeg_segments(head):
        if marker in JPEG_FRAMES and at + 9 <= len(head):
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
    return None


def _jpeg_segments(head: bytes) -> Iterator[tuple[int, int]]:
    """(marker, offset of its first byte after 0xFF) for each segment, up to the first scan."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        yield marker, at
        if marker == 0xDA:
            return
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")


def _png_size(head: bytes) -> Size | None:
    if head[12:16] != b"IHDR" or len(head) < 24:
        return None
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def _webp_size(head: bytes) -> Size | None:
    if len(head) < 30:
        return None
    chunk = head[12:16]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if chunk == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _heif_size(head: bytes) -> Size | None:
    """The largest of the image properties: the whole picture of a tiled one, the main picture beside its thumbnail."""
    best: Size | None = None
    at = head.find(b"ispe")
    while at >= 0 and at + 16 <= len(head):
        width, height = struct.unpack(">II", head[at + 8 : at + 16])
        if best is None or width * height > best[0] * best[1]:
            best = width, height
        at = head.find(b"ispe", at + 4)
    return best


_READERS = {Format.JPEG: _jpeg_size, Format.PNG: _png_size, Format.WEBP: _webp_size, Format.HEIC: _heif_size}
