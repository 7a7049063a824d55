"""What holds for every service's transactions, in memory and on PostgreSQL: the seven rules' ground."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared.contracts import auth, imaging
from shared.contracts.queues import EVENTS_EXCHANGE, MATTE_FREE
from shared.db import Database, DatabaseUnavailable, UnitOfWork
from shared.db.migrate import ChangedMigration, migrate, migrations_of
from shared.kernel.errors import IdempotencyConflict, SubjectErased
from shared.kernel.ids import new_id
from shared.kernel.personal import Secret
from shared.testing.memory_work import ConstraintBroken
from tests.contract.conftest import TOMBSTONE_KEY, Subject
from tests.infrastructure import SERVICES

REFUSED = (psycopg.IntegrityError, ConstraintBroken)


class Wrong(Exception):
    """What goes wrong in these tests."""


# ---- published iff committed


def test_what_is_published_and_committed_waits_in_the_outbox_in_order(any_service: Subject) -> None:
    """With its exchange, its routing key, and whether somebody must hear it."""
    fence = auth.SubjectFenced(subject_id=new_id())
    ready = imaging.PhotoReady(subject_id=new_id(), photo_id=new_id())
    job = imaging.MattePhoto(subject_id=new_id(), photo_id=new_id())
    with any_service.work.begin() as tx:
        tx.publish(fence)
        tx.publish(ready)
    with any_service.work.begin() as tx:
        tx.send(job, MATTE_FREE.queue)
    told = [(exchange, key, mandatory, m.message_id) for exchange, key, mandatory, m in any_service.outbox()]
    assert told == [
        (EVENTS_EXCHANGE, fence.type, True, fence.message_id),
        (EVENTS_EXCHANGE, ready.type, False, ready.message_id),
        ("", MATTE_FREE.queue, True, job.message_id),
    ]


def test_what_is_rolled_back_was_never_said_heard_fenced_or_answered(any_service: Subject) -> None:
    """All of a transaction, or nothing of it."""
    subject, message = new_id(), auth.GuestReplaced(subject_id=new_id())
    with pytest.raises(Wrong), any_service.work.begin() as tx:  # noqa: PT012 - the block is the transaction
        assert tx.first_time("queue", message.message_id)
        tx.publish(message)
        tx.fence(subject)
        tx.remember("scope", "key", "f", subject, {"a": 1})
        raise Wrong
    assert any_service.outbox() == []
    with any_service.work.begin() as tx:
        assert tx.first_time("queue", message.message_id)
        assert not tx.is_fenced(subject)
        assert tx.recall("scope", "key", "f") is None


def test_one_message_is_not_let_out_twice(any_service: Subject) -> None:
    """Its id is unique in the outbox."""
    message = auth.GuestReplaced(subject_id=new_id())
    with pytest.raises(REFUSED), any_service.work.begin() as tx:  # noqa: PT012 - the block is the transaction
        tx.publish(message)
        tx.publish(message)
    assert any_service.outbox() == []


# ---- handled once


def test_a_message_is_new_once_for_each_consumer(any_service: Subject) -> None:
    """Two consumers of one event each handle it."""
    message_id = new_id()
    with any_service.work.begin() as tx:
        assert tx.first_time("a", message_id)
        assert not tx.first_time("a", message_id)
        assert tx.first_time("b", message_id)
    with any_service.work.begin() as tx:
        assert not tx.first_time("a", message_id)
        assert tx.first_time("a", new_id())


# ---- fences


def test_a_fence_holds_for_its_subject_for_ever_and_for_nobody_else(any_service: Subject) -> None:
    """Idempotent; what is kept is the keyed hash, not the id."""
    subject, neighbour = new_id(), new_id()
    for _ in range(2):
        with any_service.work.begin() as tx:
            tx.fence(subject)
            assert tx.is_fenced(subject)
    with any_service.work.begin() as tx:
        assert tx.is_fenced(subject)
        assert not tx.is_fenced(neighbour)
        tx.refuse_fenced(neighbour)
        with pytest.raises(SubjectErased):
            tx.refuse_fenced(subject)
        assert subject.bytes not in tx.tombstone_of(subject)
        assert len(tx.tombstone_of(subject)) == 32


# ---- idempotency


def test_an_answer_is_recalled_by_its_scope_and_key_and_only_for_the_same_body(any_service: Subject) -> None:
    """JSON in, the same JSON out."""
    answer = {"photo_id": str(new_id()), "nested": [1, {"ä": None}]}
    with any_service.work.begin() as tx:
        assert tx.recall("s", "k", "f") is None
        tx.remember("s", "k", "f", new_id(), answer)
    with any_service.work.begin() as tx:
        assert tx.recall("s", "k", "f") == answer
        assert tx.recall("s", "other", "f") is None
        assert tx.recall("other", "k", "f") is None
        with pytest.raises(IdempotencyConflict):
            tx.recall("s", "k", "another body")


def test_a_key_is_answered_once(any_service: Subject) -> None:
    """The second answer is refused, the first one stays."""
    with any_service.work.begin() as tx:
        tx.remember("s", "k", "f", new_id(), {"n": 1})
    with pytest.raises(REFUSED), any_service.work.begin() as tx:
        tx.remember("s", "k", "f", new_id(), {"n": 2})
    with any_service.work.begin() as tx:
        assert tx.recall("s", "k", "f") == {"n": 1}


def test_answers_are_forgotten_with_their_subject_and_the_neighbours_stay(any_service: Subject) -> None:
    """What an answer tells belongs to somebody."""
    subject, neighbour = new_id(), new_id()
    with any_service.work.begin() as tx:
        tx.remember("s", "1", "f", subject, {})
        tx.remember("s", "2", "f", subject, {})
        tx.remember("s", "3", "f", neighbour, {})
        assert tx.forget_answers(subject) == 2
    with any_service.work.begin() as tx:
        assert tx.recall("s", "1", "f") is None
        assert tx.recall("s", "3", "f") == {}
        assert tx.forget_answers(subject) == 0


# ---- what only a real database can show: two at once


def waits(work: Any, first: Callable[[Any], object], second: Callable[[Any], object]) -> bool:
    """Whether ``second``, in its own transaction, waits until the transaction that did ``first`` has ended."""
    done = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with work.begin() as tx:
                second(tx)
        except BaseException as error:
            failures.append(error)
        done.set()

    other = threading.Thread(target=run)
    with work.begin() as tx:
        first(tx)
        other.start()
        waited = not done.wait(0.4)
        ended_at = time.monotonic()
    other.join(10)
    assert done.is_set(), f"still waiting {time.monotonic() - ended_at:.1f} s after the first one's end"
    assert not failures, failures
    return waited


@pytest.mark.integration
def test_a_fence_waits_for_the_writers_that_have_looked_and_later_writers_find_it(real_imaging: Subject) -> None:
    """The heart of 'purged stays purged': no writer can have looked before the fence and write after the purge."""
    subject, neighbour = new_id(), new_id()
    work = real_imaging.work
    assert waits(work, lambda tx: tx.refuse_fenced(subject), lambda tx: tx.fence(subject))
    fresh = new_id()
    assert not waits(work, lambda tx: tx.refuse_fenced(fresh), lambda tx: tx.fence(neighbour))
    seen: list[bool] = []
    assert waits(work, lambda tx: tx.fence(fresh), lambda tx: seen.append(tx.is_fenced(fresh)))
    assert seen == [True]


@pytest.mark.integration
def test_writers_about_one_subject_do_not_wait_for_each_other(real_imaging: Subject) -> None:
    """Only the fence is exclusive."""
    subject = new_id()
    assert not waits(real_imaging.work, lambda tx: tx.refuse_fenced(subject), lambda tx: tx.refuse_fenced(subject))


@pytest.mark.integration
def test_a_transaction_that_holds_may_look_and_then_fence_while_another_wants_to(real_imaging: Subject) -> None:
    """Auth replaces a guest so: looked at, then fenced, in one transaction; a purge that wants the same waits, no deadlock."""
    subject = new_id()
    other = threading.Thread(target=lambda: _fence(real_imaging.work, subject))
    with real_imaging.work.begin() as tx:
        tx.hold_subject(subject)
        assert not tx.is_fenced(subject)
        other.start()
        time.sleep(0.2)
        tx.fence(subject)
    other.join(10)
    assert not other.is_alive()


@pytest.mark.parametrize("later", ["hold_subject", "fence"])
def test_a_subject_is_never_held_after_its_fence_was_looked_at(imaging: Subject, later: str) -> None:
    """Two such transactions would wait for each other; a look at somebody else is no matter."""
    subject, neighbour = new_id(), new_id()
    with imaging.work.begin() as tx:
        tx.refuse_fenced(neighbour)
        getattr(tx, later)(subject)
        tx.is_fenced(subject)
        getattr(tx, later)(subject)
    with imaging.work.begin() as tx:
        tx.is_fenced(neighbour)
        with pytest.raises(RuntimeError, match="held before"):
            getattr(tx, later)(neighbour)


def _fence(work: Any, subject: Any) -> None:
    with work.begin() as tx:
        tx.fence(subject)


@pytest.mark.integration
def test_two_calls_with_one_idempotency_key_wait_for_each_other(real_auth: Subject) -> None:
    """The second one then finds the first one's answer."""
    subject = new_id()
    answers: list[object] = []

    def first(tx: Any) -> None:
        assert tx.recall("s", "k", "f") is None
        tx.remember("s", "k", "f", subject, {"n": 1})

    assert waits(real_auth.work, first, lambda tx: answers.append(tx.recall("s", "k", "f")))
    assert answers == [{"n": 1}]
    assert not waits(real_auth.work, lambda tx: tx.recall("s", "x", "f"), lambda tx: tx.recall("s", "y", "f"))


@pytest.mark.integration
def test_the_same_message_handled_at_once_is_new_to_one_only(real_retention: Subject) -> None:
    """The inbox row of the first one, once committed, is what the second one meets."""
    message_id = new_id()
    seen: list[bool] = []
    first, second = (lambda tx: seen.append(tx.first_time("q", message_id)) for _ in range(2))
    assert waits(real_retention.work, first, second)
    assert seen == [True, False]


@pytest.mark.integration
def test_a_waiting_relay_is_woken_by_a_commit_and_not_by_a_rollback(real_auth: Subject, dsns: dict[str, str]) -> None:
    """LISTEN/NOTIFY: an event is on its way within moments."""
    with psycopg.connect(dsns["auth"], autocommit=True) as listener:
        listener.execute("LISTEN outbox")
        with pytest.raises(Wrong), real_auth.work.begin() as tx:  # noqa: PT012 - the block is the transaction
            tx.publish(auth.GuestReplaced(subject_id=new_id()))
            raise Wrong
        assert list(listener.notifies(timeout=0.2)) == []
        with real_auth.work.begin() as tx:
            tx.publish(auth.GuestReplaced(subject_id=new_id()))
        assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1


# ---- the walls and the migrations


@pytest.mark.integration
def test_no_service_can_even_connect_to_anothers_database(dsns: dict[str, str]) -> None:
    """One database and one role each; nobody reads another's."""
    for service in SERVICES:
        for other in SERVICES:
            dsn = dsns[service].rsplit("/", 1)[0] + "/" + other
            if service == other:
                psycopg.connect(dsn).close()
            else:
                with pytest.raises(psycopg.OperationalError, match="permission denied"):
                    psycopg.connect(dsn)


@pytest.mark.integration
@pytest.mark.parametrize("service", SERVICES)
def test_migrations_applied_again_do_nothing(dsns: dict[str, str], service: str) -> None:
    """Every process may run them at its start."""
    assert migrate(dsns[service], migrations_of(service)) == []


@pytest.mark.integration
def test_a_migration_changed_after_it_was_applied_is_refused(dsns: dict[str, str], tmp_path: Any) -> None:
    """Forward only: what ran, ran as it was."""
    [first, *_] = migrations_of("auth")
    changed = tmp_path / first.name
    changed.write_bytes(first.read_bytes() + b"\n-- an afterthought\n")
    with pytest.raises(ChangedMigration):
        migrate(dsns["auth"], [changed])


@pytest.mark.integration
def test_migrations_run_by_several_processes_at_once_are_each_applied_once(dsns: dict[str, str], tmp_path: Any) -> None:
    """An advisory lock: replicas may start together."""
    file = tmp_path / "9999_once.sql"
    file.write_text("CREATE TABLE once (n int); INSERT INTO once VALUES (1); SELECT pg_sleep(0.3);")
    applied: list[list[str]] = []
    threads = [threading.Thread(target=lambda: applied.append(migrate(dsns["auth"], [file]))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with psycopg.connect(dsns["auth"], autocommit=True) as connection:
        connection.execute("DROP TABLE once")
        connection.execute("DELETE FROM migrations WHERE name = %s", (file.name,))
    assert sorted(applied) == [[], [], ["9999_once.sql"]]


def test_a_database_that_is_not_there_is_unavailable_and_not_an_error_of_its_driver() -> None:
    """A retryable error of ours, without the DSN in its text."""
    database = Database(Secret("postgresql://auth:hunter2@127.0.0.1:1/auth"), wait_seconds=0.5)
    work: UnitOfWork[Any] = UnitOfWork(database, lambda connection, key: connection, TOMBSTONE_KEY)
    with pytest.raises(DatabaseUnavailable) as error, work.begin():
        pass
    database.close()
    assert error.value.retryable
    assert "hunter2" not in str(error.value)
