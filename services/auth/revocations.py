"""Telling providers that a login is over: tried until it worked, or for a week; never in the way of an erasure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from services.auth.domain.identities import HEAD_START, RevocationJob, RevocationState, after_try
from services.auth.ports import AuthParts, AuthTransaction
from services.auth.providers.port import RevocationStatus
from services.auth.sealed import REVOCATION, revocation_of
from shared.crypto import Tampered, UnknownMasterKey
from shared.kernel import log
from shared.kernel.errors import PocketError

logger = log.get_logger("auth")
AT_ONCE = 20
LEASE = timedelta(minutes=2)
"""Longer than any provider may take to answer: until then nobody else tries the same token."""
KEPT = timedelta(days=30)
"""After the last day on which it could have been tried."""
BUDGET = timedelta(seconds=2)
SAID = {
    RevocationStatus.REVOKED: RevocationState.REVOKED,
    RevocationStatus.NOT_POSSIBLE: RevocationState.NOT_POSSIBLE,
    RevocationStatus.REFUSED: RevocationState.REFUSED,
    RevocationStatus.TRY_LATER: RevocationState.PENDING,
}


def revoke_what_is_due(parts: AuthParts) -> int:
    """Every second: ask providers to withdraw what is due; how many were asked. No call is made in a transaction."""
    now = parts.clock()
    with parts.work.begin() as tx:
        due = tx.revocations_due(now, AT_ONCE)
        _lease(due, now, tx)
    for job in due:
        _try(job, parts)
    return len(due)


def revoke_before_the_end(subject_id: UUID, parts: AuthParts) -> None:
    """Try once what a subject that is about to be forgotten had been granted, so that its certificate can tell.

    A slow provider does not hold up the erasure: after ``BUDGET`` the rest is left to :func:`revoke_what_is_due`.
    """
    now = parts.clock()
    with parts.work.begin() as tx:
        own = tx.revocations_of(tx.tombstone_of(subject_id))
        due = [job for job in own if job.status is RevocationState.PENDING and job.next_try_at <= now + HEAD_START]
        _lease(due, now, tx)
    for job in due:
        if parts.clock() - now < BUDGET:
            _try(job, parts)


def forget_revocations(parts: AuthParts) -> int:
    """Delete what became of withdrawals once nobody asks any more; how many. The certificates have told it."""
    with parts.work.begin() as tx:
        return tx.delete_revocations(parts.clock() - KEPT)


def told_providers(tombstone: bytes, tx: AuthTransaction) -> dict[str, int]:
    """For the certificate: how each provider's withdrawal stands, as ``provider.<name>.<status>`` counts."""
    return dict(Counter(f"provider.{job.provider}.{job.status}" for job in tx.revocations_of(tombstone)))


def _lease(jobs: list[RevocationJob], now: datetime, tx: AuthTransaction) -> None:
    for job in jobs:
        tx.save_revocation(replace(job, next_try_at=now + LEASE))


def _try(job: RevocationJob, parts: AuthParts) -> None:
    tried = after_try(job, _ask(job, parts), parts.clock())
    with parts.work.begin() as tx:
        tx.save_revocation(tried)
    logger.info("provider told", provider=job.provider, status=tried.status, attempts=tried.attempts)


def _ask(job: RevocationJob, parts: AuthParts) -> RevocationState:
    provider = parts.providers.get(job.provider)
    if provider is None:
        return RevocationState.REFUSED
    try:
        held = revocation_of(parts.keyring.open_for(REVOCATION, job.sealed)) if job.sealed is not None else None
        return SAID[provider.revoke(held).status]
    except (Tampered, UnknownMasterKey):
        logger.error("provider token cannot be opened", provider=job.provider)
        return RevocationState.REFUSED
    except PocketError as error:
        logger.warning("provider not told yet", provider=job.provider, code=error.actual_code)
        return RevocationState.PENDING
    except Exception as error:  # noqa: BLE001 - whatever breaks on a provider's answer, the others are told all the same
        logger.error("provider not told yet", provider=job.provider, error=type(error).__name__)
        return RevocationState.PENDING
