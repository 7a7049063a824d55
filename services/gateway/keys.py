"""Subjects' data keys in the gateway: asked of auth wrapped, unwrapped here, forgotten within two seconds or at a fence."""

from __future__ import annotations

from base64 import b64decode
from uuid import UUID

from shared.contracts.auth import SubjectKey
from shared.crypto import DataKey, Keyring
from shared.crypto.subject_keys import KeyCache
from shared.rpc.asking import Asker


class GatewayKeys:
    """Keys by call, from asyncio."""

    def __init__(self, asker: Asker, keyring: Keyring, cache: KeyCache) -> None:
        self._asker = asker
        self._keyring = keyring
        self.cache = cache

    async def key_of(self, subject_id: UUID) -> DataKey:
        """The key, two seconds old at most; raises ``subject_erased`` when there is none (any more)."""
        held = self.cache.get(subject_id)
        if held is not None:
            return held
        asked_at = self.cache.now()
        answer = await self._asker.ask(SubjectKey(subject_id=subject_id))
        key = self._keyring.unwrap(b64decode(answer.wrapped), subject_id)
        self.cache.put(subject_id, key, asked_at)
        return key
