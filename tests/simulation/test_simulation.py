"""The seven rules, whatever happens in whatever order: many seeds, each a run of all services with deaths at every step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.running import run_many
from tests.simulation.scheduler import run_seed

SEEDS = int(os.environ.get("POCKETID_SIMULATION_SEEDS", "20000"))
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)
def test_whatever_happens_in_whatever_order_the_seven_rules_hold() -> None:
    """A failing seed prints what replays it. ``POCKETID_SIMULATION_SEEDS`` says how many."""
    summary = run_many(0, SEEDS)
    print(summary.told())
    assert not summary.broken, summary.told()
    assert summary.seeds == SEEDS


def test_one_seed_is_always_the_same_run() -> None:
    """Step by step, in this process and in another one whose hashes differ: else nothing could be replayed."""
    for seed in (1, 2, 3):
        here = run_seed(seed, trace=True)
        assert here.trace == run_seed(seed, trace=True).trace
        command = [sys.executable, "-W", "ignore", "-m", "tests.simulation", str(seed)]
        told = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True
        )
        assert told.stdout.splitlines()[:-1] == here.trace
