"""Workers that wait where the test wants them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.testing.eventually import eventually
from tests.system.local import LocalSystem

WORKERS = ("worker-1", "worker-2")


class PausedWorker:
    """A worker process of the test's own, the only one that runs, waiting at one point."""

    def __init__(self, environment: dict[str, str], point: str, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.paused_worker", point, str(folder)],
            env=environment | {"POCKETID_HEALTH_PORT": "0", "POCKETID_PROCESS": "paused"},
            stderr=self._log,
        )

    def reached(self) -> None:
        """Wait until it is there."""
        eventually((self.folder / "reached").exists, within=60)

    def go_on(self) -> None:
        """Let it go on."""
        (self.folder / "go").touch()

    def kill(self) -> None:
        """End it where it stands."""
        self.process.kill()
        self.process.wait()
        self._log.close()


@pytest.fixture
def paused(system: LocalSystem, tmp_path: Path) -> Iterator[Callable[[str], PausedWorker]]:
    """Stops the system's workers and starts one that waits at the named point; afterwards all is as before."""
    started: list[PausedWorker] = []
    environments: list[dict[str, str]] = []

    def start(point: str) -> PausedWorker:
        if not started:
            environments.append(system.environment_of("worker-1"))
            system.stop(*WORKERS)
        environment = environments[0]
        started.append(PausedWorker(environment, point, tmp_path / str(len(started))))
        return started[-1]

    yield start
    for worker in started:
        worker.go_on()
        worker.kill()
    system.start(*WORKERS)
