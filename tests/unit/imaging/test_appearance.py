"""What an office would object to is seen, and a good portrait is left in peace."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from services.imaging.pipeline import checks
from services.imaging.pipeline.arrays import as_pixels
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.studio import Studio
from shared.kernel.errors import Code, PhotoRejected
from tests.portraits import altered, builders

LOOKED_AT = {"in_colour", "glasses_glare", "red_eye", "face_covered"}


def objections(studio: Studio, content: bytes) -> set[str]:
    """The appearance checks that did not pass."""
    found = studio.prepare(content, refuse=False).checks
    assert {check.id for check in found} >= LOOKED_AT
    return {check.id for check in found if check.verdict != "pass"} & LOOKED_AT


@pytest.mark.parametrize("name", ["astronaut", "biden", "obama"])
@pytest.mark.parametrize("light", [0.5, 1.0])
def test_good_portraits_raise_no_objection(studio: Studio, name: str, light: float) -> None:
    """Three people, in full and in half light."""
    assert objections(studio, builders.lit(light, name)) == set()


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (altered.grey, {"in_colour"}),
        (altered.masked, {"face_covered"}),
        (lambda: altered.masked((240, 240, 240)), {"face_covered"}),
        (lambda: altered.masked((40, 40, 45)), {"face_covered"}),
        (altered.sunglasses, {"face_covered"}),
        (altered.glare, {"glasses_glare"}),
        (altered.red_eyes, {"red_eye"}),
    ],
    ids=["grey", "blue mask", "white mask", "black mask", "sunglasses", "glare", "red eyes"],
)
def test_one_wrong_thing_is_named_and_nothing_else(
    studio: Studio, build: Callable[[], bytes], expected: set[str]
) -> None:
    """Each altered portrait makes its own check speak, and no other of these."""
    assert objections(studio, build()) == expected


@pytest.mark.parametrize("build", [altered.masked, altered.sunglasses], ids=["mask", "sunglasses"])
def test_a_covered_face_is_refused(studio: Studio, build: Callable[[], bytes]) -> None:
    """No office takes it, and the head's pose and eyes would be guesses: refused before those are judged."""
    with pytest.raises(PhotoRejected) as refused:
        studio.prepare(build())
    assert refused.value.actual_code is Code.FACE_COVERED


@pytest.mark.parametrize("colour", [(30, 27, 26), (150, 146, 142), (110, 66, 40)], ids=["black", "grey", "red"])
def test_a_beard_covers_nothing(studio: Studio, colour: tuple[int, int, int]) -> None:
    """It differs from skin as much as a mask does, but leaves the nose."""
    assert objections(studio, altered.bearded(colour)) == set()
    assert studio.prepare(altered.bearded(colour)).checks


def scene_verdicts(cutout: Cutout, clothes: int | None, wall: np.ndarray) -> dict[str, str]:
    """The scene's verdicts for a portrait before another wall, in its own or in plain clothes."""
    colours, alpha = cutout.person(1)
    if clothes is not None:
        colours[int(cutout.face.chin[1]) :] = clothes
    share = alpha[:, :, None] / 255
    crop = as_pixels(colours * share + wall * (1 - share))
    return {check.id: check.verdict for check in checks.of_scene(crop, alpha, cutout.face)}


def test_white_clothes_on_a_white_wall_are_named(obama: Cutout) -> None:
    """White on white is objected to; white on blue and dark on white are not."""
    height, width = obama.person(1)[1].shape
    white, blue = (np.full((height, width, 3), colour) for colour in ((244, 244, 244), (67, 142, 219)))
    assert scene_verdicts(obama, 246, white) == {"clothes_contrast": "warn", "plain_background": "pass"}
    assert scene_verdicts(obama, 246, blue)["clothes_contrast"] == "pass"
    assert scene_verdicts(obama, None, white)["clothes_contrast"] == "pass"


def test_a_busy_background_is_named(obama: Cutout) -> None:
    """Stripes are objected to, a wall with a soft shadow is not."""
    height, width = obama.person(1)[1].shape
    stripes = np.repeat((np.arange(width) // 12 % 2 * 180 + 40)[None, :], height, axis=0)[:, :, None] * np.ones(3)
    shadow = np.repeat(np.linspace(150, 230, width)[None, :], height, axis=0)[:, :, None] * np.ones(3)
    assert scene_verdicts(obama, None, stripes)["plain_background"] == "warn"
    assert scene_verdicts(obama, None, shadow)["plain_background"] == "pass"


def test_the_report_carries_every_check_of_the_rules(obama: Cutout) -> None:
    """No rule is written down and then never measured."""
    assert {check["id"] for check in obama.analysis["checks"]} == set(checks.RULES)
