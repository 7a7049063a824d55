"""The annotated picture shows what was measured, where it was measured."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from services.imaging.pipeline import annotate
from services.imaging.pipeline.cutout import Cutout
from services.imaging.specs import catalogue
from tests.portraits import builders
from tests.unit.imaging.test_commands import run

pytestmark = pytest.mark.pictures


def opened(content: bytes) -> np.ndarray:
    """The picture's pixels."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def test_levels_follow_the_head_downwards(cutout: Cutout) -> None:
    """Hair top, crown, eyes and chin stand in that order along the head's axis, also when the head is tilted."""
    at = annotate.levels(cutout)
    rows = [at[name][1] for name in ("hair", "crown", "eyes", "chin")]
    assert rows == sorted(rows)
    assert at["chin"] == pytest.approx(tuple(cutout.face.chin), abs=0.08 * cutout.face.eyes_to_chin)


def test_every_line_and_the_mesh_are_drawn_in_their_colours(obama: Cutout) -> None:
    """At each level's place, its colour; around the face, the mesh's."""
    shown = opened(annotate.annotated(obama))
    assert shown.shape[:2] == (obama.size[1] + 2 * annotate.OUTSIDE, obama.size[0] + 2 * annotate.OUTSIDE)
    for name, (x, y) in annotate.levels(obama).items():
        if name == "hair" and obama.head.hair - obama.head.crown < annotate.SAME:
            continue
        across = x + annotate.OUTSIDE - obama.face.width * 0.6
        near = shown[round(y) + annotate.OUTSIDE - 8 : round(y) + annotate.OUTSIDE + 9, round(across)]
        assert np.abs(near - annotate.LINES[name]).max(axis=1).min() < 12, name
    assert (np.abs(shown - annotate.MESH).max(axis=2) < 12).sum() > 400


def test_the_frame_is_the_finished_photos(obama: Cutout) -> None:
    """The frame has the spec's shape, holds the head, and is drawn only when a spec is named."""
    spec = catalogue.spec_of("us-visa")
    corners = annotate.frame(obama, spec)
    wide, tall = np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[3] - corners[0])
    assert wide / tall == pytest.approx(spec.px[0] / spec.px[1], rel=1e-3)
    at = annotate.levels(obama)
    assert corners[0][1] < at["hair"][1] < at["chin"][1] < corners[3][1]
    with_frame, without = (opened(annotate.annotated(obama, chosen)) for chosen in (spec, None))
    assert (with_frame != without).any()


def test_check_writes_the_annotated_picture_when_asked(tmp_path: Path) -> None:
    """``pocketid check --annotate`` writes a PNG beside the report; a folder that is not there is one line and status 1."""
    photo, target = tmp_path / "me.jpg", tmp_path / "seen.png"
    photo.write_bytes(builders.portrait())
    status, _, _ = run("check", photo, "--spec", "us-visa", "--annotate", target)
    assert status == 0
    assert target.read_bytes().startswith(b"\x89PNG")
    assert run("check", photo, "--annotate", tmp_path / "nowhere" / "seen.png")[0] == 1
