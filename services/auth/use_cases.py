"""What auth does: admits guests, keeps sessions, hands out wrapped keys, fences and forgets. Plain functions."""

from __future__ import annotations

import hmac
from base64 import b64encode
from uuid import UUID

from services.auth.domain.policies import in_force, upcoming
from services.auth.domain.sessions import Refresh, judge_refresh
from services.auth.domain.subjects import Consent, Guest, Subject, SubjectState
from services.auth.ports import AuthParts, AuthTransaction
from services.auth.tokens import TOKEN_ISSUER, issue_tokens, new_secret, open_tokens, seal_tokens
from shared.contracts import auth as contract
from shared.contracts import retention
from shared.contracts.base import Done
from shared.contracts.queues import AUTH_PURGES
from shared.crypto import new_data_key, token_hash
from shared.kernel.clock import rfc3339
from shared.kernel.errors import Code, NotFound, PocketError, SubjectErased, Unauthenticated
from shared.kernel.ids import new_id

__all__ = ["TOKEN_ISSUER"]


def admit_guest(request: contract.AdmitGuest, parts: AuthParts) -> contract.Tokens:
    """A device starts as a new guest, or resumes its guest when it knows the secret.

    Without the secret the device's old guest is fenced at once and its stash purged: a stolen device id opens nothing.
    Raises ``consent_required`` or ``policy_outdated``.
    """
    version = _require_consent(request.policy_version, parts)
    scope = f"device:{request.device_hash}"
    with parts.work.begin() as tx:
        tx.hold_device(request.device_hash)
        if request.idempotency_key:
            before = tx.recall(scope, request.idempotency_key, request.fingerprint)
            if before is not None:
                return open_tokens(before, parts, tx)
        guest = tx.guest_of_device(request.device_hash)
        if guest and _knows_secret(guest, request.secret_hash) and not tx.is_fenced(guest.subject_id):
            answer = _resume(guest, version, parts, tx)
        else:
            if guest:
                _replace(guest, parts, tx)
            answer = _start(request.device_hash, version, parts, tx)
        if request.idempotency_key:
            sealed = seal_tokens(answer, parts, tx)
            tx.remember(scope, request.idempotency_key, request.fingerprint, answer.subject_id, sealed)
        return answer


def refresh_session(request: contract.RefreshSession, parts: AuthParts) -> contract.Tokens:
    """New tokens for a refresh token. One that was used before ends its session; raises ``unauthenticated``."""
    now = parts.clock()
    with parts.work.begin() as tx:
        token = tx.refresh_token(request.refresh_hash)
        session = tx.session(token.session_id) if token else None
        judged = judge_refresh(token, session, now)
        if judged is Refresh.ROTATE and token and session:
            tx.refuse_fenced(session.subject_id)
            subject = tx.subject(session.subject_id)
            if subject is None or subject.state is not SubjectState.ACTIVE:
                raise SubjectErased("no such subject any more")
            tx.rotate_refresh_token(token.token_hash, now)
            return issue_tokens(subject, session.session_id, parts, tx)
        if judged is Refresh.END_FAMILY and session:
            _end_session(session.subject_id, session.session_id, parts, tx)
    raise Unauthenticated(f"refresh token: {judged}")


def end_session(request: contract.EndSession, parts: AuthParts) -> Done:
    """Log out one of the subject's sessions. Ending it again is fine; somebody else's is not found."""
    with parts.work.begin() as tx:
        session = tx.session(request.session_id)
        if session is None or session.subject_id != request.subject_id:
            raise NotFound("session")
        if session.ended_at is None:
            _end_session(session.subject_id, session.session_id, parts, tx)
    return Done()


def subject_key(request: contract.SubjectKey, parts: AuthParts) -> contract.WrappedKey:
    """The subject's wrapped data key; raises ``subject_erased`` behind a fence."""
    with parts.work.begin() as tx:
        subject = tx.subject(request.subject_id)
        if subject is None or subject.wrapped_key is None or tx.is_fenced(request.subject_id):
            raise SubjectErased("no key")
        return contract.WrappedKey(wrapped=b64encode(subject.wrapped_key).decode())


def who_am_i(request: contract.WhoAmI, parts: AuthParts) -> contract.Me:
    """The subject's own record, with its consents."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        subject = tx.subject(request.subject_id)
        if subject is None:
            raise SubjectErased("no such subject")
        consents = [
            {"document": c.document, "version": c.version, "action": c.action, "at": rfc3339(c.at)}
            for c in tx.consents(request.subject_id)
        ]
        return contract.Me(
            subject_id=subject.subject_id, kind=subject.kind, created_at=subject.created_at, consents=consents
        )


def token_keys(parts: AuthParts) -> contract.PublicKeys:
    """The public keys that verify access tokens."""
    return contract.PublicKeys(keys=parts.tokens.signer.jwks())


def denials(parts: AuthParts) -> contract.Denied:
    """Who a gateway that was not listening must refuse."""
    with parts.work.begin() as tx:
        return contract.Denied(hashes=tx.denied(parts.clock()))


def policy_text(request: contract.PolicyText, parts: AuthParts) -> contract.PolicyVersion:
    """A policy document: the version in force, or the one named. Raises ``not_found``."""
    versions = parts.shelf.versions(request.document, request.language)
    now = parts.clock()
    chosen = (
        next((v for v in versions if v.version == request.version), None)
        if request.version
        else in_force(versions, now)
    )
    if chosen is None:
        raise NotFound("policy document")
    following = upcoming(versions, now)
    return contract.PolicyVersion(
        document=chosen.document,
        version=chosen.version,
        published_at=chosen.published_at,
        effective_at=chosen.effective_at,
        title=chosen.title,
        markdown=chosen.markdown,
        upcoming={"version": following.version, "effective_at": rfc3339(following.effective_at)} if following else None,
    )


def fence_subject(subject_id: UUID, purge_id: UUID, parts: AuthParts) -> None:
    """Make the subject's data unreadable: key, sessions and tokens end in one transaction. Idempotent."""
    with parts.work.begin() as tx:
        _fence(subject_id, purge_id, parts, tx)


def fence_for_purge(event: retention.PurgeRequested, parts: AuthParts) -> None:
    """A purge was requested: fence (again, if the gateway's call did so already) and say so."""
    with parts.work.begin() as tx:
        if tx.first_time(AUTH_PURGES.queue, event.message_id):
            _fence(event.subject_id, event.purge_id, parts, tx)


def forget_subject(event: retention.DataRemoved, parts: AuthParts) -> None:
    """Everybody else is done: delete the identity and all that hangs on it, and report."""
    with parts.work.begin() as tx:
        if tx.first_time(AUTH_PURGES.queue, event.message_id):
            tx.fence(event.subject_id)
            counts = tx.delete_subject(event.subject_id)
            tx.publish(contract.SubjectPurged(subject_id=event.subject_id, purge_id=event.purge_id, counts=counts))


def count_subject(request: contract.CountSubject, parts: AuthParts) -> contract.Count:
    """How much of the subject is left here."""
    with parts.work.begin() as tx:
        return contract.Count(counts=tx.count_subject(request.subject_id))


def _require_consent(version: str | None, parts: AuthParts) -> str:
    if not version:
        raise PocketError("no policy version", code=Code.CONSENT_REQUIRED)
    current = in_force(parts.shelf.versions("privacy", "zh"), parts.clock())
    if current is None or version != current.version:
        extra: dict[str, object] = {"policy_version": current.version} if current else {}
        raise PocketError("another version is in force", code=Code.POLICY_OUTDATED, public_extra=extra)
    return version


def _knows_secret(guest: Guest, secret_hash: str | None) -> bool:
    return secret_hash is not None and hmac.compare_digest(guest.secret_hash, secret_hash)


def _resume(guest: Guest, version: str, parts: AuthParts, tx: AuthTransaction) -> contract.Tokens:
    subject = tx.subject(guest.subject_id)
    if subject is None:
        raise SubjectErased("guest without subject")
    if not any(c.version == version for c in tx.consents(subject.subject_id)):
        tx.add_consent(Consent(subject.subject_id, "privacy", version, "grant", parts.clock()))
    tokens = issue_tokens(subject, new_id(), parts, tx)
    return tokens.model_copy(update={"created": False})


def _replace(guest: Guest, parts: AuthParts, tx: AuthTransaction) -> None:
    """The device lost its secret (or a stranger has its id): the old stash goes, whoever asks."""
    tx.forget_device(guest.subject_id)
    if not tx.is_fenced(guest.subject_id):
        _fence(guest.subject_id, None, parts, tx)
        tx.publish(contract.GuestReplaced(subject_id=guest.subject_id))


def _start(device_hash: str, version: str, parts: AuthParts, tx: AuthTransaction) -> contract.Tokens:
    now = parts.clock()
    subject_id = new_id()
    secret = new_secret()
    wrapped = parts.keyring.wrap(new_data_key(), subject_id)
    subject = Subject(subject_id, "guest", SubjectState.ACTIVE, wrapped, now)
    tx.add_subject(subject)
    tx.add_guest(Guest(subject_id, device_hash, token_hash(secret)))
    tx.add_consent(Consent(subject_id, "privacy", version, "grant", now))
    return issue_tokens(subject, new_id(), parts, tx).model_copy(update={"guest_secret": secret})


def _fence(subject_id: UUID, purge_id: UUID | None, parts: AuthParts, tx: AuthTransaction) -> None:
    now = parts.clock()
    tx.fence(subject_id)
    tx.mark_erasing(subject_id)
    tx.end_sessions(tx.live_sessions(subject_id), now)
    tx.deny([token_hash(str(subject_id))], now + 2 * parts.tokens.access_life)
    tx.publish(contract.SubjectFenced(subject_id=subject_id, purge_id=purge_id))


def _end_session(subject_id: UUID, session_id: UUID, parts: AuthParts, tx: AuthTransaction) -> None:
    now = parts.clock()
    tx.end_sessions([session_id], now)
    tx.deny([token_hash(str(session_id))], now + 2 * parts.tokens.access_life)
    tx.publish(contract.SessionRevoked(subject_id=subject_id, session_id=session_id))
