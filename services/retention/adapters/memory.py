"""Retention's data in memory, and witnesses that say what a test has them say."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from services.retention.adapters.memory_rights import MemoryRights, RightsState
from services.retention.domain.audits import SecondLook
from services.retention.domain.purges import Purge, PurgeState
from shared.kernel.clock import Clock, utc_now
from shared.kernel.errors import Unavailable
from shared.kernel.personal import Secret
from shared.testing.faults import Hook, calm
from shared.testing.memory_work import ConstraintBroken, MemoryWork

Counter = Callable[[UUID], Mapping[str, int]]
"""What a participant answers when asked what is left of a subject."""


@dataclass
class RetentionState(RightsState):
    """Retention's tables."""

    purges: dict[UUID, Purge] = field(default_factory=dict)
    second_looks: dict[UUID, SecondLook] = field(default_factory=dict)


class MemoryRetention(MemoryRights[RetentionState]):
    """One transaction on retention's tables."""

    def add_purge(self, purge: Purge) -> None:
        """A new purge."""
        if purge.purge_id in self.state.purges or self.purge_of_tombstone(purge.tombstone) is not None:
            raise ConstraintBroken("purge or tombstone twice")
        self._put(purge)

    def purge(self, purge_id: UUID) -> Purge | None:
        """A purge by id."""
        return self.state.purges.get(purge_id)

    def purge_of_tombstone(self, tombstone: bytes) -> Purge | None:
        """The purge of a subject."""
        return next((purge for purge in self.state.purges.values() if purge.tombstone == tombstone), None)

    def save_purge(self, purge: Purge) -> None:
        """A purge's new state and facts."""
        if purge.purge_id in self.state.purges:
            self._put(purge)

    def purges_due(self, now: datetime, limit: int) -> list[Purge]:
        """Purges that are neither completed nor stuck and should be looked at."""
        due = [purge for purge in self._unsettled() if purge.next_look_at <= now]
        return sorted(due, key=lambda purge: purge.next_look_at)[:limit]

    def purges_listed(self, state: str | None, limit: int) -> list[Purge]:
        """Purges for operators, newest first."""
        listed = [purge for purge in self.state.purges.values() if state is None or purge.state == state]
        return sorted(listed, key=lambda purge: purge.requested_at, reverse=True)[:limit]

    def add_second_look(self, look: SecondLook) -> None:
        """A look that is due minutes after the certificate."""
        self.save_second_look(look)

    def second_looks_due(self, now: datetime, limit: int) -> list[SecondLook]:
        """Looks whose time has come."""
        due = [look for look in self.state.second_looks.values() if look.due_at <= now]
        return sorted(due, key=lambda look: look.due_at)[:limit]

    def save_second_look(self, look: SecondLook) -> None:
        """Look (again) later."""
        if look.purge_id not in self.state.purges:
            raise ConstraintBroken("no such purge")
        held = self.state.second_looks.get(look.purge_id)
        sealed_id = held.sealed_id if held else look.sealed_id
        self.state.second_looks[look.purge_id] = replace(look, sealed_id=sealed_id)

    def forget_second_look(self, purge_id: UUID) -> None:
        """Nothing was found: the subject's id goes."""
        self.state.second_looks.pop(purge_id, None)

    def completed_purges(self, tombstones: Sequence[bytes]) -> dict[bytes, UUID]:
        """Those of the tombstones whose purge is completed, with the purge."""
        wanted = set(tombstones)
        completed = [p for p in self.state.purges.values() if p.state is PurgeState.COMPLETED]
        return {p.tombstone: p.purge_id for p in completed if p.tombstone in wanted}

    def purge_states(self) -> dict[str, int]:
        """How many purges are in each state that is not completed."""
        pending = (p.state for p in self.state.purges.values() if p.state is not PurgeState.COMPLETED)
        return {str(state): number for state, number in collections.Counter(pending).items()}

    def purge_figures(self, now: datetime) -> tuple[int, float]:
        """How many purges are stuck, and the age in seconds of the oldest that is not completed."""
        pending = [purge for purge in self.state.purges.values() if purge.state is not PurgeState.COMPLETED]
        oldest = min((purge.requested_at for purge in pending), default=now)
        stuck = sum(purge.state is PurgeState.STUCK for purge in pending)
        return stuck, (now - oldest).total_seconds()

    def _unsettled(self) -> list[Purge]:
        settled = (PurgeState.COMPLETED, PurgeState.STUCK)
        return [purge for purge in self.state.purges.values() if purge.state not in settled]

    def _put(self, purge: Purge) -> None:
        completed = purge.state is PurgeState.COMPLETED
        if completed != (purge.subject_id is None) or completed != (purge.certificate is not None):
            raise ConstraintBroken("a completed purge has a certificate and names nobody; any other is the contrary")
        # JSON keeps the timeline's milliseconds only, as PostgreSQL's twin does.
        timeline = tuple((state, _milliseconds(moment)) for state, moment in purge.timeline)
        self.state.purges[purge.purge_id] = replace(purge, timeline=timeline, counts=dict(purge.counts))


def _milliseconds(moment: datetime) -> datetime:
    utc = moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def memory_retention(
    tombstone_key: Secret[bytes], *, clock: Clock = utc_now, hook: Hook = calm
) -> MemoryWork[RetentionState, MemoryRetention]:
    """Retention's work in memory, empty."""
    return MemoryWork(RetentionState(), MemoryRetention, tombstone_key, clock=clock, hook=hook)


class MemoryWitnesses:
    """Asks each participant's counter; one that is not there does not answer (and is never taken for empty)."""

    def __init__(self, counters: Mapping[str, Counter]) -> None:
        self.counters = dict(counters)
        self.holding: dict[str, Callable[[], set[UUID]]] = dict.fromkeys(counters, set)
        self.asked: list[str] = []

    def count(self, participant: str, subject_id: UUID) -> Mapping[str, int]:
        """The participant's own count, by kind; raises ``unavailable`` when it does not answer."""
        self.asked.append(participant)
        counter = self.counters.get(participant)
        if counter is None:
            raise Unavailable(f"{participant} does not answer")
        return counter(subject_id)

    def subjects(self, participant: str, after: UUID | None, limit: int) -> Sequence[UUID]:
        """The subjects that the participant holds anything of, in order, one page."""
        held = sorted(self.held(participant))
        return [subject_id for subject_id in held if after is None or subject_id > after][:limit]

    def held(self, participant: str) -> set[UUID]:
        """Whom the participant holds anything of; a test says so."""
        holding = self.holding.get(participant)
        if holding is None:
            raise Unavailable(f"{participant} does not answer")
        return holding()


class MemoryDeadLetters:
    """Dead letters that a test has put there: whose each one is."""

    def __init__(self) -> None:
        self.resting: list[UUID] = []

    def forget(self, subject_id: UUID) -> int:
        """Drop those about a subject; how many."""
        dropped = self.resting.count(subject_id)
        self.resting = [whose for whose in self.resting if whose != subject_id]
        return dropped
