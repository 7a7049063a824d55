"""Where photos lie on a sheet of paper, in millimetres: as many as fit, turned or not, of one size or of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import cycle, product

GAP_MM = 2.0
MARGIN_MM = 3.0
EPSILON = 1e-6
MANY = 120
"""More photos than this are laid out in one block and its two strips: searching on takes seconds and gains a few of many.

No spec of the catalogue loses a photo by it on any of its papers.
"""

Rect = tuple[float, float, float, float]
"""A free part of the sheet: left, top, width, height."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One size of photo (width, height in millimetres) and how many are wanted; None means as many as still fit."""

    mm: tuple[float, float]
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """One photo on the sheet: which piece it is, its left and top, its size as it lies there."""

    piece: int
    x: float
    y: float
    width: float
    height: float
    turned: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """A sheet's size and the photos on it, in millimetres from the top left, row by row."""

    sheet: tuple[float, float]
    places: tuple[Place, ...]

    def count(self, piece: int) -> int:
        """How many photos of a piece lie on the sheet."""
        return sum(place.piece == piece for place in self.places)


def lay_out(
    pieces: Sequence[Piece], paper: tuple[float, float], gap: float = GAP_MM, margin: float = MARGIN_MM
) -> Layout:
    """The layout that holds most photos: paper upright or across, each photo upright or turned (upright wins a tie).

    Counted pieces come first. When they do not all fit, the layout holds fewer than were asked for: compare ``count``.
    """
    best: Layout | None = None
    for sheet, lengthwise in product((paper, (paper[1], paper[0])), (True, False)):
        area = (0.0, 0.0, sheet[0] - 2 * margin + gap, sheet[1] - 2 * margin + gap)
        grown = [replace(piece, mm=(piece.mm[0] + gap, piece.mm[1] + gap)) for piece in pieces]
        layout = _centred(sheet, _filled(grown, area, lengthwise=lengthwise), gap)
        if best is None or _worth(layout, pieces) > _worth(best, pieces):
            best = layout
    assert best is not None
    return best


def _worth(layout: Layout, pieces: Sequence[Piece]) -> tuple[int, int]:
    """Wanted photos first, then all photos."""
    wanted = sum(min(layout.count(i), piece.count) for i, piece in enumerate(pieces) if piece.count is not None)
    return wanted, len(layout.places)


def _filled(pieces: Sequence[Piece], area: Rect, *, lengthwise: bool) -> list[Place]:
    """Places of the pieces in an area, gaps counted as parts of the photos."""
    if len(pieces) == 1:
        places = [_moved(place, area) for place in _fullest(pieces[0].mm, area[2], area[3])]
        return sorted(places, key=_reading_order)[: pieces[0].count]
    free, places = [area], []
    counted = [index for index, piece in enumerate(pieces) for _ in range(piece.count or 0)]
    for index in sorted(counted, key=lambda index: -max(pieces[index].mm)):
        places += _put(index, pieces[index].mm, free, lengthwise=lengthwise)
    fillers = [index for index, piece in enumerate(pieces) if piece.count is None]
    if len(fillers) == 1:
        size = pieces[fillers[0]].mm
        return places + [
            replace(_moved(one, rect), piece=fillers[0]) for rect in free for one in _fullest(size, *rect[2:])
        ]
    return places + list(_by_turns(fillers, pieces, free, lengthwise=lengthwise))


def _by_turns(fillers: list[int], pieces: Sequence[Piece], free: list[Rect], *, lengthwise: bool) -> Iterator[Place]:
    """Fillers one after the other, so that each gets its share, until none of them fits any more."""
    left = set(fillers)
    for index in cycle(fillers):
        if not left:
            return
        put = _put(index, pieces[index].mm, free, lengthwise=lengthwise) if index in left else []
        if not put:
            left.discard(index)
        yield from put


def _put(index: int, size: tuple[float, float], free: list[Rect], *, lengthwise: bool) -> list[Place]:
    """One photo into the free part that it fits best, which is then cut in two; an empty list when none is large enough."""
    fits = []
    for rect, turned in product(free, (False, True)):
        width, height = (size[1], size[0]) if turned else size
        spare = rect[2] - width, rect[3] - height
        if min(spare) > -EPSILON:
            fits.append((min(spare), turned, rect, width, height))
    if not fits:
        return []
    _, turned, rect, width, height = min(fits)
    free.remove(rect)
    left, top, wide, high = rect
    if lengthwise:
        free += [(left + width, top, wide - width, height), (left, top + height, wide, high - height)]
    else:
        free += [(left + width, top, wide - width, high), (left, top + height, width, high - height)]
    return [Place(index, left, top, width, height, turned)]


@lru_cache(maxsize=4096)
def _fullest(size: tuple[float, float], wide: float, high: float, depth: int = 2) -> tuple[Place, ...]:
    """Most photos of one size in wide x high: a block of rows and columns, and what fits beside and below it."""
    best: tuple[Place, ...] = ()
    for turned in (False, True):
        width, height = (size[1], size[0]) if turned else size
        columns, rows = int((wide + EPSILON) // width), int((high + EPSILON) // height)
        if columns < 1 or rows < 1:
            continue
        shapes = [(columns, rows)]
        if depth > 0 and columns * rows <= MANY:
            shapes += [(c, rows) for c in range(columns - 1, 0, -1)] + [(columns, r) for r in range(rows - 1, 0, -1)]
        for c, r in shapes:
            block = tuple(
                Place(0, i * width, j * height, width, height, turned) for j, i in product(range(r), range(c))
            )
            found = block + _beside(size, (c * width, r * height), (wide, high), depth, across=c < columns)
            if len(found) > len(best):
                best = found
    return best


def _beside(
    size: tuple[float, float], block: tuple[float, float], area: tuple[float, float], depth: int, *, across: bool
) -> tuple[Place, ...]:
    """What fits to the right of a block and below it; the strip to the right has the full height when ``across``."""
    if depth == 0:
        return ()
    wide, high = area
    right = (block[0], 0.0, wide - block[0], high if across else block[1])
    below = (0.0, block[1], block[0] if across else wide, high - block[1])
    return tuple(_moved(one, rect) for rect in (right, below) for one in _fullest(size, rect[2], rect[3], depth - 1))


def _moved(place: Place, rect: Rect) -> Place:
    return replace(place, x=place.x + rect[0], y=place.y + rect[1])


def _centred(sheet: tuple[float, float], places: list[Place], gap: float) -> Layout:
    """The places in the middle of the sheet, gaps taken off the photos again."""
    if not places:
        return Layout(sheet, ())
    used = max(place.x + place.width for place in places) - gap, max(place.y + place.height for place in places) - gap
    left, top = (sheet[0] - used[0]) / 2, (sheet[1] - used[1]) / 2
    moved = [
        replace(one, x=one.x + left, y=one.y + top, width=one.width - gap, height=one.height - gap) for one in places
    ]
    return Layout(sheet, tuple(sorted(moved, key=_reading_order)))


def _reading_order(place: Place) -> tuple[float, float]:
    return round(place.y, 3), place.x
