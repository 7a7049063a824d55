"""Loose hair before a plain wall: found by its colour, where the network's 320 pixels were too few to see it.

Each pixel beside the head is projected on the line from the background's colour to the hair's. What stands out there as
something thin, hangs together with the head, and lies before a background that is plain beside the contrast of the hair,
is hair. Before curtains, leaves and windows the same rule draws branches and bars beside the head (it was tried, and
looked at): there nothing is added.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from services.imaging.pipeline.arrays import Pixels, Plane, as_pixels, as_plane, fitted, shrunk, size_of, take, where
from services.imaging.pipeline.foreground import COARSE_SIDE, Sides
from services.imaging.pipeline.mesh import CHIN, Face

REACH = 0.45
"""How far from the head loose hair is looked for, in eyes-to-chin heights."""
WIDER = 1.5
"""The background is looked at so many times farther out: what looks like hair there is its own."""
THIN = 9
"""A structure wider than this many pixels of the crop is no strand."""
PLAIN = 0.35
"""No hair is believed where the background's colour variance is this part of the squared contrast to the hair ..."""
FULLY_PLAIN = 0.1
"""... and all of it from here down."""
AROUND = 0.6
"""The background is judged in windows of this many eyes-to-chin heights."""
OFF_LINE = 8000.0
"""Squared distance (0..255 colours) from the line between background and hair at which little is believed."""
FLOOR, GAIN = 0.04, 1.3
"""Below the floor alpha is noise; what is above was lowered by the filter that finds thin things."""
OF_ITS_OWN = 0.01
"""The part of the background, beyond the reach, that may look like hair before nothing beside the head is believed."""
SEEN = 0.1
"""From here on a pixel of a strand holds on to its neighbours."""

Mask = npt.NDArray[np.bool_]
Chosen = npt.NDArray[np.intp]


def with_strands(crop: Pixels, alpha: Pixels, sides: Sides, face: Face) -> Pixels:
    """``alpha`` (0..255, the crop's size) with the loose hair beside the head; the same when the background is not plain."""
    trust = _trust(crop, alpha, sides, face)
    box = _box(trust, alpha, face)
    if box is None:
        return alpha
    rows, columns = box
    part = alpha[rows, columns]
    away = as_plane(cv2.distanceTransform((part <= 127).view(np.uint8), cv2.DIST_L2, 3))
    reach = REACH * face.eyes_to_chin
    believed = _part(trust, size_of(crop), box)
    thin = _evidence(crop, sides, box, where((part < 250) & (away < WIDER * reach) & (believed > 0))) * believed
    evidence = thin * _alone(thin, away, reach)
    held = _held(evidence > SEEN, part)
    found = as_pixels(255 * np.clip((evidence - FLOOR) * GAIN, 0, 1)) * held
    more = alpha.copy()
    more[rows, columns] = np.maximum(part, found)
    return more


def _trust(crop: Pixels, alpha: Pixels, sides: Sides, face: Face) -> Plane:
    """0..1, coarse: how plain the background beside each point is, measured against the contrast to the hair there."""
    size = fitted(size_of(crop), COARSE_SIDE)
    small = as_plane(shrunk(crop, size))
    clear = as_plane(shrunk(alpha, size) < 3)
    window = int(AROUND * face.eyes_to_chin * size[0] / size_of(crop)[0]) | 1
    share = np.maximum(_mean(clear, window), 1e-3)
    mean = _mean(as_plane(small * clear[:, :, None]), window) / share[:, :, None]
    square = _mean(as_plane((small * small).sum(axis=2) * clear), window) / share
    variance = np.maximum(square - (mean * mean).sum(axis=2), 0)
    contrast = ((sides.own - sides.behind) ** 2).sum(axis=2) + 1
    return as_plane(np.clip((PLAIN - variance / contrast) / (PLAIN - FULLY_PLAIN), 0, 1))


def _box(trust: Plane, alpha: Pixels, face: Face) -> tuple[slice, slice] | None:
    """Rows and columns within reach of the head, down to the chin; None where no hair could be believed."""
    chin = int(np.clip(face.points[CHIN, 1], 1, alpha.shape[0]))
    ys, xs = np.nonzero(alpha[:chin] > 127)
    if not ys.size:
        return None
    reach = int(WIDER * REACH * face.eyes_to_chin) + 1
    top, left, right = max(0, int(ys.min()) - reach), max(0, int(xs.min()) - reach), int(xs.max()) + reach
    scale = trust.shape[0] / alpha.shape[0]
    if not trust[int(top * scale) : int(chin * scale) + 1, int(left * scale) : int(right * scale) + 1].any():
        return None
    return slice(top, chin), slice(left, min(right, alpha.shape[1]))


def _evidence(crop: Pixels, sides: Sides, box: tuple[slice, slice], chosen: Chosen) -> Plane:
    """0..1: how much hair colour there is in something thin; 0 outside the chosen pixels."""
    own, behind = (take(_part(side, size_of(crop), box), chosen) for side in (sides.own, sides.behind))
    line, away = own - behind, take(np.ascontiguousarray(crop[box]), chosen) - behind
    length = np.einsum("ij,ij->i", line, line) + np.float32(1e-3)
    along = np.einsum("ij,ij->i", away, line) / length
    beside = np.maximum(np.einsum("ij,ij->i", away, away) - along * along * length, 0)
    share = np.full(crop[box].shape[:2], 255, dtype=np.uint8)
    share.reshape(-1)[chosen] = np.clip(along, 0, 1) * 255
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (THIN, THIN))
    thin = take(cv2.morphologyEx(share, cv2.MORPH_TOPHAT, disc), chosen) / 255
    evidence = np.zeros(share.shape, dtype=np.float32)
    evidence.reshape(-1)[chosen] = thin * np.exp(-beside / np.float32(OFF_LINE))
    return evidence


def _alone(thin: Plane, away: Plane, reach: float) -> Plane:
    """1 beside the head, falling to 0 at the end of the reach; and 0 where the background has thin things of its own:
    where no hair can be any more, as many are found as would count as hair if they were nearer."""
    beyond = as_plane(away > reach)
    quarter = max(1, thin.shape[1] // 4), max(1, thin.shape[0] // 4)
    seen, there = (cv2.resize(one, quarter, interpolation=cv2.INTER_AREA) for one in (beyond * (thin > SEEN), beyond))
    window = int(reach) | 1  # two reaches to every side, at a quarter of the size
    share = _mean(as_plane(seen), window) / np.maximum(_mean(as_plane(there), window), 1e-2)
    alone = cv2.resize(as_plane(np.clip(1 - share / OF_ITS_OWN, 0, 1)), size_of(thin), interpolation=cv2.INTER_LINEAR)
    return as_plane(alone * np.clip((reach - away) / (0.3 * reach), 0, 1))


def _held(seen: Mask, alpha: Pixels) -> Pixels:
    """1 where a strand hangs together with the head (and one pixel around it), else 0."""
    near = np.ones((3, 3), np.uint8)
    head = cv2.dilate(
        (alpha > 100).view(np.uint8), near
    )  # filters for thin things see none in the last pixel beside it
    count, labels = cv2.connectedComponents(seen.view(np.uint8) | head, connectivity=8)
    of_head = np.zeros(count, dtype=np.uint8)
    of_head[labels[alpha > 180]] = 1
    of_head[0] = 0
    return as_pixels(cv2.dilate(of_head[labels], near))


def _part(coarse: Plane, size: tuple[int, int], box: tuple[slice, slice]) -> Plane:
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
