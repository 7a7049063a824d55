"""Every reason to be purged, on the real system: somebody with something everywhere leaves, and nothing is found of them.

All leave at once, so that one walk over everything is enough before, and one after.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.contracts.queues import LISTENERS
from shared.contracts.retention import PurgeReason
from shared.testing.eventually import eventually
from tests.system.account import FIVE, Account, Person
from tests.system.belongings import belongings
from tests.system.client import Guest
from tests.system.leaving import (
    Findings,
    Leaver,
    besides,
    certificate_for,
    everywhere,
    found_of,
    furnish,
    is_untouched,
    photo_with_a_render,
    places_of,
    words_found,
)
from tests.system.local import LocalSystem
from tests.system.planting import plant_photos

pytestmark = pytest.mark.journey
NEIGHBOUR = "neighbour"
ACCOUNTS = {PurgeReason.ACCOUNT_DELETED, PurgeReason.ACCOUNT_ABANDONED}
ALSO_PLANTED = {PurgeReason.ACCOUNT_DELETED: 50}
"""Photos of four objects each: two hundred objects."""

ORDERS = {("order_id", f"database payments.{table}") for table in ("orders", "ledger_entries")}
LOGGED = {
    (f"{thing}_id", f"file {service}.log")
    for thing in ("photo", "render", "order", "export", "ticket")
    for service in ("imaging", "worker-1", "worker-2", "payments", "retention")
}
REMEMBERED = {
    ("photo_id", "database imaging.idempotency"),
    ("key", "database imaging.idempotency"),
    ("photo_id", "database payments.lost_photos"),
}
"""For a day: that the upload with this key was a photo which is deleted. For two: that nothing is sold for it."""
KEPT: dict[PurgeReason, set[tuple[str, str]]] = {
    PurgeReason.SIGNED_IN: {("order_id", "database payments.grants"), ("grant_id", "database payments.grants")},
    PurgeReason.GUEST_REPLACED: {("device_hash", "database auth.guests")},
}
"""What may still be found, by column and table, besides numbers of orders, which the law wants kept, and numbers of things
in logs: what was paid for is the heir's; the device is somebody's who started anew on it."""
WAIT_SECONDS = 90
"""Auth looks for idle guests once a minute."""


def wipe(system: LocalSystem, who: Guest) -> None:
    assert who.wipe().status_code == 202


def delete(system: LocalSystem, who: Guest) -> None:
    assert who.http.delete("/v1/me").status_code == 202


def sign_in(system: LocalSystem, who: Guest) -> None:
    Account(system, Person(system), guest=who)


def ask_the_operator(system: LocalSystem, who: Guest) -> None:
    system.pocketid("purge", "request", who.subject_id, "--yes")


def start_anew(system: LocalSystem, who: Guest) -> None:
    assert Guest(system.gateway, who.device_id).subject_id != who.subject_id


def stay_away(system: LocalSystem, who: Guest) -> None:
    """As if for 31 days."""
    long_ago = "now() - interval '31 days'"
    for change in (f"subjects SET created_at = {long_ago}", f"sessions SET last_used_at = {long_ago}"):
        system.sql("auth", f"UPDATE {change} WHERE subject_id = %s", who.subject_id)


def take_the_login_back(system: LocalSystem, who: Guest) -> None:
    assert isinstance(who, Account)
    notices = f"{system.gateway}/v1/providers/wechat/notices"
    told = {"provider": "wechat", "kind": "revoked", "person_id": who.person.ids["wechat"], "url": notices}
    pushed = httpx.post(f"{system.env['login_standins']}/_standin/notices", json=told, timeout=30)
    assert pushed.status_code == 200, pushed.text


def withdraw(system: LocalSystem, who: Guest) -> None:
    version = who.http.get("/v1/policies/privacy").json()["version"]
    asked = {"document": "privacy", "version": version, "action": "withdraw"}
    assert who.http.post("/v1/me/consents", json=asked).status_code == 201


ENDINGS: dict[PurgeReason, Callable[[LocalSystem, Guest], None]] = {
    PurgeReason.GUEST_IDLE: stay_away,
    PurgeReason.STASH_WIPED: wipe,
    PurgeReason.ACCOUNT_DELETED: delete,
    PurgeReason.SIGNED_IN: sign_in,
    PurgeReason.OPERATOR: ask_the_operator,
    PurgeReason.GUEST_REPLACED: start_anew,
    PurgeReason.ACCOUNT_ABANDONED: take_the_login_back,
    PurgeReason.CONSENT_WITHDRAWN: withdraw,
}


@dataclass
class Departures:
    """Who left, what was found of everybody before and after, whose words rested anywhere in the clear, and the proofs."""

    leavers: dict[str, Leaver]
    before: dict[str, Findings]
    after: dict[str, Findings]
    words: list[str]
    certificates: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def departures(system: LocalSystem) -> Iterator[Departures]:
    """All leave. The idle guest is furnished first: auth finds it once a minute, which the others' furnishing covers."""
    first, others = [NEIGHBOUR, PurgeReason.GUEST_IDLE], [r for r in PurgeReason if r is not PurgeReason.GUEST_IDLE]
    leavers = _furnished(system, first)
    before = found_of(system, _marks({PurgeReason.GUEST_IDLE: leavers[PurgeReason.GUEST_IDLE]}))
    ENDINGS[PurgeReason.GUEST_IDLE](system, leavers[PurgeReason.GUEST_IDLE].who)
    leavers |= _furnished(system, list(others))
    before |= found_of(system, _marks({name: leavers[name] for name in (NEIGHBOUR, *others)}))
    for reason in others:
        ENDINGS[reason](system, leavers[reason].who)
    reader = leavers[NEIGHBOUR].who
    certificates = {
        str(reason): certificate_for(system, leavers[reason], reason, reader, WAIT_SECONDS) for reason in PurgeReason
    }
    after = _settled(system, leavers)
    yield Departures(leavers, before, after, words_found(system, leavers), certificates)
    reader.certified(reader.http.delete("/v1/me").json()["receipt"])


def test_nobodys_own_words_ever_rest_in_the_clear(departures: Departures) -> None:
    """What was written, devices, pictures: in no database, object, queue, log or file of any server, before and after."""
    assert departures.words == []


@pytest.mark.parametrize("reason", PurgeReason)
def test_whoever_leaves_was_everywhere_and_is_nowhere(departures: Departures, reason: PurgeReason) -> None:
    """The walk that finds nothing has found everything before. What the law wants kept is named, and nothing else is."""
    assert places_of(departures.before[reason]) >= everywhere()
    assert besides(departures.after[reason], ORDERS | LOGGED | KEPT.get(reason, set())) == set()


def test_a_deleted_account_had_everything_one_can_have(departures: Departures) -> None:
    """Five logins, two hundred objects besides its own, an export, orders, consents, a letter in every dead queue."""
    deleted = departures.certificates[PurgeReason.ACCOUNT_DELETED]["deleted"]
    assert deleted["auth"]["identities"] == len(FIVE)
    assert deleted["auth"]["consents"] >= 1
    assert deleted["imaging"]["objects"] >= 200
    assert deleted["payments"]["orders"] == 3
    assert deleted["retention"]["exports"] == 1
    assert deleted["retention"]["tickets"] == 1
    assert deleted["queues"]["dead_letters"] == len(LISTENERS) + 1


def test_what_a_restored_backup_brings_back_is_found_and_goes_again(
    system: LocalSystem, departures: Departures
) -> None:
    """Rows and objects of somebody who was certified to be gone: recognised by the tombstone, purged as before."""
    gone = departures.leavers[PurgeReason.STASH_WIPED]
    plant_photos(system, gone.who.subject_id, 1, content=gone.marks["planted"])
    assert places_of(found_of(system, _marks({"gone": gone}))["gone"]) >= {"database imaging", "object"}
    assert not system.pocketid("purge", "replay-tombstones").startswith("0 erased")
    may_be = ORDERS | LOGGED
    eventually(
        lambda: besides(found_of(system, _marks({"gone": gone}))["gone"], may_be), lambda left: not left, within=10
    )


def test_the_neighbour_of_all_of_them_is_untouched(departures: Departures) -> None:
    """With the same furniture: found in the very same places as before, and all of it still opens."""
    neighbour = departures.leavers[NEIGHBOUR]
    assert departures.before[NEIGHBOUR] - departures.after[NEIGHBOUR] == set()
    is_untouched(neighbour)


def test_a_deleted_photo_and_a_withdrawn_consent_leave_the_account_and_nothing_of_the_photos(
    system: LocalSystem,
) -> None:
    """No purge: the account goes on. One photo goes and its neighbour stays; then the consent ends, and all photos go."""
    account = Account(system, Person(system))
    marks = {"account": belongings(system, account.subject_id, "auth")}
    photos = []
    for name in ("kept", "deleted"):
        known = {mark for named in marks.values() for mark in named.values()}
        photos.append(photo_with_a_render(account)[0])
        now = belongings(system, account.subject_id, "imaging").items()
        marks[name] = {column: mark for column, mark in now if mark not in known}
    before = found_of(system, marks)
    assert account.http.delete(f"/v1/photos/{photos[1]}").status_code == 204
    after = found_of(system, marks)
    assert {place.split(" ")[0] for _, place in before["deleted"]} >= {"database", "object"}
    assert besides(after["deleted"], REMEMBERED) == set()
    assert after["kept"] == before["kept"]

    withdraw(system, account)
    eventually(lambda: system.keys(f"{account.subject_id}/"), lambda keys: keys == [])
    left = eventually(lambda: found_of(system, marks), lambda found: not besides(found["kept"], REMEMBERED), within=5)
    assert {name for name, _ in left["account"]} == {name for name, _ in before["account"]}
    assert account.http.get("/v1/me").status_code == 200


def _marks(leavers: Mapping[str, Leaver]) -> dict[str, Mapping[str, bytes]]:
    return {name: leaver.marks for name, leaver in leavers.items()}


def _furnished(system: LocalSystem, names: list[str]) -> dict[str, Leaver]:
    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(lambda name: _one(system, name), names), strict=True))


def _one(system: LocalSystem, name: str) -> Leaver:
    canary = f"canary-{name}-{uuid4().hex}"
    if name not in {NEIGHBOUR, *ACCOUNTS}:
        return furnish(system, Guest(system.gateway), canary)
    account = Account(system, Person(system, canary), device_label=canary)
    for provider in FIVE[1:] if name != PurgeReason.ACCOUNT_ABANDONED else ():
        account.link(provider)
    return furnish(system, account, canary, ALSO_PLANTED.get(PurgeReason(name), 1) if name != NEIGHBOUR else 1)


def _settled(system: LocalSystem, leavers: dict[str, Leaver], within: float = 10) -> dict[str, Findings]:
    """What is found in the end: the last messages about the purges themselves are on their way for a moment."""
    deadline = time.monotonic() + within
    while True:
        found = found_of(system, _marks(leavers))
        on_its_way = [place for name in PurgeReason for _, place in found[name] if "outbox" in place]
        if not on_its_way or time.monotonic() > deadline:
            return found
