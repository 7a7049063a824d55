"""Free ports on loopback, chosen once and remembered, so that addresses stay the same from one start to the next."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable

from cli.launcher.run_folder import RunFolder

LOOPBACK = "127.0.0.1"
CHOICE = range(20000, 32000)
"""Below the ports that Linux hands to outgoing connections, so that none of those can take ours meanwhile."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def assign(folder: RunFolder, names: Iterable[str]) -> dict[str, int]:
    """A port for each name: the one it had last time when that is still free, else a new one. Remembered."""
    before: dict[str, int] = folder.recall("ports") or {}
    ports = {name: before[name] for name in names if name in before and is_free(before[name])}
    for name in names:
        if name not in ports:
            ports[name] = _free_port({*ports.values(), *before.values()})
    folder.remember("ports", before | ports)
    return ports


def _free_port(taken: set[int]) -> int:
    while True:
        port = random.choice(CHOICE)
        if port not in taken and is_free(port):
            return port
