"""What auth's use cases need from outside; PostgreSQL and a memory twin both give it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from services.auth.domain.policies import PolicyDocument
from services.auth.domain.sessions import RefreshToken, Session
from services.auth.domain.subjects import Consent, Guest, Subject
from shared.crypto import Keyring
from shared.crypto.signing import Signer
from shared.kernel.clock import Clock
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
        """A refresh token by hash, held until this transaction ends."""

    def rotate_refresh_token(self, token_hash: str, at: datetime) -> None:
        """Mark it as exchanged."""

    def add_consent(self, consent: Consent) -> None:
        """Record a consent."""

    def consents(self, subject_id: UUID) -> list[Consent]:
        """The subject's consents, oldest first."""

    def deny(self, hashes: Sequence[str], until: datetime) -> None:
        """Have gateways refuse tokens of these (hashed) subjects and sessions until they have expired anyway."""

    def denied(self, now: datetime) -> list[str]:
        """Who is to be refused just now."""

    def delete_subject(self, subject_id: UUID) -> dict[str, int]:
        """Delete every row of the subject; how many, by kind."""

    def count_subject(self, subject_id: UUID) -> dict[str, int]:
        """How many rows of the subject there are, by kind."""


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
