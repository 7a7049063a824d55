"""Accounts' rows in PostgreSQL: identities, attempts, provider tokens to be withdrawn, guardians, published policies."""

from __future__ import annotations

from dataclasses import astuple
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from psycopg.rows import class_row

from services.auth.domain.consents import AgeBand
from services.auth.domain.guardians import Guardianship
from services.auth.domain.identities import Identity, KeptAttempt, RevocationJob, RevocationState
from services.auth.domain.policies import PolicyDocument
from services.auth.domain.sessions import Session
from shared.db import Transaction

T = TypeVar("T")
_IDENTITY = "identity_id, subject_id, provider, external_hash, union_hash, sealed, revocable, linked_at"
_GUARDIANSHIP = "guardianship_id, child_id, guardian_id, link_hash, expires_at, granted_at, withdrawn_at"
_REVOCATION = "revocation_id, tombstone, provider, sealed, status, attempts, next_try_at, give_up_at"


class AccountRows(Transaction):
    """The part of auth's transaction that guests have no use for."""

    def hold_identity(self, external_hash: str) -> None:
        """Let logins of one person wait for each other until this transaction ends."""
        self.connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 13))", (external_hash,))

    def change_subject(self, subject_id: UUID, *, age_band: AgeBand | None, profile: bytes | None) -> None:
        """Set the declared age and the sealed profile."""
        self.connection.execute(
            "UPDATE subjects SET age_band = %s, profile = %s WHERE subject_id = %s", (age_band, profile, subject_id)
        )

    def sessions(self, subject_id: UUID) -> list[Session]:
        """The subject's sessions that have not ended, last used first."""
        with self.connection.cursor(row_factory=class_row(Session)) as cursor:
            return cursor.execute(
                "SELECT session_id, subject_id, created_at, last_used_at, ended_at, label FROM sessions"
                " WHERE subject_id = %s AND ended_at IS NULL ORDER BY last_used_at DESC, session_id",
                (subject_id,),
            ).fetchall()

    def idle_guests(self, before: datetime, limit: int) -> list[UUID]:
        """Guests none of whose sessions was used since then."""
        rows = self.connection.execute(
            "SELECT g.subject_id FROM guests g JOIN subjects s USING (subject_id) WHERE s.state = 'active'"
            " AND s.created_at < %(before)s AND NOT EXISTS (SELECT FROM sessions u WHERE u.subject_id = g.subject_id"
            " AND u.last_used_at >= %(before)s) ORDER BY s.created_at LIMIT %(limit)s",
            {"before": before, "limit": limit},
        )
        return [row["subject_id"] for row in rows]

    def delete_old_sessions(self, before: datetime) -> int:
        """Delete sessions not used since then, with their tokens; how many."""
        return self.connection.execute("DELETE FROM sessions WHERE last_used_at < %s", (before,)).rowcount

    def identity_by(self, provider: str, external_hash: str) -> Identity | None:
        """The identity with this keyed hash."""
        return self._one(
            Identity, f"{_IDENTITY} FROM identities WHERE provider = %s AND external_hash = %s", provider, external_hash
        )

    def identity_by_union(self, provider: str, union_hash: str) -> Identity | None:
        """The identity of the same person in another of our apps."""
        where = f"{_IDENTITY} FROM identities WHERE provider = %s AND union_hash = %s ORDER BY linked_at LIMIT 1"
        return self._one(Identity, where, provider, union_hash)

    def identities(self, subject_id: UUID) -> list[Identity]:
        """The subject's identities, oldest first."""
        return self._all(
            Identity, f"{_IDENTITY} FROM identities WHERE subject_id = %s ORDER BY linked_at, identity_id", subject_id
        )

    def add_identity(self, identity: Identity) -> None:
        """Link an identity."""
        self._insert("identities", _IDENTITY, astuple(identity))

    def renew_identity(self, identity_id: UUID, sealed: bytes, revocable: bytes | None) -> None:
        """What a later login brought."""
        self.connection.execute(
            "UPDATE identities SET sealed = %s, revocable = coalesce(%s, revocable) WHERE identity_id = %s",
            (sealed, revocable, identity_id),
        )

    def remove_identity(self, identity_id: UUID) -> None:
        """Unlink an identity."""
        self.connection.execute("DELETE FROM identities WHERE identity_id = %s", (identity_id,))

    def release_identities(self, subject_id: UUID) -> None:
        """Forget by what the subject's identities are recognised: the same person may start anew."""
        self.connection.execute(
            "UPDATE identities SET external_hash = NULL, union_hash = NULL, revocable = NULL WHERE subject_id = %s",
            (subject_id,),
        )

    def add_attempt(self, attempt: KeptAttempt) -> None:
        """A login has begun."""
        self.connection.execute("DELETE FROM login_attempts WHERE expires_at < now()")
        self._insert("login_attempts", "attempt_id, provider, sealed, expires_at", astuple(attempt))

    def take_attempt(self, attempt_id: UUID) -> KeptAttempt | None:
        """The attempt, which is gone with this: each is used once."""
        with self.connection.cursor(row_factory=class_row(KeptAttempt)) as cursor:
            return cursor.execute(
                "DELETE FROM login_attempts WHERE attempt_id = %s RETURNING attempt_id, provider, sealed, expires_at",
                (attempt_id,),
            ).fetchone()

    def burn(self, nonce_hash: str, until: datetime) -> bool:
        """Whether this nonce was never used before; it is now."""
        self.connection.execute("DELETE FROM burned_nonces WHERE until < now()")
        added = self.connection.execute(
            "INSERT INTO burned_nonces (hash, until) VALUES (%s, %s) ON CONFLICT DO NOTHING", (nonce_hash, until)
        )
        return added.rowcount == 1

    def add_revocation(self, job: RevocationJob) -> None:
        """A provider's token to be withdrawn."""
        self._insert("revocations", _REVOCATION, astuple(job))

    def revocations_due(self, now: datetime, limit: int) -> list[RevocationJob]:
        """Pending jobs whose time has come, each for one caller at a time."""
        return self._jobs(
            "status = 'pending' AND next_try_at <= %s ORDER BY next_try_at LIMIT %s FOR UPDATE SKIP LOCKED", now, limit
        )

    def delete_revocations(self, given_up_before: datetime) -> int:
        """Delete ended ones that could not be tried any more since a moment; how many."""
        return self.connection.execute(
            "DELETE FROM revocations WHERE status <> 'pending' AND give_up_at < %s", (given_up_before,)
        ).rowcount

    def revocations_of(self, tombstone: bytes) -> list[RevocationJob]:
        """All jobs of an erased (or unlinking) subject."""
        return self._jobs("tombstone = %s ORDER BY revocation_id", tombstone)

    def save_revocation(self, job: RevocationJob) -> None:
        """How a try ended. A job that has ended stays as it is; a token is wiped or stays, and is never written back."""
        self.connection.execute(
            "UPDATE revocations SET sealed = CASE WHEN %s THEN sealed END, status = %s, attempts = %s, next_try_at = %s"
            " WHERE revocation_id = %s AND status = 'pending'",
            (job.sealed is not None, job.status, job.attempts, job.next_try_at, job.revocation_id),
        )

    def add_guardianship(self, guardianship: Guardianship) -> None:
        """A child asks for a guardian."""
        self._insert("guardianships", _GUARDIANSHIP, astuple(guardianship))

    def guardianship_by_link(self, link_hash: str) -> Guardianship | None:
        """The request behind a link that was not used yet."""
        return self._one(Guardianship, f"{_GUARDIANSHIP} FROM guardianships WHERE link_hash = %s", link_hash)

    def guardianships(self, subject_id: UUID) -> list[Guardianship]:
        """Those in which the subject is the child or the guardian."""
        return self._all(
            Guardianship,
            f"{_GUARDIANSHIP} FROM guardianships WHERE child_id = %s OR guardian_id = %s ORDER BY guardianship_id",
            subject_id,
            subject_id,
        )

    def save_guardianship(self, guardianship: Guardianship) -> None:
        """Granted or withdrawn."""
        self.connection.execute(
            "UPDATE guardianships SET guardian_id = %s, link_hash = %s, granted_at = %s, withdrawn_at = %s"
            " WHERE guardianship_id = %s",
            (
                guardianship.guardian_id,
                guardianship.link_hash,
                guardianship.granted_at,
                guardianship.withdrawn_at,
                guardianship.guardianship_id,
            ),
        )

    def published(self, document: str, language: str) -> list[PolicyDocument]:
        """Versions of a policy document that operators published."""
        return self._all(
            PolicyDocument,
            "document, version, published_at, language, title, markdown FROM policy_documents"
            " WHERE document = %s AND language = %s",
            document,
            language,
        )

    def publish_document(self, document: PolicyDocument) -> None:
        """Publish a version."""
        self._insert(
            "policy_documents", "document, version, published_at, language, title, markdown", astuple(document)
        )

    def wrapped_keys(self, not_by: str, limit: int) -> list[tuple[UUID, bytes]]:
        """Subjects' keys that another master key than this one has wrapped."""
        head = _head(not_by)
        rows = self.connection.execute(
            "SELECT subject_id, wrapped_key FROM subjects WHERE wrapped_key IS NOT NULL"
            " AND substring(wrapped_key FROM 1 FOR %s) <> %s ORDER BY subject_id LIMIT %s",
            (len(head), head, limit),
        )
        return [(row["subject_id"], bytes(row["wrapped_key"])) for row in rows]

    def rewrap(self, subject_id: UUID, old: bytes, new: bytes) -> None:
        """Exchange a wrapped key, unless it has changed (or gone) meanwhile."""
        self.connection.execute(
            "UPDATE subjects SET wrapped_key = %s WHERE subject_id = %s AND wrapped_key = %s", (new, subject_id, old)
        )

    def subjects_held(self, after: UUID | None, limit: int) -> list[UUID]:
        """Subjects that anything here names, in order, after one."""
        return self.subjects_in(("subjects", "idempotency"), after, limit)

    def sealed_tokens(self, not_by: str, limit: int) -> list[tuple[UUID, bytes]]:
        """Pending jobs' tokens that another master key than this one has sealed, by job."""
        head = _head(not_by)
        rows = self.connection.execute(
            "SELECT revocation_id, sealed FROM revocations WHERE status = 'pending' AND sealed IS NOT NULL"
            " AND substring(sealed FROM 1 FOR %s) <> %s ORDER BY revocation_id LIMIT %s",
            (len(head), head, limit),
        )
        return [(row["revocation_id"], bytes(row["sealed"])) for row in rows]

    def reseal(self, revocation_id: UUID, old: bytes, new: bytes) -> None:
        """Exchange a sealed token, unless it has changed (or gone) meanwhile."""
        self.connection.execute(
            "UPDATE revocations SET sealed = %s WHERE revocation_id = %s AND sealed = %s", (new, revocation_id, old)
        )

    def _jobs(self, where: str, *values: Any) -> list[RevocationJob]:
        rows = self.connection.execute(f"SELECT {_REVOCATION} FROM revocations WHERE {where}", values)  # noqa: S608 - constant text
        return [RevocationJob(**{**row, "status": RevocationState(row["status"])}) for row in rows]

    def _one(self, kind: type[T], query: str, *values: Any) -> T | None:
        with self.connection.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute("SELECT " + query, values).fetchone()

    def _all(self, kind: type[T], query: str, *values: Any) -> list[T]:
        with self.connection.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute("SELECT " + query, values).fetchall()

    def _insert(self, table: str, columns: str, values: tuple[Any, ...]) -> None:
        marks = ", ".join(["%s"] * len(values))
        self.connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)  # noqa: S608 - constants


def _head(kid: str) -> bytes:
    """How everything begins that this master key has sealed."""
    return bytes([len(kid)]) + kid.encode()
