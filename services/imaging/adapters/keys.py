"""Subjects' data keys for a worker: asked of auth wrapped, unwrapped here, forgotten within two seconds."""

from __future__ import annotations

from base64 import b64decode
from uuid import UUID

from shared.contracts.auth import Purpose, SubjectKey
from shared.crypto import DataKey, Keyring
from shared.crypto.subject_keys import KeyCache
from shared.rpc.asking_plain import PlainAsker

PROCESSING: Purpose = "process_photo"
"""What a worker does with a key when it works on photos."""
READING: Purpose = "read_own"
"""What it does when it builds an export: a person's own data, for which no consent is needed."""


class AskedKeys:
    """Keys for one purpose by call to auth, cached for the two seconds that are allowed."""

    def __init__(self, asker: PlainAsker, keyring: Keyring, cache: KeyCache, purpose: Purpose = PROCESSING) -> None:
        self._purpose = purpose
        self._asker = asker
        self._keyring = keyring
        self._cache = cache

    def key_of(self, subject_id: UUID, *, anew: bool = False) -> DataKey:
        """The key, cached or asked for ``anew``; raises ``subject_erased`` when there is none (any more), or a consent code."""
        held = self._cache.get(subject_id, self._purpose)
        if held is not None and not anew:
            return held
        asked_at = self._cache.now()
        answer = self._asker.ask(SubjectKey(subject_id=subject_id, purpose=self._purpose))
        self._cache.require_young(asked_at)
        key = self._keyring.unwrap(b64decode(answer.wrapped), subject_id)
        self._cache.put(subject_id, self._purpose, key, asked_at)
        return key

    def fence(self, subject_id: UUID) -> None:
        """Forget it: a fence was seen."""
        self._cache.fence(subject_id)
