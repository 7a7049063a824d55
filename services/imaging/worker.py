"""``python -m services.imaging.worker``: the only process that touches pixels. Models are loaded and warm before it is ready."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.imaging.adapters.keys import READING, AskedKeys
from services.imaging.adapters.postgres import PostgresImaging
from services.imaging.exporting.builder import ExportParts
from services.imaging.pipeline.registry import WeightsMissing
from services.imaging.worker_cases import Cutout, Rendered, WorkerParts
from services.imaging.worker_loop import Worker
from shared.crypto import Keyring
from shared.crypto.subject_keys import KeyCache
from shared.db import Database, UnitOfWork
from shared.kernel import log
from shared.kernel.clock import utc_now
from shared.kernel.personal import Secret
from shared.kernel.settings import WorkerSettings, load, named_keys, one_key
from shared.rpc.asking_plain import PlainAsker
from shared.storage import S3Store
from shared.telemetry import health, tracing


class PipelineStudio:
    """The pipeline behind the worker's port: orders come as plain dictionaries, cutouts as stored bytes."""

    def __init__(self, settings: WorkerSettings) -> None:
        # Imported here: the models' libraries are heavy, and only a worker that runs needs them.
        from services.imaging.pipeline.cutout import Cutout as PipelineCutout
        from services.imaging.pipeline.order import RenderOrder
        from services.imaging.pipeline.studio import Studio, StudioSettings

        self._cutouts = PipelineCutout
        self._orders = RenderOrder
        self._studio = Studio.load(
            StudioSettings(
                weights_dir=settings.weights_dir or Path(sys.prefix) / "share" / "pocketid" / "weights",
                model=settings.matting_model,
                threads=settings.worker_threads,
                provider=settings.worker_provider,
            )
        )

    def prepare(self, photo_bytes: bytes, *, people: int = 1) -> Any:
        """Decode, find the face (or both of two people), check."""
        return self._studio.prepare(photo_bytes, people=people)

    def matte(self, prepared: Sequence[Any]) -> Sequence[Cutout]:
        """Cut the persons out, in one inference."""
        return self._studio.matte(prepared)

    def cutout_picture(self, cutout_bytes: bytes) -> bytes:
        """A stored cutout as a PNG, half size."""
        import cv2
        import numpy as np

        colours, alpha = self._cutouts.from_bytes(cutout_bytes).person(2)
        picture = np.dstack([cv2.cvtColor(colours, cv2.COLOR_RGB2BGR), alpha])
        return bytes(cv2.imencode(".png", picture)[1].tobytes())

    def order_of(self, order: dict[str, Any]) -> Any:
        """The order, understood."""
        return self._orders.parse(order)

    def render(self, cutout_bytes: bytes, order: Any) -> Rendered:
        """A finished ID photo from a stored cutout."""
        return self._studio.render(self._cutouts.from_bytes(cutout_bytes), order)


def build(settings: WorkerSettings) -> Worker:
    """A worker with real parts."""
    url = settings.amqp_url.get_secret_value()
    database = Database(Secret(settings.imaging_dsn.get_secret_value()), max_connections=4)
    asker, keyring, cache = PlainAsker(url, connections=3), Keyring(named_keys(settings.master_keys)), KeyCache()
    store, studio = S3Store(settings), PipelineStudio(settings)
    exports = ExportParts(asker, store, AskedKeys(asker, keyring, cache, READING), studio, utc_now)
    parts = WorkerParts(
        work=UnitOfWork(database, PostgresImaging, one_key(settings.tombstone_key)),
        store=store,
        keys=AskedKeys(asker, keyring, cache),
        studio=studio,
        clock=utc_now,
        unlock_policy=settings.unlock_policy,
    )
    return Worker(Secret(url), settings.worker_batch, parts, exports, settings.worker_max_rss_mb)


def main() -> None:
    """The process: health pages at once, ready when the models are loaded and messages are consumed."""
    settings = load(WorkerSettings)
    log.configure(settings.process, settings.log_level)
    tracing.configure(settings.process)
    pages = health.Health()
    pages.ready["models"] = _not_yet
    health.serve(pages, settings.health_host, settings.health_port)
    try:
        worker = build(settings)
    except WeightsMissing as error:
        raise SystemExit(f"refused to start: {error.detail}") from None
    serve(worker, pages)


def serve(worker: Worker, pages: health.Health) -> None:
    """Run the worker with its checks on the health pages."""
    del pages.ready["models"]
    pages.live["threads"] = worker.check
    pages.live["loop"] = worker.bus.pulse.check
    pages.ready["consuming"] = worker.bus.check
    log.get_logger("worker").info("ready to work")
    worker.run()


def _not_yet() -> None:
    raise RuntimeError("models are being loaded")


if __name__ == "__main__":
    main()
