"""Auth's data in memory, and a shelf of policy documents to set up: the twins that tests and simulations use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.auth.adapters.memory_accounts import AuthState, MemoryAccounts
from services.auth.domain.consents import Consent, ConsentKind
from services.auth.domain.policies import PolicyDocument
from services.auth.domain.sessions import RefreshToken, Session
from services.auth.domain.subjects import Guest, Subject, SubjectState
from shared.kernel.clock import Clock, utc_now
from shared.kernel.personal import Secret
from shared.testing.faults import Hook, calm
from shared.testing.memory_work import ConstraintBroken, MemoryWork, delete_where


class MemoryAuth(MemoryAccounts):
    """One transaction on auth's tables."""

    def add_subject(self, subject: Subject) -> None:
        """A new subject."""
        if subject.subject_id in self.state.subjects:
            raise ConstraintBroken("subject twice")
        if (subject.state is SubjectState.ACTIVE) != (subject.wrapped_key is not None):
            raise ConstraintBroken("an active subject has a key, an erasing one has none")
        self.state.subjects[subject.subject_id] = subject

    def subject(self, subject_id: UUID) -> Subject | None:
        """A subject by id."""
        return self.state.subjects.get(subject_id)

    def mark_erasing(self, subject_id: UUID) -> None:
        """Delete the subject's key and mark it as erasing."""
        held = self.state.subjects.get(subject_id)
        if held is not None:
            self.state.subjects[subject_id] = replace(held, state=SubjectState.ERASING, wrapped_key=None, profile=None)

    def hold_device(self, device_hash: str) -> None:
        """Nobody else is here to wait for."""

    def guest_of_device(self, device_hash: str) -> Guest | None:
        """The guest that this device resumes."""
        return next((guest for guest in self.state.guests.values() if guest.device_hash == device_hash), None)

    def add_guest(self, guest: Guest) -> None:
        """Tie a device to its guest."""
        self._require_subject(guest.subject_id)
        if guest.subject_id in self.state.guests or self.guest_of_device(guest.device_hash) is not None:
            raise ConstraintBroken("guest or device twice")
        self.state.guests[guest.subject_id] = guest

    def forget_device(self, subject_id: UUID) -> None:
        """Untie the guest's device, so that it can start anew."""
        self.state.guests.pop(subject_id, None)

    def add_session(self, session: Session) -> None:
        """A new session."""
        self._require_subject(session.subject_id)
        if session.session_id in self.state.sessions:
            raise ConstraintBroken("session twice")
        self.state.sessions[session.session_id] = replace(session, ended_at=None)

    def session(self, session_id: UUID) -> Session | None:
        """A session by id."""
        return self.state.sessions.get(session_id)

    def end_sessions(self, sessions: Sequence[UUID], at: datetime) -> None:
        """End sessions."""
        for session_id in sessions:
            if session_id in self.state.sessions:
                self.state.sessions[session_id] = replace(self.state.sessions[session_id], ended_at=at)

    def live_sessions(self, subject_id: UUID) -> list[UUID]:
        """The subject's sessions that have not ended."""
        return [s.session_id for s in self._sessions_of(subject_id) if s.ended_at is None]

    def add_refresh_token(self, token: RefreshToken) -> None:
        """A new refresh token."""
        if token.session_id not in self.state.sessions:
            raise ConstraintBroken("no such session")
        if token.token_hash in self.state.refresh_tokens:
            raise ConstraintBroken("refresh token twice")
        self.state.refresh_tokens[token.token_hash] = replace(token, rotated_at=None)

    def refresh_token(self, token_hash: str) -> RefreshToken | None:
        """A refresh token by hash."""
        return self.state.refresh_tokens.get(token_hash)

    def rotate_refresh_token(self, token_hash: str, at: datetime) -> None:
        """Mark it as exchanged."""
        token = self.state.refresh_tokens.get(token_hash)
        if token is not None:
            self.state.refresh_tokens[token_hash] = replace(token, rotated_at=at)
            session = self.state.sessions[token.session_id]
            self.state.sessions[token.session_id] = replace(session, last_used_at=at)

    def add_consent(self, consent: Consent) -> None:
        """Record a consent."""
        self._require_subject(consent.subject_id)
        if consent.action not in ("grant", "withdraw") or consent.kind not in set(ConsentKind):
            raise ConstraintBroken("no such action or kind")
        self.state.consents.append(consent)

    def consents(self, subject_id: UUID) -> list[Consent]:
        """The subject's consents, oldest first."""
        return [consent for consent in self.state.consents if consent.subject_id == subject_id]

    def deny(self, hashes: Sequence[str], until: datetime) -> None:
        """Have gateways refuse tokens of these (hashed) subjects and sessions until they have expired anyway."""
        self.state.denials.update(dict.fromkeys(hashes, until))

    def delete_denials(self, before: datetime) -> int:
        """Delete those that ended before a moment; how many."""
        return delete_where(self.state.denials, lambda until: until < before)

    def denied(self, now: datetime) -> list[str]:
        """Who is to be refused just now."""
        return [hashed for hashed, until in self.state.denials.items() if until > now]

    def delete_subject(self, subject_id: UUID) -> dict[str, int]:
        """Delete every row of the subject; how many, by kind."""
        counts = self.count_subject(subject_id)
        self.forget_answers(subject_id)
        doomed = {session.session_id for session in self._sessions_of(subject_id)}
        delete_where(self.state.refresh_tokens, lambda token: token.session_id in doomed)
        delete_where(self.state.sessions, lambda session: session.subject_id == subject_id)
        self.state.consents = [consent for consent in self.state.consents if consent.subject_id != subject_id]
        delete_where(self.state.identities, lambda identity: identity.subject_id == subject_id)
        delete_where(self.state.guardianships, lambda held: subject_id in (held.child_id, held.guardian_id))
        self.state.guests.pop(subject_id, None)
        self.state.subjects.pop(subject_id, None)
        return counts

    def count_subject(self, subject_id: UUID) -> dict[str, int]:
        """How many rows of the subject there are, by kind."""
        sessions = {session.session_id for session in self._sessions_of(subject_id)}
        return {
            "subjects": int(subject_id in self.state.subjects),
            "guests": int(subject_id in self.state.guests),
            "sessions": len(sessions),
            "consents": len(self.consents(subject_id)),
            "identities": len(self.identities(subject_id)),
            "guardianships": len(self.guardianships(subject_id)),
            "idempotency": self._count_answers(subject_id),
            "refresh_tokens": sum(token.session_id in sessions for token in self.state.refresh_tokens.values()),
        }

    def _sessions_of(self, subject_id: UUID) -> list[Session]:
        return [session for session in self.state.sessions.values() if session.subject_id == subject_id]

    def _require_subject(self, subject_id: UUID) -> None:
        if subject_id not in self.state.subjects:
            raise ConstraintBroken("no such subject")


def memory_auth(
    tombstone_key: Secret[bytes], *, clock: Clock = utc_now, hook: Hook = calm
) -> MemoryWork[AuthState, MemoryAuth]:
    """Auth's work in memory, empty."""
    return MemoryWork(AuthState(), MemoryAuth, tombstone_key, clock=clock, hook=hook)


class MemoryShelf:
    """Policy documents that a test has put there."""

    def __init__(self, *documents: PolicyDocument) -> None:
        self.documents = list(documents)

    def versions(self, document: str, language: str) -> list[PolicyDocument]:
        """All versions of a document in a language."""
        return [found for found in self.documents if (found.document, found.language) == (document, language)]
