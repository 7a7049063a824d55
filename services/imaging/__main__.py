"""``python -m services.imaging``: the imaging service as a process."""

import shared.host  # first: patches the standard library for eventlet # isort: skip

from datetime import timedelta

from services.imaging.adapters.postgres import PostgresImaging
from services.imaging.ports import ImagingParts
from services.imaging.service import ImagingService
from shared.db import Database, UnitOfWork
from shared.host.running import Host
from shared.kernel.clock import utc_now
from shared.kernel.personal import Secret
from shared.kernel.settings import ImagingSettings, load, one_key
from shared.storage import S3Store


def main() -> None:
    """Build imaging's parts from the settings and serve."""
    settings = load(ImagingSettings)
    database = Database(Secret(settings.imaging_dsn.get_secret_value()))
    store = S3Store(settings)
    parts = ImagingParts(
        work=UnitOfWork(database, PostgresImaging, one_key(settings.tombstone_key)),
        store=store,
        clock=utc_now,
        upload_grace=timedelta(seconds=settings.upload_grace_seconds),
        keep_originals=timedelta(days=settings.keep_originals_days),
        keep_photos=timedelta(days=settings.keep_photos_days),
        unlock_policy=settings.unlock_policy,
    )
    checks = {"database": database.ping, "store": store.ping}
    Host(ImagingService, settings, {"imaging": parts}, checks=checks).run()


if __name__ == "__main__":
    main()
