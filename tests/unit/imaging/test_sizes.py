"""What one order may cost a worker: no order of a client makes it large or slow beyond reason."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.imaging.pipeline import sizes
from services.imaging.pipeline.layout import MANY, Piece, lay_out
from services.imaging.pipeline.order import RenderOrder
from services.imaging.specs import catalogue
from shared.kernel.errors import BadRequest

pytestmark = pytest.mark.pictures

ROOT = Path(__file__).parents[3]
RENDERED_IN_ITS_OWN_PROCESS = """
import resource, sys
from pathlib import Path
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.studio import Studio, StudioSettings
from tests.portraits import builders

weights = Path(sys.prefix) / "share" / "pocketid" / "weights"
studio = Studio.load(StudioSettings(weights_dir=weights, model="u2netp", threads=1, provider="cpu"))
cutout = studio.matte([studio.prepare(builders.portrait("obama"))])[0].to_bytes()
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
made = studio.render(Cutout.from_bytes(cutout), RenderOrder.parse(eval(sys.argv[1])))
print(peak() - before, made.width * made.height)
"""


@pytest.mark.parametrize(
    ("body", "most_mb"),
    [
        ({"spec": "one-inch", "sheet": "a4"}, 100),
        ({"spec": "one-inch", "sheet": {"paper": "a4", "dpi": 600}}, 400),
        ({"width_px": 2500, "height_px": 3200}, 700),
    ],
    ids=["a4", "a4 at 600 dpi", "the largest photo"],
)
def test_a_large_order_takes_a_bounded_amount_of_memory(body: dict[str, Any], most_mb: int) -> None:
    """Measured in a process of its own. An A4 sheet once took 600 MB, and 2.4 GB at 600 dpi: eight bytes a value."""
    done = subprocess.run(
        [sys.executable, "-c", RENDERED_IN_ITS_OWN_PROCESS, repr(body)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    megabytes, pixels = map(int, done.stdout.split())
    assert pixels > 7_000_000
    assert megabytes < most_mb


@pytest.mark.parametrize(
    "body",
    [
        {"width_px": 4000, "height_px": 4000},
        {"spec": "five-inch-photo", "dpi": 1200},
        {"spec": "one-inch", "sheet": {"paper": "a4", "dpi": 1200}},
        {"spec": "one-inch", "sheet": {"paper": "600x600", "dpi": 300, "margin_mm": 0}},
        {"spec": "five-inch-photo", "sheet": {"paper": "five-inch", "dpi": 1200, "margin_mm": 0}},
    ],
)
def test_an_order_beyond_reason_is_refused_before_anything_is_drawn(body: dict[str, Any]) -> None:
    """Too many pixels for a photo, or for a sheet: bad_request."""
    with pytest.raises(BadRequest):
        RenderOrder.parse(body)


def test_every_spec_can_be_drawn_at_its_own_size_and_printed_at_600_dpi() -> None:
    """The bound is above everything that the catalogue asks for."""
    for spec in catalogue.specs().values():
        assert sizes.is_drawable(spec.px), spec.id
        assert sizes.is_drawable((round(spec.print_mm[0] / 25.4 * 600), round(spec.print_mm[1] / 25.4 * 600))), spec.id
        assert all(sizes.is_drawable(one.px) for one in sizes.larger(spec)), spec.id


def test_the_search_for_a_layout_ends_where_it_gains_next_to_nothing() -> None:
    """Beyond MANY photos one block and its strips are enough: at most a twentieth fewer than searching on would find."""
    for mm, paper, searched in (((10.3, 13.7), (210.0, 297.0), 375), ((25.0, 35.0), (600.0, 600.0), 380)):
        found = len(lay_out([Piece(mm)], paper, 1, 0).places)
        assert found > MANY
        assert found >= 0.95 * searched
