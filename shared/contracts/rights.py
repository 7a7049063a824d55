"""What retention says, and what it can be asked, about a person's rights: exports and the disclosure ledger."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.contracts.base import Answer, Call, Done
from shared.contracts.disclosure_codes import Ground, Told
from shared.contracts.feedback import TicketState

# ---- exports, as their subject sees them


class ExportState(Answer):
    """One export. Its sealed bytes lie in ``parts`` objects of build ``attempt``; ``bytes`` is what they hold when opened."""

    export_id: UUID
    status: str
    requested_at: datetime
    expires_at: datetime | None = None
    bytes: int | None = None
    attempt: int = 0
    parts: int = 0


class ExportList(Answer):
    """The subject's exports, newest first."""

    items: list[ExportState]


class RequestExport(Call[ExportState]):
    """Ask for an export; while one is being built, that one is the answer. Raises ``too_many_requests``."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "request_export"
    answer: ClassVar[type[Answer]] = ExportState
    subject_id: UUID
    idempotency_key: str | None = None


class ListExports(Call[ExportList]):
    """The subject's exports."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "list_exports"
    answer: ClassVar[type[Answer]] = ExportList
    subject_id: UUID


class GetExport(Call[ExportState]):
    """One export of the subject; somebody else's is not found."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "get_export"
    answer: ClassVar[type[Answer]] = ExportState
    subject_id: UUID
    export_id: UUID


# ---- exports, as their builder sees them


class ExportBegun(Answer):
    """The number of this build: its objects carry it, and only the newest build can be finished."""

    attempt: int


class BeginExport(Call[ExportBegun]):
    """A builder begins (again). Raises ``conflict`` when there is nothing to build, ``subject_erased`` behind the fence."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "begin_export"
    answer: ClassVar[type[Answer]] = ExportBegun
    subject_id: UUID
    export_id: UUID


class RegisterPart(Call[Done]):
    """Commit a part before its object is written. Raises ``conflict`` for a build that was overtaken."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "register_part"
    answer: ClassVar[type[Answer]] = Done
    subject_id: UUID
    export_id: UUID
    attempt: int
    part: int


class FinishExport(Call[Done]):
    """All parts are stored: the export is ready."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "finish_export"
    answer: ClassVar[type[Answer]] = Done
    subject_id: UUID
    export_id: UUID
    attempt: int
    bytes: int


class FailExport(Call[Done]):
    """The job is about to be buried: the person must see that it failed."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "fail_export"
    answer: ClassVar[type[Answer]] = Done
    subject_id: UUID
    export_id: UUID


# ---- disclosures


class Disclosure(Answer):
    """One line of the ledger: who was told what, on which ground. ``chain`` is a hash over it and all lines before it."""

    disclosure_id: UUID
    who: str
    what: list[Told]
    ground: Ground
    at: datetime
    reference: UUID | None = None
    source: str
    chain: str
    names: dict[str, str]
    told: dict[str, list[str]]
    why: dict[str, str]


class DisclosureLedger(Answer):
    """A subject's ledger, oldest first."""

    items: list[Disclosure]


class Disclosures(Call[DisclosureLedger]):
    """Ask for a subject's ledger."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "disclosures"
    answer: ClassVar[type[Answer]] = DisclosureLedger
    subject_id: UUID


class RecordDisclosure(Call[DisclosureLedger]):
    """For operators: an authority (or somebody else) was told. The answer is that one line."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "record_disclosure"
    answer: ClassVar[type[Answer]] = DisclosureLedger
    subject_id: UUID
    who: str
    what: list[Told]
    ground: Ground


# ---- what retention holds of a subject


class RightsPortion(Answer):
    """Retention's part of an export."""

    exports: list[ExportState]
    disclosures: list[Disclosure]
    tickets: list[TicketState]


class ExportSubject(Call[RightsPortion]):
    """All that retention has of a subject: ids, facts and sealed bytes."""

    service: ClassVar[str] = "retention"
    method: ClassVar[str] = "export_subject"
    answer: ClassVar[type[Answer]] = RightsPortion
    subject_id: UUID
