"""Bad uploads: the right code for each, never a 500, and the workers live on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.testing.eventually import eventually
from tests.portraits import builders
from tests.system.client import Guest
from tests.system.local import LocalSystem

pytestmark = pytest.mark.journey

AT_THE_DOOR: list[tuple[Callable[[], bytes], int, str]] = [
    (builders.empty, 415, "unsupported_format"),
    (builders.text, 415, "unsupported_format"),
    (builders.gif, 415, "unsupported_format"),
    (builders.thirty_megabytes, 413, "too_large"),
    (builders.sixty_megapixels, 413, "too_many_pixels"),
]

BY_THE_WORKER: list[tuple[Callable[[], bytes], str]] = [
    (builders.truncated_jpeg, "corrupt_image"),
    (builders.no_face, "no_face"),
    (builders.two_faces, "several_faces"),
    (builders.face_cut_off, "face_cut_off"),
    (lambda: builders.blurred(12), "too_blurry"),
]

FINE: list[Callable[[], bytes]] = [
    builders.animated_webp,
    builders.cmyk,
    builders.colour_16_bit,
    builders.palette,
    builders.see_through,
    builders.heic,
    lambda: builders.stored_turned(6),
]


@pytest.fixture(scope="module")
def guest(system: LocalSystem) -> Guest:
    return Guest(system.gateway)


@pytest.mark.parametrize(("build", "status", "code"), AT_THE_DOOR, ids=lambda value: getattr(value, "__name__", None))
def test_what_no_worker_could_use_is_refused_at_the_door(
    guest: Guest, build: Callable[[], bytes], status: int, code: str
) -> None:
    """Format, bytes and pixels are judged before anything is stored."""
    answer = guest.upload(build())
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("build", [builders.bomb_png, builders.text_bomb_png], ids=["pixels", "text"])
def test_a_bomb_explodes_nowhere(system: LocalSystem, guest: Guest, build: Callable[[], bytes]) -> None:
    """A PNG that would unpack to gigabytes is refused, at the door or by the worker, which lives on."""
    workers = [system.pid("worker-1"), system.pid("worker-2")]
    answer = guest.upload(build())
    if answer.status_code == 202:
        photo = guest.settled(answer.json()["photo_id"])
        codes = [reason["code"] for reason in photo["reasons"]]
        assert codes
        assert set(codes) <= {"corrupt_image", "too_many_pixels", "too_large", "no_face"}
    else:
        assert answer.json()["code"] in ("too_many_pixels", "too_large", "corrupt_image")
    assert [system.pid("worker-1"), system.pid("worker-2")] == workers


@pytest.mark.parametrize(("build", "code"), BY_THE_WORKER, ids=lambda value: value if isinstance(value, str) else None)
def test_a_photo_that_cannot_be_used_is_rejected_with_its_reason(
    system: LocalSystem, guest: Guest, build: Callable[[], bytes], code: str
) -> None:
    """The reason is a code with a title a person can act on; of the photo itself nothing is kept."""
    photo = guest.settled(guest.uploaded(build()))
    assert photo["status"] == "rejected"
    assert code in [reason["code"] for reason in photo["reasons"]]
    assert all(reason["title"] for reason in photo["reasons"])
    prefix = f"{guest.subject_id}/{photo['photo_id']}/"
    eventually(lambda: system.keys(prefix), lambda keys: keys == [], within=5)  # committed first, deleted right after
    refused = guest.render(photo["photo_id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize("build", FINE, ids=["animated", "cmyk", "16-bit", "palette", "alpha", "heic", "exif"])
def test_every_way_a_photo_can_be_stored_becomes_ready(guest: Guest, build: Callable[[], bytes]) -> None:
    """Colour modes, depths, animation, HEIC and EXIF rotation are the decoder's business, not the person's."""
    photo = guest.settled(guest.uploaded(build()))
    assert photo["status"] == "ready", photo["reasons"]
    assert guest.render(photo["photo_id"]).status_code == 201


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"not a form", "multipart/form-data; boundary=x"),
        (b"{}", "application/json"),
        (b"--x\r\nContent-Disposition: form-data; name=other\r\n\r\nx\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\n" + b"A: b\r\n" * 5000, "multipart/form-data; boundary=x"),
        (b"\x00" * 100, "multipart/form-data"),
    ],
)
def test_a_broken_form_is_a_coded_error(guest: Guest, body: bytes, content_type: str) -> None:
    """422 with a code: never a 500, and nothing is stored."""
    answer = guest.http.post("/v1/photos", content=body, headers={"Content-Type": content_type})
    assert answer.status_code in (413, 415, 422), answer.text
    assert answer.json()["code"] in ("bad_request", "unsupported_format")


def test_a_body_that_no_call_needs_is_refused_before_it_is_in_memory(guest: Guest) -> None:
    """Anything but an upload may be 64 KiB: told in advance, or streamed without a length."""
    for path in ("/v1/guests", "/v1/sessions/refresh"):
        whole = guest.http.post(path, content=b"x" * 200_000, headers={"Content-Type": "application/json"})
        chunked = guest.http.post(path, content=iter([b"x" * 50_000] * 4), headers={"Content-Type": "application/json"})
        for answer in (whole, chunked):
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_bad_order_is_a_coded_error(guest: Guest) -> None:
    """Renders of unknown specs, absurd sizes and colours: 422 with a code, nothing registered."""
    photo_id = guest.uploaded(builders.portrait("biden"))
    early = guest.render(photo_id)
    assert early.status_code in (201, 409)
    guest.settled(photo_id)
    for order, code in (
        ({"spec": "no-such-spec"}, "unknown_spec"),
        ({"spec": "one-inch", "background": "#nothex"}, "bad_request"),
        ({"width_px": 10**9, "height_px": 10**9}, "bad_request"),
        ({"spec": "one-inch", "surprise": 1}, "bad_request"),
        ({"width_px": 4000, "height_px": 4000}, "bad_request"),
        ({"spec": "one-inch", "sheet": {"paper": "a4", "dpi": 1200}}, "bad_request"),
        ({"spec": "one-inch", "dpi": -3}, "bad_request"),
        ({}, "bad_request"),
    ):
        answer = guest.http.post(f"/v1/photos/{photo_id}/renders", json=order)
        assert (answer.status_code, answer.json()["code"]) == (422, code), (order, answer.text)
