"""Third-party identities, attempts to log in, and the withdrawal of what a provider granted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from shared.kernel.states import moved

ATTEMPT_LIFE = timedelta(minutes=10)
"""How long a login attempt waits for its person; the providers' codes live no longer."""
NONCE_LIFE = timedelta(days=1)
"""Longer than any identity token is accepted: a burned nonce is remembered for that long."""
REVOCATION_LIFE = timedelta(days=7)
"""How long an erased account's provider token is tried; then it is wiped, and the certificate's advice remains."""
HEAD_START = timedelta(seconds=10)
"""For so long an erasure has the withdrawals to itself, so that its certificate can tell how they ended."""
BACK_OFF = (timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))


@dataclass(frozen=True, slots=True)
class Identity:
    """A login linked to an account. ``external_hash`` is None once the account is being erased."""

    identity_id: UUID
    subject_id: UUID
    provider: str
    external_hash: str | None
    union_hash: str | None
    sealed: bytes
    revocable: bytes | None
    linked_at: datetime


@dataclass(frozen=True, slots=True)
class KeptAttempt:
    """A login that has begun: state, nonce and verifier lie in ``sealed``, under a master key."""

    attempt_id: UUID
    provider: str
    sealed: bytes
    expires_at: datetime


class RevocationState(StrEnum):
    """Where the withdrawal of a grant stands."""

    PENDING = "pending"
    REVOKED = "revoked"
    NOT_POSSIBLE = "not_possible"
    REFUSED = "refused"
    GIVEN_UP = "given_up"


MOVES: dict[RevocationState, frozenset[RevocationState]] = {
    RevocationState.PENDING: frozenset(set(RevocationState) - {RevocationState.PENDING}),
    RevocationState.REVOKED: frozenset(),
    RevocationState.NOT_POSSIBLE: frozenset(),
    RevocationState.REFUSED: frozenset(),
    RevocationState.GIVEN_UP: frozenset(),
}


@dataclass(frozen=True, slots=True)
class RevocationJob:
    """A provider's token on its way to being withdrawn; it outlives its account, and names nobody."""

    revocation_id: UUID
    tombstone: bytes
    provider: str
    sealed: bytes | None
    status: RevocationState
    attempts: int
    next_try_at: datetime
    give_up_at: datetime


def after_try(job: RevocationJob, said: RevocationState, now: datetime) -> RevocationJob:
    """The job once the provider was asked: ended (and its token wiped), or to be tried again later."""
    if said is RevocationState.PENDING and now < job.give_up_at:
        pause = BACK_OFF[min(job.attempts, len(BACK_OFF) - 1)]
        return replace(job, attempts=job.attempts + 1, next_try_at=now + pause)
    ended = RevocationState.GIVEN_UP if said is RevocationState.PENDING else said
    moved(MOVES, job.status, ended, "revocation")
    return replace(job, status=ended, sealed=None, attempts=job.attempts + 1)
