"""The process manager: supervisord (its configuration, its start, and the few calls we make to it).

Supervisord gives a process up after ``startretries`` failed starts; we set that so high that it does not. Its pause
before the n-th retry is n seconds, so a process that cannot start is tried for ever, less and less often. ``pocketid up``
tries all of them at once.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cli.launcher import orphans
from cli.launcher.errors import LauncherError
from cli.launcher.program import Program, script_path, write_script
from cli.launcher.run_folder import RunFolder, write_private

RETRIES = 1_000_000
POLL_SECONDS = 0.05
START_SECONDS = 15.0
KEPT_FROM_OUR_ENVIRONMENT = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE")
LIVE_STATES = frozenset({"RUNNING", "STARTING", "BACKOFF", "STOPPING"})


@dataclass(frozen=True, slots=True)
class State:
    """What the process manager says of one process."""

    name: str
    state: str
    pid: int
    started: float
    stopped: float
    """Unix seconds of the last start and the last end; 0 when there was none."""


class Supervisor:
    """One supervisord, reached by its socket in (or for) the run folder."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._config = folder.programs / "supervisord.conf"

    def configure(self, programs: Iterable[Program]) -> None:
        """Write the start scripts and the configuration; private, since they hold secrets."""
        self._folder.make_socket_folder()
        sections = [_own_section(self._folder)]
        for program in programs:
            write_script(self._folder, program)
            sections.append(_program_section(self._folder, program))
        write_private(self._config, "\n".join(sections))

    def launch(self) -> None:
        """Start supervisord in the background, with a small environment; none of its processes runs yet."""
        environment = {name: os.environ[name] for name in KEPT_FROM_OUR_ENVIRONMENT if name in os.environ}
        environment = {"LANG": "C.UTF-8"} | environment
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)]
        started = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
        if started.returncode:
            raise LauncherError(f"supervisord did not start: {(started.stdout + started.stderr).strip()}")
        self._wait_for(self.is_alive, "supervisord did not answer")
        orphans.record(self._folder, "supervisord", int(self._call("getPID")))

    def is_alive(self) -> bool:
        """Whether supervisord answers, and is not on its way out."""
        if not self._folder.socket.exists():
            return False
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except (OSError, xmlrpc.client.Error):
            return False

    def pid(self) -> int:
        """Supervisord's process id."""
        return int(self._call("getPID"))

    def states(self) -> dict[str, State]:
        """Every process, by name."""
        return {
            one["name"]: State(one["name"], one["statename"], one["pid"], one["start"], one["stop"])
            for one in self._call("getAllProcessInfo")
        }

    def start(self, name: str) -> None:
        """Start a process unless it runs; one that waits for its next retry is started now."""
        state = self.states()[name].state
        if state == "BACKOFF":
            self.stop([name], 5)
        if state not in {"RUNNING", "STARTING"}:
            self._call("startProcess", name, False)

    def stop(self, names: Iterable[str], seconds: float) -> None:
        """Ask these processes to end, all at once, and wait until they have."""
        wanted = {name for name, state in self.states().items() if state.state in LIVE_STATES} & set(names)
        for name in wanted:
            self._call("stopProcess", name, False)
        self._wait_for(
            lambda: not any(self.states()[name].state in LIVE_STATES for name in wanted), "did not stop", seconds
        )

    def shut_down(self) -> None:
        """End supervisord and wait until its process is gone."""
        before = orphans.find(self._folder)
        self._call("shutdown")
        own = {orphan for orphan in before if orphan.name == "supervisord"}
        self._wait_for(lambda: not own & set(orphans.find(self._folder)), "supervisord did not end")

    def _call(self, method: str, *arguments: object) -> Any:
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self._folder.socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)

    def _wait_for(self, condition: Callable[[], bool], otherwise: str, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise LauncherError(f"{otherwise} within {seconds:.0f} s; see {self._folder.logs / 'supervisord.log'}")
            time.sleep(POLL_SECONDS)


def _own_section(folder: RunFolder) -> str:
    return f"""\
[unix_http_server]
file = {_plain(folder.socket)}
chmod = 0600

[supervisord]
identifier = pocketid
pidfile = {_plain(folder.root / "supervisord.pid")}
logfile = {_plain(folder.logs / "supervisord.log")}
logfile_maxbytes = 5MB
logfile_backups = 2
childlogdir = {_plain(folder.logs)}
directory = /
umask = 077
{"user = root" if os.geteuid() == 0 else ""}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""


def _program_section(folder: RunFolder, program: Program) -> str:
    return f"""\
[program:{program.name}]
command = {_plain(shlex.join(("/bin/sh", str(script_path(folder, program.name)))))}
priority = {program.stage}
autostart = false
autorestart = true
startsecs = 1
startretries = {RETRIES}
stopsignal = {program.stop_signal}
stopwaitsecs = {program.stop_seconds}
killasgroup = true
redirect_stderr = true
stdout_logfile = {_plain(folder.logs / (program.name + ".log"))}
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3
"""


def _plain(value: object) -> str:
    """The value with supervisord's own escapes undone: it expands ``%(name)s`` in every option."""
    return str(value).replace("%", "%%")
