"""The fence: a purge while a worker holds the job. Whatever the interleaving, nothing comes back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.testing.eventually import eventually
from tests.chaos.conftest import WORKERS, PausedWorker
from tests.chaos.paused_worker import POINTS
from tests.portraits import builders
from tests.system.client import Guest
from tests.system.local import LocalSystem

pytestmark = pytest.mark.chaos


@pytest.mark.parametrize("point", POINTS)
def test_a_purge_overtakes_a_worker_and_nothing_comes_back(
    system: LocalSystem, paused: Callable[[str], PausedWorker], point: str
) -> None:
    """The worker stands at the point while the purge begins; it goes on, finds the fence or no key, and undoes its work.

    The neighbour's photo, in the same queue behind it, becomes ready.
    """
    guest, neighbour = Guest(system.gateway), Guest(system.gateway)
    worker = paused(point)
    guest.uploaded(builders.portrait("biden"))
    worker.reached()
    neighbours_photo = neighbour.uploaded(builders.portrait("obama"))

    receipt = guest.wipe().json()["receipt"]
    if point != "after the cutout is written":
        guest.certified(receipt)
    worker.go_on()
    guest.certified(receipt)
    neighbour.settled(neighbours_photo)

    eventually(lambda: system.keys(f"{guest.subject_id}/"), lambda keys: keys == [], within=10)
    assert system.sql("imaging", "SELECT 1 FROM photos WHERE subject_id = %s", guest.subject_id) == []
    assert system.sql("imaging", "SELECT 1 FROM objects WHERE subject_id = %s", guest.subject_id) == []
    assert neighbour.photo(neighbours_photo)["status"] == "ready"
    assert len(system.keys(f"{neighbour.subject_id}/")) == 2


def test_a_worker_that_dies_behind_the_fence_leaves_nothing_either(
    system: LocalSystem, paused: Callable[[str], PausedWorker]
) -> None:
    """It wrote the cutout after the purge had passed, and is killed before it can look: the next worker cleans up."""
    guest = Guest(system.gateway)
    worker = paused("before the cutout is written")
    photo_id = guest.uploaded(builders.portrait("biden"))
    worker.reached()
    guest.certified(guest.wipe().json()["receipt"])
    # What the worker would have written just before it died.
    bucket = system.env["s3"]["bucket"]
    key = f"{guest.subject_id}/{photo_id}/cutout"
    import io

    system.store.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(b"sealed"), length=6)
    worker.kill()
    system.start(*WORKERS)
    eventually(lambda: system.keys(f"{guest.subject_id}/"), lambda keys: keys == [], within=60)


def test_an_upload_that_the_purge_overtakes_leaves_nothing(system: LocalSystem) -> None:
    """The bytes are in the store, and the fence is up before the gateway can say so: they are deleted, the call refused."""
    guest = Guest(system.gateway)
    system.freeze("imaging")
    try:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor() as pool:
            upload = pool.submit(guest.upload, builders.portrait("biden"))
            wiped = guest.wipe()
            assert wiped.status_code == 202
            system.thaw("imaging")
            answer = upload.result()
    finally:
        system.thaw("imaging")
    assert answer.status_code in (401, 504), answer.text
    guest.certified(wiped.json()["receipt"])
    eventually(lambda: system.keys(f"{guest.subject_id}/"), lambda keys: keys == [])
