"""Loose hair: kept before a plain wall, invented nowhere."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from services.imaging.pipeline import foreground, strands
from services.imaging.pipeline.arrays import Pixels, as_pixels, as_plane
from services.imaging.pipeline.mesh import CHIN, LEFT_EYE, RIGHT_EYE, Face

SIDE = 480
HAIR, WALL = (40, 32, 28), (205, 204, 200)
STRAND = slice(126, 143), slice(236, 245)
"""Rows and columns of the picture that the loose hair runs through."""


def a_face() -> Face:
    """Eyes at 250, chin at 340, in the middle of the head."""
    points = np.zeros((468, 3), dtype=np.float32)
    points[:, :2] = (240, 250)
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


def a_wall() -> Pixels:
    """A lit wall with a sensor's noise."""
    chance = np.random.default_rng(3)
    return as_pixels(np.asarray(WALL) + chance.normal(0, 3, (SIDE, SIDE, 3)))


def bars() -> Pixels:
    """Thin dark bars, as of a window, that run up to the head."""
    scene = np.full((SIDE, SIDE, 3), WALL, dtype=np.uint8)
    scene[:, ::24] = scene[::24, :] = HAIR
    return as_pixels(scene)


def test_a_loose_hair_before_a_plain_wall_is_kept() -> None:
    """Thinner than the network can see, it is found by its colour, at about the part of the pixel that it covers."""
    before, after = found(a_wall())
    assert before[STRAND].max() == 0
    assert (after[STRAND].max(axis=1) > 80).mean() > 0.9


def test_nothing_but_the_hair_is_added() -> None:
    """A wall's noise is no hair: away from the head's own edge alpha stays what it was."""
    before, after = found(a_wall())
    changed = after.astype(int) - before
    changed[cv2.dilate(before, np.ones((7, 7))) > 0] = 0
    changed[110:165, 232:250] = 0
    assert changed.max() <= 12
    assert changed.min() >= 0


def test_bars_behind_the_head_are_no_hair() -> None:
    """A window's bars have the hair's colour, are thin and touch the head: before such a background nothing is added."""
    before, after = found(bars())
    assert (after.astype(int) - before).max() == 0


@pytest.mark.parametrize("side", [slice(0, 60), slice(420, SIDE)], ids=["left", "right"])
def test_a_thin_thing_that_does_not_touch_the_head_is_no_hair(side: slice) -> None:
    """A cable on the wall, away from the head, stays where it is."""
    wall = a_wall()
    wall[100:300, (side.start + side.stop) // 2] = HAIR
    before, after = found(wall)
    assert (after[:, side].astype(int) - before[:, side]).max() == 0
