"""What nobody looked at is said in every report: it must not be taken for passed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app_with
from services.imaging.pipeline import checks, unchecked
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.studio import Studio
from tests.portraits import builders

PHOTO = Path(builders.FOLDER) / "obama.jpg"


def test_the_analysis_says_what_it_leaves_out_and_why(obama: Cutout) -> None:
    """Each entry has an id and a reason in both languages; nothing is both checked and not checked."""
    left_out = obama.analysis["not_checked"]
    assert {"expression", "gaze", "head_covering"} <= {entry["id"] for entry in left_out}
    assert all(entry["zh"] and entry["en"] for entry in left_out)
    measured = {check["id"] for check in obama.analysis["checks"]}
    assert not measured & {entry["id"] for entry in left_out}


@pytest.mark.parametrize(("build", "told"), [(builders.png, True), (builders.portrait, False)], ids=["png", "jpeg"])
def test_what_a_file_does_not_tell_is_listed_for_that_file(studio: Studio, build: object, told: bool) -> None:
    """A PNG's compression was not checked, a JPEG's was."""
    [cutout] = studio.matte([studio.prepare(build())])  # type: ignore[operator]
    assert ("compression" in {entry["id"] for entry in cutout.analysis["not_checked"]}) == told


def test_every_rule_is_either_measured_or_listed() -> None:
    """No rule can drop out of a report without a word."""
    for name in unchecked.SOMETIMES:
        assert name in checks.RULES
        assert name in {entry["id"] for entry in unchecked.beside(set(checks.RULES) - {name})}
    assert not set(unchecked.NEVER) & set(checks.RULES)


def test_a_renders_report_and_an_old_cutouts_say_it_too(studio: Studio, obama: Cutout) -> None:
    """The ids stand in the compliance report; a cutout from before there was such a list has none."""
    order = RenderOrder.parse({"spec": "one-inch"})
    assert "gaze" in studio.render(obama, order).compliance["not_checked"]
    before = replace(obama, analysis={name: part for name, part in obama.analysis.items() if name != "not_checked"})
    assert studio.render(before, order).compliance["not_checked"] == []


def test_the_command_prints_it() -> None:
    """``pocketid check``: a line for each, and the list in JSON."""
    printed = CliRunner().invoke(app_with(["check"]), ["check", str(PHOTO)]).stdout
    assert "not checked: gaze: " in printed
    shown = json.loads(CliRunner().invoke(app_with(["check"]), ["check", str(PHOTO), "--json"]).stdout)
    assert "head_covering" in {entry["id"] for entry in shown["not_checked"]}
