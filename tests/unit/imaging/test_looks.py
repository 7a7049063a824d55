"""Retouching does what was asked, where it was asked, as strongly as it was asked, and never where an office forbids it."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from services.imaging.pipeline import compose, geometry, looks
from services.imaging.pipeline.arrays import Pixels, as_plane
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.geometry import Placement
from services.imaging.pipeline.mesh import LEFT_EYE, RIGHT_EYE
from services.imaging.pipeline.order import Beautify, RenderOrder
from services.imaging.specs import catalogue
from shared.kernel.errors import Code, PocketError

SPEC = catalogue.spec_of("two-inch")
STEPS = (0, 25, 50, 75, 100)


def placed(cutout: Cutout) -> tuple[Pixels, Placement]:
    """The portrait at a two-inch photo's size, and where its head went."""
    placement = geometry.matrix_for(cutout.face, cutout.head, geometry.place(cutout.head, SPEC), SPEC)
    return compose.warp(cutout.person(1)[0], placement.matrix, SPEC.px), placement


def _skin(cutout: Cutout, placement: Placement) -> np.ndarray:
    return looks.skin_mask(cutout, placement, SPEC.px) > 0.99


MEASURES = {
    "brightness": lambda picture, skin: float(picture[skin].mean()),
    "contrast": lambda picture, skin: float(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[40:500].std()),
    "whitening": lambda picture, skin: float(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)[:, :, 0][skin].mean()),
    "smoothing": lambda picture, skin: -float(_roughness(picture)[skin].mean()),
    "sharpening": lambda picture, skin: float(_roughness(picture)[skin].mean()),
}
"""What each look is meant to raise."""


def _roughness(picture: Pixels) -> np.ndarray:
    return np.abs(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_32F))


def test_nothing_asked_for_changes_nothing(cutout: Cutout) -> None:
    """Not one value of one pixel."""
    picture, placement = placed(cutout)
    assert (looks.apply(picture.copy(), Beautify(), cutout, placement) == picture).all()


@pytest.mark.parametrize("name", list(MEASURES))
def test_more_of_a_look_is_more_of_it(cutout: Cutout, name: str) -> None:
    """From 0 to 100 what the look is for only grows, and every step can be measured."""
    picture, placement = placed(cutout)
    skin = _skin(cutout, placement)
    made = [looks.apply(picture.copy(), Beautify(**{name: step}), cutout, placement) for step in STEPS]
    values = [MEASURES[name](one, skin) for one in made]
    assert all(more > less for less, more in itertools.pairwise(values)), values


@pytest.mark.parametrize("name", ["smoothing", "whitening"])
def test_skin_looks_touch_the_faces_skin_alone(cutout: Cutout, name: str) -> None:
    """Outside of the face nothing changes; the eyes' middles stay as they are."""
    picture, placement = placed(cutout)
    made = looks.apply(picture.copy(), Beautify(**{name: 100}), cutout, placement)
    changed = np.abs(as_plane(made) - as_plane(picture)).max(axis=2)
    mask = looks.skin_mask(cutout, placement, SPEC.px)
    assert changed[mask == 0].max() == 0
    assert changed[mask > 0.99].mean() > 0.5
    points = cutout.face.points[:, :2] @ placement.matrix[:, :2].T + placement.matrix[:, 2]
    for eye in (LEFT_EYE, RIGHT_EYE):
        x, y = (int(v) for v in points[list(eye)].mean(axis=0))
        assert changed[y, x] <= 0.25 * changed[mask > 0.99].max()


def test_smoothing_keeps_the_edges_it_meets(obama: Cutout) -> None:
    """A step of contrast across the face is still there, as steep, when small unevenness is gone."""
    step = np.full((60, 60, 3), 90, np.uint8)
    step[:, 30:] = 190
    noisy = np.clip(step + np.random.default_rng(1).normal(0, 6, step.shape), 0, 255).astype(np.uint8)
    made = looks.smoothed(noisy).astype(int)
    assert made[10:50, 5:25].std() < 0.7 * noisy[10:50, 5:25].astype(int).std()
    assert (made[:, 32] - made[:, 27]).mean() > 85


@pytest.mark.parametrize("name", list(MEASURES))
def test_a_spec_that_forbids_retouching_refuses_every_look(name: str) -> None:
    """Any look at all is refused by its code; the same order without looks is fine."""
    strict = next(spec for spec in catalogue.specs().values() if spec.retouching == "forbidden")
    RenderOrder.parse({"spec": strict.id, "beautify": {name: 0}})
    with pytest.raises(PocketError) as refused:
        RenderOrder.parse({"spec": strict.id, "beautify": {name: 1}})
    assert refused.value.actual_code is Code.RETOUCH_FORBIDDEN
