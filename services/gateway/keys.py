"""Subjects' data keys in the gateway: asked of auth wrapped, unwrapped here, forgotten within two seconds or at a fence."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any
from uuid import UUID

from shared.contracts.auth import Purpose, SubjectKey
from shared.contracts.feedback import master_bound
from shared.crypto import DataKey, Keyring
from shared.crypto.subject_keys import KeyCache
from shared.kernel.personal import Secret
from shared.rpc.asking import Asker


class GatewayKeys:
    """Keys by call, from asyncio."""

    def __init__(self, asker: Asker, keyring: Keyring, cache: KeyCache) -> None:
        self._asker = asker
        self._keyring = keyring
        self.cache = cache

    async def key_of(self, subject_id: UUID, purpose: Purpose) -> DataKey:
        """The key, two seconds old at most; raises ``subject_erased`` when there is none (any more), or a consent code."""
        held = self.cache.get(subject_id, purpose)
        if held is not None:
            return held
        asked_at = self.cache.now()
        answer = await self._asker.ask(SubjectKey(subject_id=subject_id, purpose=purpose))
        self.cache.require_young(asked_at)
        key = self._keyring.unwrap(b64decode(answer.wrapped), subject_id)
        self.cache.put(subject_id, purpose, key, asked_at)
        return key

    def seal_for(self, purpose: str, value: dict[str, Any]) -> str:
        """A value for auth's eyes only: what crosses a queue is sealed, also before there is a subject."""
        return b64encode(self._keyring.seal_for(purpose, json.dumps(value, ensure_ascii=False).encode())).decode()

    def wrap(self, key: DataKey, ticket_id: UUID) -> bytes:
        """The key of a ticket that was sent without a login, sealed for that ticket."""
        return self._keyring.seal_for(master_bound(ticket_id), key.reveal())

    def unwrap(self, wrapped: bytes, ticket_id: UUID) -> DataKey:
        """What :meth:`wrap` wrapped."""
        return Secret(self._keyring.open_for(master_bound(ticket_id), wrapped))
