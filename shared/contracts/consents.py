"""What auth can be asked about consents: the ledger, guardians, policy documents; and operators' calls."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.contracts.accounts import IdentityList, ProfileState, SessionList
from shared.contracts.auth import Me
from shared.contracts.base import Answer, Call, RepeatableCall
from shared.contracts.feedback import TicketKey, TicketKeys

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


class RecordConsent(RepeatableCall[ConsentLedger]):
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


class AskGuardian(RepeatableCall[GuardianLink]):
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


class AnswerGuardian(RepeatableCall[GuardianshipState]):
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


# ---- a person's rights


class AuthPortion(Answer):
    """Auth's part of an export: names, profile and labels are sealed under the subject's key."""

    me: Me
    profile: ProfileState
    identities: IdentityList
    sessions: SessionList
    consents: ConsentLedger
    guardianships: GuardianshipList


class ExportSubject(Call[AuthPortion]):
    """All that auth has of a subject and may say: no token, no hash."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "export_subject"
    answer: ClassVar[type[Answer]] = AuthPortion
    subject_id: UUID


class HandedKey(Answer):
    """A ticket's key, sealed to the public key that was given (base64)."""

    handed: str


class HandOverTicketKey(Call[HandedKey]):
    """For operators: the key of one feedback ticket, sealed to a key that exists for one command. Written to the log."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "hand_over_ticket_key"
    answer: ClassVar[type[Answer]] = HandedKey
    ticket_id: UUID
    subject_id: UUID | None = None
    sealed_key: str
    public_key: str


class RewrapTicketKeys(Call[TicketKeys]):
    """For operators, after a master key was exchanged: keys of tickets without a login, sealed by the current one."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "rewrap_ticket_keys"
    answer: ClassVar[type[Answer]] = TicketKeys
    items: list[TicketKey]
