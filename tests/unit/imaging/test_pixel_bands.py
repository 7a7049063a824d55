"""Authorities that print pixels: the head lies inside them, or the report says which rule gave way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.imaging.pipeline import geometry
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.geometry import Head
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.studio import Rendered, Studio
from services.imaging.specs import catalogue
from tests.unit.imaging.conftest import cut_out

IN_PIXELS = (
    *("cn-id-card", "cn-residence-permit", "cn-social-security-card", "cn-social-security-card-9-20kb"),
    *("edu-graduation-chsi", "edu-gaokao", "edu-self-taught-graduation", "cn-visa-online", "cn-exit-entry-390x567"),
)


def rendered(studio: Studio, cutout: Cutout, **body: Any) -> Rendered:
    """A render of an API body."""
    return studio.render(cutout, RenderOrder.parse(body))


def measured(made: Rendered) -> dict[str, dict[str, Any]]:
    """The report's checks by their names."""
    return {check["id"]: check for check in made.compliance["checks"]}


def warned(made: Rendered) -> set[str]:
    """The ids of the report's warnings."""
    return {warning["id"] for warning in made.compliance["warnings"]}


@pytest.mark.parametrize("spec_id", IN_PIXELS)
def test_a_head_lies_inside_the_pixels_that_the_authority_prints(studio: Studio, cutout: Cutout, spec_id: str) -> None:
    """Face width, eyes and top of hair, measured in pixels beside the authority's own pixels, for every portrait."""
    checks = measured(rendered(studio, cutout, spec=spec_id))
    banded = [check for check in checks.values() if "threshold_px" in check]
    assert len(banded) >= 1
    for check in banded:
        low, high = check["threshold_px"].get("min", 0), check["threshold_px"].get("max", 10_000)
        assert low - 1 <= check["px"] <= high + 1, check
        assert check["verdict"] == "pass"


def test_a_licences_narrow_head_is_reported_as_it_is(studio: Studio, cutout: Cutout) -> None:
    """165-189 px wide and at most 260 px long: a longer face misses one of them, and the report names it in pixels."""
    checks = measured(rendered(studio, cutout, spec="cn-driving-licence"))
    for name, low, high in (("head_width", 165, 189), ("head_height", 224, 260), ("top_margin", 10, 20)):
        inside = low - 0.5 <= checks[name]["px"] <= high + 0.5
        assert inside == (checks[name]["verdict"] == "pass"), checks[name]


def test_the_eyes_rule_wins_over_high_hair(studio: Studio, obama: Cutout) -> None:
    """ID card: hair too high for its room is cropped, eyes and face width stay in their pixels, and the report says so."""
    tall = replace(obama, head=replace(obama.head, hair=obama.head.hair * 1.9))
    made = measured(rendered(studio, tall, spec="cn-id-card"))
    assert made["eye_line"]["px"] >= 207
    assert 193 <= made["head_width"]["px"] <= 221
    assert made["top_margin"]["px"] < 7
    assert (made["top_margin"]["verdict"], set(made["top_margin"]["advice"])) == ("warn", {"zh", "en"})


def test_hair_is_cropped_only_where_the_authority_says_so() -> None:
    """The same high hair stays whole for a spec without such a rule."""
    head = Head(0, 400, 150, 150, 200, 90, 0, (900, 900, 900, 900))
    spec = catalogue.spec_of("cn-social-security-card")
    placement = geometry.place(head, spec)
    assert geometry.ratios(head, spec, placement.scale, placement.eye_row)["hair_margin"] >= 0.004


def test_a_photo_of_two_people_is_never_said_to_be_met(studio: Studio, obama: Cutout) -> None:
    """Marriage registration wants two: one person is placed, and the report fails."""
    made = rendered(studio, obama, spec="cn-marriage-registration")
    assert (made.width, made.height) == (626, 413)
    assert made.compliance["verdict"] == "fail"
    assert measured(made)["people"]["verdict"] == "fail"
    assert "people" in warned(made)


def test_an_authority_that_refuses_edited_photos_is_named_in_the_warnings(studio: Studio, obama: Cutout) -> None:
    """A replaced background is warned of, the original one is not; a notice alone does not spoil the verdict."""
    assert "background_edit_forbidden" in warned(rendered(studio, obama, spec="kr-passport"))
    assert "background_edit_forbidden" not in warned(rendered(studio, obama, spec="kr-passport", background="original"))
    assert {"retouching", "background_edit"} <= warned(rendered(studio, obama, spec="us-visa"))
    assert "retouching" in warned(rendered(studio, obama, spec="edu-gaokao"))
    assert rendered(studio, cut_out("biden"), spec="edu-gaokao").compliance["verdict"] == "pass"
    assert not {"retouching", "background_edit"} & warned(rendered(studio, obama, spec="one-inch"))


def test_a_specs_own_angles_are_judged_beside_its_bands(studio: Studio, obama: Cutout) -> None:
    """Turning and nodding against the spec's degrees; more than that is a warning with advice."""
    made = measured(rendered(studio, obama, spec="exam-postgraduate"))
    assert made["pose_yaw"]["verdict"] == "pass"
    assert made["pose_yaw"]["threshold"] == {"max": 10}
    analysis = obama.analysis | {"pose": {"yaw": 14.0, "pitch": 2.0, "roll": 0.0}}
    turned = measured(rendered(studio, replace(obama, analysis=analysis), spec="exam-postgraduate"))
    assert turned["pose_yaw"]["verdict"] == "warn"
    assert turned["pose_yaw"]["advice"]["zh"]


def test_an_enlarged_photo_is_warned_of_where_the_tool_refuses_it(studio: Studio, obama: Cutout) -> None:
    """The exam tools' text forbids upscaling: a head smaller than the output's is named, a larger one is not."""
    assert "upscaling" not in warned(rendered(studio, obama, spec="exam-pta-general"))
    small = replace(obama.head, hair=90.0, crown=90.0, chin=80.0, width=110.0)
    made = rendered(studio, replace(obama, head=small), spec="exam-pta-general")
    assert "upscaling" in warned(made)
