"""Whether what was certified is still true: a second look minutes later, a sweep over everything every day.

A restored backup or a bug could bring an erased subject back. Its tombstone recognises it wherever it appears; then that
is an error in the log, a metric with an alert, and the same purge asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

from services.retention.domain.audits import MOST_LOOKS, SecondLook
from services.retention.domain.purges import IDENTITY, PARTICIPANTS, left_over
from services.retention.ports import RetentionParts, RetentionTransaction
from shared.contracts import retention as contract
from shared.crypto import seal, unseal
from shared.kernel import log
from shared.kernel.errors import BadRequest, TimedOut, Unavailable
from shared.kernel.ids import parse_id
from shared.storage import subject_prefix
from shared.telemetry import metrics

logger = log.get_logger("retention")
LOOKS_AT_ONCE = 20
PAGE = 1000
STORE = "store"


def absence_of(subject_id: UUID, parts: RetentionParts) -> dict[str, dict[str, int]]:
    """What everybody still holds of a subject, counted by each participant and, in the store, by ourselves."""
    found = {name: dict(parts.witnesses.count(name, subject_id)) for name in (*PARTICIPANTS, IDENTITY)}
    found[STORE] = {"objects": sum(1 for _ in parts.store.keys(subject_prefix(subject_id)))}
    return found


def look_at(subject_id: UUID, purge_id: UUID, due_at: datetime, parts: RetentionParts) -> SecondLook:
    """A look to be made: the id is sealed, for the database names nobody whose purge is completed."""
    return SecondLook(purge_id, seal(parts.receipt_key, subject_id.bytes, _bound(purge_id)), due_at)


def look_again(parts: RetentionParts) -> int:
    """Every few seconds: the second looks that are due; how many found something. A clean one ends the matter."""
    now = parts.clock()
    with parts.work.begin() as tx:
        due = tx.second_looks_due(now, LOOKS_AT_ONCE)
    findings = 0
    for look in due:
        try:
            left = left_over(absence_of(_whose(look, parts), parts))
        except (Unavailable, TimedOut) as error:
            logger.warning("no second look yet", purge_id=look.purge_id, code=error.actual_code)
            left = None
        findings += bool(left)
        with parts.work.begin() as tx:
            _note(look, left, parts, tx)
    return findings


def sweep_tombstones(parts: RetentionParts) -> int:
    """Every day, and after a backup was restored: find erased subjects that are back, anywhere; how many.

    Every participant names the subjects it holds, the store is listed by ourselves; each id's tombstone is looked up
    among the completed purges.
    """
    back: set[UUID] = set()
    for name in (*PARTICIPANTS, IDENTITY, STORE):
        page: list[UUID] = []
        for subject_id in _subjects_in(name, parts):
            page.append(subject_id)
            if len(page) == PAGE:
                back |= _repair_known(name, page, parts)
                page = []
        back |= _repair_known(name, page, parts)
    metrics.SWEPT_AT.set(parts.clock().timestamp())
    return len(back)


def replay_tombstones(request: contract.ReplayTombstones, parts: RetentionParts) -> contract.Replayed:
    """For operators, after a restore: the daily sweep, now."""
    return contract.Replayed(came_back=sweep_tombstones(parts))


def _note(look: SecondLook, left: Mapping[str, int] | None, parts: RetentionParts, tx: RetentionTransaction) -> None:
    now = parts.clock()
    if left == {}:
        tx.forget_second_look(look.purge_id)
        return
    tx.save_second_look(look.again(now))
    if left:
        _finding("second look", look.purge_id, left)
        if look.looks < MOST_LOOKS:
            ask_again(_whose(look, parts), look.purge_id, tx)


def ask_again(subject_id: UUID, purge_id: UUID, tx: RetentionTransaction) -> None:
    """Have everybody delete again what a completed purge had deleted; its certificate stands."""
    tx.publish(contract.PurgeRequested(subject_id=subject_id, purge_id=purge_id, reason="came_back"))
    tx.publish(contract.DataRemoved(subject_id=subject_id, purge_id=purge_id))


def _repair_known(where: str, subjects: list[UUID], parts: RetentionParts) -> set[UUID]:
    """The purges of those who are back there; each is asked for again."""
    if not subjects:
        return set()
    now = parts.clock()
    with parts.work.begin() as tx:
        by_tombstone = {tx.tombstone_of(subject_id): subject_id for subject_id in subjects}
        known = tx.completed_purges(list(by_tombstone))
        for tombstone, purge_id in known.items():
            subject_id = by_tombstone[tombstone]
            _finding(f"back in {where}", purge_id, {where: 1})
            ask_again(subject_id, purge_id, tx)
            tx.save_second_look(look_at(subject_id, purge_id, now, parts).again(now))
    return set(known.values())


def _subjects_in(name: str, parts: RetentionParts) -> Iterator[UUID]:
    if name == STORE:
        yield from _subjects_in_store(parts)
        return
    after: UUID | None = None
    while True:
        page = parts.witnesses.subjects(name, after, PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1]


def _subjects_in_store(parts: RetentionParts) -> Iterator[UUID]:
    before = ""
    for key in parts.store.keys(""):
        owner = key.split("/", 1)[0]
        if owner != before:
            before = owner
            try:
                yield parse_id(owner)
            except BadRequest:
                logger.error("an object of nobody", count=1)


def _whose(look: SecondLook, parts: RetentionParts) -> UUID:
    return UUID(bytes=unseal(parts.receipt_key, look.sealed_id, _bound(look.purge_id)))


def _bound(purge_id: UUID) -> str:
    return f"{purge_id}/second look"


def _finding(what: str, purge_id: UUID, left: Mapping[str, int]) -> None:
    metrics.FINDINGS.labels(what.split(" ", 1)[0]).inc()
    logger.error("erased data is back", purge_id=purge_id, detail=what, counts=dict(left))
