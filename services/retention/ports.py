"""What retention's use cases need from outside; PostgreSQL and a memory twin both give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.retention.domain.audits import SecondLook
from services.retention.domain.purges import Purge
from shared.crypto.signing import Signer
from shared.kernel.clock import Clock
from shared.kernel.personal import Secret
from shared.messaging.transaction import EveryTransaction
from shared.storage import ObjectStore


class RetentionTransaction(EveryTransaction, Protocol):
    """One transaction on retention's data (the parts every service has, then retention's own)."""

    def add_purge(self, purge: Purge) -> None:
        """A new purge."""

    def purge(self, purge_id: UUID) -> Purge | None:
        """A purge by id, held until this transaction ends."""

    def purge_of_tombstone(self, tombstone: bytes) -> Purge | None:
        """The (newest) purge of a subject."""

    def save_purge(self, purge: Purge) -> None:
        """A purge's new state and facts."""

    def purges_due(self, now: datetime, limit: int) -> list[Purge]:
        """Purges that are neither completed nor stuck and should be looked at, held until this transaction ends."""

    def purges_listed(self, state: str | None, limit: int) -> list[Purge]:
        """Purges for operators, newest first."""

    def add_second_look(self, look: SecondLook) -> None:
        """A look that is due minutes after the certificate."""

    def second_looks_due(self, now: datetime, limit: int) -> list[SecondLook]:
        """Looks whose time has come."""

    def save_second_look(self, look: SecondLook) -> None:
        """Look (again) later."""

    def forget_second_look(self, purge_id: UUID) -> None:
        """Nothing was found: the subject's id goes."""

    def completed_purges(self, tombstones: Sequence[bytes]) -> dict[bytes, UUID]:
        """Those of the tombstones whose purge is completed, with the purge."""

    def purge_states(self) -> dict[str, int]:
        """How many purges are in each state that is not completed."""

    def purge_figures(self, now: datetime) -> tuple[int, float]:
        """How many purges are stuck, and the age in seconds of the oldest that is not completed."""


class RetentionWork(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractContextManager[RetentionTransaction]:
        """A transaction: committed at the end of the block, rolled back on an exception."""


class Witnesses(Protocol):
    """Those who can say what is left of a subject."""

    def count(self, participant: str, subject_id: UUID) -> Mapping[str, int]:
        """The participant's own count, by kind; raises ``unavailable`` or ``timed_out`` when it does not answer."""

    def subjects(self, participant: str, after: UUID | None, limit: int) -> Sequence[UUID]:
        """The subjects that the participant holds anything of, in order, one page."""


class DeadLetters(Protocol):
    """Messages that failed for good and rest until an operator looks."""

    def forget(self, subject_id: UUID) -> int:
        """Drop those about a subject; how many."""


@dataclass(frozen=True, slots=True)
class RetentionParts:
    """Everything retention's use cases depend on."""

    work: RetentionWork
    store: ObjectStore
    witnesses: Witnesses
    dead_letters: DeadLetters
    signer: Signer
    receipt_key: Secret[bytes]
    clock: Clock
    deadline: timedelta
    second_look: timedelta = timedelta(minutes=5)
