"""Every unsafe call made again with its ``Idempotency-Key``: the same answer, its effect once; another call conflicts."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from shared.testing.memory_work import snapshot
from tests.unit.gateway.phones import Phone, code
from tests.unit.gateway.trials import TRIALS, Made, Trial

KEY = "0f8fad5b-d9cb-469f-a165-70867728950e"
WITHOUT_OTHER = {"DELETE /v1/sessions/current", "POST /v1/me/exports"}
"""Calls that have no second form: nothing in their path or body can differ."""


async def made(phone: Phone, trial: Trial, call: Made, key: str | None = KEY) -> httpx.Response:
    method, path, options = call
    headers = options.get("headers", {}) | ({"Idempotency-Key": key} if key else {})
    return await phone.call(method, path, trial.tokens, **{**options, "headers": headers})


def everything(phone: Phone) -> list[Any]:
    """All that the services and the store hold."""
    return [snapshot(side.work.state) for side in phone.world.sides] + [dict(phone.world.imaging.store.objects)]


@pytest.mark.parametrize("door", sorted(TRIALS))
async def test_a_call_made_again_with_its_key_gets_its_answer_and_changes_nothing(phone: Phone, door: str) -> None:
    """Not a row, not a message, not an object more; whoever ended their own session is refused instead."""
    trial = await TRIALS[door](phone)
    before = everything(phone)
    first = await made(phone, trial, trial.call)
    assert first.is_success, first.text
    for also in trial.also:
        assert (await made(phone, trial, also, key=None)).is_success
    after = everything(phone)
    assert after != before, "the call has an effect"
    again = await made(phone, trial, trial.call)
    assert everything(phone) == after
    if trial.ends_caller:
        assert (again.status_code, code(again)) == (401, "session_revoked")
    else:
        assert (again.status_code, again.content) == (first.status_code, first.content)


@pytest.mark.parametrize("door", sorted(set(TRIALS) - WITHOUT_OTHER))
async def test_a_key_that_was_used_for_another_call_conflicts_and_changes_nothing(phone: Phone, door: str) -> None:
    """409 ``idempotency_conflict``; with a key of its own (or none) the other call would have worked, or failed otherwise."""
    trial = await TRIALS[door](phone)
    assert trial.other is not None
    assert (await made(phone, trial, trial.call)).is_success
    after = everything(phone)
    other = await made(phone, trial, trial.other)
    assert (other.status_code, code(other)) == (409, "idempotency_conflict")
    assert everything(phone) == after
    elsewhere = await made(phone, trial, trial.other, key=f"{KEY}-2")
    assert "idempotency_conflict" not in elsewhere.text


@pytest.mark.parametrize("door", sorted(TRIALS))
async def test_what_a_key_remembers_holds_no_token_no_name_and_no_link(phone: Phone, door: str) -> None:
    """Whatever in the answer opens something, or names somebody, rests sealed."""
    trial = await TRIALS[door](phone)
    answer = await made(phone, trial, trial.call)
    shown = answer.json() if answer.content else {}
    secret = (
        "access_token",
        "refresh_token",
        "guest_secret",
        "link_token",
        "state",
        "nonce",
        "code_challenge",
        "nickname",
    )
    told = [shown[name] for name in secret if isinstance(shown, dict) and shown.get(name)]
    kept = [one.answer + one.fingerprint for side in phone.world.sides for one in side.work.state.answers.values()]
    assert not [text for text in kept for value in told if value in text]


async def test_a_body_is_the_same_however_it_is_spaced_and_ordered(phone: Phone) -> None:
    """What it says counts."""
    mine = await phone.sign_in("Ada")
    headers = {"Idempotency-Key": KEY, "Content-Type": "application/json"}
    bodies = (b'{"nickname": "n", "age_band": "adult"}', b'{"age_band":"adult","nickname":"n"}')
    first, again = [await phone.call("PATCH", "/v1/me", mine, content=body, headers=headers) for body in bodies]
    assert (first.status_code, again.json()) == (200, first.json())


async def test_keys_are_a_subjects_own(phone: Phone) -> None:
    """A neighbour with the same key has its own effect and its own answer."""
    for who, nickname in (("Ada", "a"), ("Bo", "b")):
        tokens = await phone.sign_in(who)
        changed = await phone.call(
            "PATCH", "/v1/me", tokens, json={"nickname": nickname}, headers={"Idempotency-Key": KEY}
        )
        assert (changed.status_code, changed.json()["nickname"]) == (200, nickname)


async def test_what_failed_is_not_remembered_and_may_be_tried_again(phone: Phone) -> None:
    """The last login cannot be unlinked; once there is another, the same call works."""
    mine = await phone.sign_in("Ada")
    headers = {"Idempotency-Key": KEY}
    assert code(await phone.call("DELETE", "/v1/me/identities/wechat", mine, headers=headers)) == "last_identity"
    await phone.put("/v1/me/identities", mine, provider="apple", platform="ios", code=phone.apple.code_for("Ada"))
    assert (await phone.call("DELETE", "/v1/me/identities/wechat", mine, headers=headers)).status_code == 204


async def test_a_key_for_a_login_must_be_one_that_nobody_else_has(phone: Phone) -> None:
    """Nobody is known yet: two phones that both say "1" must not share a login."""
    body = {"provider": "wechat", "platform": "android"}
    refused = await phone.client.post("/v1/login-attempts", json=body, headers={"Idempotency-Key": "1" * 15})
    assert (refused.status_code, code(refused)) == (422, "bad_request")
    assert not phone.world.auth.work.state.attempts
    assert (await phone.client.post("/v1/login-attempts", json=body, headers={"Idempotency-Key": "1" * 16})).is_success


async def test_answers_go_with_their_subject(phone: Phone) -> None:
    """Erased whole, the neighbour's kept."""
    mine, neighbour = await phone.sign_in("Ada"), await phone.sign_in("Bo")
    for tokens in (mine, neighbour):
        await phone.call("PATCH", "/v1/me", tokens, json={"nickname": "n"}, headers={"Idempotency-Key": KEY})
    await phone.call("DELETE", "/v1/me", mine)
    phone.hear()
    kept = {str(one.subject_id) for one in phone.world.auth.work.state.answers.values()}
    assert kept == {neighbour["subject_id"]}
