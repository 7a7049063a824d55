"""Draws a sheet: white paper, every photo at its true size in its place, marks to cut along."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Pixels, as_pixels, size_of
from services.imaging.pipeline.layout import Layout, Place

MARK_MM = 2.0
MARK_COLOUR = (120, 120, 120)
PAPER_COLOUR = 255


def pixels(mm: float, dpi: int) -> int:
    """Millimetres as whole pixels."""
    return round(mm / 25.4 * dpi)


def print_size(mm: tuple[float, float], dpi: int) -> tuple[int, int]:
    """A photo's size on paper in pixels: what it should be drawn at, so that nothing is resampled."""
    return max(1, pixels(mm[0], dpi)), max(1, pixels(mm[1], dpi))


def draw(photos: Sequence[Pixels], layout: Layout, dpi: int, *, marks: bool = True) -> Pixels:
    """The sheet's pixels at ``dpi``; ``photos`` holds one upright picture for every piece of the layout."""
    width, height = print_size(layout.sheet, dpi)
    canvas = np.full((height, width, 3), PAPER_COLOUR, dtype=np.uint8)  # bytes from the start: a sheet is large
    if marks:
        for place in layout.places:
            _mark(canvas, _corner(place, dpi), _size(place, dpi), dpi)
    for place in layout.places:
        (x, y), size = _corner(place, dpi), _size(place, dpi)
        canvas[y : y + size[1], x : x + size[0]] = _fitted(photos[place.piece], size, turned=place.turned)
    return canvas


def _corner(place: Place, dpi: int) -> tuple[int, int]:
    return pixels(place.x, dpi), pixels(place.y, dpi)


def _size(place: Place, dpi: int) -> tuple[int, int]:
    return print_size((place.width, place.height), dpi)


def _fitted(photo: Pixels, size: tuple[int, int], *, turned: bool) -> Pixels:
    placed = as_pixels(np.rot90(photo)) if turned else photo
    if size_of(placed) == size:
        return placed
    shrinks = size[0] < placed.shape[1]
    return as_pixels(cv2.resize(placed, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC))


def _mark(canvas: Pixels, corner: tuple[int, int], size: tuple[int, int], dpi: int) -> None:
    """Short lines outwards from the photo's corners, in line with its edges; photos drawn later cover what they hide."""
    (x, y), length = corner, pixels(MARK_MM, dpi)
    right, bottom = x + size[0] - 1, y + size[1] - 1
    for column in (x, right):
        cv2.line(canvas, (column, y - length), (column, y - 1), MARK_COLOUR, 1)
        cv2.line(canvas, (column, bottom + 1), (column, bottom + length), MARK_COLOUR, 1)
    for row in (y, bottom):
        cv2.line(canvas, (x - length, row), (x - 1, row), MARK_COLOUR, 1)
        cv2.line(canvas, (right + 1, row), (right + length, row), MARK_COLOUR, 1)
