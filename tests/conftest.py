"""Fixtures that rings share."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.local import LocalSystem


def free_port() -> int:
    """A loopback port that nobody uses just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSystem]:
    """The whole local system, up once for the session (the name of its folder is short: sockets live there)."""
    run_dir: Path = tmp_path_factory.mktemp("sys")
    running = LocalSystem(run_dir, free_port())
    try:
        running.up()
        yield running
        waited_in_circles = {service: n for service, n in running.deadlocks().items() if n}
        assert waited_in_circles == {}, (
            "transactions take locks in different orders (a call failed, or took a second more)"
        )
    finally:
        running.down()
