"""What holds while a local system is up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg
import pytest

from cli.launcher.alipay import STANDIN
from cli.launcher.broker import can_log_in
from cli.launcher.overview import overview
from cli.launcher.processes import DATABASES, EVERY_PROCESS, TABLE
from cli.launcher.progress import Steps
from cli.launcher.run_folder import REPOSITORY
from cli.launcher.settings import last_used
from cli.launcher.supervisor import Supervisor
from cli.launcher.system import System
from shared.testing.eventually import eventually
from tests.integration.launcher.conftest import OWN, MakeSystem

pytestmark = pytest.mark.integration
INFRASTRUCTURE = {"postgres", "store", "epmd", "rabbitmq"}
LEFT_OUT = {
    "POCKETID_ORDER_MINUTES",
    "POCKETID_ALIPAY_APP_CERTIFICATE_FILE",
    "POCKETID_ALIPAY_CERTIFICATE_FILE",
    "POCKETID_ALIPAY_ROOT_CERTIFICATE_FILE",
}
"""Settings that a process may be told, and that nobody gives here."""


def test_everything_is_ready_when_up_returns(running: System) -> None:
    """`up` returns when every process runs and every /readyz answers 200, and not before."""
    health = running.health()
    assert {one.name for one in health} == INFRASTRUCTURE | {STANDIN} | {service.name for service in TABLE}
    assert all(one.ready for one in health if one.name not in INFRASTRUCTURE)
    assert can_log_in(overview(running)["amqp"])


def test_a_second_up_returns_at_once(running: System) -> None:
    """`up` on a system that is up changes nothing and takes less than a second."""
    before = overview(running)["pids"]
    started = time.monotonic()
    assert running.up(Steps()) is False
    assert time.monotonic() - started < 1
    assert overview(running)["pids"] == before


def test_each_process_is_told_only_what_it_needs(running: System) -> None:
    """A process's environment holds the settings of its row in the table, the common ones, the user's own, and no others."""
    pids = overview(running)["pids"]
    for service in TABLE:
        told = {name for name in psutil.Process(pids[service.name][0]).environ() if name.startswith("POCKETID_")}
        own = {"POCKETID_PROCESS", "POCKETID_HEALTH_PORT"}
        assert told == {*EVERY_PROCESS, *service.needs, *own, *OWN} - LEFT_OUT, service.name
    for name in INFRASTRUCTURE:
        assert not [key for key in psutil.Process(pids[name][0]).environ() if key.startswith("POCKETID_")], name


def test_nothing_of_the_run_folder_is_open_to_other_users(running: System) -> None:
    """Secrets, start scripts, logs and data lie in folders that only their owner may enter; secret files are 0600."""
    root = running.folder.root
    for name in ("secrets", "programs", "logs", "pids", "postgres", "store", "rabbitmq"):
        assert (root / name).stat().st_mode & 0o077 == 0, name
    for path in [*(root / "secrets").iterdir(), *(root / "programs").iterdir(), root / "state.json"]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert running.folder.socket.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_servers_do_not_run_as_root(running: System) -> None:
    """PostgreSQL, the store and RabbitMQ run as unprivileged users when the launcher is root."""
    pids = overview(running)["pids"]
    assert all(psutil.Process(pids[name][0]).uids().effective != 0 for name in INFRASTRUCTURE)


def test_no_role_can_connect_to_another_services_database(running: System) -> None:
    """Each role connects to its own database and to no other, the administrator's included."""
    databases = overview(running)["databases"]
    for service in DATABASES:
        psycopg.connect(databases[service]).close()
        for other in {*DATABASES, "postgres", "template1"} - {service}:
            trespass = urlsplit(databases[service])._replace(path=f"/{other}").geturl()
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(trespass)


def test_the_database_wants_a_password(running: System) -> None:
    """Being on the machine is not enough to log in as anybody."""
    admin = urlsplit(overview(running)["admin_dsn"])
    for password in ("", ":wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(admin._replace(netloc=f"postgres{password}@{admin.hostname}:{admin.port}").geturl())


def test_the_store_wants_its_keys(running: System) -> None:
    """The bucket, its list and its objects are refused to a request without a signature, at every door of the store."""
    ports = running.folder.recall("ports")
    assert httpx.get(f"http://127.0.0.1:{ports['store-s3']}/pocketid").status_code == 403
    assert httpx.put(f"http://127.0.0.1:{ports['store-s3']}/pocketid/x", content=b"x").status_code == 403
    assert httpx.post(f"http://127.0.0.1:{ports['store-volume']}/1,01", files={"x": b"x"}).status_code == 401
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{ports['store-filer']}/buckets/").raise_for_status()


def test_every_server_listens_on_loopback_only(running: System) -> None:
    """No process of the system opens a port to the network."""
    supervisor = psutil.Process(Supervisor(running.folder).pid())
    sockets = [socket for process in supervisor.children(recursive=True) for socket in process.net_connections("tcp")]
    listening = [socket.laddr for socket in sockets if socket.status == psutil.CONN_LISTEN]
    assert len(listening) >= len(TABLE) + 10
    assert {address.ip for address in listening} <= {"127.0.0.1", "::1"}


def test_a_killed_process_comes_back(running: System) -> None:
    """A process that dies is started again, with nobody's help."""
    before = overview(running)["pids"]["auth"][0]
    psutil.Process(before).kill()

    def another_one() -> bool:
        auth = next(one for one in running.health() if one.name == "auth")
        return bool(auth.ready) and auth.state.pid not in {0, before}

    eventually(another_one, within=15)


def test_servers_that_the_user_gives_replace_ours(running: System, make_system: MakeSystem) -> None:
    """With DSNs, an S3 endpoint, an AMQP URL and a gateway of Alipay's, only our services are started."""
    view = overview(running)
    given = {f"POCKETID_{name.upper()}_DSN": dsn for name, dsn in view["databases"].items()}
    given |= {f"POCKETID_S3_{name.upper()}": value for name, value in view["s3"].items()}
    given |= {name: value for name, value in last_used(running.folder).items() if name.startswith("POCKETID_ALIPAY_")}
    guest = make_system(**given, POCKETID_AMQP_URL=view["amqp"])
    assert guest.up(Steps()) is True
    assert {one.name for one in guest.health()} == {service.name for service in TABLE}
    assert overview(guest)["databases"] == view["databases"]
    assert overview(guest)["alipay_standin"] is None


def test_env_says_where_everything_is(running: System) -> None:
    """`pocketid env --json` has the agreed keys; `status` agrees that all is well."""
    answer = _pocketid(running.folder.root, "env", "--json")
    view = json.loads(answer.stdout)
    agreed = {"gateway", "amqp", "databases", "s3", "logs", "alipay_standin", "pids"}
    assert agreed <= view.keys()
    assert set(view["s3"]) == {"endpoint", "access_key", "secret_key", "bucket"}
    assert all(psutil.pid_exists(pid) for pids in view["pids"].values() for pid in pids)
    assert _pocketid(running.folder.root, "status").returncode == 0


def test_only_env_reveals_secrets(running: System) -> None:
    """No other command prints a key or a password, and no log of the launcher holds one."""
    secrets = [path.read_text() for path in running.folder.secrets.iterdir() if path.suffix != ".json"]
    shown = "".join(
        _pocketid(running.folder.root, *words).stdout for words in (["status"], ["up"], ["doctor"], ["logs"])
    )
    shown += "".join(path.read_text(errors="replace") for path in running.folder.logs.iterdir())
    assert "already up" in shown
    assert not [secret for secret in secrets if secret in shown]


def test_without_a_system_the_answer_is_one_clear_line(tmp_path: Path) -> None:
    """`env` and `status` exit with 1 and say what to do when nothing is up; `down` has nothing to do."""
    for command in ("env", "status"):
        answer = _pocketid(tmp_path / "nothing", command)
        assert answer.returncode == 1
        assert answer.stderr.strip() == "pocketid: the system is not up; start it with: pocketid up"
    assert _pocketid(tmp_path / "nothing", "down").returncode == 0


def _pocketid(run_folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "POCKETID_RUN_DIR": str(run_folder)}
    command = [sys.executable, "-m", "cli.main", *words]
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
