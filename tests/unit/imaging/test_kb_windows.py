"""Every window of kilobytes in the catalogue: met for both meanings of a kilobyte, or refused with a code; never padded."""

from __future__ import annotations

import io
from contextlib import suppress
from functools import cache

import numpy as np
import pytest
from PIL import Image

from services.imaging.pipeline import sizes
from services.imaging.pipeline.arrays import as_pixels
from services.imaging.pipeline.cutout import Cutout, pack
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.studio import Rendered, Studio
from services.imaging.specs import catalogue
from services.imaging.specs.model import Band, Spec
from shared.kernel.errors import Code, PocketError
from tests.unit.imaging.conftest import cut_out

pytestmark = pytest.mark.pictures

WINDOWS = [spec.id for spec in catalogue.specs().values() if spec.kb is not None]


@cache
def flat() -> Cutout:
    """A person of one colour: a photo with no detail at all, for which files come out too small."""
    obama = cut_out("obama")
    colours, alpha = obama.person(1)
    plain = as_pixels(np.full_like(colours, (96, 84, 78)))
    return pack(plain, plain, alpha, obama.face, obama.head, hair_cut=False, analysis=obama.analysis)


def code_of(studio: Studio, cutout: Cutout, spec: Spec) -> Code | None:
    """None when the spec's window was met, else the refusal's code, once what it says was looked at."""
    assert spec.kb is not None
    order = RenderOrder.parse({"spec": spec.id})
    with suppress(PocketError):
        stands(studio.render(cutout, order), spec, spec.kb)
        return None
    with pytest.raises(PocketError) as refused:
        studio.render(cutout, order)
    assert refused.value.public_extra["window_kb"] == spec.kb.to_dict()
    nearest = refused.value.public_extra["nearest_kb"]
    assert isinstance(nearest, float)
    assert not spec.kb.holds(nearest)
    return refused.value.actual_code


def stands(made: Rendered, spec: Spec, window: Band) -> None:
    """Inside the window whichever way a kilobyte is counted, whole, not padded, and of a size that the spec allows."""
    content = made.image
    assert window.high is None or len(content) <= window.high * 1000
    assert window.low is None or len(content) >= window.low * 1024
    assert content.endswith(b"\xff\xd9")
    assert content.count(b"\xff\xd9") == 1
    size = Image.open(io.BytesIO(content)).size
    assert size == (made.width, made.height)
    if size != spec.px:
        assert spec.px_rule in ("range", "minimum")
        assert abs(size[0] / size[1] - spec.px[0] / spec.px[1]) < 0.01
        assert spec.px_min is None or (size[0] >= spec.px_min[0] and size[1] >= spec.px_min[1])
        assert spec.px_max is None or (size[0] <= spec.px_max[0] and size[1] <= spec.px_max[1])
    [check] = [check for check in made.compliance["checks"] if check["id"] == "file_kb"]
    assert check["verdict"] == "pass"


def test_the_catalogue_has_windows_to_meet() -> None:
    """47 of the collected specs and the two older ids have one."""
    assert len(WINDOWS) == 49


@pytest.mark.parametrize("spec_id", WINDOWS)
def test_a_window_is_met_for_every_portrait(studio: Studio, cutout: Cutout, spec_id: str) -> None:
    """On the first background and on the photo's own, which holds more detail."""
    spec = catalogue.spec_of(spec_id)
    assert spec.kb is not None
    for background in (None, "original"):
        body = {"spec": spec_id} | ({} if background is None else {"background": background})
        stands(studio.render(cutout, RenderOrder.parse(body)), spec, spec.kb)


@pytest.mark.parametrize("spec_id", WINDOWS)
def test_a_picture_without_detail_meets_the_window_or_is_refused(studio: Studio, spec_id: str) -> None:
    """A larger size where the spec allows one; else the code, the window, and how near the best file came."""
    assert code_of(studio, flat(), catalogue.spec_of(spec_id)) in (None, Code.KB_UNREACHABLE)


def test_a_size_is_changed_only_within_what_the_spec_allows() -> None:
    """Ranges go to their ends, floors to twice their width; fixed pixels and forbidden enlarging stay."""
    spec_of = catalogue.spec_of
    assert [spec.px for spec in sizes.larger(spec_of("cn-id-card"))] == []
    assert [spec.px for spec in sizes.smaller(spec_of("cn-id-card"))] == []
    assert [spec.px for spec in sizes.larger(spec_of("one-inch"))] == []
    assert [spec.px for spec in sizes.larger(spec_of("exam-pta-general"))] == []
    assert [spec.px for spec in sizes.larger(spec_of("us-visa"))][-1] == (1200, 1200)
    assert [spec.px for spec in sizes.smaller(spec_of("in-evisa"))][-1] == (350, 350)
    assert [spec.px for spec in sizes.larger(spec_of("exam-ncre"))][-1] == (288, 384)
    assert [spec.px for spec in sizes.smaller(spec_of("us-visa"))] == []


def test_a_file_too_small_is_drawn_larger_where_that_is_allowed_and_refused_where_not(studio: Studio) -> None:
    """NCRE asks for 144x192 or more and 20 KB: reached by more pixels. 390x567 is fixed: 100 KB are not reached by padding."""
    made = studio.render(flat(), RenderOrder.parse({"spec": "exam-ncre"}))
    assert made.width > 144
    assert len(made.image) >= 20 * 1024
    assert code_of(studio, flat(), catalogue.spec_of("exam-putonghua")) is Code.KB_UNREACHABLE
