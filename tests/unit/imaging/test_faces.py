"""Whose photo is it, and is it usable: finding faces, and refusing photos with the right code."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from services.imaging.pipeline.studio import Studio
from shared.kernel.errors import Code, PhotoRejected
from tests.portraits import builders


def refusal(studio: Studio, content: bytes) -> Code | None:
    """The code a photo is refused with, or None."""
    try:
        studio.prepare(content)
    except PhotoRejected as refused:
        return refused.actual_code
    return None


@pytest.mark.parametrize("name", ["astronaut", "biden", "obama"])
def test_a_good_portrait_is_accepted(studio: Studio, name: str) -> None:
    """One face, whole, sharp and lit: no refusal."""
    assert refusal(studio, builders.portrait(name)) is None


@pytest.mark.parametrize("name", ["no_face", "two_faces", "face_cut_off"])
def test_a_photo_without_one_whole_face_is_refused(studio: Studio, name: str) -> None:
    """No face, several, or a part of one: each has its code."""
    code, build = builders.BAD_UPLOADS[name]
    assert refusal(studio, build()) == code


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (7, 3), (64, 64), (9000, 30), (23, 23), (24, 900)])
def test_a_picture_of_an_absurd_shape_has_no_face(studio: Studio, size: tuple[int, int]) -> None:
    """However narrow or small: an answer, not a crash."""
    blank = builders.saved(Image.new("RGB", size, (200, 150, 130)), "PNG")
    assert refusal(studio, blank) is Code.NO_FACE


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (builders.blurred(6), Code.TOO_BLURRY),
        (builders.lit(0.06), Code.TOO_DARK),
        (builders.lit(2.4), Code.TOO_BRIGHT),
        (builders.small_face(0.014), Code.FACE_TOO_SMALL),
    ],
    ids=["blurred", "night", "glare", "far away"],
)
def test_a_photo_of_which_no_good_id_photo_can_be_made_is_refused(studio: Studio, content: bytes, code: Code) -> None:
    """Blur, darkness, glare and distance are refused by name."""
    assert refusal(studio, content) is code


@pytest.mark.parametrize("degrees", [90, 180, 270, 30, -30, 15])
def test_a_turned_photo_is_set_upright(studio: Studio, degrees: int) -> None:
    """A sideways or slanted photo without any EXIF: the face is found, and what roll is left is measured."""
    prepared = studio.prepare(builders.sideways(degrees))
    expected = 0 if degrees % 90 == 0 else -degrees
    assert prepared.pose.roll == pytest.approx(expected, abs=2.5)
    assert prepared.face.chin[1] > prepared.face.eye_middle[1]


def test_a_bystander_far_off_does_not_matter(studio: Studio) -> None:
    """The wanted face is the large one."""
    prepared = studio.prepare(builders.with_bystander(0.25))
    assert prepared.faces[0]["main"]
    assert prepared.faces[0]["box"][2] < 0.5


@pytest.mark.parametrize("scale", [0.55, 0.8, 1.0])
def test_a_bystander_near_by_is_a_second_face(studio: Studio, scale: float) -> None:
    """Whoever is more than half as large could be meant as well."""
    assert refusal(studio, builders.with_bystander(scale)) is Code.SEVERAL_FACES


def test_a_tiny_face_in_a_large_photo_is_found(studio: Studio) -> None:
    """A face of 80 px in 12 megapixels is found, and read at full resolution."""
    prepared = studio.prepare(builders.small_face(0.02))
    assert prepared.face.eye_distance == pytest.approx(34, abs=3)


def test_landmarks_do_not_depend_on_where_the_face_lies(studio: Studio) -> None:
    """The mesh of the same face, stored in another place and turn, is the same mesh."""
    upright, turned = (studio.prepare(content).face for content in (builders.png(), builders.sideways(90)))
    ratio = turned.eyes_to_chin / upright.eyes_to_chin
    assert ratio == pytest.approx(1, abs=0.03)
    assert turned.width / upright.width == pytest.approx(1, abs=0.03)


def test_pose_follows_the_head(studio: Studio) -> None:
    """A mirrored photo has the opposite yaw and roll and the same pitch."""
    mirrored = builders.saved(ImageOps.mirror(builders.picture("biden")), quality=95)
    straight, opposite = studio.prepare(builders.portrait("biden")).pose, studio.prepare(mirrored).pose
    assert straight.roll > 8
    assert opposite.roll == pytest.approx(-straight.roll, abs=2)
    assert np.sign(opposite.yaw) == -np.sign(straight.yaw)
    assert opposite.pitch == pytest.approx(straight.pitch, abs=4)


def test_every_check_says_what_it_measured_against_what(studio: Studio) -> None:
    """Each check has an id, a value, a unit and a verdict; whatever did not pass has advice in both languages."""
    shown = [check.to_dict() for check in studio.prepare(builders.lit(0.22)).checks]
    assert {"yaw", "pitch", "roll", "sharpness", "brightness", "eyes_open"} <= {check["id"] for check in shown}
    for check in shown:
        assert check["verdict"] in {"pass", "warn", "fail"}
        assert check["unit"]
        if check["verdict"] != "pass":
            assert check["advice"]["zh"]
            assert check["advice"]["en"]
    assert any(check["id"] == "brightness" and check["verdict"] == "warn" for check in shown)
