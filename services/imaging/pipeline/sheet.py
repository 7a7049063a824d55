"""Many copies of one photo on one paper: as many as fit, millimetres first, with marks to cut along."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Pixels, as_pixels, size_of
from services.imaging.specs.catalogue import Paper

GAP_MM = 2.0
MARGIN_MM = 3.0
MARK_MM = 2.0
MARK_COLOUR = (120, 120, 120)
PAPER_COLOUR = 255


@dataclass(frozen=True, slots=True)
class Layout:
    """How photos lie on a sheet, in millimetres from the top left: the sheet's size, each photo's place and size."""

    sheet: tuple[float, float]
    photo: tuple[float, float]
    places: tuple[tuple[float, float], ...]
    photo_turned: bool


def lay_out(photo_mm: tuple[float, float], paper: Paper, gap: float = GAP_MM, margin: float = MARGIN_MM) -> Layout:
    """The layout that holds most photos: paper upright or across, photos upright or turned (upright wins a tie)."""
    best: Layout | None = None
    for sheet in (paper.mm, (paper.mm[1], paper.mm[0])):
        for turned in (False, True):
            photo = (photo_mm[1], photo_mm[0]) if turned else photo_mm
            layout = _grid(sheet, photo, gap, margin, turned)
            if best is None or len(layout.places) > len(best.places):
                best = layout
    assert best is not None
    return best


def draw(photo: Pixels, layout: Layout, dpi: int) -> Pixels:
    """The sheet's pixels at ``dpi``: white paper, each photo in its place, crop marks beside their edges."""
    width, height = (_px(side, dpi) for side in layout.sheet)
    canvas = as_pixels(np.full((height, width, 3), PAPER_COLOUR))
    placed = as_pixels(np.rot90(photo)) if layout.photo_turned else photo
    size = _px(layout.photo[0], dpi), _px(layout.photo[1], dpi)
    if size_of(placed) != size:
        shrinks = size[0] < placed.shape[1]
        placed = as_pixels(cv2.resize(placed, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC))
    corners = [(_px(x, dpi), _px(y, dpi)) for x, y in layout.places]
    for x, y in corners:
        _mark(canvas, x, y, size, dpi)
    for x, y in corners:
        canvas[y : y + size[1], x : x + size[0]] = placed
    return canvas


def _grid(sheet: tuple[float, float], photo: tuple[float, float], gap: float, margin: float, turned: bool) -> Layout:
    counts = [int((sheet[i] - 2 * margin + gap + 1e-6) // (photo[i] + gap)) for i in (0, 1)]
    columns, rows = (max(0, count) for count in counts)
    used = columns * (photo[0] + gap) - gap, rows * (photo[1] + gap) - gap
    left, top = (sheet[0] - used[0]) / 2, (sheet[1] - used[1]) / 2
    places = [(left + c * (photo[0] + gap), top + r * (photo[1] + gap)) for r in range(rows) for c in range(columns)]
    return Layout(sheet, photo, tuple(places), turned)


def _mark(canvas: Pixels, x: int, y: int, size: tuple[int, int], dpi: int) -> None:
    """Short lines outwards from the photo's corners, in line with its edges; photos drawn later cover what they hide."""
    length, right, bottom = _px(MARK_MM, dpi), x + size[0] - 1, y + size[1] - 1
    for column in (x, right):
        cv2.line(canvas, (column, y - length), (column, y - 1), MARK_COLOUR, 1)
        cv2.line(canvas, (column, bottom + 1), (column, bottom + length), MARK_COLOUR, 1)
    for row in (y, bottom):
        cv2.line(canvas, (x - length, row), (x - 1, row), MARK_COLOUR, 1)
        cv2.line(canvas, (right + 1, row), (right + length, row), MARK_COLOUR, 1)


def _px(mm: float, dpi: int) -> int:
    return round(mm / 25.4 * dpi)
