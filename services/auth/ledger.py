"""The consent ledger: lines are added, chained to the ones before, and judged when a key is asked for."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.auth.answers import remembered
from services.auth.domain.consents import (
    NAMES,
    AgeBand,
    Consent,
    ConsentKind,
    Purpose,
    chained,
    document_of,
    is_granted,
    refusal,
)
from services.auth.domain.policies import PolicyDocument, countable, in_force
from services.auth.domain.subjects import Subject
from services.auth.ports import AuthParts, AuthTransaction
from shared.contracts import auth
from shared.contracts import consents as contract
from shared.kernel.errors import BadRequest, Code, ConsentMissing, SubjectErased

ACTIONS = ("grant", "withdraw")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def record_consent(request: contract.RecordConsent, parts: AuthParts) -> contract.ConsentLedger:
    """Add a grant or a withdrawal of the subject's own. The same as what stands already adds nothing.

    Granted is a version that counts now, of the document or of the one that describes the permission or purpose;
    withdrawn is any version that there is or was. Withdrawing what processing rests on stops it at once and has what it
    made deleted; a guardian's consent is not the child's to give.
    """
    kind, name = _thing(request.kind, request.name)
    if request.action not in ACTIONS or not VERSION.fullmatch(request.version):
        raise BadRequest.at("version" if request.action in ACTIONS else "action", reason="unknown")
    with parts.work.begin() as tx:
        subject = _writable(request.subject_id, tx)
        answers = remembered(request, request.subject_id, parts, tx)
        return answers.once(request, lambda: _recorded(request, kind, name, subject, parts, tx), tx)


def consent_ledger(request: contract.Consents, parts: AuthParts) -> contract.ConsentLedger:
    """The subject's ledger."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        return shown(tx.consents(request.subject_id))


def rests_on(kind: str, name: str, subject_kind: str) -> bool:
    """Whether all processing for such a subject rests on this consent."""
    if kind == ConsentKind.PERMISSION:
        return name == "device_id" and subject_kind == "guest"
    return (kind, name) in ((ConsentKind.DOCUMENT, "privacy"), (ConsentKind.GUARDIAN, "guardian"))


def add_line(
    subject_id: UUID, kind: ConsentKind, name: str, version: str, action: str, now: datetime, tx: AuthTransaction
) -> None:
    """Add a line, chained to the last one. The caller's transaction holds the subject, if others could write too."""
    tx.hold_subject(subject_id)
    ledger = tx.consents(subject_id)
    line = Consent(subject_id, name, version, action, now.replace(microsecond=now.microsecond // 1000 * 1000), kind)
    tx.add_consent(replace(line, chain=chained(line, ledger[-1].chain if ledger else "")))


def grant_at_start(subject: Subject, version: str, parts: AuthParts, tx: AuthTransaction) -> None:
    """What starting says: agreed to the privacy policy; a guest also to be recognised by the device's id.

    The permission is as the document of permissions describes it that is in force just then.
    """
    now = parts.clock()
    add_line(subject.subject_id, ConsentKind.DOCUMENT, "privacy", version, "grant", now, tx)
    if subject.kind == "guest":
        described = in_force(documents("permissions", "zh", parts, tx), now)
        shown_version = described.version if described else version
        add_line(subject.subject_id, ConsentKind.PERMISSION, "device_id", shown_version, "grant", now, tx)


def agreed_version(version: str | None, parts: AuthParts, tx: AuthTransaction) -> str:
    """The privacy policy's version that was agreed to, if its consent counts now.

    Raises ``consent_required``, or ``policy_outdated`` with the version in force.
    """
    if not version:
        raise ConsentMissing("no policy version")
    _require_countable("privacy", version, parts, tx)
    return version


def require(subject: Subject, purpose: Purpose, parts: AuthParts, tx: AuthTransaction) -> None:
    """Raise what stands in the way of a purpose; nothing, when the consents cover it."""
    versions = countable(documents("privacy", "zh", parts, tx), parts.clock())
    code = refusal(purpose, tx.consents(subject.subject_id), versions, subject.age_band)
    if code is not None:
        extra: dict[str, object] = {"policy_version": versions[0]} if versions else {}
        raise ConsentMissing(f"not for {purpose}", code=code, public_extra=extra)


def documents(document: str, language: str, parts: AuthParts, tx: AuthTransaction) -> list[PolicyDocument]:
    """All versions of a document: those shipped and those published since, oldest first."""
    found = [*parts.shelf.versions(document, language), *tx.published(document, language)]
    return sorted(found, key=lambda version: version.published_at)


def age_of(text: str | None) -> AgeBand | None:
    """A declared age band; raises ``bad_request`` for one that does not exist."""
    try:
        return AgeBand(text) if text is not None else None
    except ValueError as error:
        raise BadRequest("age_band") from error


def shown(ledger: list[Consent]) -> contract.ConsentLedger:
    """The ledger as it is answered."""
    return contract.ConsentLedger(
        items=[
            contract.ConsentLine(
                kind=line.kind,
                name=line.document,
                version=line.version,
                action=line.action,
                at=line.at,
                chain=line.chain,
            )
            for line in ledger
        ]
    )


def _recorded(
    request: contract.RecordConsent,
    kind: ConsentKind,
    name: str,
    subject: Subject,
    parts: AuthParts,
    tx: AuthTransaction,
) -> contract.ConsentLedger:
    ledger, now = tx.consents(subject.subject_id), parts.clock()
    about_it = [line for line in ledger if (line.kind, line.document) == (kind, name)]
    if request.action == "grant":
        _require_countable(document_of(kind, name), request.version, parts, tx)
    else:
        _require_known(document_of(kind, name), request.version, about_it, parts, tx)
    last = about_it[-1:]
    if not last or (last[0].action, last[0].version) != (request.action, request.version):
        add_line(subject.subject_id, kind, name, request.version, request.action, now, tx)
        if request.action == "withdraw" and is_granted(ledger, kind, name) and rests_on(kind, name, subject.kind):
            tx.publish(
                auth.ConsentWithdrawn(
                    at=now, subject_id=subject.subject_id, kind=kind, name=name, subject_kind=subject.kind
                )
            )
    return shown(tx.consents(subject.subject_id))


def _require_countable(document: str, version: str, parts: AuthParts, tx: AuthTransaction) -> None:
    now = parts.clock()
    versions = documents(document, "zh", parts, tx)
    if version not in countable(versions, now):
        current = in_force(versions, now)
        extra: dict[str, object] = {"policy_version": current.version} if current else {}
        raise ConsentMissing("another version is in force", code=Code.POLICY_OUTDATED, public_extra=extra)


def _require_known(document: str, version: str, about_it: list[Consent], parts: AuthParts, tx: AuthTransaction) -> None:
    """A withdrawal is of a version that was ever published, or that the ledger already has; never mind how old."""
    known = {found.version for found in documents(document, "zh", parts, tx)} | {line.version for line in about_it}
    if version not in known:
        raise BadRequest.at("version", reason="unknown")


def _thing(kind: str, name: str) -> tuple[ConsentKind, str]:
    if kind == ConsentKind.GUARDIAN or kind not in set(ConsentKind) or name not in NAMES[ConsentKind(kind)]:
        raise BadRequest("nothing that one can consent to here")
    return ConsentKind(kind), name


def _writable(subject_id: UUID, tx: AuthTransaction) -> Subject:
    tx.hold_unfenced(subject_id)
    subject = tx.subject(subject_id)
    if subject is None:
        raise SubjectErased("no such subject")
    return subject
