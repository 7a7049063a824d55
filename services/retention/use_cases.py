"""What retention does: opens purges, hears reports, proves absence, certifies. Plain functions.

Proofs (listing the store, asking services) stay outside of transactions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from services.retention.audits import absence_of, look_at
from services.retention.domain import purges as saga
from services.retention.domain.certificates import CERTIFICATE_KIND, certificate_of
from services.retention.domain.purges import Purge, PurgeState, Step
from services.retention.domain.receipts import purge_of, receipt_of
from services.retention.ports import RetentionParts, RetentionTransaction
from shared.contracts import auth, imaging, payments
from shared.contracts import retention as contract
from shared.contracts.base import Event
from shared.contracts.queues import RETENTION_PURGES
from shared.contracts.retention import PurgeReason
from shared.crypto.signing import unverified
from shared.kernel import log
from shared.kernel.clock import rfc3339
from shared.kernel.errors import BadRequest, IdempotencyConflict, NotFound, TimedOut, Unavailable
from shared.kernel.ids import new_id
from shared.telemetry import metrics

logger = log.get_logger("retention")
MAY_BE_ASKED = frozenset(
    {PurgeReason.STASH_WIPED, PurgeReason.ACCOUNT_DELETED, PurgeReason.SIGNED_IN, PurgeReason.OPERATOR}
)
"""Why a purge may be asked for; the other reasons are things that happened, and come as events."""
Ending = auth.GuestReplaced | auth.GuestSignedIn | auth.GuestExpired | auth.AccountAbandoned | auth.ConsentWithdrawn
QUEUES = "queues"
"""What the certificate counts dead letters under; no participant that reports."""
LOOK_AT_ONCE = 50
VERIFY_AGAIN_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Ask:
    """A purge to be opened: whose, why; under which id, and for which heir, when that was announced."""

    subject_id: UUID
    reason: PurgeReason
    idempotency_key: str | None = None
    purge_id: UUID | None = None
    heir_id: UUID | None = None


def open_purge(request: contract.OpenPurge, parts: RetentionParts) -> contract.PurgeOpened:
    """Start a subject's purge; when there is one already, that one."""
    if request.reason not in MAY_BE_ASKED:
        raise BadRequest("no such reason")
    with parts.work.begin() as tx:
        reason = PurgeReason(request.reason)
        ask = Ask(request.subject_id, reason, request.idempotency_key, request.purge_id, request.heir_id)
        purge = _open(ask, parts, tx)
    _refuse_other_call(purge, request.idempotency_key, request.reason)
    return _opened(purge, parts)


def find_purge(request: contract.FindPurge, parts: RetentionParts) -> contract.PurgeOpened:
    """The purge that a subject's own call started, when that call is repeated with its idempotency key."""
    with parts.work.begin() as tx:
        purge = tx.purge_of_tombstone(tx.tombstone_of(request.subject_id))
    if purge is None or purge.opened_with != request.idempotency_key:
        raise NotFound("purge")
    _refuse_other_call(purge, request.idempotency_key, request.reason)
    return _opened(purge, parts)


def purge_by_receipt(request: contract.PurgeByReceipt, parts: RetentionParts) -> contract.PurgeState:
    """A purge's progress for whoever holds its receipt."""
    return show_purge(purge_of(request.receipt, parts.receipt_key), parts)


def show_purge(purge_id: UUID, parts: RetentionParts) -> contract.PurgeState:
    """A purge's progress, with its certificate once it is completed. Raises ``not_found``."""
    with parts.work.begin() as tx:
        return _shown(_existing(tx.purge(purge_id)), parts)


def list_purges(request: contract.ListPurges, parts: RetentionParts) -> contract.PurgeList:
    """Purges for operators."""
    with parts.work.begin() as tx:
        found = tx.purges_listed(request.status, min(request.limit, 1000))
    return contract.PurgeList(items=[_summary(purge) for purge in found])


def retry_purge(request: contract.RetryPurge, parts: RetentionParts) -> contract.PurgeSummary:
    """An operator has a purge start over; a completed one stays as it is."""
    now = parts.clock()
    with parts.work.begin() as tx:
        purge = _existing(tx.purge(request.purge_id))
        if purge.state is not PurgeState.COMPLETED:
            purge, steps = saga.start_over(replace(purge, patience_from=now), now, "retried by an operator")
            _save(purge, steps, tx)
        return _summary(purge)


def certificate_keys(parts: RetentionParts) -> contract.CertificateKeySet:
    """The public keys that verify certificates."""
    return contract.CertificateKeySet(keys=parts.signer.jwks())


def hear_ending(event: Ending, parts: RetentionParts) -> None:
    """Something happened to a subject that ends it: its data goes. The event says why."""
    with parts.work.begin() as tx:
        if tx.first_time(RETENTION_PURGES.queue, event.message_id):
            ask = ask_of(event)
            if ask is not None:
                _open(ask, parts, tx)


def ask_of(event: Ending) -> Ask | None:
    """The purge that an event asks for; None for an account whose consent ended: its photos go, the account stays."""
    if isinstance(event, auth.GuestReplaced):
        return Ask(event.subject_id, PurgeReason.GUEST_REPLACED)
    if isinstance(event, auth.GuestExpired):
        return Ask(event.subject_id, PurgeReason.GUEST_IDLE)
    if isinstance(event, auth.AccountAbandoned):
        return Ask(event.subject_id, PurgeReason.ACCOUNT_ABANDONED)
    if isinstance(event, auth.GuestSignedIn):
        return Ask(event.subject_id, PurgeReason.SIGNED_IN, purge_id=event.purge_id, heir_id=event.account_id)
    return Ask(event.subject_id, PurgeReason.CONSENT_WITHDRAWN) if event.subject_kind == "guest" else None


def hear_fence(event: auth.SubjectFenced, parts: RetentionParts) -> None:
    """Auth has fenced a subject. A fence without a purge id comes before its purge, and is heard of again with it."""
    if event.purge_id is not None:
        _hear(event, event.purge_id, saga.hear_fence, parts)


def hear_report(
    event: imaging.SubjectPurged | payments.SubjectPurged | contract.SubjectPurged | auth.SubjectPurged,
    parts: RetentionParts,
) -> None:
    """A participant has deleted what it had; once all have, prove absence and certify."""
    participant = event.type.split(".", 1)[0]
    purge = _hear(event, event.purge_id, lambda p: saga.hear_report(p, participant, event.counts), parts)
    if purge is not None and purge.state is PurgeState.VERIFYING:
        verify(purge, parts)


def verify(purge: Purge, parts: RetentionParts) -> None:
    """Prove absence with other eyes than those that deleted, then certify; when something is left, start over."""
    if purge.subject_id is None:
        return
    dropped = parts.dead_letters.forget(purge.subject_id)
    absence = absence_of(purge.subject_id, parts)
    left = saga.left_over(absence)
    now = parts.clock()
    with parts.work.begin() as tx:
        held = tx.purge(purge.purge_id)
        if held is None or held.state is not PurgeState.VERIFYING or held.attempts != purge.attempts:
            return
        if left:
            logger.warning("something is left", purge_id=held.purge_id, counts=left)
            again, steps = saga.found_left(held, now, "left: " + ", ".join(sorted(left)))
            _save(again, steps, tx)
            return
        held = saga.hear_report(held, QUEUES, {"dead_letters": dropped})
        certificate = parts.signer.sign(certificate_of(held, absence, now), kind=CERTIFICATE_KIND)
        tx.publish(contract.PurgeCompleted(subject_id=purge.subject_id, purge_id=held.purge_id))
        tx.save_purge(saga.complete(held, now, certificate))
        tx.add_second_look(look_at(purge.subject_id, held.purge_id, now + parts.second_look, parts))
    metrics.PURGE_SECONDS.labels("completed").observe((now - purge.requested_at).total_seconds())
    logger.info("purge completed", purge_id=purge.purge_id, reason=purge.reason, counts=dict(purge.counts))


def look_after_purges(parts: RetentionParts) -> None:
    """Every second: whatever has stopped moving is verified, asked for again, or declared stuck."""
    now = parts.clock()
    to_verify: list[Purge] = []
    with parts.work.begin() as tx:
        for purge in tx.purges_due(now, LOOK_AT_ONCE):
            waited = ", ".join(purge.waiting_for) or "verification"
            if now - purge.patience_from > parts.deadline:
                tx.save_purge(saga.give_up(purge, now, f"no answer from: {waited}"))
                logger.error("purge stuck", purge_id=purge.purge_id, participant=waited)
            elif purge.state is PurgeState.VERIFYING:
                to_verify.append(purge)
                tx.save_purge(replace(purge, next_look_at=now + timedelta(seconds=VERIFY_AGAIN_SECONDS)))
            else:
                again, steps = saga.start_over(purge, now, f"no answer from: {waited}")
                _save(again, steps, tx)
        stuck, oldest = tx.purge_figures(now)
        states = tx.purge_states()
    metrics.PURGES_STUCK.set(stuck)
    metrics.OLDEST_PURGE.set(oldest)
    for state in PurgeState:
        metrics.PURGES_BY_STATE.labels(state).set(states.get(state, 0))
    for purge in to_verify:
        try:
            verify(purge, parts)
        except (Unavailable, TimedOut) as error:
            # It is looked at again in a moment; meanwhile the others must not wait for it.
            logger.warning("not verified yet", purge_id=purge.purge_id, code=error.actual_code, detail=error.detail)


def _open(ask: Ask, parts: RetentionParts, tx: RetentionTransaction) -> Purge:
    tx.hold_subject(ask.subject_id)
    tombstone = tx.tombstone_of(ask.subject_id)
    existing = tx.purge_of_tombstone(tombstone)
    if existing is not None:
        return existing
    now = parts.clock()
    purge_id = ask.purge_id or new_id()
    purge = saga.open_purge(purge_id, ask.subject_id, tombstone, ask.reason, now, ask.idempotency_key, ask.heir_id)
    tx.add_purge(purge)
    tx.publish(_requested(purge, ask.subject_id))
    metrics.PURGES_STARTED.labels(ask.reason).inc()
    return purge


def _refuse_other_call(purge: Purge, key: str | None, reason: str | None) -> None:
    """A key that opened the purge stands for the call that opened it: wiping a stash is not leaving for good."""
    if key is not None and purge.opened_with == key and reason not in (None, purge.reason):
        raise IdempotencyConflict("this key opened the purge for another reason")


def _requested(purge: Purge, subject_id: UUID) -> contract.PurgeRequested:
    return contract.PurgeRequested(
        subject_id=subject_id, purge_id=purge.purge_id, reason=purge.reason, heir_id=purge.heir_id
    )


def _hear(event: Event, purge_id: UUID, fact: Callable[[Purge], Purge], parts: RetentionParts) -> Purge | None:
    """Add a fact to its purge (once) and let the saga advance; the purge afterwards, or None when there is none."""
    now = parts.clock()
    with parts.work.begin() as tx:
        purge = tx.purge(purge_id)
        if purge is None or purge.subject_id is None:
            return None
        if not tx.first_time(RETENTION_PURGES.queue, event.message_id):
            return purge
        before = purge.state
        purge, steps = saga.advance(fact(purge), now)
        _save(purge, steps, tx)
    if purge.state is not before:
        metrics.PURGE_SECONDS.labels(purge.state).observe((now - purge.requested_at).total_seconds())
    return purge


def _save(purge: Purge, steps: list[Step], tx: RetentionTransaction) -> None:
    tx.save_purge(purge)
    if purge.subject_id is None:
        return
    if Step.ASK_PARTICIPANTS in steps:
        tx.publish(_requested(purge, purge.subject_id))
    if Step.ASK_IDENTITY in steps:
        tx.publish(contract.DataRemoved(subject_id=purge.subject_id, purge_id=purge.purge_id))


def _existing(purge: Purge | None) -> Purge:
    if purge is None:
        raise NotFound("purge")
    return purge


def _opened(purge: Purge, parts: RetentionParts) -> contract.PurgeOpened:
    receipt = receipt_of(purge.purge_id, parts.receipt_key)
    return contract.PurgeOpened(purge_id=purge.purge_id, receipt=receipt, status=purge.state)


def _shown(purge: Purge, parts: RetentionParts) -> contract.PurgeState:
    return contract.PurgeState(
        purge_id=purge.purge_id,
        status=purge.state,
        reason=purge.reason,
        timeline=[{"status": str(name), "at": rfc3339(moment)} for name, moment in purge.timeline],
        counts=dict(purge.counts),
        certificate={"format": "jws", "jws": purge.certificate, **unverified(purge.certificate)}
        if purge.certificate
        else None,
    )


def _summary(purge: Purge) -> contract.PurgeSummary:
    return contract.PurgeSummary(
        purge_id=purge.purge_id,
        status=purge.state,
        reason=purge.reason,
        requested_at=purge.requested_at,
        attempts=purge.attempts,
        waiting_for=purge.waiting_for if purge.state is not PurgeState.COMPLETED else [],
        trouble=purge.trouble,
    )
