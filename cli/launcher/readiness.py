"""Asking processes whether they can work, and noticing early those that never will."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path

from cli.launcher.errors import LauncherError
from cli.launcher.progress import Steps
from cli.launcher.run_folder import RunFolder
from cli.launcher.supervisor import Supervisor

READY_SECONDS = 120.0
POLL_SECONDS = 0.1
ENDS_THAT_TELL = 3
"""A process that ended this often while we wait will not come up by waiting longer."""

LOG_LINES = 8
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_ready(url: str) -> bool:
    """Whether the URL answers 200 within a second."""
    try:
        with _opener.open(url, timeout=1.0) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


class Watch:
    """Counts how often processes end while somebody waits for them."""

    def __init__(self, folder: RunFolder, supervisor: Supervisor) -> None:
        self._folder = folder
        self._supervisor = supervisor
        self._ends: dict[str, set[float]] = {}

    def failure_of(self, names: Iterable[str]) -> str | None:
        """Why these will not become ready, with the end of the log; ``None`` while there is hope."""
        states = self._supervisor.states()
        for name in names:
            state = states[name]
            ends = self._ends.setdefault(name, {state.stopped})
            ends.add(state.stopped)
            if state.state == "FATAL" or len(ends) > ENDS_THAT_TELL:
                return f"{name} keeps ending. {self.last_words(name)}"
        return None

    def last_words(self, name: str) -> str:
        """The end of a process's log, for an error message."""
        log = self._folder.logs / f"{name}.log"
        return f"The end of {log}:\n{last_lines(log)}"


def wait_until_ready(urls: Mapping[str, str], watch: Watch, steps: Steps) -> None:
    """Return when every process (name: URL) is ready, saying so one by one; raises with the log of one that is not."""
    started = time.monotonic()
    waiting = dict(urls)
    while waiting:
        for name in [name for name, url in waiting.items() if is_ready(url)]:
            del waiting[name]
            steps.say(f"[green]✓[/] {name:<34} [dim]{time.monotonic() - started:6.1f} s[/]")
        reason = watch.failure_of(waiting)
        if reason is None and waiting and time.monotonic() - started > READY_SECONDS:
            reason = f"not ready after {READY_SECONDS:.0f} s: {', '.join(waiting)}. {watch.last_words(min(waiting))}"
        if reason is not None:
            raise LauncherError(reason)
        time.sleep(POLL_SECONDS if waiting else 0)


def last_lines(log: Path, count: int = LOG_LINES) -> str:
    """The last lines of a log, or that there are none."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        lines = []
    return "\n".join(f"  {line[:300]}" for line in lines) or "  (empty)"
