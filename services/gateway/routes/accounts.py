"""Accounts: logging in, linked logins, profile, sessions."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from services.gateway.access import Caller
from services.gateway.lists import PageOf
from services.gateway.login_bodies import LoginAnswer, LoginRequest, Proof, SessionRequest
from services.gateway.parts import CurrentCaller, GatewayParts, IdempotencyKey, Parts, Repeat, fingerprint
from services.gateway.routes.guests import TokensAnswer
from shared.contracts import accounts, auth, retention
from shared.contracts.auth import Purpose
from shared.crypto import seal, token_hash, unseal
from shared.kernel import log
from shared.kernel.errors import BadRequest, PocketError

router = APIRouter(prefix="/v1", tags=["accounts"])
logger = log.get_logger("accounts")

LOGIN_SECONDS = 25.0
"""Longest wait for a provider; ours gives up before the client does."""


class SessionAnswer(TokensAnswer):
    """Who you are now; ``purge_id`` and ``receipt`` when a guest's stash is being wiped."""

    purge_id: UUID | None = None
    receipt: str | None = None


class IdentityAnswer(BaseModel):
    """A linked login."""

    provider: str
    linked_at: datetime
    nickname: str | None


class IdentityItems(BaseModel):
    """The account's logins."""

    items: list[IdentityAnswer]
    next_cursor: str | None = None


class SessionItem(BaseModel):
    """A session; ``current`` is the one that asks."""

    session_id: UUID
    created_at: datetime
    last_used_at: datetime
    device_label: str | None
    current: bool


class SessionItems(BaseModel):
    """The live sessions, last used first."""

    items: list[SessionItem]
    next_cursor: str | None = None


@router.post("/login-attempts", status_code=201)
async def begin_login(body: LoginRequest, request: Request, parts: GatewayParts, repeat: Repeat) -> LoginAnswer:
    """State, nonce and PKCE for one login, bound to it on the server and used once.

    Nobody is known yet, so an `Idempotency-Key` must be one that nobody else has: random, 16 characters at least.
    """
    _limit(request, parts)
    answer = await parts.asker.ask(accounts.BeginLogin(**body.model_dump(), **repeat), timeout=LOGIN_SECONDS)
    return LoginAnswer(**answer.model_dump())


@router.post("/sessions", status_code=201)
async def sign_in(body: SessionRequest, request: Request, parts: GatewayParts, key: IdempotencyKey) -> SessionAnswer:
    """Log in by a provider's proof. An account is made when there is none; the guest's stash is wiped, nothing is merged."""
    _limit(request, parts)
    guest = await _guest_of(body.guest_token, parts)
    handed = body.model_dump(mode="json", exclude={"guest_token", "policy_version", "age_band"})
    answer = await parts.asker.ask(
        accounts.SignIn(
            provider=body.provider,
            platform=body.platform,
            sealed_proof=parts.keys.seal_for(accounts.PROOF, handed),
            policy_version=body.policy_version,
            age_band=body.age_band,
            guest_id=guest.subject_id if guest else None,
            idempotency_key=key,
            fingerprint=fingerprint([token_hash(body.model_dump_json())]),
        ),
        timeout=LOGIN_SECONDS,
    )
    purge = await _end_guest(guest, answer, parts) if guest and answer.purge_id else None
    shown = answer.model_dump(include={"subject_id", "kind", "access_token", "expires_in", "refresh_token", "purge_id"})
    return SessionAnswer(**shown | ({"purge_id": purge.purge_id, "receipt": purge.receipt} if purge else {}))


@router.get("/me/sessions")
async def list_sessions(caller: CurrentCaller, parts: GatewayParts, page: PageOf) -> SessionItems:
    """Where this subject is logged in."""
    found = await parts.asker.ask(accounts.Sessions(subject_id=caller.subject_id))
    wanted, next_cursor = page.cut(found.items, lambda one: one.session_id)
    items = []
    for session in wanted:
        label = await _opened(session.sealed_label, f"{caller.subject_id}/session-label", caller, parts)
        items.append(
            SessionItem(
                **session.model_dump(exclude={"sealed_label"}),
                device_label=label.decode() if label else None,
                current=session.session_id == caller.session_id,
            )
        )
    return SessionItems(items=items, next_cursor=next_cursor)


@router.delete("/me/sessions", status_code=204)
async def end_all_sessions(
    caller: CurrentCaller, parts: GatewayParts, repeat: Repeat, keep_current: bool = False
) -> None:
    """Log out everywhere, or everywhere else. Everywhere: made again, the call is refused (401) like any other."""
    keep = caller.session_id if keep_current else None
    ended = await parts.asker.ask(accounts.EndSessions(subject_id=caller.subject_id, keep=keep, **repeat))
    for session_id in ended.session_ids:
        parts.access.deny(session_id)


@router.delete("/me/sessions/{session_id}", status_code=204)
async def end_session(session_id: UUID, caller: CurrentCaller, parts: GatewayParts, repeat: Repeat) -> None:
    """Log out one device: its tokens are refused from now on."""
    await parts.asker.ask(auth.EndSession(subject_id=caller.subject_id, session_id=session_id, **repeat))
    parts.access.deny(session_id)


@router.get("/me/identities")
async def list_identities(caller: CurrentCaller, parts: GatewayParts, page: PageOf) -> IdentityItems:
    """The linked logins."""
    held = await _shown(await parts.asker.ask(accounts.Identities(subject_id=caller.subject_id)), caller, parts)
    items, next_cursor = page.cut(held.items, lambda one: one.provider)
    return IdentityItems(items=items, next_cursor=next_cursor)


@router.post("/me/identities", status_code=201)
async def link_identity(
    body: Proof, request: Request, caller: CurrentCaller, parts: GatewayParts, repeat: Repeat
) -> IdentityItems:
    """Link one more login. One that belongs to another account is refused (409 `identity_taken`)."""
    _limit(request, parts)
    linked = await parts.asker.ask(
        accounts.LinkIdentity(
            subject_id=caller.subject_id,
            provider=body.provider,
            platform=body.platform,
            sealed_proof=parts.keys.seal_for(accounts.PROOF, body.model_dump(mode="json")),
            **repeat,
        ),
        timeout=LOGIN_SECONDS,
    )
    return await _shown(linked, caller, parts)


@router.delete("/me/identities/{provider}", status_code=204)
async def unlink_identity(provider: str, caller: CurrentCaller, parts: GatewayParts, repeat: Repeat) -> None:
    """Unlink a login, and have its provider told. Never the last one (409 `last_identity`)."""
    await parts.asker.ask(accounts.UnlinkIdentity(subject_id=caller.subject_id, provider=provider[:40], **repeat))


@router.api_route("/providers/{provider}/notices", methods=["GET", "POST"], include_in_schema=False)
async def provider_notice(provider: str, request: Request, parts: GatewayParts) -> Response:
    """A provider's push: somebody withdrew a login there. What it says travels on sealed; its signature is auth's to check."""
    pushed = {
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "query": dict(request.query_params),
        "body": b64encode(await request.body()).decode(),
    }
    taken = await parts.asker.ask(
        accounts.TakeNotice(provider=provider[:40], sealed_notice=parts.keys.seal_for(accounts.NOTICE, pushed)),
        timeout=LOGIN_SECONDS,
    )
    return Response(b64decode(taken.body), status_code=taken.status, headers={"Content-Type": taken.content_type})


def _limit(request: Request, parts: Parts) -> None:
    address = request.client.host if request.client else "unknown"
    parts.limits.use(f"login:{address}", parts.settings.rate_logins_per_address)


async def _guest_of(token: str | None, parts: Parts) -> Caller | None:
    """The guest that ends (or has ended: the call may be a repetition). Raises when the token is no guest's of ours."""
    if token is None:
        return None
    caller = await parts.access.caller(f"Bearer {token}", even_fenced=True)
    if caller.kind != "guest":
        raise BadRequest("guest_token is not a guest's")
    return caller


async def _end_guest(guest: Caller, answer: accounts.SignedIn, parts: Parts) -> retention.PurgeOpened | None:
    """The guest's tokens are refused here at once; its purge, if retention answers (the event opens it anyway)."""
    parts.access.deny(guest.subject_id)
    parts.keys.cache.fence(guest.subject_id)
    ask = retention.OpenPurge(
        subject_id=guest.subject_id, reason="signed_in", purge_id=answer.purge_id, heir_id=answer.subject_id
    )
    try:
        return await parts.asker.ask(ask)
    except PocketError as error:
        logger.warning("purge left to the event", purge_id=answer.purge_id, code=error.actual_code)
        return None


async def _shown(found: accounts.IdentityList, caller: Caller, parts: Parts) -> IdentityItems:
    items = []
    for held in found.items:
        bound = f"{caller.subject_id}/identity/{held.provider}/names"
        content = await _opened(held.sealed, bound, caller, parts)
        names: dict[str, Any] = json.loads(content or b"{}")
        nickname = names.get("nickname")
        items.append(IdentityAnswer(provider=held.provider, linked_at=held.linked_at, nickname=nickname))
    return IdentityItems(items=items)


async def _opened(sealed: str | None, bound: str, caller: Caller, parts: Parts) -> bytes | None:
    if not sealed:
        return None
    return unseal(await parts.keys.key_of(caller.subject_id, "read_own"), b64decode(sealed), bound)


async def sealed_text(value: dict[str, Any], bound: str, purpose: Purpose, caller: Caller, parts: Parts) -> str:
    """A value of the subject's, sealed under its key for a purpose, as it travels in a call."""
    key = await parts.keys.key_of(caller.subject_id, purpose)
    return b64encode(seal(key, json.dumps(value, ensure_ascii=False).encode(), bound)).decode()
