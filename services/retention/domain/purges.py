"""The purge saga: one table of states, and one pure function that says what the facts so far make of a purge.

requested -> fenced (auth said so) -> purging -> verifying (everybody has reported, the identity last) -> completed.
Facts may come twice, late or out of order; only their sum counts. A purge that takes too long is ``stuck``, with an
alert, and starts over when an operator says so. Never does one end silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from shared.kernel.states import moved

PARTICIPANTS = ("imaging", "payments", "retention")
"""Services that hold a subject's data. A participant that has not answered is a failure, never a success."""

IDENTITY = "auth"
"""The participant that goes last: with it goes what says whose data this was."""

PROVIDER = "provider."
"""Begins auth's counts of how far login providers were told; not of something deleted."""

BACK_OFF_SECONDS = (5, 10, 30, 60, 120)


class PurgeState(StrEnum):
    """See the module."""

    REQUESTED = "requested"
    FENCED = "fenced"
    PURGING = "purging"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    STUCK = "stuck"


MOVES: dict[PurgeState, frozenset[PurgeState]] = {
    PurgeState.REQUESTED: frozenset({PurgeState.FENCED, PurgeState.STUCK}),
    PurgeState.FENCED: frozenset({PurgeState.PURGING, PurgeState.STUCK}),
    PurgeState.PURGING: frozenset({PurgeState.VERIFYING, PurgeState.STUCK}),
    PurgeState.VERIFYING: frozenset({PurgeState.COMPLETED, PurgeState.PURGING, PurgeState.STUCK}),
    PurgeState.STUCK: frozenset({PurgeState.PURGING}),
    PurgeState.COMPLETED: frozenset(),
}


class Step(StrEnum):
    """What the saga asks the world to do next."""

    ASK_PARTICIPANTS = "ask_participants"
    ASK_IDENTITY = "ask_identity"


@dataclass(frozen=True, slots=True)
class Purge:
    """One purge. ``subject_id`` is None once completed: from then on only the tombstone knows whose it was.

    The deadline counts from ``patience_from``: the request, or an operator's retry.
    """

    purge_id: UUID
    subject_id: UUID | None
    tombstone: bytes
    reason: str
    state: PurgeState
    requested_at: datetime
    next_look_at: datetime
    patience_from: datetime
    timeline: tuple[tuple[str, datetime], ...] = ()
    fenced: bool = False
    reported: frozenset[str] = frozenset()
    identity_asked: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    attempts: int = 1
    opened_with: str | None = None
    trouble: str | None = None
    certificate: str | None = None
    heir_id: UUID | None = None

    @property
    def waiting_for(self) -> list[str]:
        """Who has not reported yet."""
        return [name for name in (*PARTICIPANTS, IDENTITY) if name not in self.reported]

    def at(self, state: PurgeState) -> datetime | None:
        """When the purge (last) entered a state."""
        return next((moment for name, moment in reversed(self.timeline) if name == state), None)


def open_purge(
    purge_id: UUID,
    subject_id: UUID,
    tombstone: bytes,
    reason: str,
    now: datetime,
    opened_with: str | None = None,
    heir_id: UUID | None = None,
) -> Purge:
    """A new purge, all participants still to be asked."""
    return Purge(
        purge_id=purge_id,
        subject_id=subject_id,
        tombstone=tombstone,
        reason=reason,
        state=PurgeState.REQUESTED,
        requested_at=now,
        next_look_at=now + timedelta(seconds=BACK_OFF_SECONDS[0]),
        patience_from=now,
        timeline=((PurgeState.REQUESTED, now),),
        opened_with=opened_with,
        heir_id=heir_id,
    )


def move(purge: Purge, to: PurgeState, now: datetime) -> Purge:
    """The purge in state ``to``; the same state again is a no-op. Raises :class:`Conflict`."""
    if moved(MOVES, purge.state, to, "purge") is purge.state:
        return purge
    return replace(purge, state=to, timeline=(*purge.timeline, (to, now)))


def hear_fence(purge: Purge) -> Purge:
    """Auth has fenced the subject: its data is unreadable."""
    return replace(purge, fenced=True)


def hear_report(purge: Purge, participant: str, counts: Mapping[str, int]) -> Purge:
    """A participant has deleted what it had; counts add up over repeated asking, but for how providers stand now."""
    total = {name: n for name, n in purge.counts.items() if not name.startswith(f"{participant}.{PROVIDER}")}
    for kind, number in counts.items():
        name = f"{participant}.{kind}"
        total[name] = total.get(name, 0) + number
    return replace(purge, reported=purge.reported | {participant}, counts=total)


def advance(purge: Purge, now: datetime) -> tuple[Purge, list[Step]]:
    """How far the facts heard so far take a purge, and what is to be asked next."""
    steps: list[Step] = []
    purge = replace(purge, next_look_at=now + timedelta(seconds=BACK_OFF_SECONDS[0]))
    if purge.state is PurgeState.REQUESTED and purge.fenced:
        purge = move(purge, PurgeState.FENCED, now)
    if purge.state is PurgeState.FENCED:
        purge = move(purge, PurgeState.PURGING, now)
    if purge.state is PurgeState.PURGING and not purge.identity_asked and purge.reported.issuperset(PARTICIPANTS):
        purge = replace(purge, identity_asked=True)
        steps.append(Step.ASK_IDENTITY)
    if purge.state is PurgeState.PURGING and not purge.waiting_for:
        purge = move(purge, PurgeState.VERIFYING, now)
    return purge, steps


def start_over(purge: Purge, now: datetime, trouble: str | None) -> tuple[Purge, list[Step]]:
    """Ask everybody again: something is left, somebody does not answer, or an operator said so."""
    if purge.state in (PurgeState.VERIFYING, PurgeState.STUCK):
        purge = move(purge, PurgeState.PURGING, now)
    wait = BACK_OFF_SECONDS[min(purge.attempts, len(BACK_OFF_SECONDS) - 1)]
    purge = replace(
        purge,
        reported=frozenset(),
        identity_asked=False,
        attempts=purge.attempts + 1,
        trouble=trouble,
        next_look_at=now + timedelta(seconds=wait),
    )
    return purge, [Step.ASK_PARTICIPANTS]


def found_left(purge: Purge, now: datetime, trouble: str) -> tuple[Purge, list[Step]]:
    """A proof found something after all. The first time everybody is asked again at once; then with growing pauses,
    by whoever looks after purges: what never goes would otherwise be asked for without end, and never be ``stuck``."""
    again, steps = start_over(purge, now, trouble)
    return again, steps if purge.attempts == 1 else []


def give_up(purge: Purge, now: datetime, trouble: str) -> Purge:
    """Past its deadline: an operator must look."""
    return replace(move(purge, PurgeState.STUCK, now), trouble=trouble)


def complete(purge: Purge, now: datetime, certificate: str) -> Purge:
    """Absence is proven and certified: the purge no longer names its subject."""
    done = move(purge, PurgeState.COMPLETED, now)
    return replace(done, subject_id=None, heir_id=None, certificate=certificate, trouble=None)


def left_over(absence: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """What proofs of absence found after all, by ``participant.kind``; empty when everything is gone."""
    return {f"{who}.{kind}": n for who, counts in absence.items() for kind, n in counts.items() if n}
