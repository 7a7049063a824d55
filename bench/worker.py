"""Claim: two one-thread workers matte nearly as many photos a second as bare inference does with the same weights and cores.

Baseline: two processes that do nothing but run the same ONNX model on one thread each. ``--photos 1000`` also shows that
the workers' memory stays flat.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from bench.figures import claim, local_system
from tests.portraits import builders
from tests.system.client import Guest
from tests.system.local import LocalSystem

WORKERS = ("worker-1", "worker-2")


def bare_inference(seconds: float, start: mp.synchronize.Barrier, counts: mp.Queue[tuple[float, float]]) -> None:
    """One process of the baseline: inferences a second, and CPU seconds an inference."""
    import numpy as np
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    weights = Path(sys.prefix) / "share" / "pocketid" / "weights" / "u2netp.onnx"
    session = ort.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    picture = np.random.default_rng(0).random((1, 3, 320, 320), dtype=np.float32)
    session.run(None, {name: picture})
    start.wait()
    done, begun, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() - begun < seconds:
        session.run(None, {name: picture})
        done += 1
    counts.put((done / (time.monotonic() - begun), (time.process_time() - cpu) / done))


def baseline(seconds: float) -> tuple[float, float]:
    """Inferences a second of two bare processes together, and CPU seconds an inference."""
    context = mp.get_context("spawn")
    start, counts = context.Barrier(2), context.Queue()
    processes = [context.Process(target=bare_inference, args=(seconds, start, counts)) for _ in WORKERS]
    for process in processes:
        process.start()
    results = [counts.get() for _ in processes]
    for process in processes:
        process.join()
    return sum(rate for rate, _ in results), sum(cpu for _, cpu in results) / len(results)


def rss_mb(system: LocalSystem) -> list[int]:
    """Resident memory of the workers."""
    return [psutil.Process(system.pid(name)).memory_info().rss // 2**20 for name in WORKERS]


def cpu_seconds(system: LocalSystem) -> float:
    """CPU seconds that the workers have used so far."""
    times = [psutil.Process(system.pid(name)).cpu_times() for name in WORKERS]
    return sum(one.user + one.system for one in times)


def ours(system: LocalSystem, photos: int) -> tuple[float, float, list[list[int]]]:
    """Photos a second from the first to the last that became ready (uploads are faster than the workers), CPU seconds a
    photo, and the memory on the way.
    """
    guest = Guest(system.gateway)
    bytes_ = builders.portrait("obama")
    memory, cpu = [rss_mb(system)], cpu_seconds(system)
    query = "SELECT count(*), extract(epoch FROM max(changed_at) - min(changed_at)) FROM photos WHERE state = 'ready'"

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: guest.uploaded(bytes_), range(photos)))
    print(f"  {photos} uploaded, waiting for the workers ...", flush=True)
    while True:
        ready, seconds = system.sql("imaging", query)[0]
        if ready % 100 == 0 or ready >= photos:
            memory.append(rss_mb(system))
        if ready >= photos:
            return (ready - 1) / float(seconds), (cpu_seconds(system) - cpu) / photos, memory
        time.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=12)
    wanted = parser.parse_args()
    before, cpu_before = baseline(wanted.seconds)
    # Tokens live longer here than a run lasts.
    with local_system(POCKETID_ACCESS_TOKEN_SECONDS="3600") as system:
        rate, cpu, memory = ours(system, wanted.photos)
    after, cpu_after = baseline(wanted.seconds)
    bare, bare_cpu = (before + after) / 2, (cpu_before + cpu_after) / 2
    what = "worker throughput (one 800x1000 portrait a photo, decode to stored cutout)"
    claim(
        f"{what}, by the clock",
        f"{rate:.2f} photos/s, two one-thread workers",
        f"{bare:.2f} inferences/s, two one-thread processes, same weights ({before:.2f} before, {after:.2f} after)",
        rate / bare,
        ">= 0.85",
    )
    claim(
        f"{what}, by CPU time, which other load on the machine disturbs less",
        f"{1000 * cpu:.0f} ms CPU a photo",
        f"{1000 * bare_cpu:.0f} ms CPU a bare inference ({1000 * cpu_before:.0f} before, {1000 * cpu_after:.0f} after)",
        bare_cpu / cpu,
        ">= 0.85",
    )
    peak = [max(one) for one in zip(*memory, strict=True)]
    print(f"worker memory, MB: start {memory[0]}, peak {peak}, end {memory[-1]} (target <= 400, flat)")


if __name__ == "__main__":
    main()
