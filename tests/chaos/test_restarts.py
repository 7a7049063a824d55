"""Parts are killed under load, in turn: no accepted photo is lost, and every purge completes."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field

import httpx
import pytest

from shared.testing.eventually import eventually
from tests.portraits import builders
from tests.system import scan
from tests.system.account import Account, Person
from tests.system.client import Guest
from tests.system.local import LocalSystem
from tests.system.planting import plant_dead_letters, plant_photos

pytestmark = pytest.mark.chaos

INFRASTRUCTURE = ["rabbitmq", "postgres", "store"]
ENDED_BY = ["auth", "imaging", "payments", "retention"]
"""Who takes part in a purge."""
PACK = {"product": "pack-ten", "channel": "app"}
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
@pytest.mark.parametrize("part", [*INFRASTRUCTURE, *ENDED_BY, *(f"{service}-relay" for service in ENDED_BY)])
def test_a_purge_completes_although_a_part_is_killed(system: LocalSystem, part: str) -> None:
    """The part dies while guests and accounts are being purged, and more of them ask meanwhile: all complete with a
    certificate, none silently; nothing of them is left, and a neighbour stays."""
    guests = [Guest(system.gateway) for _ in range(2)]
    leaving = [guests[0], _furnished_account(system), guests[1], _furnished_account(system)]
    neighbour = Guest(system.gateway)
    photos = [(guest, guest.uploaded(builders.portrait("obama"))) for guest in (*guests, neighbour)]
    for guest, photo_id in photos:
        guest.settled(photo_id)
    receipts = [_left_in_the_end(who) for who in leaving[:2]]
    system.kill(part)
    receipts += [_left_in_the_end(who) for who in leaving[2:]]
    system.wait_ready(within=120)
    for receipt in receipts:
        assert neighbour.certified(receipt, within=120)["certificate"] is not None
    named = {who.subject_id: who.subject_id.encode() for who in leaving}
    eventually(lambda: scan.found(scan.ours(system), named), lambda found: found == [], within=10)
    assert neighbour.photo(photos[-1][1])["status"] == "ready"


@pytest.mark.timeout(600)
def test_a_purge_that_nobody_answers_is_stuck_for_all_to_see_and_completes_when_it_is_told_to(
    system: LocalSystem,
) -> None:
    """Its participants stay away past its deadline: the receipt and the operator's list say so, and who is waited for. When
    they are back, it takes an operator's word."""
    account, neighbour = _furnished_account(system), Guest(system.gateway)
    away = [name for name in ENDED_BY if name != "retention"]
    system.stop(*away)
    try:
        receipt = _left_in_the_end(account)
        purge_id = neighbour.purge(receipt)["purge_id"]
        overdue = "patience_from = now() - interval '1 day', next_look_at = now()"
        system.sql("retention", f"UPDATE purges SET {overdue} WHERE purge_id = %s", purge_id)
        stuck = eventually(lambda: neighbour.purge(receipt), lambda purge: purge["status"] == "stuck")
        listed = json.loads(system.pocketid("purge", "list", "--status", "stuck", "--json"))["items"]
        assert stuck["certificate"] is None
        assert {one["purge_id"]: set(one["waiting_for"]) for one in listed} == {purge_id: {*away}}
    finally:
        system.start(*away)
    system.pocketid("purge", "retry", purge_id)
    assert [step["status"] for step in neighbour.certified(receipt)["timeline"]].count("stuck") == 1
    named = {"subject": account.subject_id.encode()}
    eventually(lambda: scan.found(scan.ours(system), named), lambda found: found == [], within=10)


def _furnished_account(system: LocalSystem) -> Account:
    """An account with two logins, a request, an order, forty objects and letters in every dead queue."""
    account = Account(system, Person(system))
    account.link("alipay")
    for path, body in (("/v1/feedback", {"kind": "other", "text": "hello"}), ("/v1/orders", PACK)):
        sent = account.http.post(path, json=body)
        assert sent.status_code == 201, sent.text
    plant_photos(system, account.subject_id, 10)
    plant_dead_letters(system, account.subject_id)
    return account


def _left_in_the_end(who: Guest) -> str:
    """The receipt of somebody who asks to go until it is accepted, as an app would: with one Idempotency-Key."""
    deadline = time.monotonic() + 120
    path = "/v1/me" if isinstance(who, Account) else "/v1/me/stash"
    while True:
        try:
            answer = who.http.delete(path, headers={"Idempotency-Key": "the same all along"})
        except httpx.HTTPError:
            answer = None
        if answer is not None and answer.status_code == 202:
            return str(answer.json()["receipt"])
        assert answer is None or answer.status_code in (503, 504), answer.text
        assert time.monotonic() < deadline, "never accepted"
        time.sleep(0.3)
