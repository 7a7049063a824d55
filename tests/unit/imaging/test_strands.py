"""Loose hair: kept before a plain wall, invented nowhere."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from services.imaging.pipeline import foreground, strands
from services.imaging.pipeline.arrays import Pixels, as_pixels, as_plane
from services.imaging.pipeline.mesh import CHIN, LEFT_EYE, OUTLINE, RIGHT_EYE, Face

SIDE = 480
HAIR, WALL = (40, 32, 28), (205, 204, 200)
STRAND = slice(126, 143), slice(236, 245)
"""Rows and columns of the picture that the loose hair runs through."""


def a_face() -> Face:
    """Eyes at 250, chin at 340, cheeks close to the head's edge."""
    points = np.zeros((468, 3), dtype=np.float32)
    points[:, :2] = (240, 250)
    turn = np.linspace(0, 2 * np.pi, len(OUTLINE), endpoint=False)
    points[list(OUTLINE), :2] = np.stack([240 + 82 * np.sin(turn), 275 - 65 * np.cos(turn)], axis=1)
    points[CHIN, :2] = (240, 340)
    for eye, x in ((LEFT_EYE, 265), (RIGHT_EYE, 215)):
        points[list(eye), :2] = (x, 250)
    return Face(as_plane(points), 1.0, 1.0)


def a_head(background: Pixels) -> tuple[Pixels, Pixels]:
    """A dark head with one loose hair upwards, and the alpha of the head alone, as a network of few pixels sees it."""
    scene, alpha = background.copy(), np.zeros((SIDE, SIDE), np.uint8)
    for canvas, colour in ((scene, HAIR), (alpha, (255, 255, 255))):
        cv2.ellipse(canvas, (240, 270), (85, 120), 0, 0, 360, colour, -1)
        cv2.rectangle(canvas, (80, 400), (400, SIDE), colour, -1)
    cv2.line(scene, (240, 160), (241, 122), HAIR, 1, cv2.LINE_AA)
    return scene, as_pixels(cv2.GaussianBlur(alpha, (0, 0), 1.5))


def found(background: Pixels) -> tuple[Pixels, Pixels]:
    """Alpha before and after the search."""
    scene, alpha = a_head(background)
    return alpha, strands.with_strands(scene, alpha, foreground.sides(scene, alpha), a_face())


def elsewhere(before: Pixels, after: Pixels) -> np.ndarray:
    """What changed, but for the head's own edge and the loose hair."""
    changed = after.astype(int) - before
    changed[cv2.dilate(before, np.ones((7, 7))) > 0] = 0
    changed[110:165, 232:250] = 0
    return changed


def a_wall() -> Pixels:
    """A lit wall with a sensor's noise."""
    chance = np.random.default_rng(3)
    return as_pixels(np.asarray(WALL) + chance.normal(0, 3, (SIDE, SIDE, 3)))


def bars() -> Pixels:
    """Thin dark bars, as of a window, that run up to the head."""
    scene = np.full((SIDE, SIDE, 3), WALL, dtype=np.uint8)
    scene[:, ::24] = scene[::24, :] = HAIR
    return as_pixels(scene)


def stripes() -> Pixels:
    """Wide soft stripes of two colours, one of them twice as bright as the other."""
    across = np.sin(np.arange(SIDE) / 9)[None, :, None]
    scene = np.where(across > 0, (230, 130, 90), (90, 70, 160)) * np.ones((SIDE, 1, 1))
    return as_pixels(cv2.GaussianBlur(as_plane(scene), (0, 0), 2))


def test_a_loose_hair_before_a_plain_wall_is_kept() -> None:
    """Thinner than the network can see, it is found by its colour, at about the part of the pixel that it covers."""
    before, after = found(a_wall())
    assert before[STRAND].max() == 0
    assert (after[STRAND].max(axis=1) > 80).mean() > 0.9


def test_nothing_but_the_hair_is_added() -> None:
    """A wall's noise is no hair: away from the head's own edge alpha stays what it was."""
    changed = elsewhere(*found(a_wall()))
    assert changed.max() <= 12
    assert changed.min() >= 0


def test_bars_behind_the_head_are_no_hair() -> None:
    """A window's bars have the hair's colour, are thin and touch the head, but go on where no hair reaches."""
    before, after = found(bars())
    assert (after.astype(int) - before)[before <= 127].max() == 0


def test_a_loose_hair_before_stripes_is_kept_and_the_stripes_are_not() -> None:
    """What the background's own colours differ in is no sign of hair, however much brighter or darker one of them is."""
    before, after = found(stripes())
    assert (after[STRAND].max(axis=1) > 60).mean() > 0.9
    changed = elsewhere(before, after)
    assert changed.max() <= 12


def test_a_highlight_inside_the_hair_is_no_hole() -> None:
    """Hair that shines like the wall behind it, a little inside the head's edge, stays solid."""
    scene, alpha = a_head(a_wall())
    for x, y in ((165, 260), (315, 260), (200, 172), (280, 172)):
        cv2.circle(scene, (x, y), 2, WALL, -1)
    after = strands.with_strands(scene, alpha, foreground.sides(scene, alpha), a_face())
    deep = cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 5)
    assert after[(deep > 5) & (alpha == 255)].min() == 255


def test_a_thin_thing_beside_the_head_that_does_not_touch_it_is_no_hair() -> None:
    """A short crack in the wall, well within the reach of hair, hangs together with nothing."""
    wall = a_wall()
    wall[255:285, 340] = HAIR
    before, after = found(wall)
    assert (after.astype(int) - before)[240:300, 332:350].max() <= 12


@pytest.mark.parametrize("side", [slice(0, 60), slice(420, SIDE)], ids=["left", "right"])
def test_a_thin_thing_that_does_not_touch_the_head_is_no_hair(side: slice) -> None:
    """A cable on the wall, away from the head, stays where it is."""
    wall = a_wall()
    wall[100:300, (side.start + side.stop) // 2] = HAIR
    before, after = found(wall)
    assert (after[:, side].astype(int) - before[:, side]).max() == 0
