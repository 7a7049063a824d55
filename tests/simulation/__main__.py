"""``python -m tests.simulation SEED`` replays one seed step by step; ``--seeds N [--first S]`` plays many."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext

from tests.simulation.plants import PLANTS
from tests.simulation.running import run_many
from tests.simulation.scheduler import run_seed


def main() -> int:
    """0 when no rule broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", help="replay this one, with every step")
    parser.add_argument("--seeds", type=int, default=0, help="play so many")
    parser.add_argument("--first", type=int, default=0, help="beginning with this one")
    parser.add_argument("--plant", choices=sorted(PLANTS), help="with a bug planted")
    asked = parser.parse_args()
    if asked.seeds:
        summary = run_many(asked.first, asked.seeds, plant=asked.plant)
        print(summary.told())
        return int(bool(summary.broken))
    if asked.seed is None:
        parser.error("a seed, or --seeds")
    with PLANTS[asked.plant]() if asked.plant else nullcontext():
        outcome = run_seed(asked.seed, trace=True)
    print("\n".join(outcome.trace))
    print(f"seed {asked.seed}: {outcome.steps} steps, {outcome.commits} commits; {outcome.broken or 'all rules hold'}")
    return int(bool(outcome.broken))


if __name__ == "__main__":  # each core of a run imports this file, too
    sys.exit(main())
