"""Exports: asked for, built by a worker that holds the keys, shown, expired, swept, and gone with their subject.

Retention never sees a byte of one: it keeps the row, registers each part before it is written, and deletes.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from services.retention.domain import exports as rules
from services.retention.domain.exports import UNDER_WAY, Export, ExportState
from services.retention.rights_ports import RightsParts, RightsTransaction
from shared.contracts import retention as events
from shared.contracts import rights as contract
from shared.contracts.base import Done
from shared.contracts.queues import EXPORTS, RETENTION_RIGHTS
from shared.kernel import log
from shared.kernel.errors import Conflict, NotFound
from shared.kernel.ids import milliseconds_of, new_id
from shared.kernel.limits import too_many_requests
from shared.storage.port import is_export, photo_prefix
from shared.telemetry import metrics

logger = log.get_logger("retention")
AT_ONCE = 50
SWEEP_BATCH = 500
YOUNG_MILLISECONDS = 15 * 60 * 1000
"""Objects of exports asked for so recently are passed over by the sweep of the store: their row may be just committing."""


def request_export(request: contract.RequestExport, parts: RightsParts) -> contract.ExportState:
    """A new export, and the order to build it, in one transaction; the one under way when there is one.

    Raises ``too_many_requests`` when a day's exports are used up (failed ones do not count), ``subject_erased``.
    """
    scope = f"export:{request.subject_id}"
    with parts.work.begin() as tx:
        tx.hold_unfenced(request.subject_id)
        own = tx.exports_of(request.subject_id)
        before = tx.recall(scope, request.idempotency_key, "") if request.idempotency_key else None
        if before is not None:
            return shown(_owned(tx.export(UUID(before["export_id"])), request.subject_id), parts)
        under_way = [export for export in own if export.state in UNDER_WAY]
        export = under_way[0] if under_way else _new(request.subject_id, own, parts)
        if request.idempotency_key:
            answer = {"export_id": str(export.export_id)}
            tx.remember(scope, request.idempotency_key, "", request.subject_id, answer)
        if not under_way:
            tx.add_export(export)
            tx.send(events.BuildExport(subject_id=export.subject_id, export_id=export.export_id), EXPORTS.queue)
            logger.info("export asked for", export_id=export.export_id)
    return shown(export, parts)


def list_exports(request: contract.ListExports, parts: RightsParts) -> contract.ExportList:
    """The subject's exports, newest first."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        return contract.ExportList(items=[shown(export, parts) for export in tx.exports_of(request.subject_id)])


def get_export(request: contract.GetExport, parts: RightsParts) -> contract.ExportState:
    """One export of the subject; somebody else's is not found."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        return shown(_owned(tx.export(request.export_id), request.subject_id), parts)


# ---- what a builder says


def begin_export(request: contract.BeginExport, parts: RightsParts) -> contract.ExportBegun:
    """A builder takes it up (again, should an earlier one have died). Raises ``conflict`` when it has ended."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        export = rules.begun(_owned(tx.export(request.export_id), request.subject_id), parts.clock())
        tx.save_export(export)
    return contract.ExportBegun(attempt=export.attempt)


def register_part(request: contract.RegisterPart, parts: RightsParts) -> Done:
    """Commit that a part will be there, before it is. Refused for a build that was overtaken, or behind the fence."""
    with parts.work.begin() as tx:
        export = _of_build(request.subject_id, request.export_id, request.attempt, tx)
        tx.save_export(replace(export, parts=max(export.parts, request.part), heard_at=parts.clock()))
    return Done()


def finish_export(request: contract.FinishExport, parts: RightsParts) -> Done:
    """The export is ready, and its subject is told. Again is fine."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        held = _owned(tx.export(request.export_id), request.subject_id)
        if (held.state, held.attempt) == (ExportState.READY, request.attempt):
            return Done()
        export = _of_build(request.subject_id, request.export_id, request.attempt, tx)
        tx.save_export(rules.finished(export, request.bytes, parts.clock(), parts.export_life))
        tx.publish(events.ExportReady(subject_id=export.subject_id, export_id=export.export_id))
    metrics.EXPORTS.labels("ready").inc()
    return Done()


def fail_export(request: contract.FailExport, parts: RightsParts) -> Done:
    """It will not be built: its subject sees that, and may ask again. One that has ended stays as it is."""
    with parts.work.begin() as tx:
        export = None if tx.is_fenced(request.subject_id) else tx.export(request.export_id)
        if export is not None and export.subject_id == request.subject_id and export.state in UNDER_WAY:
            _fail(export, parts, tx)
    return Done()


# ---- timers


def look_after_exports(parts: RightsParts) -> None:
    """Have a build begun again of which nothing was heard, or given up; end what is past its time; clear what has ended."""
    now = parts.clock()
    with parts.work.begin() as tx:
        for export in tx.exports_stalled(now - rules.STALLED_AFTER, AT_ONCE):
            if export.attempt >= rules.MOST_BUILDS:
                _fail(export, parts, tx)
            elif not tx.is_fenced(export.subject_id):
                tx.save_export(replace(export, heard_at=now))
                tx.send(events.BuildExport(subject_id=export.subject_id, export_id=export.export_id), EXPORTS.queue)
        for export in tx.exports_past(now, AT_ONCE):
            tx.save_export(rules.expired(export, now))
        doomed = tx.exports_to_clear(AT_ONCE)
    for export in doomed:
        parts.store.delete_prefix(photo_prefix(export.subject_id, export.export_id))
        with parts.work.begin() as tx:
            tx.save_export(replace(export, cleared=True))
    with parts.work.begin() as tx:
        tx.delete_exports_ended(now - rules.ROW_KEPT, AT_ONCE)


def sweep_exports(parts: RightsParts) -> int:
    """Delete objects of exports that no row knows: what a builder that died behind a fence may have left. How many."""
    oldest = int(parts.clock().timestamp() * 1000) - YOUNG_MILLISECONDS
    batch: list[str] = []
    swept = 0
    for key in parts.store.keys(""):
        if is_export(key) and milliseconds_of(UUID(key.split("/")[1])) < oldest:
            batch.append(key)
        if len(batch) == SWEEP_BATCH:
            swept += _sweep(batch, parts)
            batch = []
    return swept + _sweep(batch, parts)


# ---- purges


def purge_subject(event: events.PurgeRequested, parts: RightsParts) -> None:
    """Fence the subject here, delete its exports' objects, then all its rows, and report: a crash leaves rows to go on from."""
    with parts.work.begin() as tx:
        tx.fence(event.subject_id)
        exports = tx.exports_of(event.subject_id)
    for export in exports:
        parts.store.delete_prefix(photo_prefix(export.subject_id, export.export_id))
    with parts.work.begin() as tx:
        if tx.first_time(RETENTION_RIGHTS.queue, event.message_id):
            counts = tx.delete_rights(event.subject_id)
            counts["export_objects"] = sum(export.parts for export in exports if not export.cleared)
            tx.publish(events.SubjectPurged(subject_id=event.subject_id, purge_id=event.purge_id, counts=counts))


def count_subject(subject_id: UUID, parts: RightsParts) -> dict[str, int]:
    """How much of the subject is left here, beside its running purge."""
    with parts.work.begin() as tx:
        return tx.count_rights(subject_id)


def list_subjects(after: UUID | None, limit: int, parts: RightsParts) -> list[UUID]:
    """For audits: whom exports, disclosures or tickets name."""
    with parts.work.begin() as tx:
        return tx.rights_subjects(after, limit)


def shown(export: Export, parts: RightsParts) -> contract.ExportState:
    """An export as the contract tells it: past its time it is expired, whether or not the timer has come by."""
    seen = rules.seen_at(export, parts.clock())
    return contract.ExportState(
        export_id=seen.export_id,
        status=seen.state,
        requested_at=seen.requested_at,
        expires_at=seen.expires_at,
        bytes=seen.size,
        attempt=seen.attempt,
        parts=seen.parts if seen.state is ExportState.READY else 0,
    )


def _new(subject_id: UUID, own: list[Export], parts: RightsParts) -> Export:
    now = parts.clock()
    today = [e for e in own if e.state is not ExportState.FAILED and e.requested_at > now - rules.A_DAY]
    if len(today) >= parts.exports_a_day:
        # As many as are allowed must be a day old before the next one may be asked for.
        free_at = sorted(e.requested_at for e in today)[-parts.exports_a_day] + rules.A_DAY
        raise too_many_requests("exports of a day", now, free_at)
    return Export(new_id(), subject_id, ExportState.QUEUED, now, heard_at=now)


def _owned(export: Export | None, subject_id: UUID) -> Export:
    if export is None or export.subject_id != subject_id:
        raise NotFound("export")
    return export


def _of_build(subject_id: UUID, export_id: UUID, attempt: int, tx: RightsTransaction) -> Export:
    tx.refuse_fenced(subject_id)
    export = _owned(tx.export(export_id), subject_id)
    if export.state is not ExportState.BUILDING or export.attempt != attempt:
        raise Conflict("overtaken by another build")
    return export


def _fail(export: Export, parts: RightsParts, tx: RightsTransaction) -> None:
    tx.save_export(rules.failed(export, parts.clock()))
    metrics.EXPORTS.labels("failed").inc()
    logger.error("export failed", export_id=export.export_id, attempt=export.attempt)


def _sweep(keys: list[str], parts: RightsParts) -> int:
    ids = [UUID(key.split("/")[1]) for key in keys]
    with parts.work.begin() as tx:
        known = tx.known_exports(ids)
    orphans = [key for key, export_id in zip(keys, ids, strict=True) if export_id not in known]
    parts.store.delete(orphans)
    return len(orphans)
