"""Claim: gateway and queue add little to the worker's own time, from upload to the "ready" event; a render is quick.

Baselines: the worker's own time for the same jobs (its own histogram), and for renders the bare pipeline in this process.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from bench.figures import claim, local_system, median, metric
from tests.portraits import builders
from tests.system.client import Guest
from tests.system.local import LocalSystem

PHOTOS = 20
RENDERS = 60


def jobs_seconds(system: LocalSystem) -> float:
    """Seconds the workers have spent on jobs so far."""
    return sum(metric(system, name, "pocketid_worker_job_seconds_sum") for name in ("worker-1", "worker-2"))


def upload_to_ready(system: LocalSystem) -> tuple[list[float], list[float], str, Guest]:
    """Seconds from the first byte sent to the event received, and the worker's part of them, one photo at a time."""
    guest = Guest(system.gateway)
    photo = builders.portrait("obama")
    ready: dict[str, float] = {}
    heard = threading.Condition()

    def listen() -> None:
        for event in guest.events():
            with heard:
                ready[event["data"]["photo_id"]] = time.monotonic()
                heard.notify_all()

    threading.Thread(target=listen, daemon=True).start()
    time.sleep(0.5)
    whole, workers = [], []
    photo_id = ""
    for _ in range(PHOTOS):
        spent, begun = jobs_seconds(system), time.monotonic()
        photo_id = guest.uploaded(photo)
        with heard:
            heard.wait_for(lambda wanted=photo_id: wanted in ready, timeout=60)
        whole.append(ready[photo_id] - begun)
        time.sleep(0.05)
        workers.append(jobs_seconds(system) - spent)
    return whole, workers, photo_id, guest


def renders(system: LocalSystem, guest: Guest, photo_id: str) -> tuple[list[float], float]:
    """Seconds of each render call through the gateway, and the worker's mean for them."""
    names = ("worker-1", "worker-2")

    def total(what: str) -> float:
        return sum(metric(system, name, f"pocketid_call_seconds_{what}") for name in names)

    guest.render(photo_id)
    spent, count, took = total("sum"), total("count"), []
    for _ in range(RENDERS):
        begun = time.monotonic()
        assert guest.render(photo_id, spec="one-inch", background="blue", max_kb=40).status_code == 201
        took.append(time.monotonic() - begun)
    return took, (total("sum") - spent) / (total("count") - count)


def bare_renders() -> list[float]:
    """Seconds of each render by the bare pipeline, cutout bytes to file bytes, one thread."""
    from services.imaging.pipeline.cutout import Cutout
    from services.imaging.pipeline.order import RenderOrder
    from services.imaging.pipeline.studio import Studio, StudioSettings

    weights = Path(sys.prefix) / "share" / "pocketid" / "weights"
    studio = Studio.load(StudioSettings(weights_dir=weights, model="u2netp", threads=1, provider="cpu"))
    cutout = studio.matte([studio.prepare(builders.portrait("obama"))])[0].to_bytes()
    order = RenderOrder.parse({"spec": "one-inch", "background": "blue", "max_kb": 40})
    took = []
    for _ in range(RENDERS):
        begun = time.monotonic()
        studio.render(Cutout.from_bytes(cutout), order)
        took.append(time.monotonic() - begun)
    return took


def main() -> None:
    with local_system() as system:
        whole, workers, photo_id, guest = upload_to_ready(system)
        over = [a - b for a, b in zip(whole, workers, strict=True)]
        called, worker_mean = renders(system, guest, photo_id)
    bare = bare_renders()
    claim(
        f"upload to the ready event, p50 of {PHOTOS} (overhead {1000 * median(over):.0f} ms p50; target <= 80 ms)",
        f"{1000 * median(whole):.0f} ms",
        f"{1000 * median(workers):.0f} ms, the worker's own time",
        median(whole) / median(workers),
        "overhead <= 80 ms",
    )
    claim(
        f"render 295x413 JPEG below 40 KB from a ready cutout, p50 of {RENDERS} through the gateway",
        f"{1000 * median(called):.1f} ms through the gateway; {1000 * worker_mean:.1f} ms mean in the worker (target <= 40 ms)",
        f"{1000 * median(bare):.1f} ms, the bare pipeline",
        median(called) / median(bare),
        "worker <= 40 ms",
    )


if __name__ == "__main__":
    main()
