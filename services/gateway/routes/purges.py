"""Wiping the stash, deleting the account, and the receipts that show it happen."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from services.gateway.addresses import absolute_url
from services.gateway.certificate_page import certificate_page
from services.gateway.parts import SHOWS_A_TOKEN, GatewayParts, IdempotencyKey, Parts
from services.gateway.problems import language_of
from shared.contracts import auth, retention
from shared.kernel import log
from shared.kernel.errors import Conflict, IdempotencyConflict, PocketError, SubjectErased

router = APIRouter(tags=["deletion"])
logger = log.get_logger("purges")


class PurgeStarted(BaseModel):
    """A purge is on its way."""

    purge_id: UUID
    receipt: str = Field(
        description="Shows the purge's progress without a login; cannot be guessed, holds nothing personal"
    )
    receipt_url: str


class ErasureStarted(BaseModel):
    """An erasure is on its way."""

    erasure_id: UUID
    receipt: str
    receipt_url: str


class PurgeProgress(BaseModel):
    """How far a purge is."""

    purge_id: UUID
    status: str = Field(examples=["completed"])
    reason: str = Field(examples=["stash_wiped"])
    timeline: list[dict[str, str]]
    counts: dict[str, int] = Field(examples=[{"imaging.photos": 1, "imaging.objects": 4, "auth.sessions": 1}])
    certificate: dict[str, Any] | None = Field(
        None, description="`jws` is signed (Ed25519); `payload` is its content, for reading"
    )


class Keys(BaseModel):
    """A JSON Web Key Set."""

    keys: list[dict[str, str]]


@router.delete("/v1/me/stash", status_code=202, dependencies=[SHOWS_A_TOKEN])
async def wipe_stash(
    request: Request,
    parts: GatewayParts,
    key: IdempotencyKey,
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> PurgeStarted:
    """清空暂存: wipe everything this guest has. Gone and certified seconds later.

    Its key is destroyed before this answers; should auth be out of service just then, as soon as auth is back, and until
    then every gateway refuses the guest's tokens.

    The guest ends with its stash: its tokens are refused from now on (401 `subject_erased`). Only the same call with the
    same `Idempotency-Key` still gets its answer, in case the first one was lost.
    """
    started, _ = await _end("stash_wiped", request, parts, key, authorization)
    return started


@router.delete("/v1/me", status_code=202, dependencies=[SHOWS_A_TOKEN])
async def delete_me(
    request: Request,
    parts: GatewayParts,
    key: IdempotencyKey,
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> ErasureStarted:
    """注销账户: delete the account and everything it has. Unreadable before this answers, gone and certified seconds later.

    Every token of the subject is refused from now on (401 `subject_erased`). What the law makes us keep (paid orders,
    without the person) stands in the certificate. A guest is ended the same way.
    """
    started, purge_id = await _end("account_deleted", request, parts, key, authorization)
    return ErasureStarted(erasure_id=purge_id, receipt=started.receipt, receipt_url=started.receipt_url)


@router.get("/v1/purges/{receipt}")
async def purge_progress(receipt: str, parts: GatewayParts) -> PurgeProgress:
    """A purge's progress, and its signed certificate once it is completed. Needs no login."""
    answer = await parts.asker.ask(retention.PurgeByReceipt(receipt=receipt[:100]))
    return PurgeProgress.model_validate(answer.model_dump())


@router.get("/v1/purges/{receipt}/certificate", response_class=HTMLResponse)
async def purge_certificate(receipt: str, request: Request, parts: GatewayParts) -> HTMLResponse:
    """The certificate as a page to read and print, in the language of `Accept-Language`. Needs no login."""
    answer = await parts.asker.ask(retention.PurgeByReceipt(receipt=receipt[:100]))
    page = certificate_page(answer.certificate, language_of(request))
    return HTMLResponse(page, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})


@router.get("/.well-known/purge-certificate-keys.json")
async def certificate_keys(parts: GatewayParts) -> Keys:
    """The public keys that verify purge certificates, for anyone."""
    return Keys(keys=(await parts.asker.ask(retention.CertificateKeys())).keys)


@router.get("/.well-known/jwks.json")
async def token_keys(parts: GatewayParts) -> Keys:
    """The public keys that verify access tokens."""
    return Keys(keys=(await parts.asker.ask(auth.TokenKeys())).keys)


async def _end(
    reason: str, request: Request, parts: Parts, key: str | None, authorization: str | None
) -> tuple[PurgeStarted, UUID]:
    caller = await parts.access.caller(authorization, even_fenced=key is not None)
    if parts.access.is_denied(caller.subject_id):
        repeated = await _repeated(caller.subject_id, reason, key or "", request, parts)
        return repeated, repeated.purge_id
    if reason == "stash_wiped" and caller.kind != "guest":
        raise Conflict("an account has no stash: delete single photos, or the account")
    opened = await parts.asker.ask(
        retention.OpenPurge(subject_id=caller.subject_id, reason=reason, idempotency_key=key)
    )
    parts.access.deny(caller.subject_id)
    parts.keys.cache.fence(caller.subject_id)
    await _fence_now(caller.subject_id, opened.purge_id, parts)
    return _started(opened, request), opened.purge_id


async def _fence_now(subject_id: UUID, purge_id: UUID, parts: Parts) -> None:
    """Have auth destroy the key before we answer. Should auth not answer, the purge's own event does it when auth is back."""
    try:
        await parts.asker.ask(auth.FenceSubject(subject_id=subject_id, purge_id=purge_id))
    except PocketError as error:
        logger.warning("fence left to the event", purge_id=purge_id, code=error.actual_code, detail=error.detail)


async def _repeated(subject_id: UUID, reason: str, key: str, request: Request, parts: Parts) -> PurgeStarted:
    try:
        found = await parts.asker.ask(retention.FindPurge(subject_id=subject_id, idempotency_key=key, reason=reason))
    except IdempotencyConflict:
        raise
    except PocketError as error:
        raise SubjectErased("not the call that wiped it") from error
    return _started(found, request)


def _started(opened: retention.PurgeOpened, request: Request) -> PurgeStarted:
    url = absolute_url(request, "purge_progress", receipt=opened.receipt)
    return PurgeStarted(purge_id=opened.purge_id, receipt=opened.receipt, receipt_url=url)
