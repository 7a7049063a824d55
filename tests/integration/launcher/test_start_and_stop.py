"""What holds when local systems start, crash and stop."""

from __future__ import annotations

import io
import os
import signal
import socket
import stat
from pathlib import Path
from typing import Any

import pika
import psutil
import psycopg
import pytest
import urllib3
from minio import Minio
from minio.error import MinioException
from pika.exceptions import AMQPError

from cli.launcher.errors import LauncherError, NotUp
from cli.launcher.overview import overview
from cli.launcher.progress import Steps
from cli.launcher.supervisor import Supervisor
from cli.launcher.system import System
from shared.testing.eventually import eventually
from tests.integration.launcher.conftest import STUBS, MakeSystem

pytestmark = pytest.mark.integration


def test_two_systems_run_side_by_side_and_stop_alone(make_system: MakeSystem) -> None:
    """Systems with other run folders and gateway ports share no port and no process; stopping one leaves its neighbour."""
    first, neighbour = make_system(), make_system()
    first.up(Steps())
    neighbour.up(Steps())
    ports = [set(system.folder.recall("ports").values()) for system in (first, neighbour)]
    assert not ports[0] & ports[1]
    processes = _processes_of(first)

    first.down(Steps())

    _assert_nothing_is_left(first, processes)
    assert all(one.state.state == "RUNNING" and one.ready is not False for one in neighbour.health())


def test_killed_servers_come_back_with_what_they_held(make_system: MakeSystem) -> None:
    """`kill -9` of PostgreSQL, the store, RabbitMQ and epmd: each is started again, on its port, with its data."""
    system = make_system()
    system.up(Steps())
    view = overview(system)
    _plant(view)
    eventually(lambda: b"planted" in _queue_names(system).read_bytes(), within=5)
    for name in ("postgres", "store", "rabbitmq", "epmd"):
        os.kill(view["pids"][name][0], signal.SIGKILL)
    eventually(lambda: _is_planted(view), within=60)


def test_after_a_killed_process_manager_up_starts_afresh(make_system: MakeSystem) -> None:
    """`kill -9` of supervisord leaves orphans and stale files; `up` ends them and the data is still there."""
    system = make_system()
    system.up(Steps())
    dsn = overview(system)["databases"]["auth"]
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE planted AS SELECT 7 AS seven")
    before = _processes_of(system)
    os.kill(Supervisor(system.folder).pid(), signal.SIGKILL)
    psutil.wait_procs([one for one in before if one.pid == before[0].pid], timeout=5)
    with pytest.raises(NotUp):
        system.health()

    assert system.up(Steps()) is True

    _assert_gone(before)
    assert overview(system)["databases"]["auth"] == dsn
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT seven FROM planted").fetchone() == (7,)


def test_down_after_a_killed_process_manager_leaves_nothing(make_system: MakeSystem) -> None:
    """`down` needs no living process manager: what it left behind is ended by its recorded id and start time."""
    system = make_system()
    system.up(Steps())
    before = _processes_of(system)
    os.kill(Supervisor(system.folder).pid(), signal.SIGKILL)
    assert system.down(Steps()) is True
    _assert_nothing_is_left(system, before)


def test_a_taken_gateway_port_is_said_at_once(make_system: MakeSystem) -> None:
    """The user's own port is not moved silently: one line names it and the way out, and nothing is left running."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        system = make_system(POCKETID_PORT=str(port))
        with pytest.raises(LauncherError, match=f"port {port} is taken.*POCKETID_PORT={port + 1}"):
            system.up(Steps())
    assert not Supervisor(system.folder).is_alive()


def test_a_service_that_cannot_start_is_named_with_its_log(make_system: MakeSystem) -> None:
    """`up` does not wait its full patience for a process that keeps ending: it shows the end of its log."""
    broken = tuple(
        type(row)(row.name, ("services.there_is_no_such_module",), row.needs, row.stage, row.own_port)
        if row.name == "auth"
        else row
        for row in STUBS
    )
    system = make_system()
    crippled = System(system.folder, system._environ, broken)
    with pytest.raises(LauncherError, match=r"auth keeps ending(?s:.*)there_is_no_such_module"):
        crippled.up(Steps())
    assert crippled.is_up() is False


def _plant(view: dict[str, Any]) -> None:
    with psycopg.connect(view["databases"]["auth"]) as connection:
        connection.execute("CREATE TABLE planted AS SELECT 7 AS seven")
    _store(view).put_object("pocketid", "planted", io.BytesIO(b"seven"), 5)
    with pika.BlockingConnection(pika.URLParameters(view["amqp"])) as broker:
        channel = broker.channel()
        channel.confirm_delivery()
        channel.queue_declare("planted", durable=True, arguments={"x-queue-type": "quorum"})
        channel.basic_publish("", "planted", b"seven", pika.BasicProperties(delivery_mode=2))


def _queue_names(system: System) -> Path:
    """RabbitMQ 3.10 writes a new quorum queue's name here half a second late; killed before that, it loses the queue."""
    return next((system.folder.root / "rabbitmq" / "mnesia").glob("*/quorum/*/names.dets"))


def _is_planted(view: dict[str, Any]) -> bool:
    """Whether everything planted is there; AssertionError (try again) while a server is still starting."""
    try:
        with psycopg.connect(view["databases"]["auth"]) as connection:
            row = connection.execute("SELECT seven FROM planted").fetchone()
        with pika.BlockingConnection(pika.URLParameters(view["amqp"])) as broker:
            message = broker.channel().basic_get("planted")[2]
        return row == (7,) and message == b"seven" and _store(view).get_object("pocketid", "planted").read() == b"seven"
    except (psycopg.OperationalError, AMQPError, OSError, MinioException, urllib3.exceptions.HTTPError) as error:
        raise AssertionError(repr(error)) from error


def _store(view: dict[str, Any]) -> Minio:
    endpoint = view["s3"]["endpoint"].removeprefix("http://")
    client = urllib3.PoolManager(retries=False, timeout=3)
    return Minio(endpoint, view["s3"]["access_key"], view["s3"]["secret_key"], secure=False, http_client=client)


def _processes_of(system: System) -> list[psutil.Process]:
    supervisor = psutil.Process(Supervisor(system.folder).pid())
    return [supervisor, *supervisor.children(recursive=True)]


def _assert_nothing_is_left(system: System, processes: list[psutil.Process]) -> None:
    assert len(processes) > len(STUBS) + 4
    _assert_gone(processes)
    root = str(system.folder.root)
    naming = [p.cmdline() for p in psutil.process_iter() if any(root in word for word in _words(p))]
    assert not naming
    assert not [
        path for path in system.folder.root.rglob("*") if stat.S_ISSOCK(path.lstat().st_mode) or path.suffix == ".pid"
    ]
    ports = set(system.folder.recall("ports").values())
    assert not {c.laddr.port for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN} & ports
    assert not [path for path in Path("/tmp").glob("seaweedfs-*.sock") if int(path.stem.rpartition("-")[2]) in ports]
    assert not Path(system.folder.socket).exists()


def _assert_gone(processes: list[psutil.Process]) -> None:
    """None of them runs; one that only waits for init to notice its end does not run."""
    _, left = psutil.wait_procs(processes, timeout=2)
    assert not [process for process in left if process.status() != psutil.STATUS_ZOMBIE]


def _words(process: psutil.Process) -> list[str]:
    try:
        return [*process.cmdline(), *process.environ().values()] if process.pid != os.getpid() else []
    except psutil.Error:
        return []
