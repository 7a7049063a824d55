"""A file that was crushed is recognised by its tables, whoever wrote them; a file that has none is not judged."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from services.imaging.pipeline import jpeg_quality
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.decode import decode
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.studio import Studio
from tests.portraits import builders

tables = st.lists(st.integers(1, 255), min_size=64, max_size=64)


def compression(studio: Studio, content: bytes) -> dict[str, Any] | None:
    """The photo's compression check, or None when there is none."""
    found = {check.id: check.to_dict() for check in studio.prepare(content).checks}
    return found.get("compression")


@pytest.mark.parametrize("quality", [1, 10, 35, 49, 50, 51, 60, 75, 90, 100])
@pytest.mark.parametrize(
    "settings", [{}, {"progressive": True}, {"subsampling": 0}], ids=["usual", "progressive", "444"]
)
def test_a_files_own_quality_is_read_from_it(quality: int, settings: dict[str, Any]) -> None:
    """Every quality that libjpeg writes is told exactly, in every dress, also from a grey file."""
    for mode in ("RGB", "L"):
        content = builders.saved(Image.new(mode, (40, 30)), "JPEG", quality=quality, **settings)
        assert decode(content).quality == quality


@given(st.integers(1, 100), st.permutations(range(64)))
def test_the_order_of_a_tables_numbers_does_not_matter(quality: int, order: list[int]) -> None:
    """Rows or zigzag, as readers differ: the same quality."""
    table = jpeg_quality.scaled(quality)
    assert jpeg_quality.estimated({0: [table[at] for at in order], 1: [255] * 64}) == quality


@given(tables, st.integers(0, 63), st.integers(1, 200))
def test_a_coarser_table_is_never_called_better(table: list[int], at: int, more: int) -> None:
    """Whoever made the table: a quality between 1 and 100, and no better one when a step grows."""
    coarser = [*table[:at], min(255, table[at] + more), *table[at + 1 :]]
    finer = jpeg_quality.estimated({0: table})
    assert finer is not None
    assert 1 <= (jpeg_quality.estimated({0: coarser}) or 0) <= finer <= 100


def test_a_large_photo_that_is_read_reduced_keeps_its_quality() -> None:
    """The decoder may shrink it; what the file says of itself stays."""
    photo = decode(builders.large())
    assert (photo.reduction, photo.quality) == (2, 90)


@pytest.mark.parametrize(("quality", "verdict"), [(35, "warn"), (59, "warn"), (60, "pass"), (92, "pass")])
def test_a_crushed_photo_is_warned_of(studio: Studio, quality: int, verdict: str) -> None:
    """Below 60, the least that an authority publishes: measured, with its limit and advice in both languages."""
    check = compression(studio, builders.saved(builders.picture(), "JPEG", quality=quality))
    assert check is not None
    assert (check["value"], check["unit"], check["threshold"]) == (quality, "jpeg_quality", {"warn_min": 60})
    assert check["verdict"] == verdict
    assert ("advice" in check) == (verdict == "warn")


@pytest.mark.parametrize("name", ["astronaut", "biden", "obama"])
def test_good_portraits_are_not_called_crushed(studio: Studio, name: str) -> None:
    """As they lie in the folder: 95, 91 and 93."""
    check = compression(studio, builders.portrait(name))
    assert check is not None
    assert (check["verdict"], check["value"] > 90) == ("pass", True)


@pytest.mark.parametrize("build", [builders.png, builders.webp, builders.heic])
def test_a_format_that_tells_nothing_is_not_judged(studio: Studio, build: Any) -> None:
    """PNG, WebP and HEIC: no check, for what was not measured does not pass."""
    assert compression(studio, build()) is None


def test_a_spec_that_asks_for_more_is_judged_by_its_own_limit(studio: Studio, obama: Cutout) -> None:
    """Quality 65 is enough in general and too little for an ID card (70): its report warns, another spec's does not."""
    content = builders.saved(Image.open(io.BytesIO(builders.portrait())), "JPEG", quality=65)
    [crushed] = studio.matte([studio.prepare(content)])

    def warned(cutout: Cutout, spec: str) -> bool:
        facts = studio.render(cutout, RenderOrder.parse({"spec": spec})).compliance
        return "compression" in [warning["id"] for warning in facts["warnings"]]

    assert warned(crushed, "cn-id-card")
    assert not warned(crushed, "one-inch")
    assert not warned(obama, "cn-id-card")
