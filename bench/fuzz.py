"""Two thousand damaged image files through decoding, face finding and the checks: a coded answer each, memory flat.

``python bench/fuzz.py [--files N] [--first SEED]`` prints how many of each answer, the slowest file, and memory.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil

from services.imaging.pipeline.studio import Studio, StudioSettings
from shared.kernel.errors import PocketError
from tests.portraits import mutated

WARM_UP = 200


def answer(studio: Studio, content: bytes) -> str:
    """The code that the file gets, or ``accepted``; anything else than a coded refusal goes through."""
    try:
        studio.prepare(content)
    except PocketError as refused:
        return str(refused.actual_code)
    return "accepted"


def main() -> int:
    """Runs them all; the exit status is 1 when any file got no coded answer."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--files", type=int, default=2000)
    arguments.add_argument("--first", type=int, default=0)
    chosen = arguments.parse_args()
    studio = Studio.load(StudioSettings(threads=1))
    answers: Counter[str] = Counter()
    slowest, warm, most = (0.0, 0), 0.0, 0.0
    for count, seed in enumerate(range(chosen.first, chosen.first + chosen.files)):
        content = mutated.mutated(seed)
        start = time.process_time()
        try:
            answers[answer(studio, content)] += 1
        except Exception as crash:  # noqa: BLE001 - counting these is what this is for
            answers[f"CRASH {type(crash).__name__}"] += 1
            print(f"seed {seed}: {crash!r}", flush=True)
        slowest = max(slowest, (time.process_time() - start, seed))
        held = psutil.Process().memory_info().rss / 1e6
        warm, most = (held, held) if count == WARM_UP else (warm, max(most, held))
    for name, count in answers.most_common():
        print(f"{name:24}{count:6}")
    print(f"slowest {slowest[0]:.2f} s of processor time (seed {slowest[1]})")
    print(f"memory after {WARM_UP} files {warm:.0f} MB, most later {most:.0f} MB, at the end {held:.0f} MB")
    return int(any(name.startswith("CRASH") for name in answers))


if __name__ == "__main__":
    sys.exit(main())
