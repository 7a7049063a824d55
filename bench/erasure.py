"""Claim: an account with 200 objects is unreadable at once and gone, with a certificate, seconds later, many at a time.

Baseline: the object store's own bulk delete of as many objects, nothing else.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

from minio.deleteobjects import DeleteObject

from bench.figures import claim, local_system, median, percentile
from shared.kernel.clock import parse_rfc3339
from tests.system.account import Account, Person
from tests.system.local import LocalSystem
from tests.system.planting import KINDS, plant_object, plant_photos

OBJECTS = 200


def erase(account: Account) -> tuple[float, float]:
    """Seconds until the answer (the data is unreadable by then) and until the certificate (by its own timeline)."""
    begun = time.time()
    receipt = account.delete().json()["receipt"]
    unreadable = time.time() - begun
    while (purge := account.purge(receipt))["status"] != "completed":
        time.sleep(0.5)
    return unreadable, parse_rfc3339(purge["timeline"][-1]["at"]).timestamp() - begun


def bulk_delete(system: LocalSystem, objects: int) -> float:
    """Objects a second that the store deletes in bulk by itself."""
    bucket = system.env["s3"]["bucket"]
    names = [f"bare/{number}" for number in range(objects)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: plant_object(system, key, bytes(2000)), names))
    begun = time.monotonic()
    list(system.store.remove_objects(bucket_name=bucket, delete_object_list=[DeleteObject(name) for name in names]))
    return objects / (time.monotonic() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-a-time", type=int, nargs="*", default=[1, 20, 100])
    wanted = parser.parse_args()
    with local_system(POCKETID_RATE_LOGINS_PER_ADDRESS="100000") as system:
        bare = bulk_delete(system, 1000)
        for together in wanted.at_a_time:
            rounds = 10 if together == 1 else 1
            results: list[tuple[float, float]] = []
            begun = 0.0
            for _ in range(rounds):
                accounts = [Account(system, Person(system)) for _ in range(together)]
                for account in accounts:
                    plant_photos(system, account.subject_id, OBJECTS // len(KINDS))
                started = time.monotonic()
                with ThreadPoolExecutor(together) as pool:
                    results += pool.map(erase, accounts)
                begun += time.monotonic() - started
            unreadable, certified = ([r[i] for r in results] for i in (0, 1))
            rate = OBJECTS * len(results) / begun
            claim(
                f"erasing accounts {together} at a time, {OBJECTS} objects each",
                f"unreadable {median(unreadable):.3f} s p50, {percentile(unreadable, 0.99):.3f} s p99;"
                f" gone and certified {median(certified):.2f} s p50, {percentile(certified, 0.99):.2f} s p99; {rate:.0f} objects/s",
                f"{bare:.0f} objects/s, the store's bulk delete alone",
                rate / bare,
                "unreadable <= 0.3 s, certified <= 3 s, 20 at a time, p99",
            )


if __name__ == "__main__":
    main()
