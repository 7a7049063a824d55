"""Event streams on the real system end with their session, whoever ends it and however; the other device's goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from shared.testing.eventually import eventually
from tests.portraits import builders
from tests.system.account import Account, Person
from tests.system.local import LocalSystem

pytestmark = pytest.mark.integration
SECONDS = 1.0


def log_out(account: Account, _: Account) -> None:
    assert account.http.delete("/v1/sessions/current").status_code == 204


def logged_out_by_the_other(account: Account, other: Account) -> None:
    found = other.http.get("/v1/me/sessions").json()["items"]
    [session] = [item["session_id"] for item in found if not item["current"]]
    assert other.http.delete(f"/v1/me/sessions/{session}").status_code == 204


def refresh_token_used_twice(account: Account, _: Account) -> None:
    body = {"refresh_token": account.started["refresh_token"]}
    answers = [account.http.post("/v1/sessions/refresh", json=body).status_code for _ in range(2)]
    assert answers == [200, 401]


@pytest.mark.parametrize("end", [log_out, logged_out_by_the_other, refresh_token_used_twice])
def test_an_open_stream_ends_within_a_second_of_its_session(
    system: LocalSystem, end: Callable[[Account, Account], None]
) -> None:
    """It says why, tells nothing afterwards, and no new one opens."""
    person = Person(system)
    here, there = Account(system, person), Account(system, person)
    opened: list[httpx.Response] = []
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(watch, there, opened)
        eventually(lambda: len(opened), lambda count: count == 1)
        end(there, here)
        ended_at = time.monotonic()
        events = told.result(timeout=30)
    assert time.monotonic() - ended_at < SECONDS
    assert events == [{"event": "session.ended", "data": {"code": "session_revoked"}}]
    refused = there.http.get("/v1/events")
    assert (refused.status_code, refused.json()["code"]) == (401, "session_revoked")
    here.uploaded(builders.portrait("obama"))
    assert next(here.events())["event"] == "photo.ready", "the other session's stream tells what happens"


def watch(account: Account, opened: list[Any]) -> list[dict[str, Any]]:
    """Everything on one stream, until it ends by itself."""
    return list(account.events(opened=opened.append))
