"""Accounts over HTTP: logging in ends the guest, logins are linked, sessions are seen and ended, takeovers fail."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from shared.contracts import retention
from tests.unit.gateway.phones import DEVICE, OTHER, Phone, code
from tests.unit.worlds import POLICY


async def test_logging_in_gives_an_accounts_tokens_and_the_same_account_the_next_time(phone: Phone) -> None:
    """201 like a guest's; there is no guest secret and, without a guest, no purge."""
    first, again, neighbour = [await phone.sign_in(who) for who in ("Ada", "Ada", "Bo")]
    assert first["kind"] == "account"
    assert {name: first[name] for name in ("guest_secret", "purge_id", "receipt")} == dict.fromkeys(
        ("guest_secret", "purge_id", "receipt")
    )
    assert first["subject_id"] == again["subject_id"] != neighbour["subject_id"]
    me = (await phone.call("GET", "/v1/me", first)).json()
    assert (me["kind"], me["subject_id"]) == ("account", first["subject_id"])


async def test_logging_in_with_a_guests_token_wipes_the_stash_and_shows_the_receipt(phone: Phone) -> None:
    """Nothing is merged; the guest's tokens are refused from this answer on, and the certificate follows."""
    guest, neighbour = await phone.start(), await phone.start(OTHER)
    for one in (guest, neighbour):
        await phone.upload(one)
    phone.hear()
    signed = await phone.sign_in("Ada", guest)
    for path in ("/v1/photos", "/v1/me"):
        refused = await phone.call("GET", path, guest)
        assert (refused.status_code, code(refused)) == (401, "subject_erased"), "before any event has gone round"
    assert (await phone.call("GET", "/v1/photos", signed)).json()["items"] == []
    phone.hear()
    progress = (await phone.client.get(f"/v1/purges/{signed['receipt']}")).json()
    assert (progress["status"], progress["reason"]) == ("completed", "signed_in")
    assert progress["purge_id"] == signed["purge_id"]
    assert phone.world.imaging.objects(UUID(guest["subject_id"])) == []
    assert phone.world.imaging.objects(UUID(neighbour["subject_id"])) == ["cutout", "original"]
    assert (await phone.call("GET", "/v1/me", signed)).status_code == 200
    opened = [p for p in phone.world.retention.work.state.purges.values() if str(p.purge_id) == signed["purge_id"]]
    assert len(opened) == 1, "the call and the event open one purge"


async def test_the_purge_is_opened_by_the_event_when_retention_was_away(phone: Phone) -> None:
    """The login works, without a receipt; the stash goes all the same, for the account that was announced."""
    guest = await phone.start()
    phone.board.away.add(retention.OpenPurge)
    signed = await phone.sign_in("Ada", guest)
    assert (signed["receipt"], signed["purge_id"] is None) == (None, False)
    refused = await phone.call("GET", "/v1/photos", guest)
    assert code(refused) == "subject_erased", "imaging has not heard of it: this gateway's own door is shut"
    carried = phone.world.deliver_all()
    [requested] = [m for m in carried if isinstance(m, retention.PurgeRequested)]
    assert (str(requested.purge_id), str(requested.heir_id)) == (signed["purge_id"], signed["subject_id"])
    assert not any(phone.world.auth.count(UUID(guest["subject_id"])).values())


async def test_the_same_login_again_with_its_key_is_the_very_same_answer(phone: Phone) -> None:
    """Purge, receipt and tokens; though the guest's token is dead by then. Another body conflicts."""
    guest = await phone.start()
    handed = {"code": phone.wechat.code_for("Ada")}
    first = await phone.log_in("Ada", guest, key="k", **handed)
    again = await phone.log_in("Ada", guest, key="k", **handed)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert first.json()["receipt"]
    for other in (
        {"code": phone.wechat.code_for("Ada")},
        {**handed, "age_band": "adult"},
        {**handed, "platform": "ios"},
    ):
        conflict = await phone.log_in("Ada", guest, key="k", **other)
        assert (conflict.status_code, code(conflict)) == (409, "idempotency_conflict"), other
    assert len(phone.wechat.asked) == 1


async def test_a_start_repeated_with_its_key_and_another_age_conflicts(phone: Phone) -> None:
    """A declared age is part of the request: it is not lost in an older answer."""
    body = {"device_id": DEVICE, "policy_version": POLICY}
    headers = {"Idempotency-Key": "k"}
    first = await phone.client.post("/v1/guests", json=body, headers=headers)
    again = await phone.client.post("/v1/guests", json=body, headers=headers)
    assert first.json() == again.json()
    other = await phone.client.post("/v1/guests", json={**body, "age_band": "under_14"}, headers=headers)
    assert (other.status_code, code(other)) == (409, "idempotency_conflict")


async def test_a_guest_that_is_gone_already_is_no_obstacle(phone: Phone) -> None:
    """Wiped by the person a moment ago: the login works, there is nothing left to purge."""
    guest = await phone.start()
    await phone.call("DELETE", "/v1/me/stash", guest)
    signed = await phone.sign_in("Ada", guest)
    assert (signed["purge_id"], signed["receipt"]) == (None, None)


async def test_what_is_no_guests_token_is_refused_before_the_code_is_spent(phone: Phone) -> None:
    """An account's token ends no account; a forged one ends nobody."""
    neighbour = await phone.sign_in("Bo")
    handed = {"code": phone.wechat.code_for("Ada")}
    asked = len(phone.wechat.asked)
    refused = await phone.log_in("Ada", neighbour, **handed)
    assert (refused.status_code, code(refused)) == (422, "bad_request")
    for forged in ("x.y.z", neighbour["access_token"][:-4] + "AAAA"):
        answer = await phone.log_in("Ada", None, **handed, guest_token=forged)
        assert (answer.status_code, code(answer)) == (401, "unauthenticated")
    assert len(phone.wechat.asked) == asked
    assert (await phone.call("GET", "/v1/me", neighbour)).status_code == 200
    assert (await phone.log_in("Ada", None, **handed)).status_code == 201


async def test_a_login_begins_with_an_attempt_and_ends_with_its_state(phone: Phone) -> None:
    """The whole way; the attempt cannot be used for a second login."""
    begun = await phone.client.post("/v1/login-attempts", json={"provider": "wechat", "platform": "ios"})
    assert begun.status_code == 201
    attempt = begun.json()
    assert set(attempt) == {
        "attempt_id", "state", "nonce", "code_challenge", "app_id", "scopes", "url", "auth_string", "expires_in",
    }  # fmt: skip
    assert attempt["expires_in"] == 600
    bound = {"attempt_id": attempt["attempt_id"], "state": attempt["state"]}
    assert (await phone.log_in("Ada", None, **bound)).status_code == 201
    assert phone.wechat.asked[-1].platform == "ios"
    replayed = await phone.log_in("Mallory", None, **bound)
    assert (replayed.status_code, code(replayed)) == (401, "login_code_invalid")


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"provider": "nobody"}, 422, "provider_unknown"),
        ({"provider": "UPPER CASE"}, 422, "bad_request"),
        ({"platform": "toaster"}, 422, "bad_request"),
        ({"code": "guessed"}, 401, "login_code_invalid"),
        ({"code": None}, 422, "bad_request"),
        ({"policy_version": None}, 403, "consent_required"),
        ({"policy_version": "1999"}, 409, "policy_outdated"),
        ({"age_band": "ageless"}, 422, "bad_request"),
        ({"device_label": "x" * 101}, 422, "bad_request"),
        ({"attempt_id": "nonsense"}, 422, "bad_request"),
        ({"attempt_id": DEVICE, "state": "s"}, 401, "login_code_invalid"),
        ({"attempt_id": DEVICE, "state": "\u00e9"}, 401, "login_code_invalid"),
        ({"nonce": ["a"]}, 422, "bad_request"),
    ],
)
async def test_a_login_that_makes_no_sense_is_told_so_and_never_a_failure_of_ours(
    phone: Phone, body: dict[str, Any], status: int, expected: str
) -> None:
    """And leaves no account."""
    answer = await phone.log_in("Ada", None, **body)
    assert (answer.status_code, code(answer)) == (status, expected)
    assert not phone.world.auth.work.state.subjects


async def test_a_browser_that_brings_no_attempt_is_told_which_fields_it_lacks(phone: Phone) -> None:
    """As every other 422 does."""
    answer = await phone.log_in("Ada", None, platform="web")
    assert (answer.status_code, code(answer)) == (422, "bad_request")
    assert answer.json()["errors"] == [{"field": name, "reason": "missing"} for name in ("attempt_id", "state")]


@pytest.mark.parametrize("field", ["device_label", "policy_version", "code", "state", "redirect_uri", "guest_token"])
async def test_half_a_character_is_refused_at_the_door(phone: Phone, field: str) -> None:
    """JSON can say it, UTF-8 cannot: what cannot be sealed does not come in."""
    body = '{"provider": "wechat", "code": "c", "policy_version": "1", "FIELD": "\\ud800"}'.replace("FIELD", field)
    headers = {"Content-Type": "application/json"}
    answer = await phone.client.post("/v1/sessions", content=body.encode(), headers=headers)
    assert (answer.status_code, code(answer)) == (422, "bad_request")


async def test_too_many_logins_from_one_address_are_too_many(phone: Phone) -> None:
    """Attempts, logins and links count together."""
    phone.parts.settings.rate_logins_per_address = 2
    body = {"provider": "wechat", "platform": "ios"}
    for _ in range(2):
        assert (await phone.client.post("/v1/login-attempts", json=body)).status_code == 201
    for limited in (await phone.client.post("/v1/login-attempts", json=body), await phone.log_in()):
        assert (limited.status_code, code(limited)) == (429, "too_many_requests")


# ---- identities


async def test_logins_are_listed_linked_and_unlinked(phone: Phone) -> None:
    """With the nickname, which only the gateway opens; the neighbour's list stays."""
    mine, neighbour = await phone.sign_in("Ada"), await phone.sign_in("Bo")
    code_of_apple = phone.apple.code_for("Ada's apple")
    linked = await phone.put("/v1/me/identities", mine, provider="apple", platform="ios", code=code_of_apple)
    assert linked.status_code == 201, linked.text
    listed = (await phone.call("GET", "/v1/me/identities", mine)).json()
    assert listed == linked.json()
    assert [(one["provider"], one["nickname"]) for one in listed["items"]] == [
        ("wechat", "nick of Ada"), ("apple", "nick of Ada's apple"),
    ]  # fmt: skip
    assert (await phone.call("DELETE", "/v1/me/identities/wechat", mine)).status_code == 204
    last = await phone.call("DELETE", "/v1/me/identities/apple", mine)
    assert (last.status_code, code(last)) == (409, "last_identity")
    gone = await phone.call("DELETE", "/v1/me/identities/wechat", mine)
    assert (gone.status_code, code(gone)) == (404, "not_found")
    assert len((await phone.call("GET", "/v1/me/identities", neighbour)).json()["items"]) == 1


async def test_somebody_elses_login_is_not_linked_and_a_guest_links_none(phone: Phone) -> None:
    """409 and 403; the neighbour still logs in."""
    mine, guest, neighbour = await phone.sign_in("Ada"), await phone.start(), await phone.sign_in("Bo")
    body = {"provider": "wechat", "platform": "ios"}
    taken = await phone.put("/v1/me/identities", mine, **body, code=phone.wechat.code_for("Bo"))
    assert (taken.status_code, code(taken)) == (409, "identity_taken")
    exists = await phone.put("/v1/me/identities", mine, **body, code=phone.wechat.code_for("Ada 2"))
    assert (exists.status_code, code(exists)) == (409, "identity_exists")
    refused = await phone.put("/v1/me/identities", guest, **body, code=phone.wechat.code_for("Cy"))
    assert (refused.status_code, code(refused)) == (403, "account_required")
    assert (await phone.call("GET", "/v1/me/identities", guest)).json()["items"] == []
    assert (await phone.sign_in("Bo"))["subject_id"] == neighbour["subject_id"]


# ---- sessions


async def test_sessions_are_shown_with_their_devices_and_ended_one_by_one(phone: Phone) -> None:
    """Current is the one that asks; a neighbour's session is not found."""
    phone.world.clock.forward(-60)
    one = await phone.sign_in("Ada", device_label="小明的手机")
    phone.world.clock.forward(1)
    two, neighbour = await phone.sign_in("Ada"), await phone.sign_in("Bo")
    found = await phone.call("GET", "/v1/me/sessions", one)
    assert found.status_code == 200, found.text
    listed = found.json()["items"]
    assert [(s["device_label"], s["current"]) for s in listed] == [(None, False), ("小明的手机", True)]
    other = listed[0]["session_id"]
    theirs = (await phone.call("GET", "/v1/me/sessions", neighbour)).json()["items"][0]["session_id"]
    not_found = await phone.call("DELETE", f"/v1/me/sessions/{theirs}", one)
    assert (not_found.status_code, code(not_found)) == (404, "not_found")
    assert (await phone.call("DELETE", f"/v1/me/sessions/{other}", one)).status_code == 204
    ended = await phone.call("GET", "/v1/me", two)
    assert (ended.status_code, code(ended)) == (401, "session_revoked")
    for alive in (one, neighbour):
        assert (await phone.call("GET", "/v1/me", alive)).status_code == 200


@pytest.mark.parametrize(("query", "survivor"), [("", False), ("?keep_current=true", True)])
async def test_logging_out_everywhere_ends_all_sessions_or_all_others_here_at_once(
    phone: Phone, query: str, survivor: bool
) -> None:
    """Before any event has gone round."""
    mine, neighbour = [await phone.sign_in("Ada") for _ in range(3)], await phone.sign_in("Bo")
    assert (await phone.call("DELETE", f"/v1/me/sessions{query}", mine[0])).status_code == 204
    answers = [await phone.call("GET", "/v1/me", tokens) for tokens in mine]
    assert [answer.status_code for answer in answers] == [200 if survivor else 401, 401, 401]
    assert (await phone.call("GET", "/v1/me", neighbour)).status_code == 200


async def test_a_refresh_token_used_twice_ends_its_family_in_a_gateway_that_only_listens(phone: Phone) -> None:
    """Whoever was first: the access tokens of both are refused as soon as the event is heard."""
    mine, neighbour = await phone.sign_in("Ada"), await phone.sign_in("Bo")
    body = {"refresh_token": mine["refresh_token"]}
    thief = await phone.client.post("/v1/sessions/refresh", json=body)
    assert thief.status_code == 200
    replayed = await phone.client.post("/v1/sessions/refresh", json=body)
    assert (replayed.status_code, code(replayed)) == (401, "session_revoked")
    phone.hear()
    for tokens in (mine, thief.json()):
        assert code(await phone.call("GET", "/v1/me", tokens)) == "session_revoked"
    assert (await phone.call("GET", "/v1/me", neighbour)).status_code == 200


async def test_what_a_person_hands_over_to_log_in_never_crosses_the_queue_in_the_clear(phone: Phone) -> None:
    """Code, label and nickname: whatever is asked of another process is sealed."""
    seen: list[str] = []
    ask = phone.board.ask

    async def listening(call: Any, timeout: float | None = None) -> Any:
        seen.append(call.model_dump_json())
        answer = await ask(call, timeout)
        seen.append(answer.model_dump_json() if answer is not None else "")
        return answer

    phone.board.ask = listening  # type: ignore[method-assign]
    handed = {"code": phone.wechat.code_for("CANARY"), "device_label": "CANARY phone"}
    signed = await phone.sign_in("CANARY", **handed)
    await phone.call("PATCH", "/v1/me", signed, json={"nickname": "CANARY"})
    await phone.call("GET", "/v1/me/identities", signed)
    await phone.call("GET", "/v1/me/sessions", signed)
    told = "".join(seen)
    assert len(seen) >= 10
    for secret in ("CANARY", handed["code"]):
        assert secret not in told
    assert POLICY in told
