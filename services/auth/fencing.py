"""How a subject ends in auth: key, sessions and tokens in one transaction; providers are told afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from services.auth.domain.identities import HEAD_START, REVOCATION_LIFE, Identity, RevocationJob, RevocationState
from services.auth.domain.subjects import Subject
from services.auth.guardians import withdraw_guardianship
from services.auth.ports import AuthParts, AuthTransaction
from services.auth.sealed import REVOCATION, identity_bound, key_of
from shared.contracts import auth as contract
from shared.crypto import token_hash, unseal
from shared.kernel.ids import new_id

EXPIRE_AT_ONCE = 100


def fence(subject_id: UUID, purge_id: UUID | None, parts: AuthParts, tx: AuthTransaction) -> None:
    """Fence a subject in this transaction. Idempotent.

    Its providers' tokens are first put aside (under a master key, for a few days) so that they can be withdrawn after
    the key is gone; what its identities are recognised by is forgotten, so that the person may start anew at once.
    """
    now = parts.clock()
    tx.fence(subject_id)
    subject = tx.subject(subject_id)
    if subject is not None and subject.wrapped_key is not None:
        for identity in tx.identities(subject_id):
            withdraw(identity, subject, parts, tx, after=HEAD_START)
        _end_guarding(subject_id, now, parts, tx)
    tx.release_identities(subject_id)
    tx.mark_erasing(subject_id)
    tx.end_sessions(tx.live_sessions(subject_id), now)
    tx.deny([token_hash(str(subject_id))], now + 2 * parts.tokens.access_life)
    tx.publish(contract.SubjectFenced(subject_id=subject_id, purge_id=purge_id))


def withdraw(
    identity: Identity, subject: Subject, parts: AuthParts, tx: AuthTransaction, *, after: timedelta = timedelta(0)
) -> None:
    """Have the provider told that this login is over; the token waits under a master key until it was used.

    ``after``: the timer leaves it alone for so long.
    """
    now = parts.clock()
    token = None
    if identity.revocable is not None:
        bound = identity_bound(subject.subject_id, identity.provider, "token")
        token = unseal(key_of(subject, parts), identity.revocable, bound)
    tx.add_revocation(
        RevocationJob(
            revocation_id=new_id(),
            tombstone=tx.tombstone_of(subject.subject_id),
            provider=identity.provider,
            sealed=parts.keyring.seal_for(REVOCATION, token) if token is not None else None,
            status=RevocationState.PENDING,
            attempts=0,
            next_try_at=now + after,
            give_up_at=now + REVOCATION_LIFE,
        )
    )


def end_one_session(subject_id: UUID, session_id: UUID, parts: AuthParts, tx: AuthTransaction) -> None:
    """End a session and have its tokens refused everywhere."""
    now = parts.clock()
    tx.end_sessions([session_id], now)
    tx.deny([token_hash(str(session_id))], now + 2 * parts.tokens.access_life)
    tx.publish(contract.SessionRevoked(subject_id=subject_id, session_id=session_id))


def expire_guests(parts: AuthParts) -> int:
    """Fence the guests that were not seen for too long; how many. Each in its own transaction."""
    before = parts.clock() - parts.guest_idle
    with parts.work.begin() as tx:
        idle = tx.idle_guests(before, EXPIRE_AT_ONCE)
    for subject_id in idle:
        with parts.work.begin() as tx:
            tx.hold_subject(subject_id)
            if subject_id in tx.idle_guests(before, EXPIRE_AT_ONCE) and not tx.is_fenced(subject_id):
                tx.forget_device(subject_id)
                fence(subject_id, None, parts, tx)
                tx.publish(contract.GuestExpired(subject_id=subject_id))
    return len(idle)


def forget_sessions(parts: AuthParts) -> int:
    """Delete sessions that no refresh token can continue any more; how many."""
    with parts.work.begin() as tx:
        return tx.delete_old_sessions(parts.clock() - parts.tokens.refresh_life)


def forget_denials(parts: AuthParts) -> int:
    """Delete the denials of tokens that have expired by now; how many."""
    with parts.work.begin() as tx:
        return tx.delete_denials(parts.clock())


def _end_guarding(guardian_id: UUID, now: datetime, parts: AuthParts, tx: AuthTransaction) -> None:
    """A guardian who leaves no longer consents for anybody."""
    for held in tx.guardianships(guardian_id):
        if held.guardian_id == guardian_id and held.stands:
            withdraw_guardianship(held, now, parts, tx)
