"""Published iff committed, handled exactly once in effect, failed visibly: on the real broker, with real deaths."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import httpx
import pika
import pytest

from shared.contracts.queues import AUTH_PURGES, EVENTS_EXCHANGE, MATTE_FREE, RETENTION_PURGES
from shared.messaging.dead import Fate, walk
from shared.testing.eventually import eventually
from tests.chaos.conftest import WORKERS, PausedWorker
from tests.chaos.probe_contract import LISTENER, ProbeHappened
from tests.portraits import builders
from tests.system.client import Guest
from tests.system.local import LocalSystem
from tests.system.planting import publish

pytestmark = pytest.mark.chaos
Say = Callable[..., UUID]


# ---- the outbox


def test_what_a_service_committed_goes_out_although_it_died(system: LocalSystem) -> None:
    """The relay is frozen, so the job waits in the outbox; service and relay are killed: the photo is ready all the same."""
    guest = Guest(system.gateway)
    system.freeze("imaging-relay")
    photo_id = guest.uploaded(builders.portrait("biden"))
    assert len(system.sql("imaging", "SELECT 1 FROM outbox")) == 1
    system.kill("imaging")
    system.kill("imaging-relay")
    system.wait_ready("imaging", "imaging-relay")
    assert guest.settled(photo_id)["status"] == "ready"
    eventually(lambda: system.sql("imaging", "SELECT 1 FROM outbox"), lambda rows: rows == [])


def test_a_message_published_twice_is_told_once(system: LocalSystem) -> None:
    """The relay cannot delete what it published (as if it died in between) and publishes again: one effect, one event."""
    guest = Guest(system.gateway)
    stream = guest.events()
    system.sql(
        "imaging",
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'died'; END $$;"
        "CREATE TRIGGER die BEFORE DELETE ON outbox FOR EACH ROW EXECUTE FUNCTION die()",
    )
    try:
        photo_id = guest.uploaded(builders.portrait("biden"))
        guest.settled(photo_id)
        [(message_id,)] = system.sql(
            "imaging", "SELECT message_id FROM outbox WHERE routing_key = %s", MATTE_FREE.queue
        )
    finally:
        system.sql("imaging", "DROP FUNCTION die() CASCADE")
    eventually(lambda: system.sql("imaging", "SELECT 1 FROM outbox"), lambda rows: rows == [])
    known = system.sql("imaging", "SELECT consumer FROM inbox WHERE message_id = %s", message_id)
    assert known == [("imaging.matte",)]
    another = guest.uploaded(builders.portrait("obama"))
    told = [next(stream)["data"]["photo_id"], next(stream)["data"]["photo_id"]]
    stream.close()
    assert told == [photo_id, another]


# ---- the inbox, retries and the dead


@pytest.fixture
def probe(system: LocalSystem) -> Iterator[Say]:
    """A service whose handler fails on demand; gives a function that says an event to it."""
    system.sql(
        "imaging",
        "CREATE TABLE probe_effects (message_id uuid); CREATE TABLE probe_tries (at timestamptz DEFAULT now());"
        "CREATE TABLE probe_orders (fail boolean); INSERT INTO probe_orders VALUES (false)",
    )
    environment = system.environment_of("imaging") | {"POCKETID_HEALTH_PORT": "0"}
    process = subprocess.Popen([sys.executable, "-m", "tests.chaos.probe"], env=environment, stderr=subprocess.DEVNULL)

    def say(message_id: UUID | None = None) -> UUID:
        event = ProbeHappened(subject_id=uuid4(), **({"message_id": message_id} if message_id else {}))
        publish(system, EVENTS_EXCHANGE, ProbeHappened.type, event)
        return event.message_id

    try:
        eventually(lambda: _is_bound(system, LISTENER.queue), within=30)
        yield say
    finally:
        process.terminate()
        process.wait(timeout=30)
        system.sql("imaging", "DROP TABLE probe_effects, probe_tries, probe_orders")


def test_the_same_event_twice_has_one_effect(system: LocalSystem, probe: Say) -> None:
    """The inbox row is written in the transaction of the effect; the second delivery finds it."""
    message_id = probe()
    eventually(lambda: _effects(system), lambda rows: len(rows) == 1)
    probe(message_id)
    marker = probe()
    eventually(lambda: _effects(system), lambda rows: marker in rows)
    assert _effects(system).count(message_id) == 1


def test_a_failed_handler_leaves_no_trace_is_retried_buried_and_replayed(system: LocalSystem, probe: Say) -> None:
    """Two delays, so three tries, then the dead queue; no inbox row, no half effect; replayed, it has its one effect."""
    system.sql("imaging", "UPDATE probe_orders SET fail = true")
    message_id = probe()
    letters = eventually(
        lambda: [letter for letter, _ in walk(system.env["amqp"], [LISTENER], lambda _: Fate.KEEP)],
        lambda found: len(found) == 1,
        within=30,
    )
    assert (letters[0].message_id, letters[0].attempts, letters[0].error) == (str(message_id), 3, "RuntimeError")
    assert len(system.sql("imaging", "SELECT 1 FROM probe_tries")) == 3
    assert _effects(system) == []
    assert system.sql("imaging", "SELECT 1 FROM inbox WHERE message_id = %s", message_id) == []

    system.sql("imaging", "UPDATE probe_orders SET fail = false")
    walk(system.env["amqp"], [LISTENER], lambda _: Fate.REPLAY)
    eventually(lambda: _effects(system), lambda rows: rows == [message_id])
    assert walk(system.env["amqp"], [LISTENER], lambda _: Fate.KEEP) == []


def test_a_handler_that_recovers_is_not_buried(system: LocalSystem, probe: Say) -> None:
    """Failing once, succeeding at the next try: one effect, nothing among the dead."""
    system.sql("imaging", "UPDATE probe_orders SET fail = true")
    message_id = probe()
    eventually(lambda: system.sql("imaging", "SELECT 1 FROM probe_tries"))
    system.sql("imaging", "UPDATE probe_orders SET fail = false")
    eventually(lambda: _effects(system), lambda rows: rows == [message_id])
    assert walk(system.env["amqp"], [LISTENER], lambda _: Fate.KEEP) == []


@pytest.mark.parametrize("body", [b"\x00\xff not json", b'{"specversion":"1.0"}', b'{"type": "no.such.thing.v1"}'])
def test_what_cannot_be_decoded_is_buried_and_the_service_lives(system: LocalSystem, body: bytes) -> None:
    """It goes straight to the dead, where `pocketid dead list` shows it and `pocketid dead drop` ends it."""
    before = system.pid("retention")
    publish(system, "", RETENTION_PURGES.queue, body)
    shown = eventually(lambda: _dead(system, RETENTION_PURGES.queue), lambda found: len(found) == 1)
    assert shown[0]["type"] == "undecodable"
    assert body.decode(errors="replace") not in json.dumps(shown)
    system.pocketid("dead", "drop", "--all", "--queue", RETENTION_PURGES.queue)
    assert _dead(system, RETENTION_PURGES.queue) == []
    assert system.pid("retention") == before
    guest = Guest(system.gateway)
    guest.certified(guest.wipe().json()["receipt"])


def test_a_buried_job_is_replayed_by_the_operator(system: LocalSystem) -> None:
    """A job that its photo's state does not allow is buried at once; mended and replayed, the photo becomes ready."""
    guest = Guest(system.gateway)
    system.freeze("imaging-relay")
    photo_id = guest.uploaded(builders.portrait("biden"))
    system.sql("imaging", "UPDATE photos SET state = 'uploading' WHERE photo_id = %s", photo_id)
    system.thaw("imaging-relay")
    [letter] = eventually(lambda: _dead(system, MATTE_FREE.queue), lambda found: len(found) == 1)
    system.sql("imaging", "UPDATE photos SET state = 'queued' WHERE photo_id = %s", photo_id)
    assert "replayed: 1" in system.pocketid("dead", "replay", letter["message_id"])
    assert guest.settled(photo_id)["status"] == "ready"
    assert _dead(system, MATTE_FREE.queue) == []


def test_a_photo_that_kills_every_worker_is_shown_as_failed(
    system: LocalSystem, paused: Callable[[str], PausedWorker]
) -> None:
    """After four dead workers the job is not tried again: the person sees `failed`, the operator a dead letter."""
    guest = Guest(system.gateway)
    for number in range(4):
        worker = paused("before the matte")
        if number == 0:
            photo_id = guest.uploaded(builders.portrait("biden"))
        worker.reached()
        worker.kill()
    system.start(*WORKERS)
    assert guest.settled(photo_id)["status"] == "failed"
    [letter] = _dead(system, MATTE_FREE.queue)
    system.pocketid("dead", "replay", letter["message_id"])
    eventually(lambda: guest.photo(photo_id)["status"], lambda status: status == "ready", within=60)


def test_two_who_walk_among_the_dead_at_once_pass_no_letter_by(system: LocalSystem) -> None:
    """Each drops those of its own and keeps the others', which go behind: whoever walks has the queue for themselves."""
    mine = [uuid4() for _ in range(4)]
    for _ in range(8):
        for subject_id in mine:
            publish(system, "", AUTH_PURGES.dead_queue, ProbeHappened(subject_id=subject_id))

    def drop(subject_id: UUID) -> int:
        fates = walk(
            system.env["amqp"],
            [AUTH_PURGES],
            lambda letter: Fate.DROP if letter.subject_id == str(subject_id) else Fate.KEEP,
        )
        return sum(fate is Fate.DROP for _, fate in fates)

    with ThreadPoolExecutor(len(mine)) as pool:
        assert list(pool.map(drop, mine)) == [8, 8, 8, 8]


def test_a_service_outlives_a_broker_that_is_not_there(system: LocalSystem) -> None:
    """Started without a broker it is alive and not ready; when the broker comes, it consumes, without a restart."""
    system.stop("rabbitmq")
    try:
        system.kill("auth")
        page = eventually(lambda: _health(system, "auth", "/healthz"), lambda found: found == 200)
        assert page == 200
        assert _health(system, "auth", "/readyz") == 503
        assert _health(system, "retention", "/healthz") == 200
        pid = system.pid("auth")
    finally:
        system.supervisor.start("rabbitmq")
    system.wait_ready(within=120)
    assert system.pid("auth") == pid
    Guest(system.gateway)


def _health(system: LocalSystem, name: str, page: str) -> int:
    try:
        return httpx.get(system.env["health"][name] + page).status_code
    except httpx.HTTPError:
        return 0


def _effects(system: LocalSystem) -> list[UUID]:
    return [row[0] for row in system.sql("imaging", "SELECT message_id FROM probe_effects")]


def _dead(system: LocalSystem, queue: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(system.pocketid("dead", "list", "--json", "--queue", queue))
    return found


def _is_bound(system: LocalSystem, queue: str) -> bool:
    connection = pika.BlockingConnection(pika.URLParameters(system.env["amqp"]))
    try:
        return bool(connection.channel().queue_declare(queue, passive=True).method.consumer_count)
    except pika.exceptions.ChannelClosedByBroker:
        return False
    finally:
        connection.close()
