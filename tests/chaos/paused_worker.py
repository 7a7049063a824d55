"""A real worker that stops at a point the test chose, and goes on (or is killed) when the test says so.

``python -m tests.chaos.paused_worker POINT FOLDER``: at the point it writes ``FOLDER/reached`` and waits for ``FOLDER/go``.
Nothing is patched: the worker's parts are parameters, and one of them is wrapped here.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.imaging.worker import build, serve
from shared.kernel import log
from shared.kernel.settings import WorkerSettings, load
from shared.telemetry import health


class Gate:
    """Where the worker waits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def wait(self) -> None:
        """Say that we are here; go on when told."""
        (self._folder / "reached").touch()
        while not (self._folder / "go").exists():
            time.sleep(0.005)


class Gated:
    """A part of the worker whose one method waits at the gate, before or after its work."""

    def __init__(self, part: Any, method: str, gate: Gate, *, after: bool) -> None:
        self._part = part
        self._method = method
        self._gate = gate
        self._after = after

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._part, name)
        if name != self._method:
            return real

        def gated(*arguments: Any, **named: Any) -> Any:
            if not self._after:
                self._gate.wait()
            answer = real(*arguments, **named)
            if self._after:
                self._gate.wait()
            return answer

        return gated


POINTS = {
    "before the original is fetched": ("store", "get", False),
    "before the matte": ("studio", "matte", False),
    "before the cutout is written": ("store", "put", False),
    "after the cutout is written": ("store", "put", True),
}


def main() -> None:
    """The process."""
    point, folder = sys.argv[1], Path(sys.argv[2])
    settings = load(WorkerSettings)
    log.configure(settings.process, settings.log_level)
    worker = build(settings)
    part, method, after = POINTS[point]
    gated = Gated(getattr(worker.parts, part), method, Gate(folder), after=after)
    worker.parts = replace(worker.parts, **{part: gated})
    pages = health.Health()
    pages.ready["models"] = lambda: None
    health.serve(pages, settings.health_host, settings.health_port)
    serve(worker, pages)


if __name__ == "__main__":
    main()
