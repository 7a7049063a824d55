"""Ending what a killed process manager left behind: by recorded process id and start time, never by name."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from cli.launcher.run_folder import RunFolder, write_private

AFTER_KILL_SECONDS = 5.0
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process is asked to end, and how long it may take."""

    signal: str = "TERM"
    seconds: float = 8.0


@dataclass(frozen=True, slots=True)
class Orphan:
    """A live process that a record names beyond doubt."""

    name: str
    pid: int


def record(folder: RunFolder, name: str, pid: int) -> None:
    """Record a process that was not started by a start script."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    write_private(folder.pids / name, f"{pid} {stat.rpartition(') ')[2].split()[19]} {_boot()}\n")


def find(folder: RunFolder) -> list[Orphan]:
    """The recorded processes that still live: same id, same start time, same boot."""
    alive = []
    for path in sorted(folder.pids.glob("*")):
        pid, started, boot = [*path.read_text().split(), "", "", ""][:3]
        if pid and boot == _boot() and _started(int(pid)) == started:
            alive.append(Orphan(path.name, int(pid)))
    return alive


def end(orphans: Iterable[Orphan], endings: Mapping[str, Ending]) -> None:
    """Ask each process to end, in its own way and with the time it may take; then end it and its children."""
    families: list[tuple[float, list[psutil.Process]]] = []
    for orphan in orphans:
        ending = endings.get(orphan.name, Ending())
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(orphan.pid)
            families.append((ending.seconds, [process, *process.children(recursive=True)]))
            process.send_signal(signal.Signals[f"SIG{ending.signal}"])
    asked = time.monotonic()
    for seconds, family in sorted(families, key=lambda one: one[0]):
        for process in _still_running(family, until=asked + seconds):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        _still_running(family, until=time.monotonic() + AFTER_KILL_SECONDS)


def forget(folder: RunFolder) -> None:
    """Remove every record."""
    for path in folder.pids.glob("*"):
        path.unlink()


def _still_running(processes: list[psutil.Process], until: float) -> list[psutil.Process]:
    """Wait for them to end; those that have not by then. One that only waits to be reaped has ended: init may be slow."""
    while (left := [process for process in processes if _runs(process)]) and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _started(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(") ")[2].split()
    return None if fields[0] == "Z" else fields[19]


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
