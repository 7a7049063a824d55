"""Guests and their sessions."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from services.gateway.parts import CurrentCaller, GatewayParts, IdempotencyKey, Repeat, fingerprint
from shared.contracts import auth
from shared.crypto import device_hash, token_hash
from shared.kernel.settings import one_key

router = APIRouter(prefix="/v1", tags=["guests and sessions"])


class GuestRequest(BaseModel):
    """A device starts, or comes back with its secret."""

    device_id: Annotated[
        UUID,
        Field(
            description="The device's UUID. Only a keyed hash of it is ever kept.",
            examples=["6fa459ea-ee8a-4ca4-894e-db77e160355e"],
        ),
    ]
    policy_version: Annotated[
        str | None, Field(description="The privacy policy version the person agreed to", examples=["2026-11-24"])
    ] = None
    age_band: Literal["under_14", "14_to_17", "adult"] | None = None
    guest_secret: Annotated[
        str | None, Field(max_length=200, description="What was given at the first start; lets the guest resume")
    ] = None


class RefreshRequest(BaseModel):
    """A refresh token, good for one exchange."""

    refresh_token: Annotated[str, Field(max_length=200)]


class TokensAnswer(BaseModel):
    """Who you are now, and the tokens that say so."""

    subject_id: UUID
    kind: str = Field(examples=["guest"])
    access_token: str
    expires_in: int = Field(description="seconds", examples=[600])
    refresh_token: str
    guest_secret: str | None = Field(
        None, description="Keep it: without it this device starts anew and the old stash is purged"
    )


@router.post(
    "/guests", status_code=201, responses={200: {"model": TokensAnswer, "description": "the same guest again"}}
)
async def start_guest(
    body: GuestRequest, request: Request, response: Response, parts: GatewayParts, key: IdempotencyKey
) -> TokensAnswer:
    """Start as a guest, or resume with the guest secret (200). Without the secret the old stash is purged.

    An `Idempotency-Key` counts per device: another device may use the same one.
    """
    hashed = device_hash(one_key(parts.settings.device_pepper), body.device_id)
    address = request.client.host if request.client else "unknown"
    parts.limits.use(f"address:{address}", parts.settings.rate_guests_per_address)
    parts.limits.use(f"device:{hashed}", parts.settings.rate_guests_per_device)
    answer = await parts.asker.ask(
        auth.AdmitGuest(
            device_hash=hashed,
            secret_hash=token_hash(body.guest_secret) if body.guest_secret else None,
            policy_version=body.policy_version,
            age_band=body.age_band,
            idempotency_key=key,
            fingerprint=fingerprint([hashed, body.policy_version, body.age_band, token_hash(body.guest_secret or "")]),
        )
    )
    response.status_code = 201 if answer.created else 200
    return _shown(answer, secret=answer.guest_secret or body.guest_secret)


@router.post("/sessions/refresh")
async def refresh(body: RefreshRequest, parts: GatewayParts, repeat: Repeat) -> TokensAnswer:
    """Exchange a refresh token for new tokens. Used twice, it ends its whole family.

    The same call with the same `Idempotency-Key` gets the same tokens for a day, in case the answer was lost: send a
    random key with each exchange. The same token without its key, or with another one, is a token used twice.

    401 `session_revoked` when its session has ended, `subject_erased` while its subject is being erased, else `unauthenticated`.
    """
    answer = await parts.asker.ask(auth.RefreshSession(refresh_hash=token_hash(body.refresh_token), **repeat))
    return _shown(answer, secret=None)


@router.delete("/sessions/current", status_code=204)
async def log_out(caller: CurrentCaller, parts: GatewayParts, repeat: Repeat) -> None:
    """End this session: its tokens are refused from now on.

    Also for this call made again, with or without its `Idempotency-Key`: 401 then says that the session has ended.
    """
    await parts.asker.ask(auth.EndSession(subject_id=caller.subject_id, session_id=caller.session_id, **repeat))
    parts.access.deny(caller.session_id)


def _shown(answer: auth.Tokens, secret: str | None) -> TokensAnswer:
    return TokensAnswer(
        **answer.model_dump(include={"subject_id", "kind", "access_token", "expires_in", "refresh_token"}),
        guest_secret=secret,
    )
