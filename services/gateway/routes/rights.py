"""A person's rights: exports of all data, the disclosure ledger, feedback with deadlines."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

import anyio
from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.access import Caller
from services.gateway.lists import PageOf
from services.gateway.parts import CurrentCaller, GatewayParts, IdempotencyKey, Parts
from services.gateway.problems import language_of
from shared.contracts import feedback as tickets
from shared.contracts import rights
from shared.contracts.disclosure_codes import Ground, Told
from shared.crypto import DataKey, keyed_hash, new_data_key, seal, unseal
from shared.kernel.errors import Conflict, NotFound
from shared.kernel.ids import new_id
from shared.kernel.personal import Secret
from shared.kernel.settings import one_key
from shared.storage.port import export_key

router = APIRouter(prefix="/v1", tags=["rights"])

AT_ONCE = {
    "access": "POST /v1/me/exports",
    "correction": "PATCH /v1/me",
    "deletion": "DELETE /v1/me",
    "withdrawal": "POST /v1/me/consents",
}
"""What a person need not wait for anybody to do."""


class ExportAnswer(BaseModel):
    """One export."""

    export_id: UUID
    status: str = Field(examples=["ready"], description="queued, building, ready, failed or expired")
    requested_at: datetime
    expires_at: datetime | None = Field(None, description="it can be downloaded until then")
    bytes: int | None = Field(None, description="the file's size")


class ExportItems(BaseModel):
    """The subject's exports, newest first."""

    items: list[ExportAnswer]
    next_cursor: str | None = None


class DisclosureItem(BaseModel):
    """Who was told what about this subject, on which ground, when. `chain` is a SHA-256 over the line and the one before."""

    disclosure_id: UUID
    who: str = Field(examples=["支付宝"])
    what: list[str] = Field(examples=[["订单号", "金额"]])
    ground: Ground
    why: str = Field(description="the ground in words: clause 3 of the privacy policy")
    at: datetime
    recipient: str = Field(examples=["alipay"], description="a code for those that the system itself tells")
    kinds: list[Told] = Field(description="`what`, as codes")
    reference: UUID | None = Field(None, description="the order, if it was about one")
    chain: str


class DisclosureItems(BaseModel):
    """The ledger, oldest first; nothing in it is ever changed."""

    items: list[DisclosureItem]
    next_cursor: str | None = None


class FeedbackRequest(BaseModel):
    """A complaint or a request."""

    model_config = ConfigDict(extra="forbid")

    kind: tickets.FeedbackKind
    text: Annotated[str, Field(min_length=1, max_length=4000)]
    contact: Annotated[
        str | None, Field(max_length=200, description="only if an answer by the ticket is not enough")
    ] = None


class FeedbackAnswer(BaseModel):
    """The receipt: whoever holds the ticket can read the answer, so keep it."""

    ticket: str
    deadline: datetime = Field(
        description="answered by then: 15 working days for complaints, the next one for the rest. "
        "Weekends count as free, public holidays (and weekends worked in their place) are not known"
    )
    status: str
    at_once: str | None = Field(None, description="the call that does it now, without waiting for anybody")


class FeedbackProgress(BaseModel):
    """How far a ticket is."""

    kind: tickets.FeedbackKind
    status: str = Field(examples=["open"], description="open, answered or closed")
    created_at: datetime
    deadline: datetime
    answered_at: datetime | None = None
    answer: str | None = None


@router.post("/me/exports", status_code=202)
async def request_export(caller: CurrentCaller, parts: GatewayParts, key: IdempotencyKey) -> ExportAnswer:
    """Ask for all data of this subject as a ZIP. Built in the background; while one is being built, that one is the answer.

    429 `too_many_requests` when the day's exports are used up. Needs no consent, and no payment.
    """
    asked = rights.RequestExport(subject_id=caller.subject_id, idempotency_key=key)
    return ExportAnswer.model_validate((await parts.asker.ask(asked)).model_dump())


@router.get("/me/exports")
async def list_exports(caller: CurrentCaller, parts: GatewayParts, page: PageOf) -> ExportItems:
    """The subject's exports."""
    found = await parts.asker.ask(rights.ListExports(subject_id=caller.subject_id))
    items, next_cursor = page.cut(found.items, lambda one: one.export_id)
    shown = [ExportAnswer.model_validate(one.model_dump()) for one in items]
    return ExportItems(items=shown, next_cursor=next_cursor)


@router.get("/me/exports/{export_id}")
async def get_export(export_id: UUID, caller: CurrentCaller, parts: GatewayParts) -> ExportAnswer:
    """One export; somebody else's is not found."""
    return ExportAnswer.model_validate((await _export(export_id, caller, parts)).model_dump())


@router.get(
    "/me/exports/{export_id}/file",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}, 409: {"description": "`conflict`: not ready (yet)"}},
)
async def export_file(export_id: UUID, caller: CurrentCaller, parts: GatewayParts) -> Response:
    """The ZIP: `index.html` to read, `data.json` for machines, and the pictures. Gone (404) when it has expired."""
    export = await _export(export_id, caller, parts)
    if export.status == "expired":
        raise NotFound("expired")
    if export.status != "ready":
        raise Conflict(f"the export is {export.status}", public_extra={"export_status": export.status})
    first = await _part(export, 1, caller, parts)
    headers = {
        "Content-Length": str(export.bytes),
        "Content-Disposition": f'attachment; filename="pocketid-{export.requested_at:%Y-%m-%d}.zip"',
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(_parts(first, export, caller, parts), media_type="application/zip", headers=headers)


@router.get("/me/disclosures")
async def disclosures(request: Request, caller: CurrentCaller, parts: GatewayParts, page: PageOf) -> DisclosureItems:
    """Who was told what about this subject, on which ground of the privacy policy, when."""
    ledger = await parts.asker.ask(rights.Disclosures(subject_id=caller.subject_id))
    language = language_of(request)
    items, next_cursor = page.cut(ledger.items, lambda line: line.disclosure_id)
    return DisclosureItems(
        next_cursor=next_cursor,
        items=[
            DisclosureItem(
                **line.model_dump(include={"disclosure_id", "ground", "at", "reference", "chain"}),
                who=line.names[language],
                what=line.told[language],
                why=line.why[language],
                recipient=line.who,
                kinds=line.what,
            )
            for line in items
        ],
    )


@router.post("/feedback", status_code=201, openapi_extra={"security": [{}, {"bearer": []}]})
async def send_feedback(
    body: FeedbackRequest,
    request: Request,
    parts: GatewayParts,
    key: IdempotencyKey,
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> FeedbackAnswer:
    """A complaint or request, with or without a login. What is written is sealed before it leaves this process."""
    caller = await parts.access.caller(authorization) if authorization else None
    address = request.client.host if request.client else "unknown"
    parts.limits.use(f"feedback:{address}", parts.settings.rate_feedback_per_address)
    ticket_id, own = new_id(), new_data_key()
    text = _sealed(own, body.text, ticket_id, "text")
    pepper = one_key(parts.settings.device_pepper)
    sent = await parts.asker.ask(
        tickets.SendFeedback(
            ticket_id=ticket_id,
            subject_id=caller.subject_id if caller else None,
            kind=body.kind,
            sealed_key=b64encode(await _locked(own, ticket_id, caller, parts)).decode(),
            sealed_text=text,
            sealed_contact=_sealed(own, body.contact, ticket_id, "contact") if body.contact else None,
            idempotency_key=key,
            fingerprint=keyed_hash(pepper, "feedback", body.model_dump_json().encode()).hex(),
        )
    )
    return FeedbackAnswer(**sent.model_dump(), at_once=AT_ONCE.get(body.kind) if caller else None)


@router.get("/feedback/{ticket}")
async def feedback(ticket: Annotated[str, Path(max_length=100)], parts: GatewayParts) -> FeedbackProgress:
    """A ticket's deadline and its answer, for whoever holds the ticket. Gone with the account that sent it."""
    found = await parts.asker.ask(tickets.FeedbackByTicket(ticket=ticket))
    answer = None
    if found.sealed_answer is not None:
        own = await _unlocked(found, parts)
        bound = tickets.ticket_bound(found.ticket_id, "answer")
        answer = unseal(own, b64decode(found.sealed_answer), bound).decode()
    facts = found.model_dump(include={"kind", "status", "created_at", "deadline", "answered_at"})
    return FeedbackProgress(**facts, answer=answer)


async def _export(export_id: UUID, caller: Caller, parts: Parts) -> rights.ExportState:
    return await parts.asker.ask(rights.GetExport(subject_id=caller.subject_id, export_id=export_id))


async def _part(export: rights.ExportState, number: int, caller: Caller, parts: Parts) -> bytes:
    return await parts.open_object(
        caller.subject_id, export_key(caller.subject_id, export.export_id, export.attempt, number)
    )


async def _parts(first: bytes, export: rights.ExportState, caller: Caller, parts: Parts) -> AsyncIterator[bytes]:
    """One part at a time, each under a key asked for anew: a fence breaks the download off."""
    yield first
    for number in range(2, export.parts + 1):
        yield await _part(export, number, caller, parts)


def _sealed(own: DataKey, text: str, ticket_id: UUID, part: str) -> str:
    return b64encode(seal(own, text.encode(), tickets.ticket_bound(ticket_id, part))).decode()


async def _locked(own: DataKey, ticket_id: UUID, caller: Caller | None, parts: Parts) -> bytes:
    """The ticket's key under its sender's; without a login, wrapped by the master key."""
    if caller is None:
        return parts.keys.wrap(own, ticket_id)
    subject_key = await parts.keys.key_of(caller.subject_id, "read_own")
    return seal(subject_key, own.reveal(), tickets.key_bound(caller.subject_id, ticket_id))


async def _unlocked(found: tickets.TicketState, parts: Parts) -> DataKey:
    sealed = b64decode(found.sealed_key)
    if found.subject_id is None:
        return parts.keys.unwrap(sealed, found.ticket_id)
    subject_key = await parts.keys.key_of(found.subject_id, "read_own")
    bound = tickets.key_bound(found.subject_id, found.ticket_id)
    return Secret(await anyio.to_thread.run_sync(unseal, subject_key, sealed, bound))
