"""A secret handed to one holder of a key pair that lives for one command: X25519, HKDF-SHA256, AES-256-GCM.

So that an operator can read one thing without ever holding what opens all things, and nothing crosses a queue in the clear.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.crypto.sealing import Tampered, seal, unseal
from shared.kernel.personal import Secret

PUBLIC_BYTES = 32


class Taker:
    """Whoever a secret is handed to: made, used once, forgotten."""

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()
        self.public = self._private.public_key().public_bytes_raw()

    def take(self, handed: bytes, bound_to: str) -> bytes:
        """The secret that :func:`hand_over` sealed to us; raises :class:`Tampered`."""
        theirs = handed[:PUBLIC_BYTES]
        try:
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(theirs))
        except ValueError as error:
            raise Tampered("no public key") from error
        return unseal(_key(shared, theirs, self.public), handed[PUBLIC_BYTES:], bound_to)


def hand_over(secret: bytes, public: bytes, bound_to: str) -> bytes:
    """``secret`` for the holder of the private half of ``public``; raises ``ValueError`` when that is no X25519 key."""
    ours = X25519PrivateKey.generate()
    own = ours.public_key().public_bytes_raw()
    shared = ours.exchange(X25519PublicKey.from_public_bytes(public))
    return own + seal(_key(shared, own, public), secret, bound_to)


def _key(shared: bytes, sender: bytes, taker: bytes) -> Secret[bytes]:
    info = b"pocketid handover v1" + sender + taker
    return Secret(HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(shared))
