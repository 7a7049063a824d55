"""Where photos lie on paper: as many as fit, never over one another, never off the sheet."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.imaging.pipeline.layout import Layout, Piece, lay_out
from services.imaging.specs import catalogue

ONE_INCH, TWO_INCH, SMALL_TWO_INCH = (25.0, 35.0), (35.0, 49.0), (35.0, 45.0)
SHOPS = {
    "five-inch": {"one-inch": 9, "small-one-inch": 10, "large-one-inch": 4, "two-inch": 4, "cn-id-card": 9},
    "six-inch": {"one-inch": 12, "small-one-inch": 16, "two-inch": 4, "small-two-inch": 8, "cn-id-card": 12},
    "seven-inch": {"one-inch": 18, "small-one-inch": 25, "two-inch": 9, "small-two-inch": 9, "us-passport": 6},
    "a4": {"one-inch": 50, "small-one-inch": 72, "two-inch": 28, "small-two-inch": 30, "us-passport": 15},
}
"""What fits with a gap and a margin, as print shops count it."""


def stands(layout: Layout, pieces: list[Piece], gap: float, margin: float) -> None:
    """Every photo has its piece's size, keeps the margin, and keeps the gap to every other photo."""
    for place in layout.places:
        upright = (place.height, place.width) if place.turned else (place.width, place.height)
        assert upright == pytest.approx(pieces[place.piece].mm)
        assert place.x >= margin - 1e-6
        assert place.y >= margin - 1e-6
        assert place.x + place.width <= layout.sheet[0] - margin + 1e-6
        assert place.y + place.height <= layout.sheet[1] - margin + 1e-6
    for one, other in combinations(layout.places, 2):
        beside = one.x + one.width + gap <= other.x + 1e-6 or other.x + other.width + gap <= one.x + 1e-6
        above = one.y + one.height + gap <= other.y + 1e-6 or other.y + other.height + gap <= one.y + 1e-6
        assert beside or above, (one, other)


@pytest.mark.parametrize(("paper", "spec"), [(paper, spec) for paper, counts in SHOPS.items() for spec in counts])
def test_a_sheet_holds_at_least_what_shops_print(paper: str, spec: str) -> None:
    """With the usual gap and margin, and never fewer without them."""
    mm, sheet = catalogue.spec_of(spec).print_mm, catalogue.papers()[paper].mm
    layout = lay_out([Piece(mm)], sheet)
    assert len(layout.places) >= SHOPS[paper][spec]
    stands(layout, [Piece(mm)], 2, 3)
    assert len(lay_out([Piece(mm)], sheet, 0, 0).places) >= len(layout.places)


def test_turned_photos_fill_what_upright_ones_leave() -> None:
    """A4 holds 57 one-inch photos where one block alone holds 50."""
    layout = lay_out([Piece(ONE_INCH)], (210, 297))
    assert len(layout.places) == 57
    assert {place.turned for place in layout.places} == {True, False}


@settings(max_examples=150, deadline=None)
@given(
    photo=st.tuples(st.floats(15, 90), st.floats(15, 90)),
    paper=st.sampled_from(sorted({paper.mm for paper in catalogue.papers().values()})),
    gap=st.sampled_from([0, 0.5, 2, 5]),
    margin=st.sampled_from([0, 3, 10]),
)
def test_any_size_on_any_paper_lies_apart_and_inside(
    photo: tuple[float, float], paper: tuple[float, float], gap: float, margin: float
) -> None:
    """And never fewer than the best single block of rows and columns."""
    layout = lay_out([Piece(photo)], paper, gap, margin)
    stands(layout, [Piece(photo)], gap, margin)
    blocks = [
        int((sheet[0] - 2 * margin + gap) // (one[0] + gap)) * int((sheet[1] - 2 * margin + gap) // (one[1] + gap))
        for sheet, one in product((paper, paper[::-1]), (photo, photo[::-1]))
    ]
    assert len(layout.places) >= max(blocks)


@settings(max_examples=100, deadline=None)
@given(
    counts=st.lists(st.one_of(st.none(), st.integers(1, 9)), min_size=2, max_size=4),
    paper=st.sampled_from(sorted({paper.mm for paper in catalogue.papers().values()})),
)
def test_mixed_sizes_lie_apart_and_inside(counts: list[int | None], paper: tuple[float, float]) -> None:
    """Counted pieces are never more than were asked for."""
    pieces = [Piece(mm, n) for mm, n in zip((ONE_INCH, TWO_INCH, SMALL_TWO_INCH, (22.0, 32.0)), counts, strict=False)]
    layout = lay_out(pieces, paper)
    stands(layout, pieces, 2, 3)
    for index, piece in enumerate(pieces):
        assert piece.count is None or layout.count(index) <= piece.count


def test_a_shops_mixed_sheet_fits_on_six_inch_paper() -> None:
    """Four one-inch and four two-inch photos on one 4R; or two two-inch ones and one-inch photos wherever they fit."""
    mixed = lay_out([Piece(ONE_INCH, 4), Piece(TWO_INCH, 4)], (102, 152))
    assert [mixed.count(0), mixed.count(1)] == [4, 4]
    filled = lay_out([Piece(ONE_INCH), Piece(TWO_INCH, 2)], (102, 152))
    assert filled.count(1) == 2
    assert filled.count(0) >= 6
    shared = lay_out([Piece(ONE_INCH), Piece(TWO_INCH)], (102, 152))
    assert min(shared.count(0), shared.count(1)) >= 2


def test_a_count_is_kept_and_a_photo_too_large_leaves_the_sheet_empty() -> None:
    """Eight means eight; nothing is squeezed."""
    assert len(lay_out([Piece(ONE_INCH, 8)], (102, 152)).places) == 8
    assert lay_out([Piece((160, 200))], (102, 152)).places == ()
