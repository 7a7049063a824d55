"""Hair, found by its colour where the network's 320 pixels were too few to see it.

From the colours of the background around, their mean and how they scatter, and the person's own colour, comes the one
direction that tells the two apart best (Fisher's linear discriminant): what leaves of every green have in common is not
mistaken for hair. Along it each pixel beside the head, and just inside it, has an alpha of its own, and a variance. That
alpha and the network's are averaged by how much each is to be believed, as in Bayesian matting (Chuang et al., 2001):
next to the head and before a background of few colours the pixel counts, farther away and before a colourful one the
network. What is farther than a few pixels away must be thin and hang together with the head; without these two rules
windows and curtains leave smoke beside it (it was tried, and looked at).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from services.imaging.pipeline.arrays import Pixels, Plane, as_pixels, as_plane, enlarged, pieces, size_of, take, where
from services.imaging.pipeline.foreground import Sides, coarse, spread
from services.imaging.pipeline.mesh import CHIN, Face
from services.imaging.pipeline.symmetric import products, solve

COARSE_SIDE = 112
"""The background's mean and scatter are smooth by construction, and found at this size."""
MARGIN = 3
"""Background is taken from this many coarse pixels away from anything of the person."""
AROUND = 0.5
"""It is described in windows of this many eyes-to-chin heights."""
NOISE = 6.0
"""Standard deviation of a colour (0..255) that even the plainest background has."""
REACH = 0.4
"""How far from the head loose hair is looked for, in eyes-to-chin heights."""
WIDER = 1.3
"""The background is looked at so many times farther out: a thin thing that goes on there is no hair."""
THING = 60
"""From this alpha by colour (0..255) on pixels belong to one thing."""
INNER_FACE = 0.9
"""The part of the face, about its middle, that is solid for certain."""
INSIDE = 0.02
"""How deep inside the head, in eyes-to-chin heights, its alpha is mended: deeper, what has the wall's colour is a highlight."""
UNSEEN = 0.8
"""Variance of the network's alpha right at the head's edge: it knows nothing of single hairs ..."""
FADING = 0.3
"""... and more and more that there are none: the variance falls to 1/e over this part of the reach."""
UNSURE = 0.125
"""What the variance grows by where the network itself is unsure (at alpha one half)."""
DOUBT = 0.02
"""From this variance on a colour's alpha counts even less than its variance says: the background is too colourful."""
CLOSE = 0.02
"""A pixel this near to the head, in eyes-to-chin heights, need not be of something thin."""
THIN = 5
"""A structure wider than this many pixels of the crop is no strand."""
FLOOR, GAIN = 0.04, 1.3
"""Below the floor alpha is noise; what is above was lowered by the filter that finds thin things."""
SEEN = 40
"""From this alpha (0..255) on a pixel of a strand holds on to its neighbours."""

Chosen = npt.NDArray[np.intp]
Box = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class ColourLine:
    """Coarse: alpha by colour is ``slope . colour + offset`` (one plane of four), with this ``variance``."""

    model: Plane
    variance: Plane


def with_strands(crop: Pixels, alpha: Pixels, sides: Sides, face: Face) -> Pixels:
    """``alpha`` (0..255, the crop's size) with the edge of the head and the loose hair beside it as their colours say."""
    unit = face.eyes_to_chin
    reach = REACH * unit
    box = _box(alpha, face, WIDER * reach)
    if box is None:
        return alpha
    part = alpha[box]
    unseen, away = _unseen(part, reach, INSIDE * unit)
    _close_face(unseen, face, box)
    looked_at = where((unseen > 1e-3) | ((away > 0) & (away < WIDER * reach)))
    by_colour, variance = _by_colour(crop, _line(crop, alpha, sides, face), box, looked_at)
    known, distance = take(part, looked_at) / np.float32(255), take(away, looked_at)
    strands, foreign = _strands(by_colour, part, away, unit, looked_at)
    close = np.clip(2 - distance / (CLOSE * unit), 0, 1) * (1 - foreign)
    wanted = close * by_colour + (1 - close) * np.maximum(strands, known)
    doubt = take(unseen, looked_at) + close * UNSURE * 4 * known * (1 - known)
    found = part.copy()
    found.reshape(-1)[looked_at] = as_pixels(255 * (known + doubt / (doubt + variance) * (wanted - known)))
    more = alpha.copy()
    more[box] = found * _held(found, part)
    return more


def _box(alpha: Pixels, face: Face, reach: float) -> Box | None:
    """Rows and columns within reach of the head, down to the chin."""
    chin = int(np.clip(face.points[CHIN, 1], 1, alpha.shape[0]))
    solid = alpha[:chin] > 127
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if not rows.size:
        return None
    more = int(reach) + 1
    top, left = max(0, int(rows[0]) - more), max(0, int(columns[0]) - more)
    return slice(top, chin), slice(left, min(int(columns[-1]) + more, alpha.shape[1]))


def _unseen(part: Pixels, reach: float, inside: float) -> tuple[Plane, Plane]:
    """The variance of the network's alpha beside the head's edge, and each pixel's distance from the head."""
    size = size_of(part)
    half = as_pixels(cv2.resize(part, ((size[0] + 1) // 2, (size[1] + 1) // 2), interpolation=cv2.INTER_AREA))
    away, deep = (
        as_plane(2 * cv2.distanceTransform(side.view(np.uint8), cv2.DIST_L2, 3)) for side in (half <= 127, half > 127)
    )
    unseen = UNSEEN * np.exp(-away / (FADING * reach) - deep / inside) * np.clip((reach - away) / (0.3 * reach), 0, 1)
    unseen[deep > 2 * inside] = 0
    return enlarged(as_plane(unseen), size), enlarged(away, size)


def _close_face(unseen: Plane, face: Face, box: Box) -> None:
    """The face itself needs no mending."""
    corner = box[1].start, box[0].start
    cv2.fillPoly(unseen, [np.rint(face.inner_outline(INNER_FACE) - corner).astype(np.int32)], 0.0)


def _line(crop: Pixels, alpha: Pixels, sides: Sides, face: Face) -> ColourLine:
    """The discriminant between the person's colours and those of the background around each point."""
    small, _, clear = coarse(crop, alpha, COARSE_SIDE, MARGIN)
    size = size_of(small)
    window = int(AROUND * face.eyes_to_chin * size[0] / size_of(crop)[0]) | 1
    density = _mean(clear, window)
    there, divisor = as_plane(np.minimum(5 * density, 1)), np.maximum(density, 1e-3)[:, :, None]

    def around(values: Plane) -> Plane:
        return spread(as_plane(_mean(as_plane(values * clear[:, :, None]), window) / divisor), there)

    behind = around(small)
    squares, crossed = (around(one).reshape(-1, 3) for one in products(as_plane(small - behind)))
    line = as_plane(cv2.resize(sides.own, size, interpolation=cv2.INTER_AREA) - behind).reshape(-1, 3)
    weights = solve(squares + np.float32(NOISE**2), crossed, line)
    contrast = np.einsum("ij,ij->i", weights, line) + np.float32(1e-6)
    slope = weights / contrast[:, None]
    offset = -np.einsum("ij,ij->i", slope, behind.reshape(-1, 3))
    variance = (1 + 1 / (DOUBT * contrast)) / contrast
    shape = behind.shape[:2]
    return ColourLine(as_plane(np.column_stack([slope, offset]).reshape(*shape, 4)), as_plane(variance.reshape(shape)))


def _by_colour(crop: Pixels, line: ColourLine, box: Box, chosen: Chosen) -> tuple[Plane, Plane]:
    """The chosen pixels' alpha (0..1) by their colour alone, and its variance."""
    model, variance = (take(_part(one, size_of(crop), box), chosen) for one in (line.model, line.variance))
    colours = take(np.ascontiguousarray(crop[box]), chosen)
    return as_plane(np.clip(np.einsum("ij,ij->i", model[:, :3], colours) + model[:, 3], 0, 1)), variance


def _strands(by_colour: Plane, part: Pixels, away: Plane, unit: float, chosen: Chosen) -> tuple[Plane, Plane]:
    """The chosen pixels' alpha where only thin things (a white top-hat) that end within the reach are believed; and 1
    on and beside those that go on."""
    plane = np.full(part.shape, 255, dtype=np.uint8)
    plane.reshape(-1)[chosen] = as_pixels(255 * by_colour)
    plane[part > 127] = 255
    thin = as_pixels(cv2.morphologyEx(plane, cv2.MORPH_TOPHAT, np.ones((THIN, THIN), np.uint8)))
    longer = pieces((thin > THING) & (away > CLOSE * unit), away > REACH * unit, connectivity=8)
    beside = int(4 * CLOSE * unit) | 1
    foreign = take(cv2.dilate(longer, np.ones((beside, beside), np.uint8)), chosen)
    strands = np.clip((take(thin, chosen) / np.float32(255) - FLOOR) * GAIN, 0, 1)
    return as_plane(strands * (1 - foreign)), foreign


def _held(found: Pixels, part: Pixels) -> Pixels:
    """1 where a strand hangs together with the head (and one pixel around it), and where alpha was before; else 0."""
    of_head = pieces(np.maximum(found, part) > SEEN, part > 180, connectivity=8)
    return as_pixels(cv2.dilate(of_head, np.ones((3, 3), np.uint8)) | (part > 0).view(np.uint8))


def _part(coarse: Plane, size: tuple[int, int], box: Box) -> Plane:
    """One part of a coarse plane, enlarged as if the whole had been enlarged to ``size``."""
    rows, columns = box
    scale = coarse.shape[1] / size[0], coarse.shape[0] / size[1]
    matrix = np.array(
        [
            [scale[0], 0, (columns.start + 0.5) * scale[0] - 0.5],
            [0, scale[1], (rows.start + 0.5) * scale[1] - 0.5],
        ]
    )
    shape = columns.stop - columns.start, rows.stop - rows.start
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    enlarged: Any = cv2.warpAffine(coarse, matrix, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return as_plane(enlarged)


def _mean(plane: Plane, window: int) -> Plane:
    return as_plane(cv2.boxFilter(plane, -1, (window, window), borderType=cv2.BORDER_REFLECT))
