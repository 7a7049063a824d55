"""Accounts' rows in memory: the twin of ``postgres_accounts``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.auth.domain.consents import AgeBand, Consent
from services.auth.domain.guardians import Guardianship
from services.auth.domain.identities import Identity, KeptAttempt, RevocationJob, RevocationState
from services.auth.domain.policies import PolicyDocument
from services.auth.domain.sessions import RefreshToken, Session
from services.auth.domain.subjects import Guest, Subject, SubjectState
from shared.testing.memory_work import ConstraintBroken, MemoryState, MemoryTransaction, delete_where


@dataclass
class AuthState(MemoryState):
    """Auth's tables."""

    subjects: dict[UUID, Subject] = field(default_factory=dict)
    guests: dict[UUID, Guest] = field(default_factory=dict)
    sessions: dict[UUID, Session] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    consents: list[Consent] = field(default_factory=list)
    denials: dict[str, datetime] = field(default_factory=dict)
    identities: dict[UUID, Identity] = field(default_factory=dict)
    attempts: dict[UUID, KeptAttempt] = field(default_factory=dict)
    burned: dict[str, datetime] = field(default_factory=dict)
    revocations: dict[UUID, RevocationJob] = field(default_factory=dict)
    guardianships: dict[UUID, Guardianship] = field(default_factory=dict)
    documents: dict[tuple[str, str, str], PolicyDocument] = field(default_factory=dict)


class MemoryAccounts(MemoryTransaction[AuthState]):
    """The part of auth's transaction that guests have no use for."""

    def hold_identity(self, external_hash: str) -> None:
        """Nobody else is here to wait for."""

    def change_subject(self, subject_id: UUID, *, age_band: AgeBand | None, profile: bytes | None) -> None:
        """Set the declared age and the sealed profile."""
        held = self.state.subjects.get(subject_id)
        if held is not None:
            self.state.subjects[subject_id] = replace(held, age_band=age_band, profile=profile)

    def sessions(self, subject_id: UUID) -> list[Session]:
        """The subject's sessions that have not ended, last used first."""
        live = [s for s in self.state.sessions.values() if s.subject_id == subject_id and s.ended_at is None]
        return sorted(sorted(live, key=lambda s: s.session_id), key=lambda s: s.last_used_at, reverse=True)

    def idle_guests(self, before: datetime, limit: int) -> list[UUID]:
        """Guests none of whose sessions was used since then."""
        used = {s.subject_id for s in self.state.sessions.values() if s.last_used_at >= before}
        idle = [self.state.subjects[subject_id] for subject_id in self.state.guests if subject_id not in used]
        old = [s for s in idle if s.state is SubjectState.ACTIVE and s.created_at < before]
        return [s.subject_id for s in sorted(old, key=lambda s: s.created_at)][:limit]

    def delete_old_sessions(self, before: datetime) -> int:
        """Delete sessions not used since then, with their tokens; how many."""
        old = {session_id for session_id, s in self.state.sessions.items() if s.last_used_at < before}
        delete_where(self.state.refresh_tokens, lambda token: token.session_id in old)
        return delete_where(self.state.sessions, lambda session: session.session_id in old)

    def identity_by(self, provider: str, external_hash: str) -> Identity | None:
        """The identity with this keyed hash."""
        held = self.state.identities.values()
        return next((i for i in held if (i.provider, i.external_hash) == (provider, external_hash)), None)

    def identity_by_union(self, provider: str, union_hash: str) -> Identity | None:
        """The identity of the same person in another of our apps."""
        held = [i for i in self.state.identities.values() if (i.provider, i.union_hash) == (provider, union_hash)]
        return min(held, key=lambda identity: identity.linked_at, default=None)

    def identities(self, subject_id: UUID) -> list[Identity]:
        """The subject's identities, oldest first."""
        own = [identity for identity in self.state.identities.values() if identity.subject_id == subject_id]
        return sorted(own, key=lambda identity: (identity.linked_at, identity.identity_id))

    def add_identity(self, identity: Identity) -> None:
        """Link an identity."""
        if identity.subject_id not in self.state.subjects:
            raise ConstraintBroken("no such subject")
        if identity.identity_id in self.state.identities:
            raise ConstraintBroken("identity twice")
        if identity.external_hash and self.identity_by(identity.provider, identity.external_hash):
            raise ConstraintBroken("this identity is linked already")
        if any(held.provider == identity.provider for held in self.identities(identity.subject_id)):
            raise ConstraintBroken("one identity a provider")
        self.state.identities[identity.identity_id] = identity

    def renew_identity(self, identity_id: UUID, sealed: bytes, revocable: bytes | None) -> None:
        """What a later login brought."""
        held = self.state.identities.get(identity_id)
        if held is not None:
            renewed = replace(held, sealed=sealed, revocable=revocable or held.revocable)
            self.state.identities[identity_id] = renewed

    def remove_identity(self, identity_id: UUID) -> None:
        """Unlink an identity."""
        self.state.identities.pop(identity_id, None)

    def release_identities(self, subject_id: UUID) -> None:
        """Forget by what the subject's identities are recognised: the same person may start anew."""
        for identity in self.identities(subject_id):
            released = replace(identity, external_hash=None, union_hash=None, revocable=None)
            self.state.identities[identity.identity_id] = released

    def add_attempt(self, attempt: KeptAttempt) -> None:
        """A login has begun."""
        now = self._clock()
        delete_where(self.state.attempts, lambda held: held.expires_at < now)
        self.state.attempts[attempt.attempt_id] = attempt

    def take_attempt(self, attempt_id: UUID) -> KeptAttempt | None:
        """The attempt, which is gone with this: each is used once."""
        return self.state.attempts.pop(attempt_id, None)

    def burn(self, nonce_hash: str, until: datetime) -> bool:
        """Whether this nonce was never used before; it is now."""
        now = self._clock()
        delete_where(self.state.burned, lambda end: end < now)
        fresh = nonce_hash not in self.state.burned
        self.state.burned.setdefault(nonce_hash, until)
        return fresh

    def add_revocation(self, job: RevocationJob) -> None:
        """A provider's token to be withdrawn."""
        self.state.revocations[job.revocation_id] = job

    def revocations_due(self, now: datetime, limit: int) -> list[RevocationJob]:
        """Pending jobs whose time has come, each for one caller at a time."""
        pending = [j for j in self.state.revocations.values() if j.status is RevocationState.PENDING]
        return sorted((j for j in pending if j.next_try_at <= now), key=lambda j: j.next_try_at)[:limit]

    def delete_revocations(self, given_up_before: datetime) -> int:
        """Delete ended ones that could not be tried any more since a moment; how many."""
        return delete_where(
            self.state.revocations,
            lambda job: job.status is not RevocationState.PENDING and job.give_up_at < given_up_before,
        )

    def revocations_of(self, tombstone: bytes) -> list[RevocationJob]:
        """All jobs of an erased (or unlinking) subject."""
        own = [job for job in self.state.revocations.values() if job.tombstone == tombstone]
        return sorted(own, key=lambda job: job.revocation_id)

    def save_revocation(self, job: RevocationJob) -> None:
        """How a try ended. A job that has ended stays as it is; a token is wiped or stays, and is never written back."""
        held = self.state.revocations.get(job.revocation_id)
        if held is not None and held.status is RevocationState.PENDING:
            kept = held.sealed if job.sealed is not None else None
            self.state.revocations[job.revocation_id] = replace(
                held, sealed=kept, status=job.status, attempts=job.attempts, next_try_at=job.next_try_at
            )

    def add_guardianship(self, guardianship: Guardianship) -> None:
        """A child asks for a guardian."""
        if guardianship.child_id not in self.state.subjects:
            raise ConstraintBroken("no such subject")
        if guardianship.link_hash is not None and self.guardianship_by_link(guardianship.link_hash):
            raise ConstraintBroken("this link is another one's")
        self.state.guardianships[guardianship.guardianship_id] = guardianship

    def guardianship_by_link(self, link_hash: str) -> Guardianship | None:
        """The request behind a link that was not used yet."""
        return next((g for g in self.state.guardianships.values() if g.link_hash == link_hash), None)

    def guardianships(self, subject_id: UUID) -> list[Guardianship]:
        """Those in which the subject is the child or the guardian."""
        own = [g for g in self.state.guardianships.values() if subject_id in (g.child_id, g.guardian_id)]
        return sorted(own, key=lambda guardianship: guardianship.guardianship_id)

    def save_guardianship(self, guardianship: Guardianship) -> None:
        """Granted or withdrawn."""
        if guardianship.guardianship_id in self.state.guardianships:
            self.state.guardianships[guardianship.guardianship_id] = guardianship

    def published(self, document: str, language: str) -> list[PolicyDocument]:
        """Versions of a policy document that operators published."""
        held = self.state.documents.values()
        return [found for found in held if (found.document, found.language) == (document, language)]

    def publish_document(self, document: PolicyDocument) -> None:
        """Publish a version."""
        key = (document.document, document.version, document.language)
        if key in self.state.documents:
            raise ConstraintBroken("this version is published")
        self.state.documents[key] = document

    def wrapped_keys(self, not_by: str, limit: int) -> list[tuple[UUID, bytes]]:
        """Subjects' keys that another master key than this one has wrapped."""
        held = [(s.subject_id, s.wrapped_key) for s in self.state.subjects.values() if s.wrapped_key is not None]
        return sorted((i, w) for i, w in held if not w.startswith(_head(not_by)))[:limit]

    def rewrap(self, subject_id: UUID, old: bytes, new: bytes) -> None:
        """Exchange a wrapped key, unless it has changed (or gone) meanwhile."""
        held = self.state.subjects.get(subject_id)
        if held is not None and held.wrapped_key == old:
            self.state.subjects[subject_id] = replace(held, wrapped_key=new)

    def subjects_held(self, after: UUID | None, limit: int) -> list[UUID]:
        """Subjects that anything here names, in order, after one."""
        return self._page(after, limit, self.state.subjects)

    def sealed_tokens(self, not_by: str, limit: int) -> list[tuple[UUID, bytes]]:
        """Pending jobs' tokens that another master key than this one has sealed, by job."""
        pending = [j for j in self.state.revocations.values() if j.status is RevocationState.PENDING]
        held = [(j.revocation_id, j.sealed) for j in pending if j.sealed is not None]
        return sorted((i, s) for i, s in held if not s.startswith(_head(not_by)))[:limit]

    def reseal(self, revocation_id: UUID, old: bytes, new: bytes) -> None:
        """Exchange a sealed token, unless it has changed (or gone) meanwhile."""
        held = self.state.revocations.get(revocation_id)
        if held is not None and held.sealed == old:
            self.state.revocations[revocation_id] = replace(held, sealed=new)


def _head(kid: str) -> bytes:
    """How everything begins that this master key has sealed."""
    return bytes([len(kid)]) + kid.encode()
