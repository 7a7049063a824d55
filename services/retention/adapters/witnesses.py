"""Asks the participants themselves what they still hold of a subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from shared.contracts import Call, auth, imaging, payments
from shared.rpc.asking_plain import PlainAsker

_CALLS: dict[str, type[Call[auth.Count]]] = {
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
    """Witnesses by call; retention's own count is taken here, so that it never waits for itself."""

    def __init__(
        self,
        asker: PlainAsker,
        own: Callable[[UUID], Mapping[str, int]],
        own_subjects: Callable[[UUID | None, int], Sequence[UUID]],
    ) -> None:
        self._asker = asker
        self._own, self._own_subjects = own, own_subjects

    def subjects(self, participant: str, after: UUID | None, limit: int) -> Sequence[UUID]:
        """The subjects that the participant holds anything of, in order, one page."""
        if participant == "retention":
            return self._own_subjects(after, limit)
        return self._asker.ask(_LISTS[participant](after=after, limit=limit)).subject_ids

    def count(self, participant: str, subject_id: UUID) -> Mapping[str, int]:
        """The participant's own count, by kind; raises ``unavailable`` or ``timed_out`` when it does not answer."""
        if participant == "retention":
            return self._own(subject_id)
        return self._asker.ask(_CALLS[participant].model_validate({"subject_id": subject_id})).counts
