"""From the network's small alpha to a sharp one at the crop's full size, led by the photo's own edges."""

from __future__ import annotations

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Pixels, Plane, as_pixels, as_plane, size_of

GUIDE_SIDE = 640
"""The filter's coefficients are found at this size; they are smooth, so only their product with the photo is full size."""
RADIUS = 10
EPSILON = 2e-4
"""Colour variance (0..1 squared) below which a patch counts as flat: smaller keeps finer hair and more noise."""


def refine(alpha: Plane, crop: Pixels) -> Pixels:
    """Alpha, 0..255, of the crop's size: a colour guided filter (He et al.) of the network's alpha."""
    size = size_of(crop)
    scale = min(1.0, GUIDE_SIDE / max(size))
    small = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    guide = as_plane(cv2.resize(crop, small, interpolation=cv2.INTER_AREA)) / np.float32(255)
    rough = as_plane(cv2.resize(alpha, small, interpolation=cv2.INTER_LINEAR))
    slope, offset = _coefficients(guide, rough)
    coefficients = np.dstack([slope, offset])
    large = as_plane(cv2.resize(coefficients, size, interpolation=cv2.INTER_LINEAR))
    fine = large[:, :, 3] * np.float32(255)
    for channel in range(3):
        fine += large[:, :, channel] * crop[:, :, channel]
    return as_pixels(_contrast(fine))


def _contrast(fine: Plane) -> Plane:
    """Nearly clear becomes clear and nearly solid becomes solid: the filter leaves a faint veil on both sides."""
    return as_plane((fine - 10) * (255 / 235))


def _coefficients(guide: Plane, rough: Plane) -> tuple[Plane, Plane]:
    """Local linear model alpha = slope . colour + offset, averaged over the windows that hold a pixel."""
    mean_i, mean_p = _mean(guide), _mean(rough)
    covariance = _mean(guide * rough[:, :, None]) - mean_i * mean_p[:, :, None]
    slope = _solve(_colour_covariance(guide, mean_i), covariance)
    offset = mean_p - (slope * mean_i).sum(axis=2)
    return _mean(slope), _mean(as_plane(offset))


def _colour_covariance(guide: Plane, mean: Plane) -> list[Plane]:
    """The six different entries of each window's 3 x 3 colour covariance: rr, rg, rb, gg, gb, bb."""
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    products = [_mean(guide[:, :, a] * guide[:, :, b]) - mean[:, :, a] * mean[:, :, b] for a, b in pairs]
    return [as_plane(v + EPSILON) if a == b else v for v, (a, b) in zip(products, pairs, strict=True)]


def _solve(sigma: list[Plane], right: Plane) -> Plane:
    """sigma . slope = right, for each pixel, through the adjugate of the symmetric 3 x 3 matrix."""
    rr, rg, rb, gg, gb, bb = sigma
    inverse_rr, inverse_rg, inverse_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    inverse_gg, inverse_gb, inverse_bb = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    determinant = rr * inverse_rr + rg * inverse_rg + rb * inverse_rb
    red, green, blue = right[:, :, 0], right[:, :, 1], right[:, :, 2]
    slope = np.dstack(
        [
            inverse_rr * red + inverse_rg * green + inverse_rb * blue,
            inverse_rg * red + inverse_gg * green + inverse_gb * blue,
            inverse_rb * red + inverse_gb * green + inverse_bb * blue,
        ]
    )
    return as_plane(slope / np.maximum(determinant, 1e-12)[:, :, None])


def _mean(plane: Plane) -> Plane:
    return as_plane(cv2.boxFilter(plane, -1, (2 * RADIUS + 1, 2 * RADIUS + 1), borderType=cv2.BORDER_REFLECT))
