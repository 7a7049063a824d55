"""One transaction holds everything a use case decides: rows, outgoing messages (outbox), and what it heard (inbox).

Published iff committed; handled once in effect. A service adds its own queries by subclassing :class:`Transaction`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar
from uuid import UUID

from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from shared.contracts.base import Command, Event, encode
from shared.contracts.queues import EVENTS_EXCHANGE
from shared.crypto.hashing import tombstone
from shared.db.pool import Database, Row
from shared.kernel.errors import IdempotencyConflict, SubjectErased
from shared.kernel.personal import Secret
from shared.messaging.transaction import SubjectLocks
from shared.telemetry.tracing import current_traceparent

OUTBOX_CHANNEL = "outbox"


class Transaction:
    """An open transaction with the parts that every service has."""

    def __init__(self, connection: Connection[Row], tombstone_key: Secret[bytes]) -> None:
        self.connection = connection
        self._tombstone_key = tombstone_key
        self._locks = SubjectLocks()

    # ---- outbox

    def publish(self, event: Event) -> None:
        """Let ``event`` out when, and only when, this transaction commits."""
        self._enqueue(event, EVENTS_EXCHANGE, event.type, event.must_be_heard)

    def send(self, command: Command, queue: str) -> None:
        """Let ``command`` out to one queue when, and only when, this transaction commits."""
        self._enqueue(command, "", queue, True)

    def _enqueue(self, message: Event | Command, exchange: str, routing_key: str, mandatory: bool) -> None:
        body = encode(message, traceparent=current_traceparent())
        # One round trip: the row, and the word to the relay when it commits.
        self.connection.execute(
            "WITH said AS (INSERT INTO outbox (message_id, exchange, routing_key, mandatory, body)"
            " VALUES (%s, %s, %s, %s, %s)) SELECT pg_notify(%s, '')",
            (message.message_id, exchange, routing_key, mandatory, body, OUTBOX_CHANNEL),
        )

    # ---- inbox

    def first_time(self, consumer: str, message_id: UUID) -> bool:
        """Whether this consumer has never handled the message: remembered if, and only if, this transaction commits."""
        cursor = self.connection.execute(
            "INSERT INTO inbox (consumer, message_id) VALUES (%s, %s) ON CONFLICT DO NOTHING", (consumer, message_id)
        )
        return cursor.rowcount == 1

    # ---- fences

    def hold_subject(self, subject_id: UUID) -> None:
        """Let all that hold this subject, look at its fence or raise it wait until this transaction ends."""
        if self._locks.hold(subject_id):
            self._lock("pg_advisory_xact_lock", subject_id)

    def hold_unfenced(self, subject_id: UUID) -> None:
        """Hold the subject; raises :class:`SubjectErased` behind a fence."""
        self.hold_subject(subject_id)
        self.refuse_fenced(subject_id)

    def fence(self, subject_id: UUID) -> None:
        """From this transaction on, nothing of the subject is written here. Idempotent."""
        # Holding is the other half of refuse_fenced(): writers that are still at it finish first, then find the fence.
        self.hold_subject(subject_id)
        self.connection.execute(
            "INSERT INTO fences (tombstone) VALUES (%s) ON CONFLICT DO NOTHING", (self.tombstone_of(subject_id),)
        )

    def is_fenced(self, subject_id: UUID) -> bool:
        """Whether the subject is fenced here. Holds off a fence until this transaction ends."""
        if self._locks.look(subject_id):
            self._lock("pg_advisory_xact_lock_shared", subject_id)
        found = self.connection.execute("SELECT 1 FROM fences WHERE tombstone = %s", (self.tombstone_of(subject_id),))
        return found.fetchone() is not None

    def refuse_fenced(self, subject_id: UUID) -> None:
        """What every write about a subject calls first: raises :class:`SubjectErased` behind a fence."""
        if self.is_fenced(subject_id):
            raise SubjectErased("fenced")

    def tombstone_of(self, subject_id: UUID) -> bytes:
        """What is kept of an erased subject: a keyed hash of its id."""
        return tombstone(self._tombstone_key, subject_id)

    def _lock(self, name: str, subject_id: UUID) -> None:
        number = int.from_bytes(subject_id.bytes[8:], "big", signed=True)
        self.connection.execute(f"SELECT {name}(%s)", (number,))

    # ---- idempotency keys

    def recall(self, scope: str, key: str, fingerprint: str) -> dict[str, Any] | None:
        """The answer given before to this idempotency key, or None when it is new (then call :meth:`remember`).

        Two calls with one key wait for each other. Raises :class:`IdempotencyConflict` when the body was another one.
        """
        self.connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", (f"{scope}\x1f{key}",))
        found = self.connection.execute(
            "SELECT fingerprint, answer FROM idempotency WHERE scope = %s AND key = %s", (scope, key)
        ).fetchone()
        if found is None:
            return None
        if found["fingerprint"] != fingerprint:
            raise IdempotencyConflict("same key, another body")
        answer: dict[str, Any] = found["answer"]
        return answer

    def remember(self, scope: str, key: str, fingerprint: str, subject_id: UUID, answer: dict[str, Any]) -> None:
        """Keep the answer to an idempotency key, with the subject it must be deleted with."""
        self.connection.execute(
            "INSERT INTO idempotency (scope, key, fingerprint, subject_id, answer) VALUES (%s, %s, %s, %s, %s)",
            (scope, key, fingerprint, subject_id, Jsonb(answer)),
        )

    def forget_answers(self, subject_id: UUID) -> int:
        """Delete what idempotency keys remember of a subject; how many."""
        return self.connection.execute("DELETE FROM idempotency WHERE subject_id = %s", (subject_id,)).rowcount

    # ---- a subject as a whole

    def count_rows(self, subject_id: UUID, tables: Iterable[str]) -> dict[str, int]:
        """How many rows of each table name the subject."""
        counts = sql.SQL(", ").join(
            sql.SQL("(SELECT count(*) FROM {table} WHERE subject_id = %(subject_id)s) AS {table}").format(
                table=sql.Identifier(table)
            )
            for table in tables
        )
        found = self.connection.execute(sql.SQL("SELECT ") + counts, {"subject_id": subject_id}).fetchone()
        return {table: int(count) for table, count in (found or {}).items()}

    def subjects_in(self, tables: Iterable[str], after: UUID | None, limit: int) -> list[UUID]:
        """A page of the subjects that any of these tables names, in order, after one."""
        pages = sql.SQL(" UNION ").join(
            sql.SQL(
                "(SELECT DISTINCT subject_id FROM {} WHERE subject_id > %(after)s ORDER BY subject_id LIMIT %(limit)s)"
            ).format(sql.Identifier(table))
            for table in tables
        )
        page = pages + sql.SQL(" ORDER BY subject_id LIMIT %(limit)s")
        rows = self.connection.execute(page, {"after": after or UUID(int=0), "limit": limit})
        return [row["subject_id"] for row in rows]


T = TypeVar("T", bound=Transaction)


class UnitOfWork(Generic[T]):
    """Opens transactions of one service."""

    def __init__(
        self, database: Database, kind: Callable[[Connection[Row], Secret[bytes]], T], tombstone_key: Secret[bytes]
    ) -> None:
        self.database = database
        self._kind = kind
        self._tombstone_key = tombstone_key

    @contextmanager
    def begin(self) -> Iterator[T]:
        """A transaction: committed at the end of the block, rolled back when an exception leaves it."""
        with self.database.transaction() as connection:
            yield self._kind(connection, self._tombstone_key)
