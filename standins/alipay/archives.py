"""ZIP files as Alipay makes them: entry names in GBK, without the flag that would say UTF-8. The standard library cannot."""

from __future__ import annotations

import struct
import zlib
from datetime import datetime

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_VERSION, _NO_FLAGS, _DEFLATE = 20, 0, 8


def gbk_zip(files: dict[str, bytes], made: datetime) -> bytes:
    """An archive of these files, in this order."""
    date = (max(made.year - 1980, 0) << 9) | (made.month << 5) | made.day
    time = (made.hour << 11) | (made.minute << 5) | made.second // 2
    entries, directory = b"", b""
    for name, content in files.items():
        raw, squeezed = name.encode("gbk"), _deflate(content)
        sizes = (zlib.crc32(content), len(squeezed), len(content))
        facts = (_VERSION, _NO_FLAGS, _DEFLATE, time, date, *sizes, len(raw), 0)
        directory += _CENTRAL.pack(b"PK\x01\x02", _VERSION, *facts, 0, 0, 0, 0, len(entries)) + raw
        entries += _LOCAL.pack(b"PK\x03\x04", *facts) + raw + squeezed
    end = _END.pack(b"PK\x05\x06", 0, 0, len(files), len(files), len(directory), len(entries), 0)
    return entries + directory + end


def _deflate(content: bytes) -> bytes:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeezer.compress(content) + squeezer.flush()
