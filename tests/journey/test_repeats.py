"""Calls made again on the real system, as a phone does that lost the answer."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from tests.system import scan
from tests.system.client import Guest
from tests.system.local import LocalSystem

pytestmark = pytest.mark.integration


def refreshed(guest: Guest, token: str, key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return guest.http.post("/v1/sessions/refresh", json={"refresh_token": token}, headers=headers)


def test_a_phone_that_lost_the_answer_to_a_refresh_stays_logged_in(system: LocalSystem) -> None:
    """The same call, the same tokens; they work, rest nowhere in the clear, and a used token without its key ends it all."""
    guest, neighbour = Guest(system.gateway), Guest(system.gateway)
    old, key = guest.started["refresh_token"], str(uuid4())
    lost, found = (refreshed(guest, old, key) for _ in range(2))
    assert (lost.status_code, found.status_code) == (200, 200), found.text
    assert found.json() == lost.json()
    tokens = found.json()
    guest.use(tokens["access_token"])
    assert guest.http.get("/v1/me").status_code == 200
    canaries = {name: tokens[name].encode() for name in ("access_token", "refresh_token")}
    assert scan.hits(system, canaries) == [], "remembered tokens rest in the clear"

    conflict = refreshed(guest, tokens["refresh_token"], key)
    assert (conflict.status_code, conflict.json()["code"]) == (409, "idempotency_conflict")
    latest = refreshed(guest, tokens["refresh_token"], str(uuid4()))
    assert latest.status_code == 200, "the conflict has spent nothing"
    assert refreshed(guest, old, key).json() == tokens, "late, and still no reuse"

    thief = refreshed(guest, old)
    assert (thief.status_code, thief.json()["code"]) == (401, "session_revoked")
    for token, own in ((old, key), (latest.json()["refresh_token"], str(uuid4()))):
        assert refreshed(guest, token, own).status_code == 401, "everybody of that session is out"
    assert refreshed(neighbour, neighbour.started["refresh_token"], key).status_code == 200


def test_a_consent_said_twice_and_a_stash_wiped_twice_have_their_effect_once(system: LocalSystem) -> None:
    """The same ledger, the same purge; the key for another body or another call: 409."""
    guest = Guest(system.gateway)
    headers = {"Idempotency-Key": str(uuid4())}
    version = guest.http.get("/v1/policies/permissions").json()["version"]
    body = {"permission": "camera", "version": version, "action": "grant"}
    first, again = (guest.http.post("/v1/me/consents", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.json()) == (201, first.json())
    other = guest.http.post("/v1/me/consents", json=body | {"action": "withdraw"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    left, right = (guest.wipe(**headers) for _ in range(2))
    assert (left.status_code, right.json()) == (202, left.json())
    leave = guest.http.delete("/v1/me", headers=headers)
    assert (leave.status_code, leave.json()["code"]) == (409, "idempotency_conflict")
