"""The 3 x 3 covariances of colours, for many pixels at once: built from products, and solved through the adjugate."""

from __future__ import annotations

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Plane, as_plane

FOLLOWING = [1, 2, 0]
"""Each channel's partner in the crossed products: red with green, green with blue, blue with red."""


def products(colours: Plane) -> tuple[Plane, Plane]:
    """Each pixel's squares (rr, gg, bb) and crossed products (rg, gb, br), two pictures of three channels."""
    turned = cv2.merge([cv2.extractChannel(colours, channel) for channel in FOLLOWING])
    return as_plane(colours * colours), as_plane(colours * turned)


def solve(squares: Plane, crossed: Plane, right: Plane) -> Plane:
    """covariance . x = right, for each of n rows; all three are n x 3, as ``products`` orders them."""
    rr, gg, bb = squares.T
    rg, gb, br = crossed.T
    inverse_rr, inverse_rg, inverse_rb = gg * bb - gb * gb, br * gb - rg * bb, rg * gb - br * gg
    inverse_gg, inverse_gb, inverse_bb = rr * bb - br * br, br * rg - rr * gb, rr * gg - rg * rg
    determinant = rr * inverse_rr + rg * inverse_rg + br * inverse_rb
    red, green, blue = right.T
    found = np.stack(
        [
            inverse_rr * red + inverse_rg * green + inverse_rb * blue,
            inverse_rg * red + inverse_gg * green + inverse_gb * blue,
            inverse_rb * red + inverse_gb * green + inverse_bb * blue,
        ],
        axis=1,
    )
    return as_plane(found / np.maximum(determinant, 1e-12)[:, None])
