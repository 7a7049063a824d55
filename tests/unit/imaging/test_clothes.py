"""Clothes are judged against the background that was ordered, whatever stood behind them when the photo was taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from services.imaging.pipeline.arrays import as_pixels
from services.imaging.pipeline.cutout import Cutout, pack
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.studio import Studio
from tests.unit.imaging.conftest import cut_out

SHIRT = (233, 237, 247)
"""A white shirt in daylight: the median of the one in obama.jpg, and how much it varies."""
VARIES = 8.0
RED = (196, 24, 30)


def dressed(cutout: Cutout, colour: tuple[int, int, int]) -> Cutout:
    """The same person in clothes of another colour, creases and light as uneven as a real shirt's."""
    colours, alpha = cutout.person(1)
    folds = np.random.default_rng(1).normal(0, VARIES, (*alpha.shape, 1))
    below = int(cutout.face.chin[1] - 0.2 * cutout.face.eyes_to_chin)
    worn = np.clip(np.asarray(colour) + folds[below:], 0, 255)
    colours[below:] = as_pixels(worn)
    analysis = cutout.analysis
    return pack(cutout.photo(1), colours, alpha, cutout.face, cutout.head, hair_cut=cutout.hair_cut, analysis=analysis)


def judged(studio: Studio, cutout: Cutout, **order: Any) -> tuple[dict[str, Any] | None, set[str], str]:
    """The report's check of the clothes, the ids of its warnings, and its verdict."""
    facts = studio.render(cutout, RenderOrder.parse(order)).compliance
    checks = {check["id"]: check for check in facts["checks"]}
    return checks.get("clothes_contrast"), {warning["id"] for warning in facts["warnings"]}, facts["verdict"]


@pytest.mark.parametrize(
    ("colour", "background", "verdict"),
    [
        (SHIRT, "#FFFFFF", "warn"),
        (SHIRT, "#F0F0F0", "warn"),
        (SHIRT, "#438EDB", "pass"),
        (SHIRT, "#FF0000", "pass"),
        ((60, 130, 205), "#438EDB", "warn"),
        (RED, "#FF0000", "pass"),
        ((250, 12, 10), "#FF0000", "warn"),
        ((205, 205, 205), "#FFFFFF", "pass"),
        ((40, 42, 60), "#FFFFFF", "pass"),
    ],
)
def test_clothes_of_the_backgrounds_colour_are_warned_of(
    studio: Studio, obama: Cutout, colour: tuple[int, int, int], background: str, verdict: str
) -> None:
    """White on white, blue on blue, red on the same red; not white on blue, nor light grey or navy on white."""
    check, _, whole = judged(studio, dressed(obama, colour), spec="one-inch", background=background)
    assert check is not None
    assert (check["verdict"], check["unit"], check["threshold"]) == (verdict, "delta_e", {"min": 12.0})
    assert (check["value"] < 12) == (verdict == "warn")
    assert ("advice" in check) == (verdict == "warn")
    if verdict == "warn":
        assert all(check["advice"][language] for language in ("zh", "en"))
        assert whole == "warn"


@pytest.mark.parametrize("name", ["astronaut", "biden", "obama"])
@pytest.mark.parametrize("background", ["#FFFFFF", "#438EDB", "#FF0000"])
def test_what_people_really_wear_is_not_warned_of(studio: Studio, name: str, background: str) -> None:
    """Dark suits and an orange space suit, before white, blue and red."""
    check, _, _ = judged(studio, cut_out(name), spec="one-inch", background=background)
    assert check is not None
    assert check["verdict"] == "pass"


def test_a_gradient_is_judged_where_the_clothes_are(studio: Studio, obama: Cutout) -> None:
    """Blue above and white below: the white shirt meets the white part. The other way round it stands out."""
    shirt = dressed(obama, SHIRT)
    below, _, _ = judged(studio, shirt, spec="one-inch", background="vertical:#438EDB:#FFFFFF")
    above, _, _ = judged(studio, shirt, spec="one-inch", background="vertical:#FFFFFF:#0A2A55")
    assert below is not None
    assert above is not None
    assert below["value"] < above["value"] - 20


@pytest.mark.parametrize("background", ["original", "transparent"])
def test_without_an_ordered_colour_there_is_nothing_to_judge(studio: Studio, obama: Cutout, background: str) -> None:
    """The photo's own wall was judged with the photo; a transparent one is chosen later, by others."""
    assert judged(studio, dressed(obama, SHIRT), spec="one-inch", background=background)[0] is None


def test_the_wall_that_was_replaced_is_not_held_against_the_clothes(studio: Studio, obama: Cutout) -> None:
    """Clothes like the old wall are warned of only where that wall is kept."""
    objected = [
        check | {"verdict": "warn"} if check["id"] == "clothes_contrast" else check
        for check in obama.analysis["checks"]
    ]
    like_the_wall = replace(obama, analysis=obama.analysis | {"checks": objected})
    assert "clothes_contrast" not in judged(studio, like_the_wall, spec="one-inch", background="#438EDB")[1]
    assert "clothes_contrast" in judged(studio, like_the_wall, spec="one-inch", background="original")[1]


def test_a_sheet_is_judged_as_its_photos_are(studio: Studio, obama: Cutout) -> None:
    """White on white is named on a sheet, too."""
    check, _, _ = judged(studio, dressed(obama, SHIRT), spec="one-inch", background="#FFFFFF", sheet="4R")
    assert check is not None
    assert check["verdict"] == "warn"
