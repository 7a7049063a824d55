"""A subject's profile and sessions. Names and labels come and go sealed; auth never needs to read them."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from uuid import UUID

from services.auth.answers import remembered
from services.auth.domain.consents import AgeBand
from services.auth.domain.subjects import Subject
from services.auth.fencing import end_one_session
from services.auth.ledger import age_of
from services.auth.ports import AuthParts, AuthTransaction
from services.auth.sealed import REVOCATION, as_text
from shared.contracts import accounts as contract
from shared.contracts import auth, consents
from shared.kernel.clock import rfc3339
from shared.kernel.errors import BadRequest, Conflict, SubjectErased

MAX_PROFILE_BYTES = 8 * 1024
REWRAP_AT_MOST = 5000


def profile(request: contract.Profile, parts: AuthParts) -> contract.ProfileState:
    """The sealed profile and the declared age."""
    with parts.work.begin() as tx:
        return _shown(_subject(request.subject_id, tx))


def change_profile(request: contract.ChangeProfile, parts: AuthParts) -> contract.ProfileChanged:
    """Change what is given. Raises ``conflict`` when a child would declare itself older: that takes a guardian."""
    age = age_of(request.age_band)
    sealed = _sealed(request.sealed_profile) if request.sealed_profile is not None else None
    with parts.work.begin() as tx:
        tx.hold_subject(request.subject_id)
        held = _subject(request.subject_id, tx)
        answers = remembered(request, request.subject_id, parts, tx)
        return answers.once(request, lambda: _changed(held, age, sealed, tx), tx)


def sessions(request: contract.Sessions, parts: AuthParts) -> contract.SessionList:
    """The sessions that have not ended, last used first."""
    with parts.work.begin() as tx:
        _subject(request.subject_id, tx)
        found = tx.sessions(request.subject_id)
    return contract.SessionList(
        items=[
            contract.LiveSession(
                session_id=session.session_id,
                created_at=session.created_at,
                last_used_at=session.last_used_at,
                sealed_label=as_text(session.label),
            )
            for session in found
        ]
    )


def end_sessions(request: contract.EndSessions, parts: AuthParts) -> contract.EndedSessions:
    """End all sessions but the one that is kept."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        answers = remembered(request, request.subject_id, parts, tx)
        return answers.once(request, lambda: _ended_all(request, parts, tx), tx)


def record_of(subject: Subject, tx: AuthTransaction) -> auth.Me:
    """The subject's own record, with its consents."""
    consents_given = [
        {"kind": c.kind, "document": c.document, "version": c.version, "action": c.action, "at": rfc3339(c.at)}
        for c in tx.consents(subject.subject_id)
    ]
    return auth.Me(
        subject_id=subject.subject_id,
        kind=subject.kind,
        created_at=subject.created_at,
        consents=consents_given,
        age_band=subject.age_band,
    )


def rewrap_keys(request: consents.RewrapKeys, parts: AuthParts) -> consents.Rewrapped:
    """Wrap a batch of data keys by the current master key; the data keys themselves, and all they seal, stay as they are.

    Providers' tokens that wait to be withdrawn are sealed anew with them: they may outlive the old master key.
    """
    limit = max(1, min(request.limit, REWRAP_AT_MOST))
    with parts.work.begin() as tx:
        found = tx.wrapped_keys(parts.keyring.current, limit)
        waiting = tx.sealed_tokens(parts.keyring.current, limit)
    for subject_id, wrapped in found:
        anew = parts.keyring.wrap(parts.keyring.unwrap(wrapped, subject_id), subject_id)
        with parts.work.begin() as tx:
            tx.rewrap(subject_id, wrapped, anew)
    for revocation_id, sealed in waiting:
        resealed = parts.keyring.seal_for(REVOCATION, parts.keyring.open_for(REVOCATION, sealed))
        with parts.work.begin() as tx:
            tx.reseal(revocation_id, sealed, resealed)
    return consents.Rewrapped(rewrapped=len(found), done=max(len(found), len(waiting)) < limit)


def _changed(held: Subject, age: AgeBand | None, sealed: bytes | None, tx: AuthTransaction) -> contract.ProfileChanged:
    if held.age_band is AgeBand.UNDER_14 and age not in (None, AgeBand.UNDER_14):
        raise Conflict("declared to be under 14")
    changed = replace(held, age_band=age or held.age_band, profile=sealed if sealed is not None else held.profile)
    tx.change_subject(held.subject_id, age_band=changed.age_band, profile=changed.profile)
    return contract.ProfileChanged(**_shown(changed).model_dump(), me=record_of(changed, tx))


def _ended_all(request: contract.EndSessions, parts: AuthParts, tx: AuthTransaction) -> contract.EndedSessions:
    doomed = [s for s in tx.live_sessions(request.subject_id) if s != request.keep]
    for session_id in doomed:
        end_one_session(request.subject_id, session_id, parts, tx)
    return contract.EndedSessions(session_ids=doomed)


def _sealed(text: str) -> bytes:
    try:
        sealed = b64decode(text, validate=True)
    except ValueError as error:
        raise BadRequest("profile is not base64") from error
    if len(sealed) > MAX_PROFILE_BYTES:
        raise BadRequest("profile too large")
    return sealed


def _subject(subject_id: UUID, tx: AuthTransaction) -> Subject:
    tx.refuse_fenced(subject_id)
    subject = tx.subject(subject_id)
    if subject is None:
        raise SubjectErased("no such subject")
    return subject


def _shown(subject: Subject) -> contract.ProfileState:
    return contract.ProfileState(sealed_profile=as_text(subject.profile), age_band=subject.age_band)
