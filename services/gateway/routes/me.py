"""The subject's own record: profile, age, consents, guardians; and the end of it all, 注销账户."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, model_validator

from services.gateway.access import Caller
from services.gateway.lists import PageOf
from services.gateway.login_bodies import Age
from services.gateway.parts import CurrentCaller, GatewayParts, Parts, Repeat
from services.gateway.routes.accounts import sealed_text
from shared.contracts import accounts, auth, consents
from shared.crypto import unseal

router = APIRouter(prefix="/v1/me", tags=["my record"])

Document = Literal["privacy", "terms", "sdk-list", "permissions"]
Permission = Literal["device_id", "camera", "storage", "installed_apps"]
Extra = Literal["personalised_messages", "partner_sharing"]
Action = Literal["grant", "withdraw"]


class MeAnswer(BaseModel):
    """The subject's own record."""

    subject_id: UUID
    kind: str
    created_at: datetime
    nickname: str | None = None
    age_band: Age | None = None
    consents: list[dict[str, str]]


class MeChange(BaseModel):
    """What may be changed; what is left out stays."""

    nickname: Annotated[str | None, Field(min_length=1, max_length=60)] = None
    age_band: Age | None = None


class ConsentRequest(BaseModel):
    """Grant or withdraw: a document's version, a permission of the phone, or one of the purposes that nobody needs."""

    document: Document | None = None
    permission: Permission | None = None
    purpose: Extra | None = None
    version: Annotated[
        str,
        Field(
            max_length=40,
            examples=["2026-11-24"],
            description="Of the document; for a permission, of `permissions`; for a purpose, of `privacy`. Granted is the one in "
            "force or to come (else 409 `policy_outdated`); withdrawn is any that there ever was",
        ),
    ]
    action: Action

    @model_validator(mode="after")
    def _one_thing(self) -> ConsentRequest:
        if sum(one is not None for one in (self.document, self.permission, self.purpose)) != 1:
            raise ValueError("exactly one of document, permission, purpose")
        return self

    @property
    def thing(self) -> tuple[str, str]:
        """Kind and name."""
        if self.document is not None:
            return "document", self.document
        if self.permission is not None:
            return "permission", self.permission
        return "purpose", self.purpose or ""


class ConsentItem(BaseModel):
    """One line of the ledger. `chain` is a SHA-256 over the line and the chain before it."""

    kind: str
    name: str
    version: str
    action: str
    at: datetime
    chain: str


class ConsentItems(BaseModel):
    """The ledger, oldest first; nothing in it is ever changed."""

    items: list[ConsentItem]
    next_cursor: str | None = None


class GuardianLinkAnswer(BaseModel):
    """What the child passes on; works once."""

    guardianship_id: UUID
    link_token: str
    expires_at: datetime


class GuardianRequest(BaseModel):
    """An adult's account grants by a child's link, or withdraws what it granted."""

    action: Action
    link_token: Annotated[str | None, Field(max_length=100)] = None
    guardianship_id: UUID | None = None


class GuardianshipAnswer(BaseModel):
    """A guardian's consent."""

    guardianship_id: UUID
    role: str
    granted_at: datetime | None
    withdrawn_at: datetime | None


class GuardianshipItems(BaseModel):
    """All of them."""

    items: list[GuardianshipAnswer]
    next_cursor: str | None = None


@router.get("")
async def me(caller: CurrentCaller, parts: GatewayParts) -> MeAnswer:
    """The subject's own record."""
    record = await parts.asker.ask(auth.WhoAmI(subject_id=caller.subject_id))
    profile = await parts.asker.ask(accounts.Profile(subject_id=caller.subject_id))
    return MeAnswer(**record.model_dump(), nickname=await _nickname(profile, caller, parts))


@router.patch("")
async def change_me(body: MeChange, caller: CurrentCaller, parts: GatewayParts, repeat: Repeat) -> MeAnswer:
    """Change nickname or declared age. Who declared to be under 14 cannot take that back alone (409)."""
    sealed = None
    if body.nickname is not None:
        bound = f"{caller.subject_id}/profile"
        sealed = await sealed_text({"nickname": body.nickname}, bound, "keep_profile", caller, parts)
    changed = await parts.asker.ask(
        accounts.ChangeProfile(subject_id=caller.subject_id, sealed_profile=sealed, age_band=body.age_band, **repeat)
    )
    parts.keys.cache.forget(caller.subject_id)
    return MeAnswer(**changed.me.model_dump(), nickname=await _nickname(changed, caller, parts))


@router.get("/consents")
async def list_consents(caller: CurrentCaller, parts: GatewayParts, page: PageOf) -> ConsentItems:
    """The consent ledger."""
    ledger = await parts.asker.ask(consents.Consents(subject_id=caller.subject_id))
    items, next_cursor = page.cut(ledger.items, lambda line: line.chain)
    return ConsentItems(items=[ConsentItem(**line.model_dump()) for line in items], next_cursor=next_cursor)


@router.post("/consents", status_code=201)
async def record_consent(
    body: ConsentRequest, caller: CurrentCaller, parts: GatewayParts, repeat: Repeat
) -> ConsentItems:
    """Grant or withdraw. Withdrawing the privacy policy stops all processing and deletes the photos (a guest: everything)."""
    kind, name = body.thing
    ledger = await parts.asker.ask(
        consents.RecordConsent(
            subject_id=caller.subject_id, kind=kind, name=name, version=body.version, action=body.action, **repeat
        )
    )
    parts.keys.cache.forget(caller.subject_id)
    return ConsentItems.model_validate(ledger.model_dump())


@router.post("/guardian-requests", status_code=201)
async def ask_guardian(caller: CurrentCaller, parts: GatewayParts, repeat: Repeat) -> GuardianLinkAnswer:
    """A child asks for its guardian's consent: pass the link on."""
    answer = await parts.asker.ask(consents.AskGuardian(subject_id=caller.subject_id, **repeat))
    return GuardianLinkAnswer(**answer.model_dump())


@router.get("/guardian-consents")
async def list_guardianships(caller: CurrentCaller, parts: GatewayParts, page: PageOf) -> GuardianshipItems:
    """Where this subject is the child or the guardian."""
    found = await parts.asker.ask(consents.Guardianships(subject_id=caller.subject_id))
    items, next_cursor = page.cut(found.items, lambda one: one.guardianship_id)
    return GuardianshipItems(items=[GuardianshipAnswer(**one.model_dump()) for one in items], next_cursor=next_cursor)


@router.post("/guardian-consents", status_code=201)
async def answer_guardian(
    body: GuardianRequest, caller: CurrentCaller, parts: GatewayParts, repeat: Repeat
) -> GuardianshipAnswer:
    """A guardian (an account that declared to be an adult) grants by a link, or withdraws: then the child's photos go."""
    asked = consents.AnswerGuardian(subject_id=caller.subject_id, **body.model_dump(), **repeat)
    state = await parts.asker.ask(asked)
    return GuardianshipAnswer(**state.model_dump())


async def _nickname(profile: accounts.ProfileState, caller: Caller, parts: Parts) -> str | None:
    if not profile.sealed_profile:
        return None
    key = await parts.keys.key_of(caller.subject_id, "read_own")
    content = unseal(key, b64decode(profile.sealed_profile), f"{caller.subject_id}/profile")
    nickname: str | None = json.loads(content).get("nickname")
    return nickname
