"""The worker's loop: takes matting jobs and render calls, works, settles each.

Four threads: the bus (heartbeats, settling), matting (batched inference), rendering (fast, never behind a matting job),
exporting (slow, never before anything).
Drains on SIGTERM, and by itself when its memory passes the ceiling (ONNX Runtime never returns its arena).
"""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil

from services.imaging import worker_cases as cases
from services.imaging.exporting.builder import ExportParts, build_export, fail_export
from services.imaging.worker_bus import Delivery, WorkerBus
from shared.contracts.base import UndecodableMessage, decode
from shared.contracts.imaging import MakeRender, MattePhoto
from shared.contracts.queues import DELIVERY_LIMIT, EXPORTS, MATTE_PAID
from shared.contracts.retention import BuildExport
from shared.kernel import log
from shared.kernel.errors import PocketError
from shared.kernel.personal import Secret
from shared.messaging.delivery import DeliveryPolicy, Verdict
from shared.rpc import wire
from shared.telemetry import metrics, tracing

logger = log.get_logger("worker")
LAST_DELIVERIES = DELIVERY_LIMIT - 1
"""A job that has killed this many workers is not tried again: it is shown as failed and buried."""


@dataclass(order=True)
class _Waiting:
    """A job in hand; paid ones come first, then by arrival."""

    rank: tuple[int, int]
    delivery: Delivery | None = None


class Worker:
    """Moves deliveries from the bus through the cases, and settles each."""

    def __init__(
        self,
        url: Secret[str],
        batch: int,
        parts: cases.WorkerParts,
        exports: ExportParts,
        max_rss_mb: int = 1024,
    ) -> None:
        self.parts = parts
        self.exports = exports
        self.bus = WorkerBus(url, batch, self._take_job, self._take_render, self._take_export)
        self._batch = batch
        self._max_rss = max_rss_mb * 1024 * 1024
        self._policy = DeliveryPolicy()
        self._jobs: queue.PriorityQueue[_Waiting] = queue.PriorityQueue()
        self._renders: queue.Queue[Delivery | None] = queue.Queue()
        self._exports: queue.Queue[Delivery | None] = queue.Queue()
        self._arrivals = 0
        self._draining = threading.Event()
        self._threads = [
            threading.Thread(target=self._matting, name="matting", daemon=True),
            threading.Thread(target=self._rendering, name="rendering", daemon=True),
            threading.Thread(target=self._exporting, name="exporting", daemon=True),
        ]

    def run(self) -> None:
        """Work until SIGTERM (or the memory ceiling), then finish what is in hand and return."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.drain())
        for thread in self._threads:
            thread.start()
        self.bus.run()

    def drain(self) -> None:
        """Take nothing new, finish what is in hand, stop."""
        if not self._draining.is_set():
            self._draining.set()
            self.bus.stop_consuming()
            self._jobs.put(_Waiting((2, 0)))
            self._renders.put(None)
            self._exports.put(None)
            threading.Thread(target=self._stop_when_idle, name="draining", daemon=True).start()

    def check(self) -> None:
        """Raises when a working thread has died: only a restart helps."""
        for thread in self._threads:
            if not thread.is_alive():
                raise RuntimeError(f"{thread.name} has died")

    def _stop_when_idle(self) -> None:
        for thread in self._threads:
            thread.join(timeout=20)
        time.sleep(0.2)  # let the last settlements reach the bus thread
        self.bus.stop()

    def _take_job(self, delivery: Delivery) -> None:
        self._arrivals += 1
        paid = delivery.listener is MATTE_PAID
        self._jobs.put(_Waiting((0 if paid else 1, self._arrivals), delivery))

    def _take_render(self, delivery: Delivery) -> None:
        self._renders.put(delivery)

    def _take_export(self, delivery: Delivery) -> None:
        self._exports.put(delivery)

    # ---- matting

    def _matting(self) -> None:
        while True:
            deliveries = self._next_batch()
            if not deliveries:
                return
            with metrics.JOB_SECONDS.time():
                self._matte(deliveries)
            self._look_at_memory()

    def _next_batch(self) -> list[Delivery]:
        """At least one job, and as many more as are already here; none when draining is done."""
        batch = [self._jobs.get().delivery]
        while len(batch) < self._batch and batch[-1] is not None:
            try:
                batch.append(self._jobs.get_nowait().delivery)
            except queue.Empty:
                break
        if batch[-1] is None and len(batch) > 1:
            self._jobs.put(_Waiting((2, 0)))
        return [delivery for delivery in batch if delivery is not None]

    def _matte(self, deliveries: list[Delivery]) -> None:
        ready: list[tuple[Delivery, cases.Prepared]] = []
        for delivery in deliveries:
            self._guarded(delivery, partial(self._prepare_into, ready, delivery), settle_success=False)
        if not ready:
            return
        try:
            cutouts = cases.matte_batch([prepared for _, prepared in ready], self.parts)
        except Exception as error:  # noqa: BLE001 - one bad photo may fail a batch: each is judged, and retried alone
            for delivery, _ in ready:
                self._settle(delivery, error)
            return
        for (delivery, prepared), cutout in zip(ready, cutouts, strict=True):
            self._guarded(delivery, partial(cases.finish_job, prepared, cutout, self.parts))

    def _prepare_into(self, ready: list[tuple[Delivery, cases.Prepared]], delivery: Delivery) -> None:
        ready.append((delivery, self._prepare(delivery)))

    def _prepare(self, delivery: Delivery) -> cases.Prepared:
        job = _job_of(delivery)
        if delivery.deliveries >= LAST_DELIVERIES:
            raise UndecodableMessage("this job has killed too many workers")
        with tracing.span("imaging.matte prepare", decode(delivery.body)[1]):
            return cases.prepare_job(job, self.parts)

    def _guarded(self, delivery: Delivery, step: Callable[[], Any], *, settle_success: bool = True) -> None:
        try:
            step()
        except cases.Void as void:
            logger.info("job void", detail=str(void))
            self._settle(delivery, None)
        except Exception as error:  # noqa: BLE001 - whatever happened is a judgement on this job, never the worker's end
            self._settle(delivery, error)
        else:
            if settle_success:
                self._settle(delivery, None)

    def _settle(self, delivery: Delivery, error: BaseException | None) -> None:
        judgement = self._policy.judge(error, delivery.attempt)
        kind = ""
        if error is not None:
            kind = str(error.actual_code) if isinstance(error, PocketError) else type(error).__name__
            detail = error.detail if isinstance(error, PocketError) else wire.where(error)
            logger.warning(
                "job not done", attempt=delivery.attempt, verdict=judgement.verdict, error=kind, detail=detail
            )
        if judgement.verdict is Verdict.BURY:
            self._show_failure(delivery)
        queue_name = delivery.listener.queue if delivery.listener else "?"
        metrics.HANDLED.labels(queue_name, judgement.verdict).inc()
        self.bus.settle(delivery, judgement, kind)

    def _show_failure(self, delivery: Delivery) -> None:
        try:
            if delivery.listener is EXPORTS:
                fail_export(_export_of(delivery), self.exports)
            else:
                cases.fail_job(_job_of(delivery), self.parts)
        except Exception as error:  # noqa: BLE001 - the burial itself must go on; the operator finds the job among the dead
            logger.error("failure not shown", error=type(error).__name__)

    # ---- rendering

    def _rendering(self) -> None:
        while True:
            delivery = self._renders.get()
            if delivery is None:
                return
            self._render(delivery)
            self._look_at_memory()

    def _render(self, delivery: Delivery) -> None:
        started = time.monotonic()
        result, failure = None, None
        try:
            call = wire.decode_call(delivery.body, MakeRender)
            assert isinstance(call, MakeRender)
            with tracing.span("imaging.render", delivery.traceparent):
                result = cases.make_render(call, self.parts)
        except Exception as error:  # noqa: BLE001 - every call gets an answer; unknown errors become `internal`
            failure = error
            if not isinstance(error, PocketError):
                logger.error("render failed", error=type(error).__name__, detail=wire.where(error))
        code = failure.actual_code if isinstance(failure, PocketError) else "internal" if failure else "ok"
        metrics.CALLS.labels("render", code).inc()
        metrics.CALL_SECONDS.labels("render").observe(time.monotonic() - started)
        self.bus.reply(delivery, wire.encode_reply(result, failure))

    # ---- exporting

    def _exporting(self) -> None:
        while True:
            delivery = self._exports.get()
            if delivery is None:
                return
            self._guarded(delivery, partial(self._export, delivery))
            self._look_at_memory()

    def _export(self, delivery: Delivery) -> None:
        if delivery.deliveries >= LAST_DELIVERIES:
            raise UndecodableMessage("this export has killed too many workers")
        with tracing.span("imaging.export", decode(delivery.body)[1]):
            build_export(_export_of(delivery), self.exports)

    def _look_at_memory(self) -> None:
        rss = psutil.Process().memory_info().rss
        metrics.WORKER_RSS.set(rss)
        if rss > self._max_rss and not self._draining.is_set():
            logger.warning("memory ceiling passed, draining", rss_mb=rss // 2**20)
            self.drain()


def _job_of(delivery: Delivery) -> MattePhoto:
    job, _ = decode(delivery.body)
    if not isinstance(job, MattePhoto):
        raise UndecodableMessage("not a matting job")
    return job


def _export_of(delivery: Delivery) -> BuildExport:
    job, _ = decode(delivery.body)
    if not isinstance(job, BuildExport):
        raise UndecodableMessage("not an export")
    return job
