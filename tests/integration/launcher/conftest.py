"""A real local system in a temporary folder: real PostgreSQL, SeaweedFS, RabbitMQ and supervisord, stubs for services."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cli.launcher.broker import find_server
from cli.launcher.errors import LauncherError
from cli.launcher.ports import _free_port
from cli.launcher.processes import TABLE
from cli.launcher.progress import Steps
from cli.launcher.run_folder import RunFolder
from cli.launcher.system import System

STUBS = tuple(replace(service, arguments=("tests.integration.launcher.stub_service",)) for service in TABLE)
OWN = {"POCKETID_UNLOCK_POLICY": "paid"}
"""A setting of the user's that no table names."""

MakeSystem = Callable[..., System]


def new_system(**environ: str) -> System:
    """A system that was never up, in a folder of its own, on a free port."""
    root = Path(tempfile.mkdtemp(prefix="pocketid-test-", dir="/tmp"))
    root.chmod(0o755)
    return System(RunFolder(root / "run"), {"POCKETID_PORT": str(_free_port(set())), **OWN, **environ}, STUBS)


def discard(system: System) -> None:
    """Down, and its folder gone."""
    system.down(Steps())
    shutil.rmtree(system.folder.root.parent)


@pytest.fixture(scope="session", autouse=True)
def _rabbitmq_is_installed() -> None:
    try:
        find_server()
    except LauncherError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def make_system() -> Iterator[MakeSystem]:
    """Makes systems that are never left behind."""
    made: list[System] = []

    def make(**environ: str) -> System:
        made.append(new_system(**environ))
        return made[-1]

    yield make
    for system in made:
        discard(system)


@pytest.fixture(scope="module")
def running() -> Iterator[System]:
    """One system that is up, shared by the tests that only look at it."""
    system = new_system()
    try:
        system.up(Steps())
        yield system
    finally:
        discard(system)
