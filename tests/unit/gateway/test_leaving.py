"""注销账户 over HTTP, and the pushes by which providers tell that somebody has left there."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from services.auth.providers.port import Granted, RevocationStatus
from services.auth.revocations import revoke_what_is_due
from services.gateway.certificate_page import REASONS
from shared.contracts import auth
from shared.contracts.retention import PurgeReason
from shared.crypto.signing import public_keys, verify
from shared.kernel.errors import Code, LoginFailed
from tests.unit.auth.providers.fake import HINT, SIGNATURE
from tests.unit.gateway.phones import OTHER, Phone, code


async def test_an_account_is_deleted_whole_and_its_certificate_says_how_its_provider_was_told(phone: Phone) -> None:
    """202 with the receipt; every token refused at once; gone, certified, and the neighbour untouched."""
    mine, elsewhere, neighbour = [await phone.sign_in(who) for who in ("Ada", "Ada", "Bo")]
    for one in (mine, neighbour):
        await phone.upload(one)
    phone.hear()
    left = await phone.call("DELETE", "/v1/me", mine)
    assert left.status_code == 202
    started = left.json()
    assert set(started) == {"erasure_id", "receipt", "receipt_url"}
    for tokens in (mine, elsewhere):
        refused = await phone.call("GET", "/v1/me", tokens)
        assert (refused.status_code, code(refused)) == (401, "subject_erased")
        refresh = await phone.client.post("/v1/sessions/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert (refresh.status_code, code(refresh)) == (401, "subject_erased")
    revoke_what_is_due(phone.world.auth.parts)
    phone.hear()
    progress = (await phone.client.get(started["receipt_url"])).json()
    assert (progress["status"], progress["reason"], progress["purge_id"]) == (
        "completed", "account_deleted", started["erasure_id"],
    )  # fmt: skip
    jwks = (await phone.client.get("/.well-known/purge-certificate-keys.json")).json()["keys"]
    content = verify(progress["certificate"]["jws"], public_keys(jwks), kind="purge-certificate+jwt")
    assert content["deleted"]["auth"]["identities"] == 1
    assert content["deleted"]["imaging"]["photos"] == 1
    assert content["providers"] == {"wechat": {"revoked": 1}}
    assert "provider" not in json.dumps(content["deleted"])
    assert "token" not in json.dumps(content["kept"])
    assert "Ada" not in json.dumps(progress)
    assert not any(phone.world.auth.count(UUID(mine["subject_id"])).values())
    assert (await phone.call("GET", "/v1/photos", neighbour)).json()["items"]
    assert (await phone.sign_in("Ada"))["subject_id"] != mine["subject_id"]


async def test_the_deletion_can_be_repeated_with_its_key_and_with_no_other(phone: Phone) -> None:
    """The answer that was lost is given again, before and after the purge has ended."""
    mine = await phone.sign_in("Ada")
    headers = {"Idempotency-Key": "e"}
    first = await phone.call("DELETE", "/v1/me", mine, headers=headers)
    again = await phone.call("DELETE", "/v1/me", mine, headers=headers)
    phone.hear()
    once_more = await phone.call("DELETE", "/v1/me", mine, headers=headers)
    assert first.json() == again.json() == once_more.json()
    assert again.status_code == 202
    for other in ({}, {"Idempotency-Key": "other"}):
        refused = await phone.call("DELETE", "/v1/me", mine, headers=other)
        assert (refused.status_code, code(refused)) == (401, "subject_erased")


async def test_an_account_has_no_stash_to_wipe_and_a_guest_may_leave_like_an_account(phone: Phone) -> None:
    """409, and nothing happened; for the guest the reason is its own."""
    mine, guest = await phone.sign_in("Ada"), await phone.start()
    refused = await phone.call("DELETE", "/v1/me/stash", mine)
    assert (refused.status_code, code(refused)) == (409, "conflict")
    assert (await phone.call("GET", "/v1/me", mine)).status_code == 200
    assert phone.world.retention.work.state.purges == {}
    left = await phone.call("DELETE", "/v1/me", guest)
    assert left.status_code == 202
    phone.hear()
    assert (await phone.client.get(left.json()["receipt_url"])).json()["status"] == "completed"


async def test_a_provider_in_trouble_does_not_hold_the_erasure_up(phone: Phone) -> None:
    """Completed all the same; the certificate's counts say that it is still being tried."""
    mine = await phone.sign_in("Ada")
    phone.wechat.outcomes = [RevocationStatus.TRY_LATER]
    started = (await phone.call("DELETE", "/v1/me", mine)).json()
    revoke_what_is_due(phone.world.auth.parts)
    phone.hear()
    progress = (await phone.client.get(started["receipt_url"])).json()
    assert progress["status"] == "completed"
    assert progress["counts"]["auth.provider.wechat.pending"] == 1
    content = progress["certificate"]["payload"]
    assert content["providers"] == {"wechat": {"pending": 1}}
    assert "token" in json.dumps(content["kept"]), "what is still kept is said"


async def test_an_account_is_deleted_even_while_auth_is_away(phone: Phone) -> None:
    """This gateway refuses it from its answer on; auth fences when it is back."""
    mine = await phone.sign_in("Ada")
    phone.board.away.add(auth.FenceSubject)
    started = await phone.call("DELETE", "/v1/me", mine)
    assert started.status_code == 202
    assert code(await phone.call("GET", "/v1/photos", mine)) == "subject_erased"
    phone.board.away.clear()
    phone.hear()
    assert (await phone.client.get(started.json()["receipt_url"])).json()["status"] == "completed"


def test_a_certificates_page_has_words_for_every_reason() -> None:
    """In both languages."""
    assert REASONS.keys() == set(PurgeReason)


# ---- pushes


async def push(phone: Phone, signature: str = SIGNATURE, to: str = "wechat", **told: Any) -> Any:
    body = json.dumps({"kind": "authorization_revoked", "external_id": "Ada@app-one", **told}).encode()
    return await phone.client.post(f"/v1/providers/{to}/notices?a=b", content=body, headers={"X-Signature": signature})


async def test_a_push_is_answered_with_the_very_bytes_that_its_provider_waits_for(phone: Phone) -> None:
    """Status, type and body; the account that lost its last login goes, its neighbour stays."""
    mine, neighbour = await phone.sign_in("Ada"), await phone.sign_in("Bo")
    answer = await push(phone)
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (
        200, "application/xml", b"<xml>\x00ok</xml>",
    )  # fmt: skip
    phone.hear()
    refused = await phone.call("GET", "/v1/me", mine)
    assert (refused.status_code, code(refused)) == (401, "subject_erased")
    purges = phone.world.retention.work.state.purges.values()
    assert [(purge.reason, purge.state) for purge in purges] == [("account_abandoned", "completed")]
    assert (await phone.call("GET", "/v1/me", neighbour)).status_code == 200


async def test_a_forged_push_is_answered_403_with_nothing_and_ends_nobody(phone: Phone) -> None:
    """Whoever knows an openid."""
    mine = await phone.sign_in("Ada")
    answer = await push(phone, "forged")
    assert (answer.status_code, answer.content) == (403, b"")
    assert (await phone.call("GET", "/v1/me", mine)).status_code == 200


async def test_a_push_that_cannot_be_checked_just_now_is_503_so_that_it_comes_again(phone: Phone) -> None:
    """And does its work then."""
    mine = await phone.sign_in("Ada")
    phone.wechat.granted = LoginFailed(Code.PROVIDER_UNAVAILABLE)
    answer = await push(phone, HINT)
    assert (answer.status_code, code(answer)) == (503, "provider_unavailable")
    phone.wechat.granted = Granted.NO
    assert (await push(phone, HINT)).status_code == 200
    phone.hear()
    assert code(await phone.call("GET", "/v1/me", mine)) == "subject_erased"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_push_to_a_provider_we_do_not_have_is_told_so(phone: Phone, method: str) -> None:
    """A coded problem, as everywhere; the path's length is nobody's weapon."""
    for name in ("nobody", "x" * 500):
        answer = await phone.client.request(method, f"/v1/providers/{name}/notices")
        assert (answer.status_code, code(answer)) == (422, "provider_unknown")


# ---- nonsense


DOORS = [
    ("POST", "/v1/login-attempts"), ("POST", "/v1/sessions"), ("POST", "/v1/sessions/refresh"), ("PATCH", "/v1/me"),
    ("POST", "/v1/me/identities"), ("POST", "/v1/me/consents"), ("POST", "/v1/me/guardian-consents"), ("POST", "/v1/guests"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_nonsense_at_any_door_is_a_bad_request_and_never_a_failure_of_ours(
    phone: Phone, method: str, path: str
) -> None:
    """Not JSON, other JSON, wrong types, deep nests, lone surrogates; nothing is ever quoted back."""
    mine = await phone.start(OTHER)
    for body in (
        b"", b"{", b"null", b"[]", b'"CANARY"', b"{}", b'{"provider": {"CANARY": 1}, "action": 5, "nickname": [], "refresh_token": 1}',
        b"[" * 5000, b'{"provider": "\\ud800", "action": "\\udfff", "nickname": "\\ud800", "refresh_token": "\\ud800"}', b"\xff\xfe\x00",
    ):  # fmt: skip
        answer = await phone.call(method, path, mine, content=body, headers={"Content-Type": "application/json"})
        if (method, body) == ("PATCH", b"{}"):
            assert answer.status_code == 200, "changing nothing is fine"
            continue
        assert (answer.status_code, code(answer)) == (422, "bad_request"), body[:40]
        assert "CANARY" not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/me"), ("PATCH", "/v1/me"), ("DELETE", "/v1/me"), ("GET", "/v1/me/sessions"), ("DELETE", "/v1/me/sessions"),
        ("GET", "/v1/me/identities"), ("POST", "/v1/me/identities"), ("DELETE", "/v1/me/identities/wechat"), ("GET", "/v1/me/consents"),
        ("POST", "/v1/me/consents"), ("POST", "/v1/me/guardian-requests"), ("GET", "/v1/me/guardian-consents"),
        ("POST", "/v1/me/guardian-consents"), ("DELETE", "/v1/me/stash"),
    ],
)  # fmt: skip
async def test_nothing_of_a_person_is_behind_a_door_without_a_token(phone: Phone, method: str, path: str) -> None:
    """401, whatever the body."""
    answer = await phone.client.request(method, path, json={})
    assert (answer.status_code, code(answer)) == (401, "unauthenticated")
