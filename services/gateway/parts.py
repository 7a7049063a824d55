"""What the gateway's routes depend on, built once a process and handed to them by FastAPI."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import anyio
from fastapi import Depends, Header, Request
from fastapi.security import HTTPBearer

from services.gateway.access import Access, Caller
from services.gateway.keys import GatewayKeys
from services.gateway.limits import RateLimiter
from services.gateway.stream import Hub
from shared.crypto import keyed_hash, unseal
from shared.kernel.errors import BadRequest
from shared.kernel.settings import GatewaySettings, one_key
from shared.rpc.asking import Asker
from shared.storage import ObjectStore


@dataclass
class Parts:
    """Everything behind the routes."""

    settings: GatewaySettings
    asker: Asker
    access: Access
    keys: GatewayKeys
    hub: Hub
    store: ObjectStore
    limits: RateLimiter
    uploads: anyio.CapacityLimiter

    async def open_object(self, subject_id: UUID, key: str) -> bytes:
        """The clear bytes of one stored object of the subject."""
        sealed = await anyio.to_thread.run_sync(self.store.get, key)
        data_key = await self.keys.key_of(subject_id, "read_own")
        return await anyio.to_thread.run_sync(unseal, data_key, sealed, key)

    async def open_json(self, subject_id: UUID, sealed: bytes, identity: str) -> dict[str, Any]:
        """A sealed JSON value of the subject."""
        value: dict[str, Any] = json.loads(unseal(await self.keys.key_of(subject_id, "read_own"), sealed, identity))
        return value


def parts_of(request: Request) -> Parts:
    """The process's parts."""
    parts: Parts = request.app.state.parts
    return parts


SHOWS_A_TOKEN = Depends(HTTPBearer(scheme_name="bearer", auto_error=False))
"""Says in the interface's description that a call takes an access token; what a token is worth is :class:`Access`'s to say."""


async def caller_of(
    request: Request,
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
    _shown: Any = SHOWS_A_TOKEN,
) -> Caller:
    """The subject that calls; raises what its token deserves."""
    return await parts_of(request).access.caller(authorization)


def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key", description="The same key and body give the same answer; another body gives 409."
        ),
    ] = None,
) -> str | None:
    """The client's idempotency key, if it sent a usable one."""
    if key is not None and not (1 <= len(key) <= 200 and key.isascii() and key.isprintable()):
        raise BadRequest("Idempotency-Key")
    return key


def fingerprint(body: Any) -> str:
    """What an idempotency key's body is compared by."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


GatewayParts = Annotated[Parts, Depends(parts_of)]
CurrentCaller = Annotated[Caller, Depends(caller_of)]
IdempotencyKey = Annotated[str | None, Depends(idempotency_key)]


async def repeat_of(request: Request, parts: GatewayParts, key: IdempotencyKey) -> dict[str, Any]:
    """What a call is recognised by when it is made again: its key, and a keyed hash of method, path, query and body.

    Keyed, because a body may be a person's name: what is remembered of it must not be guessed at.
    """
    if key is None:
        return {}
    where = [request.method, request.url.path, sorted(request.query_params.multi_items())]
    pepper = one_key(parts.settings.device_pepper)
    call = json.dumps([where, _content(await request.body())]).encode()
    return {"idempotency_key": key, "fingerprint": keyed_hash(pepper, "call", call).hex()}


def _content(body: bytes) -> Any:
    """What a body says, however it is spaced and ordered."""
    try:
        return json.dumps(json.loads(body), sort_keys=True)
    except ValueError:
        return body.hex()


Repeat = Annotated[dict[str, Any], Depends(repeat_of)]
"""The fields of a ``RepeatableCall``, to be passed on with it."""
