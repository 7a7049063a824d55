"""Sealed bytes: AES-256-GCM in chunks, so that an upload is sealed as it streams in.

Format ``PID1 | salt (16) | chunk | chunk | ...``: each chunk is 64 KiB of plaintext sealed under a key derived from the
subject's data key and the salt (HKDF-SHA256, RFC 5869), nonce = chunk number and a last-chunk mark (the STREAM
construction, Hoang et al. 2015). The object's identity is associated data. So chunks cannot be altered, dropped,
reordered, truncated or moved to another object, and no nonce ever repeats under one key.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.kernel.personal import Secret

MAGIC = b"PID1"
SALT_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16
CHUNK_BYTES = 64 * 1024
HEADER_BYTES = len(MAGIC) + SALT_BYTES


class Tampered(Exception):
    """The sealed bytes were altered, cut, belong to another object, or the key is not theirs."""


class Sealer:
    """Seals a stream: ``feed`` what comes in, then ``finish`` once."""

    def __init__(self, key: Secret[bytes], bound_to: str) -> None:
        salt = os.urandom(SALT_BYTES)
        self._cipher = _cipher(key, salt)
        self._bound = bound_to.encode()
        self._pending = bytearray()
        self._number = 0
        self.header = MAGIC + salt

    def feed(self, plain: bytes) -> bytes:
        """The sealed chunks that are now full (perhaps none). The last chunk is always left for :meth:`finish`."""
        self._pending += plain
        sealed = bytearray()
        while len(self._pending) > CHUNK_BYTES:
            sealed += self._seal(bytes(self._pending[:CHUNK_BYTES]), last=False)
            del self._pending[:CHUNK_BYTES]
        return bytes(sealed)

    def finish(self) -> bytes:
        """The last chunk, marked as such."""
        return self._seal(bytes(self._pending), last=True)

    def _seal(self, plain: bytes, *, last: bool) -> bytes:
        sealed = self._cipher.encrypt(_nonce(self._number, last), plain, self._bound)
        self._number += 1
        return sealed


def seal(key: Secret[bytes], plain: bytes, bound_to: str) -> bytes:
    """``plain`` sealed under ``key`` and bound to the identity ``bound_to`` (an object key, ``table/column/id``)."""
    sealer = Sealer(key, bound_to)
    return sealer.header + sealer.feed(plain) + sealer.finish()


def unseal_chunks(key: Secret[bytes], sealed: Iterable[bytes], bound_to: str) -> Iterator[bytes]:
    """The plaintext, piece by piece, of sealed bytes that come in pieces of any size.

    Raises :class:`Tampered`; pieces yielded before that were genuine.
    """
    pending = bytearray()
    cipher: AESGCM | None = None
    number = 0
    size = CHUNK_BYTES + TAG_BYTES
    for piece in sealed:
        pending += piece
        if cipher is None and len(pending) >= HEADER_BYTES:
            cipher = _cipher_of_header(key, bytes(pending[:HEADER_BYTES]))
            del pending[:HEADER_BYTES]
        while cipher and len(pending) > size:
            yield _open(cipher, number, bytes(pending[:size]), bound_to, last=False)
            del pending[:size]
            number += 1
    if cipher is None:
        raise Tampered("shorter than a header")
    yield _open(cipher, number, bytes(pending), bound_to, last=True)


def unseal(key: Secret[bytes], sealed: bytes, bound_to: str) -> bytes:
    """The plaintext of ``sealed``; raises :class:`Tampered`."""
    return b"".join(unseal_chunks(key, (sealed,), bound_to))


def sealed_size(plain_bytes: int) -> int:
    """How many bytes ``plain_bytes`` become when sealed."""
    chunks = max(1, -(-plain_bytes // CHUNK_BYTES))
    return HEADER_BYTES + plain_bytes + chunks * TAG_BYTES


def _cipher(key: Secret[bytes], salt: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"pocketid sealing v1").derive(key.reveal()))


def _cipher_of_header(key: Secret[bytes], header: bytes) -> AESGCM:
    if not header.startswith(MAGIC):
        raise Tampered("not sealed bytes")
    return _cipher(key, header[len(MAGIC) :])


def _open(cipher: AESGCM, number: int, sealed: bytes, bound_to: str, *, last: bool) -> bytes:
    try:
        return cipher.decrypt(_nonce(number, last), sealed, bound_to.encode())
    except (InvalidTag, ValueError) as error:
        raise Tampered("the bytes do not open under this key for this object") from error


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(NONCE_BYTES - 1, "big") + bytes([last])
