"""Auth's data in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from services.auth.adapters.postgres_accounts import AccountRows
from services.auth.domain.consents import AgeBand, Consent
from services.auth.domain.sessions import RefreshToken, Session
from services.auth.domain.subjects import Guest, Subject, SubjectState

_TABLES = ("subjects", "guests", "sessions", "consents", "identities", "idempotency")


class PostgresAuth(AccountRows):
    """One transaction on auth's tables."""

    def add_subject(self, subject: Subject) -> None:
        """A new subject."""
        self.connection.execute(
            "INSERT INTO subjects (subject_id, kind, state, wrapped_key, created_at, age_band, profile)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            astuple(subject),
        )

    def subject(self, subject_id: UUID) -> Subject | None:
        """A subject by id."""
        row = self.connection.execute(
            "SELECT subject_id, kind, state, wrapped_key, created_at, age_band, profile FROM subjects WHERE subject_id = %s",
            (subject_id,),
        ).fetchone()
        if row is None:
            return None
        age = AgeBand(row["age_band"]) if row["age_band"] else None
        return Subject(**{**row, "state": SubjectState(row["state"]), "age_band": age})

    def mark_erasing(self, subject_id: UUID) -> None:
        """Delete the subject's key and mark it as erasing."""
        self.connection.execute(
            "UPDATE subjects SET state = 'erasing', wrapped_key = NULL, profile = NULL WHERE subject_id = %s",
            (subject_id,),
        )

    def hold_device(self, device_hash: str) -> None:
        """Let starts of one device wait for each other until this transaction ends."""
        self.connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 11))", (device_hash,))

    def guest_of_device(self, device_hash: str) -> Guest | None:
        """The guest that this device resumes."""
        with self.connection.cursor(row_factory=class_row(Guest)) as cursor:
            return cursor.execute(
                "SELECT subject_id, device_hash, secret_hash FROM guests WHERE device_hash = %s", (device_hash,)
            ).fetchone()

    def add_guest(self, guest: Guest) -> None:
        """Tie a device to its guest."""
        self.connection.execute(
            "INSERT INTO guests (subject_id, device_hash, secret_hash) VALUES (%s, %s, %s)",
            (guest.subject_id, guest.device_hash, guest.secret_hash),
        )

    def forget_device(self, subject_id: UUID) -> None:
        """Untie the guest's device, so that it can start anew."""
        self.connection.execute("DELETE FROM guests WHERE subject_id = %s", (subject_id,))

    def add_session(self, session: Session) -> None:
        """A new session."""
        self.connection.execute(
            "INSERT INTO sessions (session_id, subject_id, created_at, last_used_at, label) VALUES (%s, %s, %s, %s, %s)",
            (session.session_id, session.subject_id, session.created_at, session.last_used_at, session.label),
        )

    def session(self, session_id: UUID) -> Session | None:
        """A session by id."""
        with self.connection.cursor(row_factory=class_row(Session)) as cursor:
            return cursor.execute(
                "SELECT session_id, subject_id, created_at, last_used_at, ended_at, label FROM sessions WHERE session_id = %s",
                (session_id,),
            ).fetchone()

    def end_sessions(self, sessions: Sequence[UUID], at: datetime) -> None:
        """End sessions."""
        self.connection.execute("UPDATE sessions SET ended_at = %s WHERE session_id = ANY(%s)", (at, list(sessions)))

    def live_sessions(self, subject_id: UUID) -> list[UUID]:
        """The subject's sessions that have not ended."""
        rows = self.connection.execute(
            "SELECT session_id FROM sessions WHERE subject_id = %s AND ended_at IS NULL", (subject_id,)
        )
        return [row["session_id"] for row in rows]

    def add_refresh_token(self, token: RefreshToken) -> None:
        """A new refresh token."""
        self.connection.execute(
            "INSERT INTO refresh_tokens (token_hash, session_id, expires_at) VALUES (%s, %s, %s)",
            (token.token_hash, token.session_id, token.expires_at),
        )

    def refresh_token(self, token_hash: str) -> RefreshToken | None:
        """A refresh token by hash."""
        with self.connection.cursor(row_factory=class_row(RefreshToken)) as cursor:
            return cursor.execute(
                "SELECT token_hash, session_id, expires_at, rotated_at FROM refresh_tokens WHERE token_hash = %s",
                (token_hash,),
            ).fetchone()

    def rotate_refresh_token(self, token_hash: str, at: datetime) -> None:
        """Mark it as exchanged."""
        self.connection.execute("UPDATE refresh_tokens SET rotated_at = %s WHERE token_hash = %s", (at, token_hash))
        self.connection.execute(
            "UPDATE sessions SET last_used_at = %s FROM refresh_tokens t"
            " WHERE t.token_hash = %s AND sessions.session_id = t.session_id",
            (at, token_hash),
        )

    def add_consent(self, consent: Consent) -> None:
        """Record a consent."""
        self.connection.execute(
            "INSERT INTO consents (subject_id, document, version, action, at, kind, chain) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            astuple(consent),
        )

    def consents(self, subject_id: UUID) -> list[Consent]:
        """The subject's consents, oldest first."""
        with self.connection.cursor(row_factory=class_row(Consent)) as cursor:
            return cursor.execute(
                "SELECT subject_id, document, version, action, at, kind, chain FROM consents"
                " WHERE subject_id = %s ORDER BY position",
                (subject_id,),
            ).fetchall()

    def deny(self, hashes: Sequence[str], until: datetime) -> None:
        """Have gateways refuse tokens of these (hashed) subjects and sessions until they have expired anyway."""
        for hashed in hashes:
            self.connection.execute(
                "INSERT INTO denials (hash, until) VALUES (%s, %s) ON CONFLICT (hash) DO UPDATE SET until = excluded.until",
                (hashed, until),
            )

    def delete_denials(self, before: datetime) -> int:
        """Delete those that ended before a moment; how many."""
        return self.connection.execute("DELETE FROM denials WHERE until < %s", (before,)).rowcount

    def denied(self, now: datetime) -> list[str]:
        """Who is to be refused just now."""
        return [row["hash"] for row in self.connection.execute("SELECT hash FROM denials WHERE until > %s", (now,))]

    def delete_subject(self, subject_id: UUID) -> dict[str, int]:
        """Delete every row of the subject; how many, by kind."""
        counts = self.count_subject(subject_id)
        self.forget_answers(subject_id)
        self.connection.execute("DELETE FROM subjects WHERE subject_id = %s", (subject_id,))
        return counts

    def count_subject(self, subject_id: UUID) -> dict[str, int]:
        """How many rows of the subject there are, by kind."""
        counts = self.count_rows(subject_id, _TABLES)
        row = self.connection.execute(
            "SELECT count(*) AS n FROM refresh_tokens JOIN sessions USING (session_id) WHERE subject_id = %s",
            (subject_id,),
        ).fetchone()
        counts["refresh_tokens"] = int(row["n"]) if row else 0
        counts["guardianships"] = len(self.guardianships(subject_id))
        return counts
