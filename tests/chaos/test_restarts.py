"""Parts are killed under load, in turn: no accepted photo is lost, and every purge completes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import httpx
import pytest

from tests.portraits import builders
from tests.system.client import Guest
from tests.system.local import LocalSystem

pytestmark = pytest.mark.chaos

INFRASTRUCTURE = ["rabbitmq", "postgres", "store"]
SERVICES = ["gateway", "auth", "imaging", "retention", "imaging-relay", "worker-1", "worker-2"]


@dataclass
class Load:
    """Guests who go on uploading, whatever answers they get; what was accepted is remembered."""

    system: LocalSystem
    accepted: list[tuple[Guest, str]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Load:
        self._guest = Guest(self.system.gateway)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        photo = builders.portrait("biden")
        while not self._stop.is_set():
            try:
                answer = self._guest.upload(photo)
            except httpx.HTTPError:
                self.refused.append(0)
            else:
                if answer.status_code == 202:
                    self.accepted.append((self._guest, answer.json()["photo_id"]))
                elif answer.status_code == 401 and answer.json()["code"] == "token_expired":
                    self._guest = Guest(self.system.gateway)
                else:
                    self.refused.append(answer.status_code)
            self._stop.wait(0.4)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", [*INFRASTRUCTURE, *SERVICES])
def test_no_accepted_photo_is_lost_when_a_part_is_killed(system: LocalSystem, part: str) -> None:
    """kill -9 in the middle of the work. What answered 202 becomes ready; what could not be accepted said so (never a 500)."""
    with Load(system) as load:
        while len(load.accepted) < 2:
            time.sleep(0.05)
        before = len(load.accepted)
        old = system.kill(part)
        system.wait_ready(within=120)
        assert system.pid(part) != old
        deadline = time.monotonic() + 60
        while len(load.accepted) < before + 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert len(load.accepted) >= before + 2, f"no upload is accepted any more: {load.refused[-5:]}"
    assert 500 not in load.refused
    states = {photo_id: guest.settled(photo_id, within=120)["status"] for guest, photo_id in load.accepted}
    assert set(states.values()) == {"ready"}, states


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "part",
    ["rabbitmq", "postgres", "store", "auth", "imaging", "payments", "payments-relay", "retention", "retention-relay"],
)
def test_a_purge_completes_although_a_part_is_killed(system: LocalSystem, part: str) -> None:
    """The part dies while purges are on their way: all complete with a certificate, none silently; a neighbour stays."""
    guests = [Guest(system.gateway) for _ in range(4)]
    neighbour = Guest(system.gateway)
    neighbours_photo = neighbour.uploaded(builders.portrait("obama"))
    photos = [(guest, guest.uploaded(builders.portrait("biden"))) for guest in guests]
    for guest, photo_id in [*photos, (neighbour, neighbours_photo)]:
        guest.settled(photo_id)
    receipts = [guest.wipe().json()["receipt"] for guest in guests[:2]]
    system.kill(part)
    receipts += [_wiped_in_the_end(guest) for guest in guests[2:]]
    system.wait_ready(within=120)
    for guest, receipt in zip(guests, receipts, strict=True):
        purge = neighbour.certified(receipt, within=120)
        assert purge["certificate"] is not None
        assert system.keys(f"{guest.subject_id}/") == []
    assert neighbour.photo(neighbours_photo)["status"] == "ready"


def _wiped_in_the_end(guest: Guest) -> str:
    """The receipt of a wipe that is asked for until it is accepted, as an app would: with one Idempotency-Key."""
    deadline = time.monotonic() + 120
    while True:
        try:
            answer = guest.wipe(**{"Idempotency-Key": "the same all along"})
        except httpx.HTTPError:
            answer = None
        if answer is not None and answer.status_code == 202:
            return str(answer.json()["receipt"])
        assert answer is None or answer.status_code in (503, 504), answer.text
        assert time.monotonic() < deadline, "never accepted"
        time.sleep(0.3)
