"""From the network's small alpha to a sharp one at the crop's full size, led by the photo's own edges.

A colour guided filter (He et al., 2013), kept honest: it works only in the band where the network itself is unsure or an
edge is near, and alpha may never leave the range that the network's alpha has in a small neighbourhood. Without that
second rule a textured background bleeds into the edge as smoke; it was seen, and looked at.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from services.imaging.pipeline.arrays import Pixels, Plane, as_pixels, as_plane, enlarged, shrunk, size_of, take, where
from services.imaging.pipeline.symmetric import FOLLOWING, products, solve

RADIUS = 2
"""Of the filter's windows, in the network's pixels: its coefficients are found there, and only their product with the photo
is full size."""
EPSILON = 1e-3
"""Colour variance (0..1 squared) below which a patch counts as flat: smaller keeps finer hair and more noise."""
TRUST = 5
"""Side, in the network's pixels, of the neighbourhood whose range alpha must stay in."""

NOTHING = 5
"""Alpha (0..255) this close to none, or to full, needs no refining."""

Band = npt.NDArray[np.intp]


def refine(alpha: Plane, crop: Pixels) -> Pixels:
    """Alpha, 0..255, of the crop's size, from the network's square alpha."""
    size = size_of(crop)
    near = np.ones((TRUST, TRUST), np.uint8)
    coarse = as_pixels(alpha * 255)
    low, high, fine = (
        as_pixels(cv2.resize(one, size, interpolation=cv2.INTER_LINEAR))
        for one in (cv2.erode(coarse, near), cv2.dilate(coarse, near), coarse)
    )
    band = where((high > NOTHING) & (low < 255 - NOTHING))
    if band.size:
        model = _sampled(_coefficients(alpha, crop), size, band)
        fitted = np.einsum("ij,ij->i", model[:, :3], take(crop, band)) / 255 + model[:, 3]
        fine.reshape(-1)[band] = as_pixels(np.clip(_contrast(as_plane(fitted)), take(low, band), take(high, band)))
    return fine


def _contrast(fitted: Plane) -> Plane:
    """0..255: nearly clear becomes clear and nearly solid becomes solid; the filter leaves a faint veil on both sides."""
    return as_plane((fitted - 0.12) * (255 / 0.76))


def _sampled(coefficients: Plane, size: tuple[int, int], band: Band) -> Plane:
    """The coefficients at the band's pixels of a picture of ``size``: enlarged to half of it, which is smooth enough."""
    half = (size[0] + 1) // 2, (size[1] + 1) // 2
    row, column = np.divmod(band, size[0])
    return take(enlarged(coefficients, half), (row // 2) * half[0] + column // 2)


def _coefficients(alpha: Plane, crop: Pixels) -> Plane:
    """Local linear model alpha = slope . colour + offset, averaged over the windows that hold a pixel; four channels."""
    guide = as_plane(shrunk(crop, size_of(alpha))) / np.float32(255)
    unsure = ((alpha > 0.01) & (alpha < 0.99)).astype(np.uint8)
    band = where(np.asarray(cv2.dilate(unsure, np.ones((4 * RADIUS + 1, 4 * RADIUS + 1), np.uint8)) > 0))
    model = np.zeros((*alpha.shape, 4), dtype=np.float32)
    model[:, :, 3] = alpha
    if band.size:
        model.reshape(-1, 4)[band] = _solved(guide, alpha, band)
    return _mean(model)


def _solved(guide: Plane, rough: Plane, band: Band) -> Plane:
    """Slope and offset of each window around a pixel of the band, n x 4."""
    mean_i, mean_p = take(_mean(guide), band), take(_mean(rough), band)
    towards = take(_mean(as_plane(guide * rough[:, :, None])), band) - mean_i * mean_p[:, None]
    squares, crossed = (take(_mean(one), band) for one in products(guide))
    squares = squares - mean_i * mean_i + np.float32(EPSILON)
    slope = solve(as_plane(squares), as_plane(crossed - mean_i * mean_i[:, FOLLOWING]), as_plane(towards))
    offset = mean_p - (slope * mean_i).sum(axis=1)
    return as_plane(np.hstack([slope, offset[:, None]]))


def _mean(plane: Plane) -> Plane:
    return as_plane(cv2.boxFilter(plane, -1, (2 * RADIUS + 1, 2 * RADIUS + 1), borderType=cv2.BORDER_REFLECT))
