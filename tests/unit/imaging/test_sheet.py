"""Sheets measured on the finished file: the paper's size, each photo's size and place, gaps, marks, pages of true size."""

from __future__ import annotations

import io
import re
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from services.imaging.pipeline import sheet as sheets
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.layout import Layout, Piece, lay_out
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.sheet_order import parse_sheet
from services.imaging.pipeline.studio import Rendered, Studio
from services.imaging.specs import catalogue
from shared.kernel.errors import Code, PocketError

pytestmark = pytest.mark.pictures

PAPERS = ("five-inch", "six-inch", "seven-inch", "eight-inch", "ten-inch", "a4", "a5", "a6", "letter")


def rendered(studio: Studio, cutout: Cutout, **body: Any) -> Rendered:
    """A render of an API body."""
    return studio.render(cutout, RenderOrder.parse(body))


def pixels_of(content: bytes) -> np.ndarray:
    """The file's pixels."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def boxes(picture: np.ndarray, at_least: int, below: int = 60) -> list[tuple[int, int, int, int]]:
    """Left, top, width, height of everything that is not paper and as large as a photo, in reading order."""
    seen = (picture.min(axis=2) < below).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(seen, connectivity=4)
    found = [tuple(int(v) for v in row[:4]) for row in stats[1:] if row[2] >= at_least and row[3] >= at_least]
    return sorted(found, key=lambda box: (box[1], box[0]))


def drawn(layout: Layout, dpi: int, colours: list[tuple[int, int, int]], *, marks: bool = True) -> np.ndarray:
    """A sheet of plain photos, one colour a piece."""
    photos = [np.full((90, 60, 3), colour, dtype=np.uint8) for colour in colours]
    return sheets.draw(photos, layout, dpi, marks=marks).astype(int)


@pytest.mark.parametrize("dpi", [254, 300, 350, 600])
@pytest.mark.parametrize("paper", PAPERS)
def test_photos_lie_where_the_layout_says_at_any_resolution(paper: str, dpi: int) -> None:
    """Paper, photos and gaps in millimetres, measured in the pixels: none is more than one pixel off."""
    layout = lay_out([Piece((25, 35))], catalogue.papers()[paper].mm)
    picture = drawn(layout, dpi, [(0, 0, 200)])
    assert (picture.shape[1], picture.shape[0]) == tuple(round(side / 25.4 * dpi) for side in layout.sheet)
    found = boxes(picture, 50)
    assert len(found) == len(layout.places)
    for box, place in zip(found, sorted(layout.places, key=lambda p: (round(p.y / 25.4 * dpi), p.x)), strict=True):
        for measured, mm in zip(box, (place.x, place.y, place.width, place.height), strict=True):
            assert abs(measured - mm / 25.4 * dpi) <= 1


@pytest.mark.parametrize("paper", ["five-inch", "six-inch", "a4"])
def test_a_sheet_of_a_portrait_holds_whole_photos(studio: Studio, obama: Cutout, paper: str) -> None:
    """Every photo on the finished file is the photo, upright or turned, pixel for pixel."""
    made = rendered(studio, obama, spec="one-inch", background="red", sheet=paper, format="png")
    single = pixels_of(rendered(studio, obama, spec="one-inch", background="red", format="png").image)
    picture, layout = pixels_of(made.image), parse_sheet(paper, catalogue.spec_of("one-inch")).layout
    sides = sorted(round(side / 25.4 * 300) for side in catalogue.papers()[paper].mm)
    assert sorted((made.width, made.height)) == sorted((picture.shape[1], picture.shape[0])) == sides
    assert Image.open(io.BytesIO(made.image)).info["dpi"] == pytest.approx((300, 300), abs=0.01)
    assert made.compliance["sheet"]["photos"][0] == {
        "spec": "one-inch",
        "count": len(layout.places),
        "verdict": "pass",
    }
    for place in layout.places:
        wanted = np.rot90(single) if place.turned else single
        x, y = round(place.x / 25.4 * 300), round(place.y / 25.4 * 300)
        assert (picture[y : y + wanted.shape[0], x : x + wanted.shape[1]] == wanted).all()


def test_gap_and_margin_are_as_asked_for() -> None:
    """Five millimetres between photos, ten to the edge at least; zero lets them touch."""
    wide = lay_out([Piece((25, 35))], (102, 152), gap=5, margin=10)
    found = boxes(drawn(wide, 254, [(0, 0, 0)]), 50)
    row = [box for box in found if box[1] == found[0][1]]
    assert row[1][0] - (row[0][0] + row[0][2]) == 50
    assert min(box[0] for box in found) >= 100
    touching = drawn(lay_out([Piece((25, 35), 2)], (102, 152), gap=0, margin=0), 254, [(0, 0, 0)], marks=False)
    assert len(boxes(touching, 50)) == 1


def test_marks_stand_beside_the_corners_and_can_be_left_out() -> None:
    """Grey lines in line with each photo's edges, outside of every photo; without marks the paper is white."""
    layout = lay_out([Piece((25, 35), 1)], (102, 152))
    marked, plain = drawn(layout, 300, [(0, 0, 0)]), drawn(layout, 300, [(0, 0, 0)], marks=False)
    x, y, width, height = boxes(plain, 50)[0]
    assert boxes(marked, 200)[0][2:] == (width, height)
    for column in (x, x + width - 1):
        assert (marked[y - 20 : y, column] == sheets.MARK_COLOUR).all()
        assert (marked[y + height : y + height + 20, column] == sheets.MARK_COLOUR).all()
    for line in (y, y + height - 1):
        assert (marked[line, x - 20 : x] == sheets.MARK_COLOUR).all()
        assert (marked[line, x + width : x + width + 20] == sheets.MARK_COLOUR).all()
    assert (plain[:y] == 255).all()
    assert (plain[:, :x] == 255).all()


def test_a_mixed_sheet_holds_each_spec_at_its_true_size(studio: Studio, obama: Cutout) -> None:
    """Four one-inch and four two-inch photos, counted and measured on the output's pixels."""
    sheet = {"paper": "six-inch", "count": 4, "also": [{"spec": "two-inch", "count": 4}], "marks": False}
    made = rendered(studio, obama, spec="one-inch", background="#000000", sheet=sheet, format="png")
    found = [tuple(sorted(box[2:])) for box in boxes(pixels_of(made.image), 200, below=250)]
    assert [(one["spec"], one["count"]) for one in made.compliance["sheet"]["photos"]] == [
        ("one-inch", 4),
        ("two-inch", 4),
    ]
    layout = parse_sheet(sheet, catalogue.spec_of("one-inch")).layout
    assert [layout.count(0), layout.count(1)] == [4, 4]
    assert found.count((295, 413)) == 4
    assert found.count((413, 579)) == 4


@pytest.mark.parametrize("dpi", [300, 600])
@pytest.mark.parametrize("paper", ["six-inch", "a4", "100x150"])
def test_a_pdf_page_has_the_papers_size_in_points(studio: Studio, obama: Cutout, paper: str, dpi: int) -> None:
    """The page's box is the paper to a hundredth of a point, and the picture on it covers all of it."""
    made = rendered(studio, obama, spec="one-inch", sheet={"paper": paper, "dpi": dpi}, format="pdf")
    width, height = made.compliance["sheet"]["width_mm"], made.compliance["sheet"]["height_mm"]
    assert made.media_type == "application/pdf"
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", made.image)
    assert box is not None
    assert [float(side) for side in box.groups()] == pytest.approx([width / 25.4 * 72, height / 25.4 * 72], abs=0.01)
    assert b"q %s 0 0 %s 0 0 cm" % box.groups() in made.image
    picture = Image.open(io.BytesIO(_image_in(made.image)))
    assert picture.size == (round(width / 25.4 * dpi), round(height / 25.4 * dpi)) == (made.width, made.height)
    for secret in (b"Date", b"Producer", b"Author", b"Exif"):
        assert secret not in made.image


def test_a_pdfs_table_says_where_its_objects_begin(studio: Studio, obama: Cutout) -> None:
    """Readers go by byte offsets: each points at its object; the same order gives the same bytes."""
    content = rendered(studio, obama, spec="one-inch", sheet="a6", format="pdf").image
    start = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n$", content)[0])
    offsets = [int(offset) for offset in re.findall(rb"(\d{10}) 00000 n ", content[start:])]
    assert [content[offset : offset + 7] for offset in offsets] == [b"%d 0 obj" % n for n in range(1, 6)]
    assert rendered(studio, obama, spec="one-inch", sheet="a6", format="pdf").image == content


def _image_in(content: bytes) -> bytes:
    """The JPEG inside a page."""
    return content[content.index(b"\xff\xd8\xff") : content.rindex(b"\xff\xd9") + 2]


def test_an_authoritys_fixed_pixels_are_printed_at_its_millimetres(studio: Studio, obama: Cutout) -> None:
    """The ID card's 358x441 px stand for 26x32 mm: on 300 dpi paper they are 307x378 px."""
    sheet = {"paper": "six-inch", "dpi": 300, "marks": False}
    made = rendered(studio, obama, spec="cn-id-card", background="#000000", sheet=sheet, format="png")
    sizes = {tuple(sorted(box[2:])) for box in boxes(pixels_of(made.image), 200, below=250)}
    assert sizes == {(307, 378)}


@pytest.mark.parametrize(
    ("sheet", "size"),
    [
        ("六寸", (102, 152)),
        ("4R", (102, 152)),
        ("100x150", (100, 150)),
        ("89.5 × 120 mm", (89.5, 120)),
        ({"width_mm": 100, "height_mm": 148}, (100, 148)),
    ],
)
def test_a_paper_may_be_said_in_many_ways(sheet: object, size: tuple[float, float]) -> None:
    """By its names, by its size in a word, by two numbers."""
    assert sorted(parse_sheet(sheet, catalogue.spec_of("one-inch")).layout.sheet) == sorted(size)


@pytest.mark.parametrize(
    "sheet",
    [
        *("napkin", "10x150", "100x9000", 7, [], {"paper": 5}, {"paper": "a4", "width_mm": 100}, {"width_mm": 100}),
        *({"paper": "a4", "gap_mm": -1}, {"paper": "a4", "gap_mm": "2"}, {"paper": "a4", "margin_mm": 500}),
        *({"paper": "a4", "marks": "no"}, {"paper": "a4", "dpi": 5000}, {"paper": "a4", "dpi": 1200}, {"ink": "blue"}),
        *({"paper": "a4", "count": 0}, {"paper": "a4", "count": 2.5}, {"paper": "six-inch", "count": 40}),
        *({"paper": "a4", "also": "two-inch"}, {"paper": "a4", "also": [{"spec": 5}]}, {"paper": "a4", "also": [{}]}),
        *({"paper": "a4", "also": [{"spec": "two-inch", "many": 1}]}, {"paper": "a4", "also": ["two-inch"] * 8}),
        {"paper": "six-inch", "count": 8, "also": [{"spec": "two-inch", "count": 9}]},
    ],
)
def test_a_sheet_that_cannot_be_is_refused(sheet: object) -> None:
    """With its code and a reason, before anything is drawn."""
    with pytest.raises(PocketError) as refused:
        parse_sheet(sheet, catalogue.spec_of("one-inch"))
    assert refused.value.actual_code is Code.BAD_REQUEST
    assert refused.value.public_extra["field"] == "sheet"


def test_a_sheets_specs_and_format_are_checked_with_the_order() -> None:
    """An unknown spec beside the first, retouching that one of them forbids, a PDF without a page."""
    for body, code in (
        ({"sheet": {"paper": "a4", "also": ["moon-visa"]}}, Code.UNKNOWN_SPEC),
        ({"sheet": {"paper": "a4", "also": ["us-visa"]}, "beautify": {"smoothing": 9}}, Code.RETOUCH_FORBIDDEN),
        ({"format": "pdf"}, Code.BAD_REQUEST),
    ):
        with pytest.raises(PocketError) as refused:
            RenderOrder.parse({"spec": "one-inch", **body})
        assert refused.value.actual_code is code
