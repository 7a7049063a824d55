"""The pipeline's own cost: a photo made ready, against nothing but the matting network's inference, same weights and threads.

``python bench/pipeline.py [--rounds N] [--threads N]`` prints medians in milliseconds of processor time (on an idle
machine with one thread: of wall time) and the ratio of the two. "bare" is
ONNX Runtime's own defaults on the file as published; "lean" is our session alone. The rounds alternate, so that a noisy
machine disturbs all alike.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import onnxruntime

from services.imaging.pipeline import registry
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.studio import Studio, StudioSettings
from tests.portraits import builders

PHOTOS: dict[str, Callable[[], bytes]] = {
    "astronaut 0.3 Mpx": lambda: builders.portrait("astronaut"),
    "obama 1.0 Mpx": lambda: builders.portrait("obama"),
    "biden 2.1 Mpx": lambda: builders.portrait("biden"),
    "obama 11 Mpx": builders.large,
}
ORDER = {"spec": "cn-id-card", "background": "blue"}


def plain_session(threads: int) -> Any:
    """The published network in a session with ONNX Runtime's defaults, but for the number of threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    file = registry.default_weights_dir() / "u2netp.onnx"
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def measure(studio: Studio, plain: Any, content: bytes, rounds: int) -> dict[str, float]:
    """Median milliseconds of each part, over ``rounds`` alternating rounds after one to warm up."""
    taken: dict[str, list[float]] = {}
    order = RenderOrder.parse(ORDER)
    tensor = np.random.default_rng(1).standard_normal((1, 3, 320, 320)).astype(np.float32)
    first = plain.get_outputs()[0].name
    for _ in range(rounds + 1):
        start = time.process_time()
        prepared = studio.prepare(content)
        ready = time.process_time()
        stored = studio.matte([prepared])[0].to_bytes()
        matted = time.process_time()
        plain.run([first], {plain.get_inputs()[0].name: tensor})
        bare = time.process_time()
        studio._matter.infer([tensor[0]])
        lean = time.process_time()
        studio.render(Cutout.from_bytes(stored), order)
        done = time.process_time()
        for name, value in {
            "prepare": ready - start,
            "matte": matted - ready,
            "whole": matted - start,
            "bare": bare - matted,
            "lean": lean - bare,
            "render": done - lean,
        }.items():
            taken.setdefault(name, []).append(1000 * value)
    return {name: statistics.median(values[1:]) for name, values in taken.items()} | {"kB": len(stored) / 1000}


def main() -> None:
    """Prints one line a photo, and the ratio over all of them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--threads", type=int, default=1)
    chosen = arguments.parse_args()
    studio = Studio.load(StudioSettings(threads=chosen.threads))
    plain = plain_session(chosen.threads)
    results = {name: measure(studio, plain, build(), chosen.rounds) for name, build in PHOTOS.items()}
    print(
        f"{'photo':20}{'prepare':>9}{'matte':>9}{'whole':>9}{'bare':>9}{'lean':>9}{'ratio':>7}{'render':>8}{'cutout kB':>11}"
    )
    for name, row in results.items():
        times = f"{row['prepare']:9.1f}{row['matte']:9.1f}{row['whole']:9.1f}{row['bare']:9.1f}{row['lean']:9.1f}"
        print(f"{name:20}{times}{row['whole'] / row['bare']:7.2f}{row['render']:8.1f}{row['kB']:11.0f}")
    whole, bare = (sum(row[part] for row in results.values()) for part in ("whole", "bare"))
    print(f"whole pipeline over bare inference, {chosen.threads} thread(s): {whole / bare:.3f}")


if __name__ == "__main__":
    main()
