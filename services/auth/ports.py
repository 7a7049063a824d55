"""What auth's use cases need from outside; PostgreSQL and a memory twin both give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.auth.domain.consents import AgeBand, Consent
from services.auth.domain.guardians import Guardianship
from services.auth.domain.identities import Identity, KeptAttempt, RevocationJob
from services.auth.domain.policies import PolicyDocument
from services.auth.domain.redirects import Redirects
from services.auth.domain.sessions import RefreshToken, Session
from services.auth.domain.subjects import Guest, Subject
from services.auth.providers.port import LoginProvider
from shared.crypto import Keyring
from shared.crypto.signing import Signer
from shared.kernel.clock import Clock
from shared.kernel.personal import Secret
from shared.messaging.transaction import EveryTransaction


class AuthTransaction(EveryTransaction, Protocol):
    """One transaction on auth's data (the parts every service has, then auth's own)."""

    def add_subject(self, subject: Subject) -> None:
        """A new subject."""

    def subject(self, subject_id: UUID) -> Subject | None:
        """A subject by id."""

    def mark_erasing(self, subject_id: UUID) -> None:
        """Delete the subject's key and mark it as erasing."""

    def hold_device(self, device_hash: str) -> None:
        """Let starts of one device wait for each other until this transaction ends."""

    def guest_of_device(self, device_hash: str) -> Guest | None:
        """The guest that this device resumes."""

    def add_guest(self, guest: Guest) -> None:
        """Tie a device to its guest."""

    def forget_device(self, subject_id: UUID) -> None:
        """Untie the guest's device, so that it can start anew."""

    def add_session(self, session: Session) -> None:
        """A new session."""

    def session(self, session_id: UUID) -> Session | None:
        """A session by id."""

    def end_sessions(self, sessions: Sequence[UUID], at: datetime) -> None:
        """End sessions."""

    def live_sessions(self, subject_id: UUID) -> list[UUID]:
        """The subject's sessions that have not ended."""

    def add_refresh_token(self, token: RefreshToken) -> None:
        """A new refresh token."""

    def refresh_token(self, token_hash: str) -> RefreshToken | None:
        """A refresh token by hash."""

    def rotate_refresh_token(self, token_hash: str, at: datetime) -> None:
        """Mark it as exchanged."""

    def add_consent(self, consent: Consent) -> None:
        """Record a consent."""

    def consents(self, subject_id: UUID) -> list[Consent]:
        """The subject's consents, oldest first."""

    def deny(self, hashes: Sequence[str], until: datetime) -> None:
        """Have gateways refuse tokens of these (hashed) subjects and sessions until they have expired anyway."""

    def delete_denials(self, before: datetime) -> int:
        """Delete those that ended before a moment; how many."""

    def denied(self, now: datetime) -> list[str]:
        """Who is to be refused just now."""

    def delete_subject(self, subject_id: UUID) -> dict[str, int]:
        """Delete every row of the subject; how many, by kind."""

    def subjects_held(self, after: UUID | None, limit: int) -> list[UUID]:
        """Subjects that anything here names, in order, after one."""

    def count_subject(self, subject_id: UUID) -> dict[str, int]:
        """How many rows of the subject there are, by kind."""

    # ---- accounts

    def hold_identity(self, external_hash: str) -> None:
        """Let logins of one person wait for each other until this transaction ends."""

    def change_subject(self, subject_id: UUID, *, age_band: AgeBand | None, profile: bytes | None) -> None:
        """Set the declared age and the sealed profile."""

    def sessions(self, subject_id: UUID) -> list[Session]:
        """The subject's sessions that have not ended, last used first."""

    def idle_guests(self, before: datetime, limit: int) -> list[UUID]:
        """Guests none of whose sessions was used since then."""

    def delete_old_sessions(self, before: datetime) -> int:
        """Delete sessions not used since then, with their tokens; how many."""

    def identity_by(self, provider: str, external_hash: str) -> Identity | None:
        """The identity with this keyed hash."""

    def identity_by_union(self, provider: str, union_hash: str) -> Identity | None:
        """The identity of the same person in another of our apps."""

    def identities(self, subject_id: UUID) -> list[Identity]:
        """The subject's identities, oldest first."""

    def add_identity(self, identity: Identity) -> None:
        """Link an identity."""

    def renew_identity(self, identity_id: UUID, sealed: bytes, revocable: bytes | None) -> None:
        """What a later login brought."""

    def remove_identity(self, identity_id: UUID) -> None:
        """Unlink an identity."""

    def release_identities(self, subject_id: UUID) -> None:
        """Forget by what the subject's identities are recognised: the same person may start anew."""

    def add_attempt(self, attempt: KeptAttempt) -> None:
        """A login has begun."""

    def take_attempt(self, attempt_id: UUID) -> KeptAttempt | None:
        """The attempt, which is gone with this: each is used once."""

    def burn(self, nonce_hash: str, until: datetime) -> bool:
        """Whether this nonce was never used before; it is now."""

    def add_revocation(self, job: RevocationJob) -> None:
        """A provider's token to be withdrawn."""

    def revocations_due(self, now: datetime, limit: int) -> list[RevocationJob]:
        """Pending jobs whose time has come, each for one caller at a time."""

    def delete_revocations(self, given_up_before: datetime) -> int:
        """Delete ended ones that could not be tried any more since a moment; how many."""

    def revocations_of(self, tombstone: bytes) -> list[RevocationJob]:
        """All jobs of an erased (or unlinking) subject."""

    def save_revocation(self, job: RevocationJob) -> None:
        """How a try ended. A job that has ended stays as it is; a token is wiped or stays, and is never written back."""

    def add_guardianship(self, guardianship: Guardianship) -> None:
        """A child asks for a guardian."""

    def guardianship_by_link(self, link_hash: str) -> Guardianship | None:
        """The request behind a link that was not used yet."""

    def guardianships(self, subject_id: UUID) -> list[Guardianship]:
        """Those in which the subject is the child or the guardian."""

    def save_guardianship(self, guardianship: Guardianship) -> None:
        """Granted or withdrawn."""

    def published(self, document: str, language: str) -> list[PolicyDocument]:
        """Versions of a policy document that operators published."""

    def publish_document(self, document: PolicyDocument) -> None:
        """Publish a version."""

    def wrapped_keys(self, not_by: str, limit: int) -> list[tuple[UUID, bytes]]:
        """Subjects' keys that another master key than this one has wrapped."""

    def rewrap(self, subject_id: UUID, old: bytes, new: bytes) -> None:
        """Exchange a wrapped key, unless it has changed (or gone) meanwhile."""

    def sealed_tokens(self, not_by: str, limit: int) -> list[tuple[UUID, bytes]]:
        """Pending jobs' tokens that another master key than this one has sealed, by job."""

    def reseal(self, revocation_id: UUID, old: bytes, new: bytes) -> None:
        """Exchange a sealed token, unless it has changed (or gone) meanwhile."""


class AuthWork(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractContextManager[AuthTransaction]:
        """A transaction: committed at the end of the block, rolled back on an exception."""


class PolicyShelf(Protocol):
    """Where policy documents stand."""

    def versions(self, document: str, language: str) -> list[PolicyDocument]:
        """All versions of a document in a language, in no special order."""


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """How tokens are made: the signer and their lives."""

    signer: Signer
    access_life: timedelta
    refresh_life: timedelta


@dataclass(frozen=True, slots=True)
class AuthParts:
    """Everything auth's use cases depend on."""

    work: AuthWork
    keyring: Keyring
    tokens: TokenPolicy
    shelf: PolicyShelf
    clock: Clock
    providers: Mapping[str, LoginProvider] = field(default_factory=dict)
    identity_pepper: Secret[bytes] = field(default_factory=lambda: Secret(b""))
    guest_idle: timedelta = timedelta(days=30)
    redirects: Redirects = field(default_factory=Redirects)
