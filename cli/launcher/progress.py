"""What a person sees while something takes its time: one line a step, with its seconds."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.status import Status


class Steps:
    """Prints each finished step with its seconds; on a terminal the running ones too. Safe to use from several threads."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._running: list[str] = []
        self._lock = threading.Lock()
        self._status: Status | None = None

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Shows ``title`` while the block runs, and how it ended."""
        started = time.monotonic()
        self._change(add=title)
        try:
            yield
        except BaseException:
            self.say(f"[red]✗[/] {title}")
            raise
        else:
            self.say(f"[green]✓[/] {title:<34} [dim]{time.monotonic() - started:6.1f} s[/]")
        finally:
            self._change(remove=title)

    def say(self, line: str) -> None:
        """Print a line above the running steps; rich markup."""
        with self._lock:
            self._console.print(line, soft_wrap=True)

    def _change(self, add: str = "", remove: str = "") -> None:
        with self._lock:
            if add:
                self._running.append(add)
            if remove:
                self._running.remove(remove)
            if not self._console.is_terminal:
                return
            if self._running and self._status is None:
                self._status = self._console.status("")
                self._status.start()
            if self._status is not None:
                self._status.update(", ".join(self._running))
            if not self._running and self._status is not None:
                self._status.stop()
                self._status = None
