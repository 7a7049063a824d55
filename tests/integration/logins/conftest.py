"""One stand-in process for all tests of logins, cleaned between them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.auth.providers.port import LoginProvider
from tests.integration.logins.playing import IMPATIENT, StandIn

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def process() -> Iterator[StandIn]:
    """``python -m standins.logins`` on a free port."""
    environ = {**os.environ, "POCKETID_PROFILE": "local"}
    command = [sys.executable, "-m", "standins.logins", "--port", "0"]
    ran = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)
    assert ran.stdout is not None
    try:
        line = ran.stdout.readline()
        assert "http://" in line, "the stand-ins did not start"
        standin = StandIn("http://" + line.strip().rpartition("http://")[2])
        yield standin
        standin.http.close()
    finally:
        ran.terminate()
        ran.wait(10)
        ran.stdout.close()


@pytest.fixture
def standin(process: StandIn) -> Iterator[StandIn]:
    """No fault in force, and the present time."""
    yield process
    process.reset()


@pytest.fixture(scope="session")
def providers(process: StandIn) -> dict[str, LoginProvider]:
    """Every provider, as a service builds them (but for keys, which tests rotate)."""
    return process.providers(login_keys_refetch_seconds=0)


@pytest.fixture(scope="session")
def impatient(process: StandIn) -> dict[str, LoginProvider]:
    """The same, waiting a third of a second."""
    return process.providers(login_read_seconds=IMPATIENT, login_keys_refetch_seconds=0)
