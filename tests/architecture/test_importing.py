"""Importing is harmless: no module connects, writes or needs a setting when it is imported."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.architecture.sources import ROOT, sources

WITNESS = """
import importlib, json, os, sys

sys.path.insert(0, sys.argv[1])
FORBIDDEN = ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.fork", "os.exec",
             "os.remove", "os.mkdir", "os.rename", "tempfile.mkstemp", "tempfile.mkdtemp")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
done = []

def witness(event, arguments):
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
    if event == "socket.bind" and arguments[1] == ("::1", 0):
        return  # urllib3 asks the kernel whether it knows IPv6; nothing leaves the machine
    if (event in FORBIDDEN or writes) and not str(arguments[:1]).startswith("('/dev/"):
        done.append(f"{now}: {event} {str(arguments)[:120]}")
        raise PermissionError(event)

sys.addaudithook(witness)
for now in json.loads(sys.argv[2]):
    importlib.import_module(now)
print(json.dumps(done))
"""

RIM = [
    s.module
    for s in sources()
    if s.name.startswith("shared/host/") or s.name.endswith(("/service.py", "_service.py", "/__main__.py"))
]
REST = [s.module for s in sources() if s.module not in RIM]


def import_all(modules: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "-W", "ignore", "-c", WITNESS, str(ROOT), json.dumps(modules)]
    return subprocess.run(command, env={}, cwd="/", capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("modules", [REST, ["shared.host", *RIM]], ids=["everything else", "the rim"])
def test_importing_any_module_connects_to_nothing_writes_nothing_and_needs_no_setting(modules: list[str]) -> None:
    """In an empty environment, from another folder, with sockets, processes and writing forbidden."""
    ran = import_all(modules)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert json.loads(ran.stdout.splitlines()[-1]) == []


def test_the_witness_of_imports_is_awake() -> None:
    """A module that writes when imported would be noticed."""
    ran = import_all(["tests.architecture.bad_import_for_the_witness"])
    assert ran.returncode != 0
    assert "PermissionError" in ran.stderr
