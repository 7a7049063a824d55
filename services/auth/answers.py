"""What auth remembers of its answers is sealed: under the subject's key, or by a master key while there is no subject."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.auth.ports import AuthParts, AuthTransaction
from services.auth.sealed import key_of
from shared.contracts.base import RepeatableCall
from shared.crypto import DataKey, Keyring, seal, unseal
from shared.messaging.repeats import Remembered, of_subject


@dataclass(frozen=True, slots=True)
class UnderSubjectsKey:
    """Readable only while the subject's key exists; bound to the subject and to what it answers."""

    subject_id: UUID
    what: str
    parts: AuthParts
    tx: AuthTransaction

    def close(self, plain: bytes) -> dict[str, Any]:
        """The sealed answer, and whose key opens it."""
        sealed = seal(self._key(), plain, self._bound())
        return {"subject_id": str(self.subject_id), "sealed": b64encode(sealed).decode()}

    def open(self, kept: dict[str, Any]) -> bytes:
        """The answer; raises ``subject_erased`` once the key is gone."""
        return unseal(self._key(), b64decode(kept["sealed"]), self._bound())

    def _key(self) -> DataKey:
        return key_of(self.tx.subject(self.subject_id), self.parts)

    def _bound(self) -> str:
        return f"{self.subject_id}/idempotency/{self.what}"


@dataclass(frozen=True, slots=True)
class ByMasterKey:
    """For the answer to somebody who is nobody yet."""

    purpose: str
    keyring: Keyring

    def close(self, plain: bytes) -> dict[str, Any]:
        """The sealed answer."""
        return {"sealed": b64encode(self.keyring.seal_for(self.purpose, plain)).decode()}

    def open(self, kept: dict[str, Any]) -> bytes:
        """The answer."""
        return self.keyring.open_for(self.purpose, b64decode(kept["sealed"]))


def remembered(call: RepeatableCall[Any], subject_id: UUID, parts: AuthParts, tx: AuthTransaction) -> Remembered:
    """Where the answer to a subject's call is remembered."""
    return of_subject(subject_id, UnderSubjectsKey(subject_id, call.method, parts, tx))
