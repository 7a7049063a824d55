"""The master key is exchanged on a running installation: nothing is lost, and the old one is not needed any more."""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode

import httpx
import pytest

from tests.portraits import builders
from tests.system.account import Account, Person
from tests.system.client import Guest
from tests.system.local import LocalSystem

pytestmark = pytest.mark.journey
SETTING = "POCKETID_MASTER_KEYS"
NICKNAME, WORDS = "canary-rotation-5162", "canary-rotation-3381: where is my photo?"


@pytest.mark.timeout(300)
def test_an_exchanged_master_key_opens_everything_that_the_old_one_did(system: LocalSystem) -> None:
    """The new key is put first and everything is wrapped anew: no row needs the old one, and a guest, an account and
    somebody who wrote without a login notice nothing."""
    guest, account = Guest(system.gateway), Account(system, Person(system))
    assert account.http.patch("/v1/me", json={"nickname": NICKNAME}).status_code == 200
    photo_id = guest.uploaded(builders.portrait("obama"))
    guest.settled(photo_id)
    ticket_id = _wrote_without_a_login(system)

    old = system.environment_of("auth")[SETTING]
    new = f"r{os.getpid()}:{b64encode(os.urandom(32)).decode()}"
    _up_again_with(system, f"{new},{old}")
    subjects, tickets = _rewrapped(system)
    assert subjects >= 2
    assert tickets >= 1
    assert _rewrapped(system)[0] == 0, "what the current key wraps is wrapped again"
    assert _master_keys_in_use(system) == {new.split(":")[0]}

    for who in (guest, account):
        who.http.base_url = system.gateway
    made = guest.render(photo_id)
    assert made.status_code == 201, made.text
    preview = guest.http.get(f"/v1/renders/{made.json()['render_id']}/preview")
    assert (preview.status_code, preview.headers["content-type"]) == (200, "image/jpeg")
    assert account.http.get("/v1/me").json()["nickname"] == NICKNAME
    assert WORDS in system.pocketid("feedback", "show", ticket_id)


def _wrote_without_a_login(system: LocalSystem) -> str:
    sent = httpx.post(f"{system.gateway}/v1/feedback", json={"kind": "other", "text": WORDS}, timeout=30)
    assert sent.status_code == 201, sent.text
    items = json.loads(system.pocketid("feedback", "list", "--json"))["items"]
    shown = {item["ticket_id"]: system.pocketid("feedback", "show", item["ticket_id"]) for item in items}
    [ticket_id] = [ticket_id for ticket_id, text in shown.items() if WORDS in text]
    return str(ticket_id)


def _master_keys_in_use(system: LocalSystem) -> set[str]:
    """The names of the master keys that anything at rest was wrapped by (docs/runbook.md)."""
    name = "convert_from(substring({0} FROM 2 FOR get_byte({0}, 0)), 'UTF8')"
    subjects = f"SELECT DISTINCT {name.format('wrapped_key')} FROM subjects WHERE wrapped_key IS NOT NULL"
    tickets = f"SELECT DISTINCT {name.format('sealed_key')} FROM tickets WHERE subject_id IS NULL"
    return {row[0] for row in [*system.sql("auth", subjects), *system.sql("retention", tickets)]}


def _up_again_with(system: LocalSystem, master_keys: str) -> None:
    system.down()
    system.environment[SETTING] = master_keys
    system.up()
    assert system.environment_of("auth")[SETTING] == master_keys


def _rewrapped(system: LocalSystem) -> tuple[int, int]:
    said = re.search(r"(\d+) data keys and (\d+) tickets' keys", system.pocketid("keys", "rewrap"))
    assert said is not None
    return int(said[1]), int(said[2])
