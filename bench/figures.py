"""Medians, percentiles and the one way a claim is printed."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.conftest import free_port
from tests.system.local import LocalSystem


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0..1) of the values do not pass."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def claim(what: str, ours: str, baseline: str, ratio: float, target: str) -> None:
    """Print one claim."""
    print(
        f"{what}\n  ours      {ours}\n  baseline  {baseline}\n  ratio     {ratio:.2f}   (target {target})", flush=True
    )


@contextmanager
def local_system(**settings: str) -> Iterator[LocalSystem]:
    """A local system for one bench, on ports and in a folder of its own; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pocketid-bench-") as folder:
        system = LocalSystem(Path(folder), free_port(), **settings)
        print("starting a local system ...", flush=True)
        system.up()
        try:
            yield system
        finally:
            system.down()


def metric(system: LocalSystem, process: str, name: str) -> float:
    """A metric of one process, summed over its labels."""
    text = httpx.get(f"{system.env['health'][process]}/metrics").text
    lines = [line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)
