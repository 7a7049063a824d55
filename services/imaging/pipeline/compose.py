"""Puts the person on a background at the output's size: one resampling, filtered, and straight (not premultiplied) colours.

Blending happens in sRGB values, because alpha was estimated there: the same equation that took the photo apart puts it
together again, so an edge on its old background comes out as it was.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Pixels, Plane, as_pixels, as_plane
from services.imaging.pipeline.order import Background

OVERSAMPLING = 2
"""The output is drawn this much larger and then averaged, unless the photo has no such detail."""


def warp(picture: Pixels, matrix: Plane, size: tuple[int, int]) -> Pixels:
    """The picture through a 2 x 3 matrix to (width, height), edges continued outwards, without aliasing."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    factor = OVERSAMPLING if scale < 1 else 1
    drawn = cv2.warpAffine(
        picture,
        _enlarged(matrix, factor),
        (size[0] * factor, size[1] * factor),
        flags=cv2.INTER_CUBIC if scale >= 1 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return as_pixels(drawn if factor == 1 else cv2.resize(drawn, size, interpolation=cv2.INTER_AREA))


def backdrop(background: Background, size: tuple[int, int]) -> Pixels:
    """The background alone, (width, height): one colour, or a vertical or radial gradient."""
    width, height = size
    first = _rgb(background.colours[0])
    if background.kind == "colour":
        return as_pixels(np.broadcast_to(first, (height, width, 3)))
    if background.kind == "vertical":
        share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    else:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        reach = np.hypot(width, height) / 2
        share = (np.hypot(x - (width - 1) / 2, y - (height - 1) * 0.4) / reach).clip(0, 1)[:, :, None]
    colours = first + share * (_rgb(background.colours[1]) - first)
    return as_pixels(np.broadcast_to(colours, (height, width, 3)))


def blend(person: Pixels, alpha: Pixels, behind: Pixels) -> Pixels:
    """alpha . person + (1 - alpha) . behind, rounded."""
    share = as_plane(alpha)[:, :, None] / np.float32(255)
    return as_pixels(as_plane(behind) + share * (as_plane(person) - as_plane(behind)))


def with_alpha(person: Pixels, alpha: Pixels) -> Pixels:
    """Four channels: the person's own colours and alpha, for a transparent PNG."""
    return cast(Pixels, np.dstack([person, alpha]))


def reduced(matrix: Plane, reduction: int) -> Plane:
    """The matrix for layers that were decoded at 1/``reduction`` of the crop's size, pixel centres kept in place."""
    smaller = matrix.astype(np.float64)
    smaller[:, 2] += smaller[:, :2] @ np.full(2, (reduction - 1) / 2)
    smaller[:, :2] *= reduction
    return as_plane(smaller)


def _enlarged(matrix: Plane, factor: int) -> Plane:
    """The matrix for a canvas ``factor`` times as large, pixel centres kept in place."""
    larger = matrix.astype(np.float64) * factor
    larger[:, 2] += (factor - 1) / 2
    return as_plane(larger)


def _rgb(colour: str) -> Plane:
    return as_plane([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
