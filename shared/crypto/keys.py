"""Data keys and the master keys that wrap them (envelope encryption).

A wrapped key is ``len(kid) | kid | nonce (12) | ciphertext``, AES-256-GCM with the subject id as associated data: a
wrapped key moved to another subject does not open. Deleting the wrapped key makes everything under it unreadable.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.crypto.sealing import NONCE_BYTES, Tampered
from shared.kernel.personal import Secret

DATA_KEY_BYTES = 32

DataKey = Secret[bytes]
"""A subject's unwrapped 32-byte key: held for two seconds at most, never written, never sent."""


class UnknownMasterKey(Exception):
    """The key that wrapped this data key is not among ours."""


def new_data_key() -> DataKey:
    """A fresh random data key."""
    return Secret(os.urandom(DATA_KEY_BYTES))


class Keyring:
    """The master keys by name; the first wraps, all unwrap."""

    def __init__(self, master_keys: Mapping[str, Secret[bytes]]) -> None:
        if not master_keys:
            raise ValueError("a keyring needs at least one master key")
        self._keys = dict(master_keys)
        self.current = next(iter(self._keys))

    def wrap(self, key: DataKey, subject_id: UUID) -> bytes:
        """``key`` wrapped by the current master key, bound to its subject."""
        return self._encrypt(key.reveal(), _bound(subject_id))

    def unwrap(self, wrapped: bytes, subject_id: UUID) -> DataKey:
        """The data key inside; raises :class:`UnknownMasterKey`, or :class:`Tampered` when it is not this subject's."""
        return Secret(self._decrypt(wrapped, _bound(subject_id)))

    def seal_for(self, purpose: str, plain: bytes) -> bytes:
        """``plain`` for another process of ours that holds the master keys, and for one purpose only.

        For what must cross a queue, or wait in a table, while there is no subject's key to seal it under.
        """
        return self._encrypt(plain, _bound_for(purpose))

    def open_for(self, purpose: str, sealed: bytes) -> bytes:
        """What :meth:`seal_for` sealed; raises :class:`UnknownMasterKey` or :class:`Tampered`."""
        return self._decrypt(sealed, _bound_for(purpose))

    def wrapped_by(self, wrapped: bytes) -> str:
        """The name of the master key that wrapped it."""
        return wrapped[1 : 1 + wrapped[0]].decode(errors="replace")

    def _encrypt(self, plain: bytes, bound: bytes) -> bytes:
        kid = self.current.encode()
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self._keys[self.current].reveal()).encrypt(nonce, plain, bound)
        return bytes([len(kid)]) + kid + nonce + sealed

    def _decrypt(self, sealed: bytes, bound: bytes) -> bytes:
        kid_end = 1 + (sealed[0] if sealed else 0)
        master = self._keys.get(sealed[1:kid_end].decode(errors="replace"))
        if master is None:
            raise UnknownMasterKey("sealed by a master key we do not have")
        nonce, rest = sealed[kid_end : kid_end + NONCE_BYTES], sealed[kid_end + NONCE_BYTES :]
        try:
            return AESGCM(master.reveal()).decrypt(nonce, rest, bound)
        except (InvalidTag, ValueError) as error:
            raise Tampered("altered, or meant for another subject or purpose") from error


def _bound_for(purpose: str) -> bytes:
    return b"pocketid purpose\x00" + purpose.encode()


def _bound(subject_id: UUID) -> bytes:
    return b"pocketid data key\x00" + subject_id.bytes
