"""What needs no login: the spec catalogue and the policy documents."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Depends, Path, Request
from markdown_it import MarkdownIt
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.lists import PageOf
from services.gateway.parts import GatewayParts, Parts
from services.gateway.problems import language_of
from shared.contracts import auth, consents, imaging
from shared.kernel.errors import NotFound

router = APIRouter(prefix="/v1", tags=["catalogue and policies"])

Document = Literal["privacy", "terms", "sdk-list", "permissions"]


def known_document(document: Annotated[str, Path(json_schema_extra={"enum": list(get_args(Document))})]) -> str:
    """The document's name; one that there is not is not found."""
    if document not in get_args(Document):
        raise NotFound("document")
    return document


Named = Annotated[str, Depends(known_document)]


class Spec(BaseModel):
    """A spec with its rules and sources. A rule that does not exist is left out; there are more than are named here."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(examples=["one-inch"])
    category: str
    name: dict[str, str] = Field(description="`zh` and `en`")
    width_px: int
    height_px: int
    width_mm: int | float | None = None
    height_mm: int | float | None = None
    dpi: int
    px_rule: str = Field(description="`suggested`, or fixed by the authority")
    backgrounds: list[str] = Field(description="the first is what it gets when none is asked for")
    people: int = Field(description="how many are in the photo")
    retouching: str
    confidence: str = Field(description="how sure we are of the rules: high, medium or low")
    source: str
    kb: dict[str, float] | None = Field(None, description="`min` and `max` of the file")
    format: str | None = None


class SpecAnswer(BaseModel):
    """Specs that match."""

    items: list[Spec]
    next_cursor: str | None = None


class PolicyAnswer(BaseModel):
    """One version of a policy document."""

    version: str
    published_at: datetime
    effective_at: datetime
    title: str
    html: str
    upcoming: dict[str, str] | None = None


class VersionsAnswer(BaseModel):
    """A document's versions."""

    items: list[dict[str, str]]
    next_cursor: str | None = None


class ChangesAnswer(BaseModel):
    """Lines that were `added` or `removed`, with the `same` ones around them."""

    since: str
    version: str
    lines: list[dict[str, str]]


@router.get("/specs", response_model=SpecAnswer, response_model_exclude_unset=True)
async def specs(parts: GatewayParts, page: PageOf, q: str = "", category: str | None = None) -> Any:
    """Search the catalogue: Chinese, English, id or size."""
    found = await parts.asker.ask(imaging.FindSpecs(text=q[:100], category=category))
    items, next_cursor = page.cut(found.items, lambda one: one["id"])
    return {"items": items, "next_cursor": next_cursor}


@router.get("/specs/{spec_id}", response_model=Spec, response_model_exclude_unset=True)
async def spec(spec_id: str, parts: GatewayParts) -> Any:
    """One spec with its rules and sources."""
    found = await parts.asker.ask(imaging.FindSpecs(spec_id=spec_id[:80]))
    if not found.items:
        raise NotFound("spec")
    return found.items[0]


@router.get("/policies/{document}")
async def policy(document: Named, request: Request, parts: GatewayParts) -> PolicyAnswer:
    """The version in force, and the one to come if there is one."""
    return await _policy(document, None, request, parts)


@router.get("/policies/{document}/versions")
async def policy_versions(document: Named, request: Request, parts: GatewayParts, page: PageOf) -> VersionsAnswer:
    """A document's versions, newest first: `upcoming`, `in_force` or `past`."""
    ask = consents.ListPolicyVersions(document=document, language=language_of(request))
    items, next_cursor = page.cut((await parts.asker.ask(ask)).items, lambda one: one["version"])
    return VersionsAnswer(items=items, next_cursor=next_cursor)


@router.get("/policies/{document}/versions/{version}/changes")
async def policy_changes(
    document: Named, version: str, request: Request, parts: GatewayParts, since: str
) -> ChangesAnswer:
    """What a version changes since another one, line by line."""
    language = language_of(request)
    old, new = [
        await parts.asker.ask(auth.PolicyText(document=document, version=one[:40], language=language))
        for one in (since, version)
    ]
    return ChangesAnswer(since=old.version, version=new.version, lines=changes(old.markdown, new.markdown))


@router.get("/policies/{document}/versions/{version}")
async def policy_version(document: Named, version: str, request: Request, parts: GatewayParts) -> PolicyAnswer:
    """One version of a document."""
    return await _policy(document, version[:40], request, parts)


async def _policy(document: str, version: str | None, request: Request, parts: Parts) -> PolicyAnswer:
    text = await parts.asker.ask(auth.PolicyText(document=document, version=version, language=language_of(request)))
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(text.markdown)
    return PolicyAnswer(
        version=text.version,
        published_at=text.published_at,
        effective_at=text.effective_at,
        title=text.title,
        html=html,
        upcoming=text.upcoming,
    )


def changes(old: str, new: str) -> list[dict[str, str]]:
    """The difference of two texts by lines, with three lines around each change."""
    kinds = {"+": "added", "-": "removed", " ": "same"}
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm=""))[2:]
    return [{"change": kinds[line[0]], "text": line[1:]} for line in lines if line[0] in kinds]
