"""The gateway's routes over HTTP, the services behind it on memory twins: what a client sees, code by code."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from shared.contracts import auth, imaging
from shared.crypto import unseal
from shared.crypto.signing import public_keys, verify
from shared.kernel.ids import new_id
from tests.unit.gateway.phones import DEVICE, OTHER, Phone, code
from tests.unit.gateway.test_uploads import TYPE, png
from tests.unit.worlds import POLICY


async def test_a_photo_goes_from_upload_to_file_and_a_wiped_stash_to_its_certificate(phone: Phone) -> None:
    """The whole journey, over HTTP: guest, upload, ready, render, preview, file, wipe, receipt, certificate."""
    tokens, neighbour = await phone.start(), await phone.start(OTHER)
    await phone.upload(neighbour)
    uploaded = await phone.upload(tokens)
    assert (uploaded.status_code, uploaded.json()["status"]) == (202, "queued")
    phone.world.deliver_all()
    photo_id = uploaded.json()["photo_id"]
    photo = (await phone.call("GET", f"/v1/photos/{photo_id}", tokens)).json()
    assert (photo["status"], photo["analysis"]["faces"]) == ("ready", 1)
    made = await phone.call("POST", f"/v1/photos/{photo_id}/renders", tokens, json={"spec": "one-inch"})
    assert made.status_code == 201, made.text
    render = made.json()
    assert (render["width"], render["spec"], render["unlocked"]) == (295, "one-inch", True)
    path = f"/v1/renders/{render['render_id']}"
    file = await phone.call("GET", f"{path}/file", tokens)
    assert b"cutout of Ada" in file.content
    assert file.headers["cache-control"] == "private, no-store"
    assert 'filename="one-inch.jpg"' in file.headers["content-disposition"]
    assert (await phone.call("GET", f"{path}/preview", tokens)).content.startswith(b"preview")

    wiped = await phone.call("DELETE", "/v1/me/stash", tokens, headers={"Idempotency-Key": "w"})
    assert wiped.status_code == 202
    refused = await phone.call("GET", f"/v1/photos/{photo_id}", tokens)
    assert (refused.status_code, code(refused)) == (401, "subject_erased")
    phone.world.deliver_all()
    progress = (await phone.client.get(f"/v1/purges/{wiped.json()['receipt']}")).json()
    assert progress["status"] == "completed"
    jwks = (await phone.client.get("/.well-known/purge-certificate-keys.json")).json()["keys"]
    content = verify(progress["certificate"]["jws"], public_keys(jwks), kind="purge-certificate+jwt")
    assert content["deleted"]["imaging"]["objects"] == 4
    assert phone.world.imaging.objects(UUID(tokens["subject_id"])) == []
    assert phone.world.imaging.objects(UUID(neighbour["subject_id"])) == ["cutout", "original"]
    assert (await phone.call("GET", "/v1/me", neighbour)).status_code == 200
    assert phone.client.base_url.host in wiped.json()["receipt_url"]


async def test_what_lies_in_the_store_is_sealed_for_its_key(phone: Phone) -> None:
    """The upload route seals with the subject's key, bound to the object's own name."""
    tokens, content = await phone.start(), png()
    photo_id = (await phone.upload(tokens, content)).json()["photo_id"]
    name = f"{tokens['subject_id']}/{photo_id}/original"
    stored = phone.world.imaging.store.get(name)
    assert content[:16] not in stored
    key = await phone.parts.keys.key_of(UUID(tokens["subject_id"]), "read_own")
    assert unseal(key, stored, name) == content


async def test_an_upload_repeated_with_its_key_is_one_photo_and_another_file_conflicts(phone: Phone) -> None:
    """The gateway proposes a new id each time; the key decides."""
    tokens, content = await phone.start(), png()
    first = await phone.upload(tokens, content, **{"Idempotency-Key": "k"})
    again = await phone.upload(tokens, content, **{"Idempotency-Key": "k"})
    assert first.json()["photo_id"] == again.json()["photo_id"]
    other = await phone.upload(tokens, png(), **{"Idempotency-Key": "k"})
    assert (other.status_code, code(other)) == (409, "idempotency_conflict")
    assert len(phone.world.imaging.store.objects) == 1


async def test_a_photo_of_two_people_is_registered_as_one(phone: Phone) -> None:
    """``people=2`` is kept with the photo; the same key with another number is another request; three are too many."""
    tokens, content = await phone.start(), png()
    answer = await phone.upload(tokens, content, "?people=2", **{"Idempotency-Key": "k"})
    assert phone.world.imaging.work.state.photos[UUID(answer.json()["photo_id"])].people == 2
    again = await phone.upload(tokens, content, "?people=2", **{"Idempotency-Key": "k"})
    assert again.json()["photo_id"] == answer.json()["photo_id"]
    alone = await phone.upload(tokens, content, **{"Idempotency-Key": "k"})
    assert (alone.status_code, code(alone)) == (409, "idempotency_conflict")
    for wrong in ("0", "3", "two"):
        refused = await phone.upload(tokens, content, f"?people={wrong}")
        assert (refused.status_code, code(refused)) == (422, "bad_request")


async def test_an_upload_cut_off_between_registering_and_confirming_is_taken_up_by_its_repetition(phone: Phone) -> None:
    """The second try seals for the photo that the first one registered: what is stored opens under that name."""
    tokens, content = await phone.start(), png()
    phone.board.away.add(imaging.PhotoStored)
    lost = await phone.upload(tokens, content, **{"Idempotency-Key": "k"})
    assert (lost.status_code, code(lost)) == (503, "unavailable")
    phone.board.away.clear()
    again = await phone.upload(tokens, content, **{"Idempotency-Key": "k"})
    assert again.status_code == 202
    [name] = phone.world.imaging.store.objects
    assert name == f"{tokens['subject_id']}/{again.json()['photo_id']}/original"
    key = await phone.parts.keys.key_of(UUID(tokens["subject_id"]), "read_own")
    assert unseal(key, phone.world.imaging.store.get(name), name) == content


async def test_bytes_that_land_after_a_purge_are_deleted_by_the_gateway_itself(phone: Phone) -> None:
    """Registered, then purged, then stored: the confirmation is refused, and what was written goes."""
    tokens, neighbour = await phone.start(), await phone.start(OTHER)
    await phone.upload(neighbour)
    subject = UUID(tokens["subject_id"])
    phone.board.after[imaging.RegisterPhoto] = lambda: phone.world.imaging.purge(subject)
    answer = await phone.upload(tokens)
    assert (answer.status_code, code(answer)) == (401, "subject_erased")
    assert phone.world.imaging.objects(subject) == []
    assert phone.world.imaging.objects(UUID(neighbour["subject_id"])) == ["original"]


async def test_bad_uploads_get_their_codes_and_leave_nothing(phone: Phone) -> None:
    """Refused before a row or an object exists."""
    tokens = await phone.start()
    cases = [
        (b"plain text", 415, "unsupported_format"),
        (png(60_000, 60_000), 413, "too_many_pixels"),
        (png(filler=2 * 1024 * 1024 + 1), 413, "too_large"),
    ]
    for content, status, expected in cases:
        answer = await phone.upload(tokens, content)
        assert (answer.status_code, code(answer)) == (status, expected)
    broken = await phone.call("POST", "/v1/photos", tokens, content=b"x", headers={"Content-Type": TYPE})
    assert (broken.status_code, code(broken)) == (422, "bad_request")
    assert not phone.world.imaging.store.objects
    assert not phone.world.imaging.work.state.photos


@pytest.mark.parametrize(
    "path", ["/v1/photos", "/v1/me", f"/v1/photos/{DEVICE}", f"/v1/renders/{DEVICE}/file", "/v1/events"]
)
async def test_without_a_token_every_door_is_shut(phone: Phone, path: str) -> None:
    """401 with the challenge that the RFC asks for."""
    answer = await phone.client.get(path)
    assert (answer.status_code, code(answer)) == (401, "unauthenticated")
    assert "Bearer" in answer.headers["www-authenticate"]


async def test_somebody_elses_photos_and_renders_are_not_found(phone: Phone) -> None:
    """Every route that takes an id, with a neighbour's."""
    mine, stranger = await phone.start(), await phone.start(OTHER)
    photo_id = (await phone.upload(mine)).json()["photo_id"]
    phone.world.deliver_all()
    made = await phone.call("POST", f"/v1/photos/{photo_id}/renders", mine, json={"spec": "one-inch"})
    render_id = made.json()["render_id"]
    for method, path in (
        ("GET", f"/v1/photos/{photo_id}"), ("DELETE", f"/v1/photos/{photo_id}"), ("POST", f"/v1/photos/{photo_id}/renders"),
        ("GET", f"/v1/renders/{render_id}"), ("GET", f"/v1/renders/{render_id}/file"), ("GET", f"/v1/renders/{render_id}/preview"),
    ):  # fmt: skip
        answer = await phone.call(
            method, path, stranger, **({"json": {"spec": "one-inch"}} if method == "POST" else {})
        )
        assert (answer.status_code, code(answer)) == (404, "not_found"), path
    assert (await phone.call("GET", "/v1/photos", stranger)).json()["items"] == []
    assert (await phone.call("GET", f"/v1/renders/{render_id}/file", mine)).status_code == 200


async def test_the_wipe_can_be_repeated_with_its_key_and_with_no_other(phone: Phone) -> None:
    """If the answer was lost, the same call gets it again, though its token is dead for everything else."""
    tokens = await phone.start()
    first = await phone.call("DELETE", "/v1/me/stash", tokens, headers={"Idempotency-Key": "w"})
    again = await phone.call("DELETE", "/v1/me/stash", tokens, headers={"Idempotency-Key": "w"})
    assert again.json() == first.json()
    for headers in ({}, {"Idempotency-Key": "other"}):
        refused = await phone.call("DELETE", "/v1/me/stash", tokens, headers=headers)
        assert (refused.status_code, code(refused)) == (401, "subject_erased")


async def test_a_wipe_while_auth_is_away_is_refused_here_at_once_and_fenced_when_auth_is_back(phone: Phone) -> None:
    """The gateway's own door is shut from its answer on; the purge's event does the rest."""
    tokens = await phone.start()
    assert (await phone.call("GET", "/v1/me", tokens)).status_code == 200
    phone.board.away.add(auth.FenceSubject)
    wiped = await phone.call("DELETE", "/v1/me/stash", tokens)
    assert wiped.status_code == 202
    assert code(await phone.call("GET", "/v1/photos", tokens)) == "subject_erased"
    phone.board.away.clear()
    phone.world.deliver_all()
    progress = (await phone.client.get(f"/v1/purges/{wiped.json()['receipt']}")).json()
    assert progress["status"] == "completed"


async def test_a_device_that_comes_back_resumes_and_too_many_starts_are_too_many(phone: Phone) -> None:
    """201, then 200 with the secret, then 429."""
    first = await phone.client.post("/v1/guests", json={"device_id": DEVICE, "policy_version": POLICY})
    again = await phone.client.post(
        "/v1/guests", json={"device_id": DEVICE, "policy_version": POLICY, "guest_secret": first.json()["guest_secret"]}
    )
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["subject_id"] == again.json()["subject_id"]
    await phone.client.post("/v1/guests", json={"device_id": DEVICE})
    limited = await phone.client.post("/v1/guests", json={"device_id": DEVICE, "policy_version": POLICY})
    assert (limited.status_code, code(limited)) == (429, "too_many_requests")
    assert "retry-after" in limited.headers


async def test_consent_comes_first_and_in_the_persons_language(phone: Phone) -> None:
    """403 without, 409 with another version and the name of the one in force."""
    without = await phone.client.post("/v1/guests", json={"device_id": DEVICE}, headers={"Accept-Language": "en-GB"})
    assert (without.status_code, code(without)) == (403, "consent_required")
    assert without.json()["title"].isascii()
    outdated = await phone.client.post("/v1/guests", json={"device_id": OTHER, "policy_version": "1999"})
    assert (outdated.status_code, code(outdated)) == (409, "policy_outdated")
    assert outdated.json()["policy_version"] == POLICY
    assert not outdated.json()["title"].isascii()


async def test_logging_out_ends_the_token_here_at_once(phone: Phone) -> None:
    """Before its event has gone round."""
    tokens = await phone.start()
    assert (await phone.call("DELETE", "/v1/sessions/current", tokens)).status_code == 204
    refused = await phone.call("GET", "/v1/me", tokens)
    assert (refused.status_code, code(refused)) == (401, "session_revoked")


async def test_a_request_that_is_wrong_is_told_where_and_never_with_its_value(phone: Phone) -> None:
    """The value may be a person's; the field and the reason are enough."""
    answer = await phone.client.post("/v1/guests", json={"device_id": "CANARY", "policy_version": 5})
    assert (answer.status_code, code(answer)) == (422, "bad_request")
    assert "CANARY" not in answer.text
    assert {error["field"] for error in answer.json()["errors"]} >= {"device_id"}
    nonsense = await phone.client.post("/v1/guests", content=b"{nonsense", headers={"Content-Type": "application/json"})
    assert (nonsense.status_code, code(nonsense)) == (422, "bad_request")


async def test_what_does_not_exist_and_what_is_not_allowed_are_problems_too(phone: Phone) -> None:
    """One form of error everywhere."""
    assert code(await phone.client.get("/v1/nothing")) == "not_found"
    assert code(await phone.client.put("/v1/guests")) == "method_not_allowed"
    assert code(await phone.client.get("/v1/specs/no-such-spec")) == "not_found"
    assert code(await phone.client.get("/v1/policies/no-such-document")) == "not_found"
    assert code(await phone.client.get("/v1/purges/forged")) == "not_found"


async def test_an_unexpected_error_says_nothing_of_itself(phone: Phone) -> None:
    """500, internal, and not a word of what it choked on."""
    tokens = await phone.start()
    phone.board.after[imaging.ListPhotos] = lambda: (_ for _ in ()).throw(ValueError("CANARY")).__next__()
    answer = await phone.call("GET", "/v1/photos", tokens)
    assert (answer.status_code, code(answer)) == (500, "internal")
    assert "CANARY" not in answer.text


@pytest.mark.parametrize("key", ["", "x" * 201, "caf\u00e9".encode("latin-1").decode("latin-1"), "a\tb"])
async def test_an_unusable_idempotency_key_is_refused(phone: Phone, key: str) -> None:
    """Rather than silently not idempotent."""
    request = {"device_id": DEVICE, "policy_version": POLICY}
    answer = await phone.client.post("/v1/guests", json=request, headers={"Idempotency-Key": key.encode("latin-1")})  # type: ignore[dict-item]
    assert (answer.status_code, code(answer)) == (422, "bad_request")


@pytest.mark.parametrize(
    "order",
    [
        {"spec": "one-inch", "width_mm": -1}, {"spec": "x" * 81}, {"unknown": 1}, {"format": "gif"}, {"max_kb": 0}, {"dpi": "many"}, [],
    ],
)  # fmt: skip
async def test_an_order_that_makes_no_sense_is_refused_at_the_door(phone: Phone, order: Any) -> None:
    """By the schema, before a worker sees it."""
    tokens = await phone.start()
    answer = await phone.call("POST", f"/v1/photos/{new_id()}/renders", tokens, json=order)
    assert (answer.status_code, code(answer)) == (422, "bad_request")


@pytest.mark.parametrize(
    "body", ['{"width_mm": Infinity, "height_mm": 35}', '{"max_kb": 1e999}', '{"width_px": 1e400, "height_px": 5}']
)
async def test_numbers_without_end_are_refused_at_the_door(phone: Phone, body: str) -> None:
    """JSON has no infinity; parsers do."""
    tokens = await phone.start()
    headers = {"Content-Type": "application/json"}
    answer = await phone.call("POST", f"/v1/photos/{new_id()}/renders", tokens, content=body, headers=headers)
    assert (answer.status_code, code(answer)) == (422, "bad_request")


async def test_every_answer_forbids_sniffing_and_referrers(phone: Phone) -> None:
    """And no private answer is kept by a cache on the way."""
    answer = await phone.client.get("/v1/specs")
    tokens = await phone.start()
    refusals = [
        await phone.call("POST", "/v1/guests", tokens, content=body, headers={"Content-Type": "application/json"})
        for body in (b"[NaN]", b"[" * 70_000)
    ]
    refusals += [
        await phone.client.get("/v1/specs?q=%00"),
        await phone.client.get("/v1/%00"),
        await phone.client.head("/"),
    ]
    assert [one.status_code for one in refusals] == [422, 413, 422, 404, 404]
    for one in (answer, *refusals):
        assert one.headers["x-content-type-options"] == "nosniff"
        assert one.headers["referrer-policy"] == "no-referrer"


async def test_the_interface_describes_itself(phone: Phone) -> None:
    """OpenAPI with a summary and an answer for every operation; no subject id is ever a parameter."""
    document = (await phone.client.get("/openapi.json")).json()
    operations = [(path, method, op) for path, methods in document["paths"].items() for method, op in methods.items()]
    assert len(operations) >= 15
    for path, method, operation in operations:
        assert operation.get("description"), f"{method} {path}"
        assert "subject" not in json.dumps(operation.get("parameters", [])), f"{method} {path}"
