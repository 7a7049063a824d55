"""One real photo through the whole real system, and nothing left of it afterwards."""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import jwt
import pytest
from PIL import Image

from shared.crypto.signing import BadSignature, public_keys, verify
from shared.testing.eventually import eventually
from tests.portraits import builders
from tests.system import scan
from tests.system.client import Guest
from tests.system.local import LocalSystem
from tests.unit.imaging import couples

pytestmark = pytest.mark.journey
FILE_NAME = "zhang-san-vacation-7731.jpg"


def test_a_guest_gets_an_id_photo_and_then_nothing_of_it_is_left(system: LocalSystem) -> None:
    """Guest, consent, upload, event, render, preview, file, wipe, certificate; no canary at rest, before or after."""
    neighbour = Guest(system.gateway)
    neighbours_photo = neighbour.uploaded(builders.portrait("biden"))
    guest = Guest(system.gateway)
    selfie = builders.portrait("obama")

    with ThreadPoolExecutor() as pool:
        first_event = pool.submit(lambda: next(guest.events()))
        photo_id = guest.uploaded(selfie, FILE_NAME)
        event = first_event.result(timeout=60)
    assert (event["event"], event["data"]["photo_id"]) == ("photo.ready", photo_id)

    photo = guest.photo(photo_id)
    assert photo["status"] == "ready"
    assert len(photo["analysis"]["faces"]) == 1
    made = guest.render(photo_id, spec="one-inch", background="blue")
    assert made.status_code == 201, made.text
    render = made.json()
    preview = guest.http.get(f"/v1/renders/{render['render_id']}/preview")
    locked = guest.http.get(f"/v1/renders/{render['render_id']}/file")
    assert (locked.status_code, locked.json()["code"]) == (402, "payment_required")
    guest.bought(system.env["alipay_standin"], "hd-photo", photo_id)
    file = guest.http.get(f"/v1/renders/{render['render_id']}/file")
    assert preview.status_code == file.status_code == 200
    assert Image.open(io.BytesIO(preview.content)).size != (295, 413)
    picture = Image.open(io.BytesIO(file.content))
    assert (picture.size, picture.format) == ((295, 413), "JPEG")
    assert _is_near(picture.convert("RGB").getpixel((4, 4)), (0x43, 0x8E, 0xDB))

    neighbour.settled(neighbours_photo)
    canaries = scan.of_device(guest.device_id) | scan.of_file(selfie) | scan.of_file(file.content)
    canaries["file name"] = FILE_NAME.encode()
    assert scan.hits(system, canaries) == [], "personal bytes rest in the clear while the photo is in use"

    wiped = guest.wipe()
    assert wiped.status_code == 202, wiped.text
    purge = guest.certified(wiped.json()["receipt"])
    _assert_certificate(guest, purge, photos=1, renders=1)

    assert system.keys(f"{guest.subject_id}/") == []
    assert scan.hits(system, canaries) == []
    named = [place for place, content in scan.dumps(system) if guest.subject_id.encode() in content]
    assert named == [], "a database still names the subject"
    assert neighbour.photo(neighbours_photo)["status"] == "ready"
    assert neighbour.render(neighbours_photo).status_code == 201
    assert len(system.keys(f"{neighbour.subject_id}/")) >= 4


def test_a_couple_gets_the_photo_of_its_marriage_registration(system: LocalSystem) -> None:
    """Two are asked for and two are in it; the same picture for one is refused, and one person's for two."""
    guest = Guest(system.gateway)
    together = couples.photo(*couples.TOGETHER)
    couple = guest.settled(guest.uploaded(together, people=2))
    assert couple["status"] == "ready", couple["reasons"]
    made = guest.render(couple["photo_id"], spec="cn-marriage-registration")
    assert made.status_code == 201, made.text
    preview = guest.http.get(f"/v1/renders/{made.json()['render_id']}/preview")
    shown = Image.open(io.BytesIO(preview.content))
    assert shown.width > shown.height, "two people stand side by side"
    for content, people, code in (
        (together, 1, "several_faces"),
        (builders.portrait("biden"), 2, "second_face_missing"),
    ):
        photo = guest.settled(guest.uploaded(content, people=people))
        assert (photo["status"], [reason["code"] for reason in photo["reasons"]]) == ("rejected", [code])


def test_the_scan_finds_a_canary_wherever_it_is_planted(system: LocalSystem) -> None:
    """A scan that cannot find anything proves nothing: plant one canary in each kind of place, and find it."""
    canary = f"canary-{uuid4()}".encode()
    bucket = system.env["s3"]["bucket"]
    system.sql("imaging", "CREATE TABLE planted (note text)")
    system.sql("imaging", "INSERT INTO planted VALUES (%s)", canary.decode())
    system.store.put_object(bucket_name=bucket, object_name="planted", data=io.BytesIO(canary), length=len(canary))
    (system.run_dir / "logs" / "planted.log").write_bytes(b"x" * 10 + canary)
    try:
        found = scan.hits(system, {"canary": canary})
    finally:
        system.sql("imaging", "DROP TABLE planted")
        system.store.remove_object(bucket_name=bucket, object_name="planted")
        (system.run_dir / "logs" / "planted.log").unlink()
    for place in ("database imaging.planted", "object planted", "file logs/planted.log"):
        assert any(place in hit for hit in found), f"not found in {place}: {found}"


def test_after_the_wipe_every_token_of_the_guest_is_refused(system: LocalSystem) -> None:
    """Access and refresh tokens end with the stash (401 subject_erased, unauthenticated), at once and for good."""
    guest = Guest(system.gateway)
    guest.wipe()
    for call in (lambda: guest.http.get("/v1/me"), lambda: guest.http.get("/v1/photos"), guest.wipe):
        refused = call()
        assert (refused.status_code, refused.json()["code"]) == (401, "subject_erased")
    refreshed = guest.http.post("/v1/sessions/refresh", json={"refresh_token": guest.started["refresh_token"]})
    assert refreshed.status_code == 401


def test_tokens_refreshed_while_the_stash_is_wiped_are_given_or_refused(system: LocalSystem) -> None:
    """Whatever stage the purge is at, the person is told, and no call seems to find the service away."""
    seen = Counter[int]()
    for _ in range(6):
        guest = Guest(system.gateway)
        token = guest.started["refresh_token"]
        with ThreadPoolExecutor(1) as pool:
            wiped = pool.submit(guest.wipe)
            last_at = time.monotonic() + 2
            while time.monotonic() < last_at:
                answer = guest.http.post("/v1/sessions/refresh", json={"refresh_token": token})
                token = answer.json().get("refresh_token", token)
                seen[answer.status_code] += 1
            assert wiped.result().status_code == 202
    assert set(seen) <= {200, 401}, seen
    assert seen[401]


def test_a_wipe_whose_answer_was_lost_can_be_asked_again(system: LocalSystem) -> None:
    """The same call with the same Idempotency-Key gets the same receipt, even though the guest is fenced by then."""
    guest = Guest(system.gateway)
    key = {"Idempotency-Key": str(uuid4())}
    first, second = guest.wipe(**key), guest.wipe(**key)
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    other = guest.wipe(**{"Idempotency-Key": str(uuid4())})
    assert (other.status_code, other.json()["code"]) == (401, "subject_erased")


def test_a_device_that_lost_its_secret_starts_anew_and_its_old_stash_is_purged(system: LocalSystem) -> None:
    """A device id alone opens nothing; with the secret the same guest comes back (200)."""
    guest = Guest(system.gateway)
    photo_id = guest.uploaded(builders.portrait("biden"))
    guest.settled(photo_id)
    again = Guest(system.gateway, guest.device_id, guest.started["guest_secret"])
    assert again.subject_id == guest.subject_id
    assert again.photo(photo_id)["status"] == "ready"

    stranger = Guest(system.gateway, guest.device_id)
    assert stranger.subject_id != guest.subject_id
    assert stranger.http.get(f"/v1/photos/{photo_id}").status_code == 404
    eventually(lambda: system.keys(f"{guest.subject_id}/"), lambda keys: keys == [])
    refused = guest.http.get("/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "subject_erased")


def test_nobody_sees_anything_of_somebody_else(system: LocalSystem) -> None:
    """Somebody else's photo and render are 404, never 403, for every call there is."""
    owner, stranger = Guest(system.gateway), Guest(system.gateway)
    photo_id = owner.uploaded(builders.portrait("biden"))
    owner.settled(photo_id)
    render_id = owner.render(photo_id).json()["render_id"]
    for answer in (
        stranger.http.get(f"/v1/photos/{photo_id}"),
        stranger.http.delete(f"/v1/photos/{photo_id}"),
        stranger.render(photo_id),
        stranger.http.get(f"/v1/renders/{render_id}"),
        stranger.http.get(f"/v1/renders/{render_id}/preview"),
        stranger.http.get(f"/v1/renders/{render_id}/file"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    owner.bought(system.env["alipay_standin"], "hd-photo", photo_id)
    assert owner.http.get(f"/v1/renders/{render_id}/file").status_code == 200


def test_an_upload_repeated_with_its_key_is_the_same_photo(system: LocalSystem) -> None:
    """Idempotency-Key: same body, same photo; another body, 409."""
    guest = Guest(system.gateway)
    key = {"Idempotency-Key": str(uuid4())}
    first = guest.upload(builders.portrait("biden"), **key)
    second = guest.upload(builders.portrait("biden"), **key)
    assert first.json()["photo_id"] == second.json()["photo_id"]
    other = guest.upload(builders.portrait("obama"), **key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert len(guest.http.get("/v1/photos").json()["items"]) == 1


def test_an_interrupted_stream_goes_on_where_it_was(system: LocalSystem) -> None:
    """Last-Event-ID: what happened in between is told once, in order; what was told before is not."""
    guest = Guest(system.gateway)
    stream = guest.events()
    first_photo = guest.uploaded(builders.portrait("biden"))
    first = next(stream)
    assert first["data"]["photo_id"] == first_photo
    stream.close()
    missed_photo = guest.uploaded(builders.portrait("obama"))
    guest.settled(missed_photo)
    second = next(guest.events(first["id"]))
    assert (second["event"], second["data"]["photo_id"]) == ("photo.ready", missed_photo)


def test_the_stream_tells_of_the_purge_and_ends(system: LocalSystem) -> None:
    """Who watches its stash being wiped is told when that is certified; then the stream ends, and no new one opens."""
    guest = Guest(system.gateway)
    with ThreadPoolExecutor() as pool:
        told = pool.submit(lambda: list(guest.events()))
        guest.settled(guest.uploaded(builders.portrait("biden")))
        purge_id = guest.wipe().json()["purge_id"]
        events = told.result(timeout=60)
    assert [event["event"] for event in events] == ["photo.ready", "purge.completed"]
    assert events[-1]["data"]["purge_id"] == purge_id
    assert guest.http.get("/v1/events").status_code == 401


def test_one_trace_leads_through_every_process(system: LocalSystem) -> None:
    """The traceparent of a request is found again in the log of a service that was reached only by events."""
    guest = Guest(system.gateway)
    trace_id = uuid4().hex
    receipt = guest.wipe(traceparent=f"00-{trace_id}-{uuid4().hex[:16]}-01").json()["receipt"]
    guest.certified(receipt)
    lines = (system.run_dir / "logs" / "retention.log").read_text().splitlines()
    told = [json.loads(line) for line in lines if trace_id in line]
    assert [line["event"] for line in told] == ["purge completed"]


def test_a_deleted_photo_is_gone_with_everything_made_of_it(system: LocalSystem) -> None:
    """DELETE /v1/photos/{id}: original, cutout and renders go; the guest's other photo stays."""
    guest = Guest(system.gateway)
    doomed, kept = guest.uploaded(builders.portrait("biden")), guest.uploaded(builders.portrait("obama"))
    guest.settled(doomed)
    guest.settled(kept)
    render_id = guest.render(doomed).json()["render_id"]
    assert guest.http.delete(f"/v1/photos/{doomed}").status_code == 204
    assert guest.http.get(f"/v1/photos/{doomed}").status_code == 404
    assert guest.http.get(f"/v1/renders/{render_id}").status_code == 404
    assert system.keys(f"{guest.subject_id}/{doomed}/") == []
    assert guest.photo(kept)["status"] == "ready"
    assert len(system.keys(f"{guest.subject_id}/{kept}/")) == 2


def test_a_refresh_token_used_twice_ends_its_family(system: LocalSystem) -> None:
    """Rotation with reuse detection: the thief's use (or the victim's) ends the session for both."""
    guest = Guest(system.gateway)
    stolen = guest.started["refresh_token"]
    fresh = guest.http.post("/v1/sessions/refresh", json={"refresh_token": stolen})
    assert fresh.status_code == 200
    assert guest.http.post("/v1/sessions/refresh", json={"refresh_token": stolen}).status_code == 401
    late = guest.http.post("/v1/sessions/refresh", json={"refresh_token": fresh.json()["refresh_token"]})
    assert late.status_code == 401
    guest.use(fresh.json()["access_token"])
    eventually(lambda: guest.http.get("/v1/me").status_code, lambda status: status == 401, within=5)


def _assert_certificate(guest: Guest, purge: dict, *, photos: int, renders: int) -> None:  # type: ignore[type-arg]
    """Signed by the published key, refused under another, and true in what it counts."""
    published = guest.http.get("/.well-known/purge-certificate-keys.json").json()["keys"]
    content = verify(purge["certificate"]["jws"], public_keys(published), kind="purge-certificate+jwt")
    assert content["deleted"]["imaging"]["photos"] == photos
    assert content["deleted"]["imaging"]["renders"] == renders
    assert content["deleted"]["imaging"]["objects"] == 2 * photos + 2 * renders
    assert content["deleted"]["auth"]["subjects"] == 1
    assert all(number == 0 for counts in content["left"].values() for number in counts.values())
    assert guest.subject_id not in str(content)
    body = purge["certificate"]["jws"].rsplit(".", 1)[0]
    with pytest.raises(BadSignature):
        verify(body + "." + "A" * 86, public_keys(published), kind="purge-certificate+jwt")
    assert jwt.get_unverified_header(purge["certificate"]["jws"])["alg"] == "EdDSA"
    states = [step["status"] for step in purge["timeline"]]
    assert states == ["requested", "fenced", "purging", "verifying", "completed"]


def _is_near(pixel: object, wanted: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) <= 4 for a, b in zip(pixel, wanted, strict=True))
