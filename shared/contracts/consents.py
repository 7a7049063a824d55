"""What auth can be asked about consents: the ledger, guardians, policy documents; and operators' calls."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.contracts.base import Answer, Call

# ---- consents and guardians


class ConsentLine(Answer):
    """One line of the ledger. ``chain`` is a hash over it and all lines before it."""

    kind: str
    name: str
    version: str
    action: str
    at: datetime
    chain: str


class ConsentLedger(Answer):
    """A subject's ledger, oldest first."""

    items: list[ConsentLine]


class Consents(Call[ConsentLedger]):
    """Ask for a subject's ledger."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "consent_ledger"
    answer: ClassVar[type[Answer]] = ConsentLedger
    subject_id: UUID


class RecordConsent(Call[ConsentLedger]):
    """Grant or withdraw; the ledger is only ever added to."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "record_consent"
    answer: ClassVar[type[Answer]] = ConsentLedger
    subject_id: UUID
    kind: str
    name: str
    version: str
    action: str


class GuardianLink(Answer):
    """What a child passes on to a guardian: works once."""

    guardianship_id: UUID
    link_token: str
    expires_at: datetime


class AskGuardian(Call[GuardianLink]):
    """A child asks for a guardian's consent."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "ask_guardian"
    answer: ClassVar[type[Answer]] = GuardianLink
    subject_id: UUID


class GuardianshipState(Answer):
    """A guardian's consent for a child, as either of them sees it."""

    guardianship_id: UUID
    role: str
    granted_at: datetime | None
    withdrawn_at: datetime | None


class GuardianshipList(Answer):
    """All of a subject's."""

    items: list[GuardianshipState]


class Guardianships(Call[GuardianshipList]):
    """Ask for them."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "guardianships"
    answer: ClassVar[type[Answer]] = GuardianshipList
    subject_id: UUID


class AnswerGuardian(Call[GuardianshipState]):
    """An adult's account grants by a child's link, or withdraws what it granted."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "answer_guardian"
    answer: ClassVar[type[Answer]] = GuardianshipState
    subject_id: UUID
    action: str
    link_token: str | None = None
    guardianship_id: UUID | None = None


# ---- policies and keys


class PolicyVersions(Answer):
    """The versions of a document, newest first."""

    items: list[dict[str, str]]


class ListPolicyVersions(Call[PolicyVersions]):
    """Ask for a document's versions."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "list_policy_versions"
    answer: ClassVar[type[Answer]] = PolicyVersions
    document: str
    language: str = "zh"


class PolicyPublished(Answer):
    """When a published version takes effect."""

    document: str
    version: str
    published_at: datetime
    effective_at: datetime


class PublishPolicy(Call[PolicyPublished]):
    """For operators: publish a version, which takes effect seven days from now."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "publish_policy"
    answer: ClassVar[type[Answer]] = PolicyPublished
    document: str
    version: str
    texts: dict[str, str]


class Rewrapped(Answer):
    """How many keys the current master key wrapped anew; ``done`` when no other is left."""

    rewrapped: int
    done: bool


class RewrapKeys(Call[Rewrapped]):
    """For operators, after a master key was exchanged: wrap a batch of data keys anew."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "rewrap_keys"
    answer: ClassVar[type[Answer]] = Rewrapped
    limit: int = 500
