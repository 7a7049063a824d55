"""What auth says, and what it can be asked: subjects, sessions, keys."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from shared.contracts.base import Answer, Call, Done, Event, RepeatableCall
from shared.contracts.disclosure_codes import Ground, Told

# ---- events


class SubjectFenced(Event):
    """Said by auth once a subject's data key and sessions are gone: from here on its data is unreadable everywhere."""

    type: ClassVar[str] = "auth.subject.fenced.v1"
    purge_id: UUID | None = None


class SubjectPurged(Event):
    """Said by auth when a subject's identity, sessions and consents are deleted; counts say how many of each."""

    type: ClassVar[str] = "auth.subject.purged.v1"
    purge_id: UUID
    counts: dict[str, int]


class GuestReplaced(Event):
    """Said by auth when a device started anew without its guest secret: the old guest is fenced, its stash must go."""

    type: ClassVar[str] = "auth.guest.replaced.v1"


class GuestSignedIn(Event):
    """Said by auth when a guest signed in: the guest is fenced, its stash goes; what it paid for passes to the account."""

    type: ClassVar[str] = "auth.guest.signed_in.v1"
    account_id: UUID
    purge_id: UUID


class GuestExpired(Event):
    """Said by auth when a guest was not seen for as long as the retention rules allow: fenced, its stash goes."""

    type: ClassVar[str] = "auth.guest.expired.v1"


class AccountAbandoned(Event):
    """Said by auth when the last login of an account was withdrawn at its provider: fenced, the account goes."""

    type: ClassVar[str] = "auth.account.abandoned.v1"


class ConsentWithdrawn(Event):
    """Said by auth when a consent that processing rests on was withdrawn: it stops, and what it made goes."""

    type: ClassVar[str] = "auth.consent.withdrawn.v1"
    kind: str
    name: str
    subject_kind: str


class SessionRevoked(Event):
    """Said by auth when a session ended; gateways refuse its access tokens from then on."""

    type: ClassVar[str] = "auth.session.revoked.v1"
    must_be_heard: ClassVar[bool] = False
    session_id: UUID


class SubjectDisclosed(Event):
    """Said by auth when a login provider was told something of a subject's: goes into its disclosure ledger."""

    type: ClassVar[str] = "auth.subject.disclosed.v1"
    recipient: str
    what: list[Told]
    ground: Ground


Purpose = Literal["process_photo", "read_own", "keep_profile"]
"""What a subject's data key is wanted for: processing needs its consents, giving people their own data back does not."""

# ---- calls


class Tokens(Answer):
    """An admitted subject with its tokens; ``created`` is false when a guest came back."""

    subject_id: UUID
    kind: str
    session_id: UUID
    access_token: str
    expires_in: int
    refresh_token: str
    guest_secret: str | None = None
    created: bool = True


class AdmitGuest(Call[Tokens]):
    """A device starts or resumes. The device id and the secret come as keyed hashes: they never enter a queue."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "admit_guest"
    answer: ClassVar[type[Answer]] = Tokens
    device_hash: str
    secret_hash: str | None = None
    policy_version: str | None = None
    age_band: str | None = None
    idempotency_key: str | None = None
    fingerprint: str = ""


class RefreshSession(RepeatableCall[Tokens]):
    """Exchange a refresh token (its hash) for new tokens. Its idempotency key must be random: it is what tells the
    one who lost the answer from a thief of the old token."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "refresh_session"
    answer: ClassVar[type[Answer]] = Tokens
    refresh_hash: str


class EndSession(RepeatableCall[Done]):
    """Log out: one session of the subject ends; another subject's session is not found."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "end_session"
    answer: ClassVar[type[Answer]] = Done
    subject_id: UUID
    session_id: UUID


class WrappedKey(Answer):
    """A subject's data key, still wrapped by the master key."""

    wrapped: str


class SubjectKey(Call[WrappedKey]):
    """Ask for a subject's wrapped key for a purpose; a fenced subject has none, and no purpose is without its consent.

    Raises ``subject_erased``, ``consent_required``, ``policy_outdated`` or ``guardian_consent_required``.
    """

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "subject_key"
    answer: ClassVar[type[Answer]] = WrappedKey
    subject_id: UUID
    purpose: Purpose = "process_photo"


class FenceSubject(Call[Done]):
    """Delete the key, end the sessions, mark as erasing: one transaction, idempotent."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "fence_subject"
    answer: ClassVar[type[Answer]] = Done
    subject_id: UUID
    purge_id: UUID


class Me(Answer):
    """What auth knows of a subject that it may see."""

    subject_id: UUID
    kind: str
    created_at: datetime
    consents: list[dict[str, str]]
    age_band: str | None = None


class WhoAmI(Call[Me]):
    """The subject's own record."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "who_am_i"
    answer: ClassVar[type[Answer]] = Me
    subject_id: UUID


class PublicKeys(Answer):
    """A JWKS: the public halves of the access-token keys."""

    keys: list[dict[str, str]]


class TokenKeys(Call[PublicKeys]):
    """Ask for the public keys that verify access tokens."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "token_keys"
    answer: ClassVar[type[Answer]] = PublicKeys


class Denied(Answer):
    """Hashes (``token_hash``) of subjects fenced and sessions revoked within the life of an access token."""

    hashes: list[str]


class Denials(Call[Denied]):
    """Ask what a gateway that was not listening may have missed."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "denials"
    answer: ClassVar[type[Answer]] = Denied


class Count(Answer):
    """How much of a subject a service still holds, by kind."""

    counts: dict[str, int]


class CountSubject(Call[Count]):
    """Prove absence: count what is left of a subject here."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "count_subject"
    answer: ClassVar[type[Answer]] = Count
    subject_id: UUID


class SubjectPage(Answer):
    """Subjects that a service holds anything of, in order."""

    subject_ids: list[UUID]


class ListSubjects(Call[SubjectPage]):
    """For audits: whom does the service hold anything of? One page, after a subject."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "list_subjects"
    answer: ClassVar[type[Answer]] = SubjectPage
    after: UUID | None = None
    limit: int = 1000


class PolicyVersion(Answer):
    """One version of a policy document in one language."""

    document: str
    version: str
    published_at: datetime
    effective_at: datetime
    title: str
    markdown: str
    upcoming: dict[str, str] | None = None


class PolicyText(Call[PolicyVersion]):
    """Ask for a document: the version in force, or the one named."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "policy_text"
    answer: ClassVar[type[Answer]] = PolicyVersion
    document: str
    version: str | None = None
    language: str = "zh"
