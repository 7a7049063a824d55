"""What the launcher decides before it starts anything."""

from __future__ import annotations

import base64
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from cli.launcher import orphans
from cli.launcher.databases import service_dsn
from cli.launcher.errors import LauncherError
from cli.launcher.ports import assign, is_free
from cli.launcher.processes import DATABASES, OF_THE_LAUNCHER, TABLE, program_of
from cli.launcher.program import Program, script_path, write_script
from cli.launcher.run_folder import LONGEST_SOCKET_PATH, REPOSITORY, RunFolder
from cli.launcher.secrets import KEYS, generated_keys, secret
from cli.launcher.settings import assemble, last_used
from cli.launcher.users import as_user
from shared.kernel.settings import ALL_SETTINGS


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run folder that no system used yet."""
    made = RunFolder(tmp_path / "run")
    made.make()
    return made


def test_no_process_is_told_another_services_secrets() -> None:
    """A database's DSN goes only to its own service; the gateway gets none; each signing key has one user."""
    for service in TABLE:
        dsns = {name for name in service.needs if name.endswith("_DSN")}
        own = {"worker": "imaging"}.get(service.name.split("-")[0], service.name.split("-")[0])
        assert dsns <= {f"POCKETID_{own.upper()}_DSN"}, service.name
    for name in ("POCKETID_TOKEN_SIGNING_KEYS", "POCKETID_CERTIFICATE_SIGNING_KEYS", "POCKETID_DEVICE_PEPPER"):
        assert len([service for service in TABLE if name in service.needs]) == 1, name


def test_the_table_names_only_settings_that_exist() -> None:
    """Every setting a process is told is one that some process reads."""
    read = {f"POCKETID_{name.upper()}" for kind in ALL_SETTINGS for name in kind.model_fields}
    assert {name for service in TABLE for name in service.needs} <= read


def test_a_users_own_setting_goes_to_everybody_and_the_launchers_to_nobody() -> None:
    """A setting in no table is passed through; the run folder and the administrator's DSN are not."""
    settings = {
        "POCKETID_UNLOCK_POLICY": "paid",
        "POCKETID_PORT": "1",
        "POCKETID_RUN_DIR": "/x",
        "POCKETID_ADMIN_DSN": "y",
    }
    for service in TABLE:
        told = program_of(service, settings, {f"health-{service.name}": 1}).environment
        assert told["POCKETID_UNLOCK_POLICY"] == "paid"
        assert not {"POCKETID_RUN_DIR", "POCKETID_ADMIN_DSN"} & told.keys()
        assert ("POCKETID_PORT" in told) is (service.name == "gateway")
    assert "POCKETID_RUN_DIR" in OF_THE_LAUNCHER


def test_ports_stay_the_same_until_somebody_takes_one(folder: RunFolder) -> None:
    """A port is remembered; one that is taken meanwhile is replaced, and only that one."""
    first = assign(folder, ["a", "b"])
    assert assign(folder, ["a", "b"]) == first
    with socket.create_server(("127.0.0.1", first["a"])):
        assert not is_free(first["a"])
        second = assign(folder, ["a", "b"])
    assert second["b"] == first["b"]
    assert second["a"] != first["a"]


def test_secrets_are_made_once_and_kept_private(folder: RunFolder) -> None:
    """A secret is the same at every start, its file readable by its owner only, and no two are alike."""
    assert secret(folder, "one") == secret(folder, "one") != secret(folder, "two")
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.secrets.iterdir())
    assert folder.secrets.stat().st_mode & 0o777 == 0o700


def test_generated_keys_have_the_agreed_formats(folder: RunFolder) -> None:
    """Key rings are ``kid:base64(32 bytes)``, single keys base64 of 32 bytes."""
    keys = generated_keys(folder)
    assert keys.keys() == KEYS.keys()
    for name, value in keys.items():
        kid, _, encoded = value.rpartition(":")
        assert bool(kid) is name.endswith("_KEYS")
        assert len(base64.b64decode(encoded, validate=True)) == 32


def test_the_user_has_the_last_word_on_settings(folder: RunFolder) -> None:
    """A setting in the environment replaces the generated one and is remembered for the commands that come later."""
    settings = assemble(
        folder, {"POCKETID_AMQP_URL": "ours"}, {"POCKETID_AMQP_URL": "theirs", "HOME": "/", "POCKETID_X": "1"}
    )
    assert settings["POCKETID_AMQP_URL"] == "theirs"
    assert settings["POCKETID_X"] == "1"
    assert "HOME" not in settings
    assert last_used(folder) == settings


@pytest.mark.parametrize("port", ["no", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(folder: RunFolder, port: str) -> None:
    """A wrong POCKETID_PORT is named before anything starts."""
    with pytest.raises(LauncherError, match="POCKETID_PORT"):
        assemble(folder, {}, {"POCKETID_PORT": port})


def test_a_start_script_hands_over_exactly_its_environment(folder: RunFolder) -> None:
    """Values arrive unchanged whatever they hold; the script is private and records the process beyond doubt."""
    value = """it's "50%" $HOME `x` \\ ; 口袋"""
    record = folder.root / "seen"
    command = (sys.executable, "-c", f"import os; open({str(record)!r}, 'w').write(os.environ['VALUE'])")
    program = Program("odd", command, stage=0, environment={"VALUE": value}, folder=folder.root)
    write_script(folder, program)
    assert script_path(folder, "odd").stat().st_mode & 0o777 == 0o600
    subprocess.run(["/bin/sh", script_path(folder, "odd")], env={}, check=True)
    assert record.read_text() == value
    pid, started, boot = (folder.pids / "odd").read_text().split()
    assert pid.isdecimal()
    assert started.isdecimal()
    assert boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_orphans_are_known_by_id_and_start_time(folder: RunFolder) -> None:
    """A recorded process is found and ended; a record whose id now belongs to another process names nobody."""
    program = Program("sleeper", ("sleep", "60"), stage=0, folder=folder.root)
    write_script(folder, program)
    sleeper = subprocess.Popen(["/bin/sh", str(script_path(folder, "sleeper"))])
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        _wait_for_record(folder, "sleeper")
        started, boot = (folder.pids / "sleeper").read_text().split()[1:]
        (folder.pids / "old").write_text(f"{bystander.pid} {int(started) - 1} {boot}\n")
        (folder.pids / "other-boot").write_text(f"{sleeper.pid} {started} another\n")
        (folder.pids / "torn").write_text("")
        found = orphans.find(folder)
        assert found == [orphans.Orphan("sleeper", sleeper.pid)]
        orphans.end(found, {})
        assert psutil.Process(bystander.pid).is_running()
        assert orphans.find(folder) == []
    finally:
        for process in (sleeper, bystander):
            process.kill()
            process.wait()


def test_a_socket_path_that_would_be_too_long_is_moved(tmp_path: Path) -> None:
    """Unix sockets have short names: in a deep folder the socket gets a private folder under /tmp, and leaves none."""
    near = RunFolder(Path(tempfile.mkdtemp(dir="/tmp")))
    near.make_socket_folder()
    assert near.socket.parent == near.root
    near.root.rmdir()
    deep = RunFolder(tmp_path / ("x" * LONGEST_SOCKET_PATH))
    deep.make()
    deep.make_socket_folder()
    assert len(os.fsencode(deep.socket)) < LONGEST_SOCKET_PATH
    assert deep.socket.parent.stat().st_mode & 0o777 == 0o700
    assert RunFolder(deep.root).socket == deep.socket
    moved = deep.socket.parent
    deep.forget_socket()
    assert not moved.exists()


def test_dsns_are_urls_of_the_services_own_role_and_database() -> None:
    """The administrator's host, port and options; the service's name, password and database."""
    admin = "postgresql://postgres:p@db.example:5433/postgres?sslmode=require"
    assert service_dsn(admin, "auth", "a/b") == "postgresql://auth:a%2Fb@db.example:5433/auth?sslmode=require"
    assert {service.name for service in TABLE} >= set(DATABASES)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as other users")
def test_a_server_reaches_its_folder_below_a_closed_one(tmp_path: Path) -> None:
    """Run by root, an unprivileged server gets to its own folder even where others may not pass, and to nobody's files."""
    own, secret_file = tmp_path / "closed" / "own", tmp_path / "closed" / "secret"
    own.mkdir(parents=True)
    own.parent.chmod(0o700)
    os.chown(own, 65534, 65534)
    secret_file.touch(0o600)
    command = [
        *as_user("nobody", (own,)),
        "sh",
        "-c",
        f"id -u; touch {shlex.quote(str(own / 'made'))}; touch {secret_file}.2",
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.stdout.strip() == "65534"
    assert (own / "made").exists()
    assert answer.returncode != 0
    assert not Path(f"{secret_file}.2").exists()


def test_a_command_loads_only_its_own_module() -> None:
    """`pocketid specs` imports neither the launcher nor anything heavy before it is asked to work."""
    code = (
        "import sys; from cli.main import app_with; app_with(['specs']);"
        "sys.exit(bool({'numpy', 'cv2', 'onnxruntime', 'psycopg', 'httpx', 'cli.launcher.commands'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


def test_health_ports_are_one_a_process() -> None:
    """Every process but the gateway answers on a port of its own."""
    ports = {f"health-{service.name}": number for number, service in enumerate(TABLE, start=100)}
    settings = {"POCKETID_PORT": "8080"}
    urls = [program_of(service, settings, ports).ready_url for service in TABLE]
    assert len(set(urls)) == len(TABLE)
    assert urls[-1] == "http://127.0.0.1:8080/readyz"
    assert program_of(replace(TABLE[0], fixed={"A": "b"}), settings, ports).environment["A"] == "b"


def _wait_for_record(folder: RunFolder, name: str) -> None:
    from shared.testing.eventually import eventually

    eventually(lambda: (folder.pids / name).exists() and (folder.pids / name).read_text().endswith("\n"), within=5)
