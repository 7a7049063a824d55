"""The file's window of kilobytes: met by quality, then by chroma, never by padding; or refused with how near it came."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from services.imaging.pipeline.arrays import Pixels
from services.imaging.pipeline.encode import encode
from services.imaging.specs.model import Band
from shared.kernel.errors import Code, PocketError


def textured(strength: float) -> Pixels:
    """A picture with as much detail as ``strength`` says: 0 is flat, 60 is a loud shirt."""
    noise = np.random.default_rng(7).normal(0, strength, (441, 358, 3))
    return np.clip(150 + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("strength", [2, 6, 12, 20])
@pytest.mark.parametrize("window", [Band(30, 80), Band(None, 60), Band(20, None), Band(40, 50)])
def test_a_window_is_met_whatever_the_picture_holds(strength: float, window: Band) -> None:
    """Between the sides, for both meanings of a kilobyte, and still a whole JPEG of the same size."""
    made = encode(textured(strength), "jpeg", 350, window)
    assert window.high is None or len(made.content) <= window.high * 1000
    assert window.low is None or len(made.content) >= window.low * 1024
    assert made.content.endswith(b"\xff\xd9")
    assert Image.open(io.BytesIO(made.content)).size == (358, 441)


def test_full_colour_is_given_up_only_when_quality_alone_will_not_do() -> None:
    """A roomy window keeps 4:4:4; a tight one may not."""
    assert encode(textured(6), "jpeg", 350, Band(None, 80), 70).subsampling == "4:4:4"
    assert encode(textured(10), "jpeg", 350, Band(None, 26), 70).subsampling == "4:2:0"


def test_the_specs_lowest_quality_is_passed_only_when_it_must_be() -> None:
    """Quality goes below the spec's own floor only for a window that cannot be met above it."""
    assert (encode(textured(6), "jpeg", 350, Band(None, 60), 70).quality or 0) >= 70
    assert (encode(textured(16), "jpeg", 350, Band(14, 24), 70).quality or 0) < 70


@pytest.mark.parametrize(("strength", "window"), [(0, Band(14, 20)), (60, Band(None, 9))])
def test_a_window_that_cannot_be_met_is_refused(strength: float, window: Band) -> None:
    """A flat picture is never blown up, a rich one never shredded; the refusal says how near it came."""
    with pytest.raises(PocketError) as refused:
        encode(textured(strength), "jpeg", 350, window)
    assert refused.value.actual_code is Code.KB_UNREACHABLE
    nearest = refused.value.public_extra["nearest_kb"]
    assert isinstance(nearest, float)
    assert not window.holds(nearest)


def test_resolution_is_written_into_both_kinds_of_file() -> None:
    """JPEG in its header, PNG in its physical dimensions."""
    for kind in ("jpeg", "png"):
        shown = Image.open(io.BytesIO(encode(textured(3), kind, 600).content)).info["dpi"]
        assert [round(side) for side in shown] == [600, 600]
