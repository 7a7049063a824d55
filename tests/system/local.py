"""One running local system, and handles on its parts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import psycopg
import urllib3
from minio import Minio

from cli.launcher.run_folder import RunFolder
from cli.launcher.supervisor import Supervisor
from shared.testing.eventually import eventually


class LocalSystem:
    """A system of its own in a folder of its own, on ports of its own."""

    def __init__(self, run_dir: Path, port: int, **settings: str) -> None:
        self.run_dir = run_dir
        own = {name: value for name, value in os.environ.items() if not name.startswith("POCKETID_")}
        self.environment = own | {"POCKETID_RUN_DIR": str(run_dir), "POCKETID_PORT": str(port)} | settings
        self.env: dict[str, Any] = {}
        self._pool = urllib3.PoolManager()

    def up(self) -> None:
        """Start it (or find it up)."""
        self.pocketid("up")
        self.env = json.loads(self.pocketid("env", "--json"))

    def down(self) -> None:
        """Stop it; nothing stays."""
        self._pool.clear()
        self.pocketid("down")

    def pocketid(self, *arguments: str, expect: int = 0, said: str | None = None) -> str:
        """Run the command as an operator would (who may have ``said`` something on its standard input); its output."""
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            env=self.environment,
            input=said,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == expect, (
            f"pocketid {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout

    @property
    def gateway(self) -> str:
        """The gateway's address."""
        return str(self.env["gateway"])

    # ---- processes

    @property
    def supervisor(self) -> Supervisor:
        """The process manager."""
        return Supervisor(RunFolder.from_environment(self.environment))

    def pid(self, name: str) -> int:
        """The process id of a part, now."""
        return int(self.supervisor.states()[name].pid or 0)

    def kill(self, name: str) -> int:
        """Kill a part the hard way (it and its children); its old process id. The supervisor brings it back."""
        pid = self.pid(name)
        for process in [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        return pid

    def environment_of(self, name: str) -> dict[str, str]:
        """The environment that a part was started with, for a process of the test's own in its place."""
        return dict(psutil.Process(self.pid(name)).environ())

    def stop(self, *names: str) -> None:
        """Have the process manager stop parts; they stay down."""
        self.supervisor.stop(names, 30)

    def start(self, *names: str) -> None:
        """Have it start them again, and wait until they are ready."""
        for name in names:
            self.supervisor.start(name)
        self.wait_ready(*names)

    def freeze(self, name: str) -> None:
        """SIGSTOP: it is there, and does nothing."""
        os.kill(self.pid(name), signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """SIGCONT."""
        os.kill(self.pid(name), signal.SIGCONT)

    def wait_ready(self, *names: str, within: float = 60) -> None:
        """Wait until these parts (all when none is named) say that they are ready."""

        def unready() -> list[str]:
            rows = json.loads(self._status())
            wanted = [row for row in rows if not names or row["name"] in names]
            return [row["name"] for row in wanted if row["state"] != "RUNNING" or row["ready"] is False]

        eventually(unready, lambda found: not found, within=within, every=0.3)

    def _status(self) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "status", "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout or "[]"

    # ---- looking inside

    def sql(self, service: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a service's own database."""
        with psycopg.connect(self.env["databases"][service], autocommit=True) as connection:
            cursor = connection.execute(query, values or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def deadlocks(self) -> dict[str, int]:
        """How often each service's database had to end a transaction that waited in a circle, since it was started."""
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        return {service: int(self.sql(service, query)[0][0]) for service in self.env["databases"]}

    @cached_property
    def store(self) -> Minio:
        """The object store, as an administrator."""
        s3 = self.env["s3"]
        return Minio(
            http_client=self._pool,
            endpoint=s3["endpoint"].removeprefix("http://"),
            access_key=s3["access_key"],
            secret_key=s3["secret_key"],
            secure=False,
            region="us-east-1",
        )

    def keys(self, prefix: str) -> list[str]:
        """Every version of every object under a prefix."""
        listed = self.store.list_objects(
            bucket_name=self.env["s3"]["bucket"], prefix=prefix, recursive=True, include_version=True
        )
        return [str(found.object_name) for found in listed]
