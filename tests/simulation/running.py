"""Many seeds on all cores; what one core finds is told in one line a seed."""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulation.plants import PLANTS
from tests.simulation.scheduler import Outcome, run_seed

CHUNK = 100


@dataclass
class Summary:
    """What became of many seeds."""

    seeds: int = 0
    steps: int = 0
    commits: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    broken: list[Outcome] = field(default_factory=list)

    def told(self) -> str:
        """In a few lines, with what replays each failure."""
        rate = self.seeds / self.seconds if self.seconds else 0.0
        head = (
            f"{self.seeds} seeds in {self.seconds:.1f} s ({rate:.0f}/s; {self.cpu_seconds:.0f} s of CPU), "
            f"{self.steps // max(1, self.seeds)} steps and {self.commits // max(1, self.seeds)} commits a seed"
        )
        shown = sorted(self.broken, key=lambda outcome: outcome.seed)[:20]
        return "\n".join([head, *(f"python -m tests.simulation {each.seed}  # {each.broken}" for each in shown)])


def run_many(
    first: int, count: int, *, processes: int | None = None, enough: int = 20, plant: str | None = None
) -> Summary:
    """Play ``count`` seeds; stops early once ``enough`` of them have failed."""
    started = time.monotonic()
    cpu = _cpu_of_children()
    summary = Summary()
    chunks = [range(at, min(at + CHUNK, first + count)) for at in range(first, first + count, CHUNK)]
    context = multiprocessing.get_context("spawn")  # a fork would copy every page it touches, at half the speed
    with context.Pool(processes or os.cpu_count() or 1, _start, (plant,)) as pool:
        for seeds, steps, commits, broken in pool.imap_unordered(_run_chunk, chunks):
            summary.seeds += seeds
            summary.steps += steps
            summary.commits += commits
            summary.broken += broken
            if len(summary.broken) >= enough:
                pool.terminate()
                break
        else:
            pool.close()
        pool.join()
    summary.cpu_seconds = _cpu_of_children() - cpu
    summary.seconds = time.monotonic() - started
    return summary


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _start(plant: str | None) -> None:
    """Worlds are small and die young: the collector need not look at what was there before them."""
    if plant is not None:
        PLANTS[plant]().__enter__()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _run_chunk(seeds: Iterable[int]) -> tuple[int, int, int, list[Outcome]]:
    outcomes = [run_seed(seed) for seed in seeds]
    broken = [outcome for outcome in outcomes if outcome.broken]
    return len(outcomes), sum(o.steps for o in outcomes), sum(o.commits for o in outcomes), broken
