"""One supervised process: what it runs, with which environment, and how it ends."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cli.launcher.run_folder import REPOSITORY, RunFolder, write_private

FOUNDATION, INFRASTRUCTURE, SERVICES, DOOR = range(4)
"""Stages: started in this order, stopped in the reverse."""


@dataclass(frozen=True, slots=True)
class Program:
    """A process of the local system; it gets exactly ``environment``, and a small PATH, HOME and language."""

    name: str
    command: tuple[str, ...]
    stage: int
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: Path = REPOSITORY
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    niceness: int = 0
    """How much it lets the others go first, as ``nice`` counts."""

    ready_url: str | None = None
    """Answers 200 when the process can do its work."""


def script_path(folder: RunFolder, name: str) -> Path:
    """The start script of the process of this name."""
    return folder.programs / f"{name}.sh"


def write_script(folder: RunFolder, program: Program) -> None:
    """Write the process's start script: private, since it holds the process's secrets, and runnable by hand.

    Before it becomes the program, the script records its process id, its start time in clock ticks and the boot, which
    together name the process for ever: see :mod:`cli.launcher.orphans`.
    """
    record = shlex.quote(str(folder.pids / program.name))
    lines = [
        f"# Starts {program.name}; the process manager runs this, and so may you: sh {script_path(folder, program.name)}",
        "set -e",
        "umask 077",
        f"cd {shlex.quote(str(program.folder))}",
        "read -r boot < /proc/sys/kernel/random/boot_id",
        "set -- $(cat /proc/$$/stat)",
        f'echo "$1 ${{22}} $boot" > {record}',
        *(f"export {name}={shlex.quote(value)}" for name, value in sorted(program.environment.items())),
        f"exec {shlex.join(('nice', '-n', str(program.niceness), *program.command))}",
    ]
    write_private(script_path(folder, program.name), "\n".join(lines) + "\n")
