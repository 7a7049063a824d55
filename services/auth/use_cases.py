"""What auth does: admits guests, keeps sessions, hands out wrapped keys, fences and forgets. Plain functions."""

from __future__ import annotations

import hmac
from base64 import b64encode
from uuid import UUID

from services.auth.answers import remembered
from services.auth.domain.consents import AgeBand, ConsentKind, Purpose, standing
from services.auth.domain.sessions import Refresh, RefreshToken, Session, judge_refresh
from services.auth.domain.subjects import Guest, Subject, SubjectState
from services.auth.fencing import end_one_session, fence
from services.auth.ledger import age_of, agreed_version, grant_at_start, require
from services.auth.ports import AuthParts, AuthTransaction
from services.auth.profiles import record_of
from services.auth.revocations import revoke_before_the_end, told_providers
from services.auth.tokens import TOKEN_ISSUER, issue_tokens, new_secret, open_tokens, seal_tokens
from shared.contracts import auth as contract
from shared.contracts import retention
from shared.contracts.base import Done
from shared.contracts.queues import AUTH_PURGES
from shared.crypto import new_data_key, token_hash
from shared.kernel.errors import (
    BadRequest,
    Code,
    IdempotencyConflict,
    NotFound,
    PocketError,
    SubjectErased,
    Unauthenticated,
)
from shared.kernel.ids import new_id

__all__ = ["TOKEN_ISSUER"]


def admit_guest(request: contract.AdmitGuest, parts: AuthParts) -> contract.Tokens:
    """A device starts as a new guest, or resumes its guest when it knows the secret.

    Without the secret the device's old guest is fenced at once and its stash purged: a stolen device id opens nothing.
    Raises ``consent_required`` or ``policy_outdated``.
    """
    scope = f"device:{request.device_hash}"
    age = age_of(request.age_band)
    with parts.work.begin() as tx:
        version = agreed_version(request.policy_version, parts, tx)
        tx.hold_device(request.device_hash)
        if request.idempotency_key:
            before = tx.recall(scope, request.idempotency_key, request.fingerprint)
            if before is not None:
                return open_tokens(before, parts, tx)
        guest = tx.guest_of_device(request.device_hash)
        if guest:
            tx.hold_subject(
                guest.subject_id
            )  # an expiry that is under way ends first, or finds that the guest came back
        if guest and _knows_secret(guest, request.secret_hash) and not tx.is_fenced(guest.subject_id):
            answer = _resume(guest, version, parts, tx)
        else:
            if guest:
                _replace(guest, parts, tx)
            answer = _start(request.device_hash, version, age, parts, tx)
        if request.idempotency_key:
            sealed = seal_tokens(answer, parts, tx)
            tx.remember(scope, request.idempotency_key, request.fingerprint, answer.subject_id, sealed)
        return answer


def refresh_session(request: contract.RefreshSession, parts: AuthParts) -> contract.Tokens:
    """New tokens for a refresh token; called again with its idempotency key, the same ones.

    A token that was used before, without that key, ends its session. Raises ``session_revoked`` for a token whose session
    has ended (by this very call, too), ``subject_erased`` while the subject is being erased, and ``unauthenticated`` for one
    that we do not know or that expired.
    """
    now = parts.clock()
    with parts.work.begin() as tx:
        token, session = _presented(request.refresh_hash, tx)
        if session:
            tx.hold_unfenced(session.subject_id)  # as in admit_guest
            token, session = _presented(request.refresh_hash, tx)  # as it is now that nobody changes it
        judged = judge_refresh(token, session, now)
        if judged is Refresh.ROTATE and token and session:
            answers = remembered(request, session.subject_id, parts, tx)
            return answers.once(request, lambda: _rotated(token, session, parts, tx), tx)
        if judged is Refresh.END_FAMILY and session:
            before = _given_before(request, session.subject_id, parts, tx)
            if before is not None:
                return before
            end_one_session(session.subject_id, session.session_id, parts, tx)
    if judged in (Refresh.ENDED, Refresh.END_FAMILY):
        raise PocketError(f"refresh token: {judged}", code=Code.SESSION_REVOKED)
    raise Unauthenticated(f"refresh token: {judged}")


def end_session(request: contract.EndSession, parts: AuthParts) -> Done:
    """Log out one of the subject's sessions. Ending it again is fine; somebody else's is not found."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        return remembered(request, request.subject_id, parts, tx).once(request, lambda: _ended(request, parts, tx), tx)


def subject_key(request: contract.SubjectKey, parts: AuthParts) -> contract.WrappedKey:
    """The subject's wrapped data key, for a purpose that its consents cover; raises ``subject_erased`` behind a fence.

    This is the lock of rule "nothing is processed without consent": whoever wants to process needs the key.
    """
    try:
        purpose = Purpose(request.purpose)
    except ValueError as error:
        raise BadRequest("no such purpose") from error
    with parts.work.begin() as tx:
        subject = tx.subject(request.subject_id)
        if subject is None or subject.wrapped_key is None or tx.is_fenced(request.subject_id):
            raise SubjectErased("no key")
        require(subject, purpose, parts, tx)
        return contract.WrappedKey(wrapped=b64encode(subject.wrapped_key).decode())


def who_am_i(request: contract.WhoAmI, parts: AuthParts) -> contract.Me:
    """The subject's own record, with its consents."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        subject = tx.subject(request.subject_id)
        if subject is None:
            raise SubjectErased("no such subject")
        return record_of(subject, tx)


def token_keys(parts: AuthParts) -> contract.PublicKeys:
    """The public keys that verify access tokens."""
    return contract.PublicKeys(keys=parts.tokens.signer.jwks())


def denials(parts: AuthParts) -> contract.Denied:
    """Who a gateway that was not listening must refuse."""
    with parts.work.begin() as tx:
        return contract.Denied(hashes=tx.denied(parts.clock()))


def fence_subject(subject_id: UUID, purge_id: UUID, parts: AuthParts) -> None:
    """Make the subject's data unreadable: key, sessions and tokens end in one transaction. Idempotent."""
    with parts.work.begin() as tx:
        fence(subject_id, purge_id, parts, tx)


def fence_for_purge(event: retention.PurgeRequested, parts: AuthParts) -> None:
    """A purge was requested: fence (again, if the gateway's call did so already) and say so."""
    with parts.work.begin() as tx:
        if tx.first_time(AUTH_PURGES.queue, event.message_id):
            fence(event.subject_id, event.purge_id, parts, tx)


def forget_subject(event: retention.DataRemoved, parts: AuthParts) -> None:
    """Everybody else is done: delete the identity and all that hangs on it, and report, with what providers said."""
    revoke_before_the_end(event.subject_id, parts)
    with parts.work.begin() as tx:
        if tx.first_time(AUTH_PURGES.queue, event.message_id):
            tx.fence(event.subject_id)
            counts = tx.delete_subject(event.subject_id) | told_providers(tx.tombstone_of(event.subject_id), tx)
            tx.publish(contract.SubjectPurged(subject_id=event.subject_id, purge_id=event.purge_id, counts=counts))


def list_subjects(request: contract.ListSubjects, parts: AuthParts) -> contract.SubjectPage:
    """For audits: whom does this service hold anything of? One page."""
    with parts.work.begin() as tx:
        return contract.SubjectPage(subject_ids=tx.subjects_held(request.after, min(request.limit, 10_000)))


def count_subject(request: contract.CountSubject, parts: AuthParts) -> contract.Count:
    """How much of the subject is left here."""
    with parts.work.begin() as tx:
        return contract.Count(counts=tx.count_subject(request.subject_id))


def _presented(refresh_hash: str, tx: AuthTransaction) -> tuple[RefreshToken | None, Session | None]:
    token = tx.refresh_token(refresh_hash)
    return token, tx.session(token.session_id) if token else None


def _rotated(token: RefreshToken, session: Session, parts: AuthParts, tx: AuthTransaction) -> contract.Tokens:
    subject = tx.subject(session.subject_id)
    if subject is None or subject.state is not SubjectState.ACTIVE:
        raise SubjectErased("no such subject any more")
    tx.rotate_refresh_token(token.token_hash, parts.clock())
    return issue_tokens(subject, session.session_id, parts, tx)


def _given_before(
    request: contract.RefreshSession, subject_id: UUID, parts: AuthParts, tx: AuthTransaction
) -> contract.Tokens | None:
    """What this very call was answered. A key that stands for another call makes a used token no better."""
    try:
        return remembered(request, subject_id, parts, tx).recall(request, tx)
    except IdempotencyConflict:
        return None


def _ended(request: contract.EndSession, parts: AuthParts, tx: AuthTransaction) -> Done:
    session = tx.session(request.session_id)
    if session is None or session.subject_id != request.subject_id:
        raise NotFound("session")
    if session.ended_at is None:
        end_one_session(session.subject_id, session.session_id, parts, tx)
    return Done()


def _knows_secret(guest: Guest, secret_hash: str | None) -> bool:
    return secret_hash is not None and hmac.compare_digest(guest.secret_hash, secret_hash)


def _resume(guest: Guest, version: str, parts: AuthParts, tx: AuthTransaction) -> contract.Tokens:
    subject = tx.subject(guest.subject_id)
    if subject is None:
        raise SubjectErased("guest without subject")
    agreed = standing(tx.consents(subject.subject_id)).get((ConsentKind.DOCUMENT, "privacy"))
    if agreed is None or (agreed.action, agreed.version) != ("grant", version):
        grant_at_start(subject, version, parts, tx)
    tokens = issue_tokens(subject, new_id(), parts, tx)
    return tokens.model_copy(update={"created": False})


def _replace(guest: Guest, parts: AuthParts, tx: AuthTransaction) -> None:
    """The device lost its secret (or a stranger has its id): the old stash goes, whoever asks."""
    tx.forget_device(guest.subject_id)
    if not tx.is_fenced(guest.subject_id):
        fence(guest.subject_id, None, parts, tx)
        tx.publish(contract.GuestReplaced(subject_id=guest.subject_id))


def _start(
    device_hash: str, version: str, age: AgeBand | None, parts: AuthParts, tx: AuthTransaction
) -> contract.Tokens:
    now = parts.clock()
    subject_id = new_id()
    secret = new_secret()
    wrapped = parts.keyring.wrap(new_data_key(), subject_id)
    subject = Subject(subject_id, "guest", SubjectState.ACTIVE, wrapped, now, age)
    tx.add_subject(subject)
    tx.add_guest(Guest(subject_id, device_hash, token_hash(secret)))
    grant_at_start(subject, version, parts, tx)
    return issue_tokens(subject, new_id(), parts, tx).model_copy(update={"guest_secret": secret})
