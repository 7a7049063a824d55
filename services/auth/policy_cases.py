"""Policy documents: read, listed, published. A version takes effect seven days after it was published, whoever publishes."""

from __future__ import annotations

import re

from services.auth.domain.policies import DOCUMENTS, NOTICE, PolicyDocument, in_force, upcoming
from services.auth.ledger import documents
from services.auth.ports import AuthParts
from shared.contracts import auth
from shared.contracts import consents as contract
from shared.kernel.clock import rfc3339
from shared.kernel.errors import BadRequest, Conflict, NotFound

LANGUAGES = ("zh", "en")
VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(\.[0-9]{1,3})?")
MAX_MARKDOWN = 200_000


def policy_text(request: auth.PolicyText, parts: AuthParts) -> auth.PolicyVersion:
    """A policy document: the version in force, or the one named. Raises ``not_found``."""
    now = parts.clock()
    with parts.work.begin() as tx:
        versions = documents(request.document, request.language, parts, tx)
    named = (found for found in versions if found.version == request.version)
    chosen = next(named, None) if request.version else in_force(versions, now)
    if chosen is None:
        raise NotFound("policy document")
    following = upcoming(versions, now)
    return auth.PolicyVersion(
        document=chosen.document,
        version=chosen.version,
        published_at=chosen.published_at,
        effective_at=chosen.effective_at,
        title=chosen.title,
        markdown=chosen.markdown,
        upcoming={"version": following.version, "effective_at": rfc3339(following.effective_at)} if following else None,
    )


def list_policy_versions(request: contract.ListPolicyVersions, parts: AuthParts) -> contract.PolicyVersions:
    """A document's versions, newest first, each with when it was published and takes effect."""
    now = parts.clock()
    with parts.work.begin() as tx:
        versions = documents(request.document, request.language, parts, tx)
    if not versions:
        raise NotFound("policy document")
    current = in_force(versions, now)
    return contract.PolicyVersions(
        items=[
            {
                "version": found.version,
                "title": found.title,
                "published_at": rfc3339(found.published_at),
                "effective_at": rfc3339(found.effective_at),
                "status": _status(found, current),
            }
            for found in reversed(versions)
        ]
    )


def publish_policy(request: contract.PublishPolicy, parts: AuthParts) -> contract.PolicyPublished:
    """Publish a version in every language at once. Its date is now, and nobody shortens the seven days."""
    if request.document not in DOCUMENTS or not VERSION.fullmatch(request.version):
        raise BadRequest("document, or version (YYYY-MM-DD or YYYY-MM-DD.N)")
    if set(request.texts) != set(LANGUAGES):
        raise BadRequest("both languages at once: zh and en")
    now = parts.clock()
    published = [_document(request, language, text, parts) for language, text in request.texts.items()]
    with parts.work.begin() as tx:
        for language in LANGUAGES:
            for known in documents(request.document, language, parts, tx):
                if known.version == request.version:
                    raise Conflict("this version is published, and what is published does not change")
        for document in published:
            tx.publish_document(document)
    return contract.PolicyPublished(
        document=request.document, version=request.version, published_at=now, effective_at=now + NOTICE
    )


def _document(request: contract.PublishPolicy, language: str, text: str, parts: AuthParts) -> PolicyDocument:
    title = next((line[2:].strip() for line in text.splitlines() if line.startswith("# ")), "")
    if not title or len(text) > MAX_MARKDOWN:
        raise BadRequest(f"{language}: Markdown that begins with a title (# ...)")
    return PolicyDocument(request.document, request.version, parts.clock(), language, title, text)


def _status(found: PolicyDocument, current: PolicyDocument | None) -> str:
    if current is not None and found.version == current.version:
        return "in_force"
    return "upcoming" if current is None or found.published_at > current.published_at else "past"
