"""The subject's own record over HTTP: profile, consents and what they stop, guardians, and new versions of a policy."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from services.auth.domain.consents import broken_at
from tests.unit.gateway.phones import OTHER, Phone, code
from tests.unit.worlds import PERMISSIONS, POLICY, policy

PRIVACY = {"document": "privacy", "version": POLICY}


async def consent(phone: Phone, tokens: dict[str, Any], action: str, **what: Any) -> Any:
    return await phone.put("/v1/me/consents", tokens, **(what or PRIVACY), action=action)


async def refusal(phone: Phone, tokens: dict[str, Any]) -> tuple[int, str]:
    answer = await phone.upload(tokens)
    return answer.status_code, code(answer)


# ---- profile


async def test_a_nickname_is_shown_to_its_person_and_rests_sealed(phone: Phone) -> None:
    """What is left out stays; the neighbour has none."""
    mine, neighbour = await phone.sign_in("Ada"), await phone.sign_in("Bo")
    changed = await phone.call("PATCH", "/v1/me", mine, json={"nickname": "小明 CANARY"})
    assert changed.status_code == 200, changed.text
    assert (await phone.call("PATCH", "/v1/me", mine, json={"age_band": "adult"})).json()["nickname"] == "小明 CANARY"
    me = (await phone.call("GET", "/v1/me", mine)).json()
    assert (me["nickname"], me["age_band"]) == ("小明 CANARY", "adult")
    other = (await phone.call("GET", "/v1/me", neighbour)).json()
    assert (other["nickname"], other["age_band"]) == (None, None)
    assert "CANARY" not in repr(phone.world.auth.work.state)


@pytest.mark.parametrize(
    "body",
    [
        b'{"nickname": ""}',
        b'{"nickname": "' + b"x" * 61 + b'"}',
        b'{"age_band": "old"}',
        b"[]",
        b'{"nickname": "\\ud800"}',
    ],
)
async def test_a_profile_that_makes_no_sense_is_refused_and_changes_nothing(phone: Phone, body: bytes) -> None:
    """With a code."""
    mine = await phone.sign_in("Ada")
    answer = await phone.call("PATCH", "/v1/me", mine, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, code(answer)) == (422, "bad_request")
    assert (await phone.call("GET", "/v1/me", mine)).json()["nickname"] is None


# ---- consents


async def test_the_ledger_shows_every_line_and_only_grows(phone: Phone) -> None:
    """A grant, a permission, a purpose and its withdrawal; each with its chain."""
    mine, neighbour = await phone.sign_in("Ada"), await phone.sign_in("Bo")
    before = (await phone.call("GET", "/v1/me/consents", mine)).json()["items"]
    for what in (
        {"permission": "camera", "version": PERMISSIONS, "action": "grant"},
        {"purpose": "partner_sharing", "version": POLICY, "action": "grant"},
        {"purpose": "partner_sharing", "version": POLICY, "action": "withdraw"},
    ):
        answer = await phone.put("/v1/me/consents", mine, **what)
        assert answer.status_code == 201, answer.text
    after = (await phone.call("GET", "/v1/me/consents", mine)).json()["items"]
    assert after == answer.json()["items"]
    assert after[: len(before)] == before
    assert [(line["kind"], line["name"], line["action"]) for line in after[1:]] == [
        ("permission", "camera", "grant"), ("purpose", "partner_sharing", "grant"), ("purpose", "partner_sharing", "withdraw"),
    ]  # fmt: skip
    assert len({line["chain"] for line in after}) == 4
    with phone.world.auth.work.begin() as tx:
        assert broken_at(tx.consents(UUID(mine["subject_id"]))) is None
    assert len((await phone.call("GET", "/v1/me/consents", neighbour)).json()["items"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"action": "grant", "version": "1"}, {"document": "privacy", "permission": "camera", "action": "grant", "version": "1"},
        {"document": "diary", "action": "grant", "version": "1"}, {"permission": "microphone", "action": "grant", "version": "1"},
        {"document": "privacy", "action": "shrug", "version": "1"}, {"document": "privacy", "action": "grant"},
        {"permission": "camera", "action": "grant", "version": "x" * 41}, {"permission": "camera", "action": "grant", "version": ""},
        {"permission": "camera", "action": "withdraw", "version": "a\x00b"}, {"kind": "guardian", "name": "guardian"},
    ],
)  # fmt: skip
async def test_a_consent_that_makes_no_sense_is_refused_and_not_recorded(phone: Phone, body: dict[str, str]) -> None:
    """Exactly one thing, of those there are; a guardian's is nobody's to give here."""
    mine = await phone.sign_in("Ada")
    answer = await phone.put("/v1/me/consents", mine, **body)
    assert (answer.status_code, code(answer)) == (422, "bad_request")
    assert len((await phone.call("GET", "/v1/me/consents", mine)).json()["items"]) == 1


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"permission": "camera", "action": "grant"}, 409, {"policy_version": PERMISSIONS}),
        ({"purpose": "partner_sharing", "action": "grant"}, 409, {"policy_version": POLICY}),
        ({"document": "terms", "action": "withdraw"}, 422, {"errors": [{"field": "version", "reason": "unknown"}]}),
    ],
)
async def test_a_version_that_does_not_exist_is_neither_granted_nor_withdrawn(
    phone: Phone, body: dict[str, str], status: int, expected: dict[str, Any]
) -> None:
    """The answer names the one to show, or the field that is wrong."""
    mine = await phone.sign_in("Ada")
    answer = await phone.put("/v1/me/consents", mine, **body, version="1999-01-01")
    assert (answer.status_code, expected.items() <= answer.json().items()) == (status, True), answer.text
    assert len((await phone.call("GET", "/v1/me/consents", mine)).json()["items"]) == 1


@pytest.mark.parametrize("what", [PRIVACY, {"permission": "device_id", "version": PERMISSIONS}])
async def test_a_guest_that_withdraws_what_it_rests_on_goes_whole(phone: Phone, what: dict[str, str]) -> None:
    """Uploads are refused at once, the purge is certified; the neighbour keeps everything."""
    guest, neighbour = await phone.start(), await phone.start(OTHER)
    for one in (guest, neighbour):
        await phone.upload(one)
    phone.hear()
    assert (await consent(phone, guest, "withdraw", **what)).status_code == 201
    if "document" in what:
        assert await refusal(phone, guest) == (403, "consent_required")
    phone.hear()
    refused = await phone.call("GET", "/v1/me", guest)
    assert (refused.status_code, code(refused)) == (401, "subject_erased")
    subject = UUID(guest["subject_id"])
    assert phone.world.imaging.objects(subject) == []
    assert not any(phone.world.auth.count(subject).values())
    purges = phone.world.retention.work.state.purges.values()
    assert [(purge.reason, purge.state) for purge in purges] == [("consent_withdrawn", "completed")]
    assert phone.world.imaging.objects(UUID(neighbour["subject_id"])) == ["cutout", "original"]
    assert (await phone.call("GET", "/v1/photos", neighbour)).json()["items"]


async def test_an_account_that_withdraws_loses_its_photos_and_stays(phone: Phone) -> None:
    """Uploads and renders answer 403 until it consents again; its record it may always read."""
    mine, neighbour = await phone.sign_in("Ada"), await phone.sign_in("Bo")
    await phone.call("PATCH", "/v1/me", mine, json={"nickname": "Ada"})
    for one in (mine, neighbour):
        await phone.upload(one)
    phone.hear()
    assert phone.world.imaging.objects(UUID(mine["subject_id"])) == ["cutout", "original"]
    await consent(phone, mine, "withdraw")
    assert await refusal(phone, mine) == (403, "consent_required")
    phone.hear()
    assert phone.world.imaging.objects(UUID(mine["subject_id"])) == []
    assert (await phone.call("GET", "/v1/photos", mine)).json()["items"] == []
    assert (await phone.call("GET", "/v1/me", mine)).json()["nickname"] == "Ada"
    renamed = await phone.call("PATCH", "/v1/me", mine, json={"nickname": "Eve"})
    assert (renamed.status_code, code(renamed)) == (403, "consent_required")
    assert phone.world.imaging.objects(UUID(neighbour["subject_id"])) == ["cutout", "original"]
    assert phone.world.retention.work.state.purges == {}
    await consent(phone, mine, "grant")
    assert (await phone.upload(mine)).status_code == 202


# ---- guardians


async def test_a_child_waits_for_its_guardian_and_stops_when_the_guardian_withdraws(phone: Phone) -> None:
    """End to end: refused, link passed on, consented, uploaded, withdrawn, photos gone, refused again."""
    child = await phone.start(age_band="under_14")
    neighbour = await phone.start(OTHER)
    await phone.upload(neighbour)
    guardian = await phone.sign_in("Eve", age_band="adult")
    assert await refusal(phone, child) == (403, "guardian_consent_required")
    link = (await phone.put("/v1/me/guardian-requests", child)).json()
    body = {"action": "grant", "link_token": link["link_token"]}
    granted = await phone.put("/v1/me/guardian-consents", guardian, **body)
    assert (granted.status_code, granted.json()["role"]) == (201, "guardian")
    again = await phone.put("/v1/me/guardian-consents", guardian, **body)
    assert (again.status_code, code(again)) == (404, "not_found")
    assert (await phone.upload(child)).status_code == 202
    phone.hear()
    [seen] = (await phone.call("GET", "/v1/me/guardian-consents", child)).json()["items"]
    assert (seen["role"], seen["withdrawn_at"]) == ("child", None)
    withdraw = {"action": "withdraw", "guardianship_id": seen["guardianship_id"]}
    stranger = await phone.put("/v1/me/guardian-consents", neighbour, **withdraw)
    assert (stranger.status_code, code(stranger)) == (404, "not_found")
    assert (await phone.put("/v1/me/guardian-consents", guardian, **withdraw)).status_code == 201
    phone.hear()
    assert phone.world.imaging.objects(UUID(child["subject_id"])) == []
    assert phone.world.imaging.objects(UUID(neighbour["subject_id"])) == ["cutout", "original"]
    assert not (await phone.call("GET", "/v1/photos", child)).is_success, "a guest goes whole"


async def test_a_childs_account_stays_when_its_guardian_is_erased_and_stops_processing(phone: Phone) -> None:
    """The photos go, the account does not."""
    child, guardian = await phone.sign_in("Mia", age_band="under_14"), await phone.sign_in("Eve", age_band="adult")
    link = (await phone.put("/v1/me/guardian-requests", child)).json()["link_token"]
    await phone.put("/v1/me/guardian-consents", guardian, action="grant", link_token=link)
    assert (await phone.upload(child)).status_code == 202
    phone.hear()
    assert (await phone.call("DELETE", "/v1/me", guardian)).status_code == 202
    phone.hear()
    assert await refusal(phone, child) == (403, "guardian_consent_required")
    assert phone.world.imaging.objects(UUID(child["subject_id"])) == []
    assert (await phone.call("GET", "/v1/me", child)).status_code == 200
    assert not any(phone.world.auth.count(UUID(guardian["subject_id"])).values())


async def test_who_may_not_guard_is_told_why_and_a_child_stays_a_child(phone: Phone) -> None:
    """A guest, an account without a declared age, oneself; and a grown-up has nobody to ask."""
    child, guest, ageless = await phone.start(age_band="under_14"), await phone.start(OTHER), await phone.sign_in("Bo")
    link = (await phone.put("/v1/me/guardian-requests", child)).json()["link_token"]
    for who, status, expected in (
        (guest, 403, "account_required"), (ageless, 403, "guardian_must_be_adult"), (child, 422, "bad_request"),
    ):  # fmt: skip
        answer = await phone.put("/v1/me/guardian-consents", who, action="grant", link_token=link)
        assert (answer.status_code, code(answer)) == (status, expected)
    asked = await phone.put("/v1/me/guardian-requests", ageless)
    assert (asked.status_code, code(asked)) == (409, "conflict")
    older = await phone.call("PATCH", "/v1/me", child, json={"age_band": "adult"})
    assert (older.status_code, code(older)) == (409, "conflict")
    for nonsense in ({"action": "grant"}, {"action": "withdraw"}, {"action": "grant", "link_token": "x" * 101}):
        answer = await phone.put("/v1/me/guardian-consents", ageless, **nonsense)
        assert (answer.status_code, code(answer)) == (422, "bad_request")


# ---- policies


async def test_a_version_that_took_effect_is_asked_for_and_consenting_mends_it(phone: Phone) -> None:
    """Uploads answer 409 with the version's name; who had consented in time is not asked; one's own stays readable."""
    late, early = await phone.sign_in("Ada"), await phone.sign_in("Bo")
    shelf, clock = phone.world.auth.shelf, phone.world.clock
    shelf.documents.append(policy("2030-01-01", clock, 6.9))
    assert (await phone.upload(late)).status_code == 202, "announced, not in force"
    assert (await consent(phone, early, "grant", document="privacy", version="2030-01-01")).status_code == 201
    shelf.documents[-1] = policy("2030-01-01", clock, 7)
    phone.parts.keys.cache.forget(UUID(late["subject_id"]))
    outdated = await phone.upload(late)
    assert (outdated.status_code, code(outdated), outdated.json()["policy_version"]) == (
        409,
        "policy_outdated",
        "2030-01-01",
    )
    assert (await phone.call("GET", "/v1/photos", late)).status_code == 200
    assert (await phone.upload(early)).status_code == 202
    old = await consent(phone, late, "grant")
    assert (old.status_code, code(old)) == (409, "policy_outdated")
    assert (await consent(phone, late, "grant", document="privacy", version="2030-01-01")).status_code == 201
    assert (await phone.upload(late)).status_code == 202


async def test_versions_are_listed_newest_first_and_their_changes_shown_line_by_line(phone: Phone) -> None:
    """No login needed; what is not there is not found."""
    shelf, clock = phone.world.auth.shelf, phone.world.clock
    shelf.documents += [policy("2020-01-01", clock, 900), policy("2030-01-01", clock, 1)]
    new = shelf.documents[-1]
    shelf.documents[-1] = type(new)(
        **{**{f: getattr(new, f) for f in new.__slots__}, "markdown": "# 隐私政策\n\n新的一行"}
    )
    found = (await phone.client.get("/v1/policies/privacy/versions")).json()["items"]
    assert [(v["version"], v["status"]) for v in found] == [
        ("2030-01-01", "upcoming"), (POLICY, "in_force"), ("2020-01-01", "past"),
    ]  # fmt: skip
    current = (await phone.client.get("/v1/policies/privacy")).json()
    assert (current["version"], current["upcoming"]["version"]) == (POLICY, "2030-01-01")
    named = (await phone.client.get("/v1/policies/privacy/versions/2030-01-01")).json()
    assert "新的一行" in named["html"]
    path = "/v1/policies/privacy/versions/2030-01-01/changes"
    changes = (await phone.client.get(path, params={"since": POLICY})).json()
    assert {"change": "added", "text": "新的一行"} in changes["lines"]
    assert (changes["since"], changes["version"]) == (POLICY, "2030-01-01")
    for asked, status, expected in (
        ("/v1/policies/privacy/versions/1999", 404, "not_found"),
        (f"{path}?since=1999", 404, "not_found"),
        (path, 422, "bad_request"),
        ("/v1/policies/terms/versions", 404, "not_found"),
        ("/v1/policies/diary/versions", 404, "not_found"),
    ):
        answer = await phone.client.get(asked)
        assert (answer.status_code, code(answer)) == (status, expected), asked


async def test_a_policys_html_carries_no_script_of_whoever_wrote_it(phone: Phone) -> None:
    """Raw HTML in a document is text."""
    shelf, clock = phone.world.auth.shelf, phone.world.clock
    new = policy("2030-01-01", clock, 8)
    shelf.documents.append(
        type(new)(**{**{f: getattr(new, f) for f in new.__slots__}, "markdown": "# T\n\n<script>alert(1)</script>"})
    )
    html = (await phone.client.get("/v1/policies/privacy")).json()["html"]
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


# ---- capabilities


async def test_capabilities_tell_what_is_on_offer_and_what_to_probe_on_that_platform(phone: Phone) -> None:
    """Only what is on offer is probed for; nothing is asked of the phone in return."""
    android = (await phone.client.get("/v1/capabilities?platform=android")).json()
    assert android["logins"] == ["wechat"]
    assert android["probe"] == {"wechat": ["com.tencent.mm"], "alipay": ["com.eg.android.AlipayGphone"]}
    ios = (await phone.client.get("/v1/capabilities?platform=ios")).json()
    assert ios["logins"] == ["wechat", "apple"]
    assert "weixin" in ios["probe"]["wechat"]
    assert (await phone.client.get("/v1/capabilities?platform=web")).json()["probe"] == {}
    for wrong in ("", "?platform=toaster"):
        answer = await phone.client.get(f"/v1/capabilities{wrong}")
        assert (answer.status_code, code(answer)) == (422, "bad_request")
