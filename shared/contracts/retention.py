"""What retention says, and what it can be asked: purges, receipts, certificates."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from shared.contracts.base import Answer, Call, Command, Event


class PurgeReason(StrEnum):
    """Every reason for which a subject is purged; each is scanned for in ``tests/journey/test_leaving.py``."""

    STASH_WIPED = "stash_wiped"
    ACCOUNT_DELETED = "account_deleted"
    SIGNED_IN = "signed_in"
    OPERATOR = "operator"
    GUEST_REPLACED = "guest_replaced"
    GUEST_IDLE = "guest_idle"
    ACCOUNT_ABANDONED = "account_abandoned"
    CONSENT_WITHDRAWN = "consent_withdrawn"


# ---- events


class PurgeRequested(Event):
    """Said by retention when a subject's data must go: every participant fences the subject, deletes, and reports."""

    type: ClassVar[str] = "retention.purge.requested.v1"
    purge_id: UUID
    reason: str
    heir_id: UUID | None = None
    """The account that the subject signed in to, and that what was paid for passes to; stashed data never does."""


class DataRemoved(Event):
    """Said by retention when every participant but auth has reported: the identity, kept for last, may now go."""

    type: ClassVar[str] = "retention.data.removed.v1"
    purge_id: UUID


class PurgeCompleted(Event):
    """Said by retention when absence is proven and the certificate is signed."""

    type: ClassVar[str] = "retention.purge.completed.v1"
    must_be_heard: ClassVar[bool] = False
    purge_id: UUID


class SubjectPurged(Event):
    """Said by retention when a subject's exports, disclosures and tickets are deleted; counts say how many of each."""

    type: ClassVar[str] = "retention.subject.purged.v1"
    purge_id: UUID
    counts: dict[str, int]


class ExportReady(Event):
    """Said by retention when an export can be downloaded."""

    type: ClassVar[str] = "retention.export.ready.v1"
    must_be_heard: ClassVar[bool] = False
    export_id: UUID


class BuildExport(Command):
    """Build an export. Goes to ``imaging.exports``: workers hold the keys and the store."""

    type: ClassVar[str] = "retention.export.build.v1"
    export_id: UUID


# ---- calls


class PurgeOpened(Answer):
    """A purge is on its way; the receipt shows its progress without a login."""

    purge_id: UUID
    receipt: str
    status: str


class OpenPurge(Call[PurgeOpened]):
    """Start the purge of a subject; a purge already running for it is returned instead."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "open_purge"
    answer: ClassVar[type[Answer]] = PurgeOpened
    subject_id: UUID
    reason: str
    idempotency_key: str | None = None
    purge_id: UUID | None = None
    """Chosen by the caller when the purge was announced under this id."""
    heir_id: UUID | None = None


class FindPurge(Call[PurgeOpened]):
    """The purge that a fenced subject's own earlier call started, by its idempotency key."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "find_purge"
    answer: ClassVar[type[Answer]] = PurgeOpened
    subject_id: UUID
    idempotency_key: str
    reason: str | None = None
    """The call's; a key that opened a purge for another reason conflicts."""


class PurgeState(Answer):
    """How far a purge is; ``certificate`` once it is completed."""

    purge_id: UUID
    status: str
    reason: str
    timeline: list[dict[str, str]]
    counts: dict[str, int]
    certificate: dict[str, Any] | None = None


class PurgeByReceipt(Call[PurgeState]):
    """A purge's progress, for whoever holds its receipt."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "purge_by_receipt"
    answer: ClassVar[type[Answer]] = PurgeState
    receipt: str


class CertificateKeySet(Answer):
    """A JWKS: the public halves of the certificate keys."""

    keys: list[dict[str, str]]


class CertificateKeys(Call[CertificateKeySet]):
    """Ask for the public keys that verify certificates."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "certificate_keys"
    answer: ClassVar[type[Answer]] = CertificateKeySet


class PurgeSummary(Answer):
    """A purge as operators see it: whose it is, nobody is told."""

    purge_id: UUID
    status: str
    reason: str
    requested_at: datetime
    attempts: int
    waiting_for: list[str]
    trouble: str | None = None


class PurgeList(Answer):
    """Purges, newest first."""

    items: list[PurgeSummary]


class ListPurges(Call[PurgeList]):
    """For operators: purges, all or in one state."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "list_purges"
    answer: ClassVar[type[Answer]] = PurgeList
    status: str | None = None
    limit: int = 100


class RetryPurge(Call[PurgeSummary]):
    """For operators: have a purge that is stuck (or slow) start over now."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "retry_purge"
    answer: ClassVar[type[Answer]] = PurgeSummary
    purge_id: UUID


class ShowPurge(Call[PurgeState]):
    """For operators: one purge by id."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "show_purge"
    answer: ClassVar[type[Answer]] = PurgeState
    purge_id: UUID


class Replayed(Answer):
    """How many erased subjects were found to be back; each is being purged again."""

    came_back: int


class ReplayTombstones(Call[Replayed]):
    """For operators, after a backup was restored: purge again whoever was erased since it was made."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "replay_tombstones"
    answer: ClassVar[type[Answer]] = Replayed
