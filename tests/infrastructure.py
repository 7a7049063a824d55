"""Real servers for tests: PostgreSQL and the S3 store, each alone, on loopback, in a folder that goes with them.

They are the launcher's own parts, without the launcher: what a test meets is what ``make run`` starts.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from cli.launcher import postgres, store
from cli.launcher.databases import provision, service_dsns
from cli.launcher.errors import LauncherError
from cli.launcher.parts import Part, Site, wait_until_ready
from cli.launcher.ports import assign
from cli.launcher.program import Program
from cli.launcher.run_folder import RunFolder
from shared.db.migrate import migrate, migrations_of

SERVICES = ("auth", "imaging", "payments", "retention")
P = TypeVar("P", bound=Part)


@contextmanager
def running_postgres() -> Iterator[dict[str, str]]:
    """A PostgreSQL with one migrated database and role a service; the DSNs by service, and the superuser's as ``admin``."""
    with _running(postgres.OwnPostgres, postgres.PORTS) as part:
        dsns = service_dsns(part.site.folder, part.dsn, SERVICES)
        provision(part.dsn, dsns)
        by_service = {service: dsns[f"POCKETID_{service.upper()}_DSN"] for service in SERVICES}
        for service, dsn in by_service.items():
            migrate(dsn, migrations_of(service))
        yield {**by_service, "admin": part.dsn}


@contextmanager
def running_store() -> Iterator[dict[str, str]]:
    """An S3 store with generated keys and an empty bucket; its ``POCKETID_S3_*`` settings."""
    with _running(store.OwnStore, store.PORTS) as part:
        yield part.settings()


@contextmanager
def missing_is_a_failure_under_ci() -> Iterator[None]:
    """Skips where a server cannot be started; where everything must be there, fails."""
    try:
        yield
    except LauncherError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"infrastructure missing: {error}")


@contextmanager
def _running(kind: Callable[[Site], P], ports: Sequence[str]) -> Iterator[P]:
    root = Path(tempfile.mkdtemp(prefix="pocketid-part-", dir="/tmp"))
    root.chmod(0o755)
    with ExitStack() as ending:
        ending.callback(shutil.rmtree, root, ignore_errors=True)
        folder = RunFolder(root / "run")
        folder.make()
        part = kind(Site(folder, assign(folder, ports)))
        programs = part.programs()
        part.prepare()
        ending.callback(part.clean_up)
        processes = [_start(program, folder, ending) for program in programs]
        wait_until_ready(part, lambda: _died(processes))
        yield part


def _start(program: Program, folder: RunFolder, ending: ExitStack) -> subprocess.Popen[bytes]:
    log = ending.enter_context((folder.logs / f"{program.name}.log").open("wb"))
    environment = {"PATH": os.environ["PATH"], "HOME": str(program.folder), "LANG": "C.UTF-8", **program.environment}
    process = subprocess.Popen(
        program.command, cwd=program.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    ending.callback(_stop, process, program)
    return process


def _stop(process: subprocess.Popen[bytes], program: Program) -> None:
    if process.poll() is None:
        process.send_signal(signal.Signals[f"SIG{program.stop_signal}"])
    try:
        process.wait(program.stop_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _died(processes: list[subprocess.Popen[bytes]]) -> str | None:
    ended = [process.returncode for process in processes if process.poll() is not None]
    return f"ended with status {ended[0]}" if ended else None
