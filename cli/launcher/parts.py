"""What the infrastructure of the local system has in common, and the two ways to have it: our own server, or the user's."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cli.launcher.errors import LauncherError
from cli.launcher.program import Program
from cli.launcher.run_folder import RunFolder

READY_SECONDS = 90.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Site:
    """Where a part lives: the run folder and the ports it was given."""

    folder: RunFolder
    ports: Mapping[str, int]


class Part(Protocol):
    """A piece of infrastructure: PostgreSQL, the S3 store or the message broker."""

    @property
    def title(self) -> str:
        """What a person calls it."""

    def programs(self) -> list[Program]:
        """The processes to supervise, in starting order; none when the user has a server."""

    def prepare(self) -> None:
        """Make folders and configuration before the first process starts."""

    def settings(self) -> dict[str, str]:
        """The ``POCKETID_*`` settings that lead to it."""

    def is_ready(self) -> bool:
        """Whether it does its work now; never raises for a server that is still starting."""

    def clean_up(self) -> None:
        """Remove what a stopped server leaves outside its data folder."""


def wait_until_ready(part: Part, has_failed: Callable[[], str | None]) -> None:
    """Return when the part is ready; raises when it is not in time, or as soon as ``has_failed`` says why it never will."""
    deadline = time.monotonic() + READY_SECONDS
    while not part.is_ready():
        reason = has_failed()
        if reason is None and time.monotonic() > deadline:
            reason = f"not ready after {READY_SECONDS:.0f} s"
        if reason is not None:
            raise LauncherError(f"{part.title}: {reason}")
        time.sleep(POLL_SECONDS)
