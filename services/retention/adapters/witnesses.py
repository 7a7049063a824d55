"""Asks the participants themselves what they still hold of a subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from shared.contracts import auth, imaging, payments
from shared.rpc.asking_plain import PlainAsker

_CALLS: dict[str, type[auth.CountSubject] | type[imaging.CountSubject] | type[payments.CountSubject]] = {
    "auth": auth.CountSubject,
    "imaging": imaging.CountSubject,
    "payments": payments.CountSubject,
}


_LISTS: dict[str, type[auth.ListSubjects] | type[imaging.ListSubjects] | type[payments.ListSubjects]] = {
    "auth": auth.ListSubjects,
    "imaging": imaging.ListSubjects,
    "payments": payments.ListSubjects,
}


class AskedWitnesses:
    """Witnesses by call."""

    def __init__(self, asker: PlainAsker) -> None:
        self._asker = asker

    def subjects(self, participant: str, after: UUID | None, limit: int) -> Sequence[UUID]:
        """The subjects that the participant holds anything of, in order, one page."""
        return self._asker.ask(_LISTS[participant](after=after, limit=limit)).subject_ids

    def count(self, participant: str, subject_id: UUID) -> Mapping[str, int]:
        """The participant's own count, by kind; raises ``unavailable`` or ``timed_out`` when it does not answer."""
        return self._asker.ask(_CALLS[participant](subject_id=subject_id)).counts
