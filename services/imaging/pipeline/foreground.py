"""The person's own colours at the soft edge, without the old background's light: what stops halos on new backgrounds."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Pixels, Plane, as_pixels, as_plane, size_of

COARSE_SIDE = 512
"""The spread-out colours are found at this size: they are smooth by construction."""
LEVELS = 7


def foreground(crop: Pixels, alpha: Pixels) -> Pixels:
    """Foreground colours for every pixel of the crop: the photo where alpha is full, estimated where it is not.

    Both sides' colours are spread into the edge by a pyramid (push and pull); then one step of the compositing
    equation, I = alpha F + (1 - alpha) B, corrects the spread F by what it fails to explain (as in blur fusion).
    """
    scale = min(1.0, COARSE_SIDE / max(size_of(crop)))
    size = max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale))
    small = as_plane(cv2.resize(crop, size, interpolation=cv2.INTER_AREA))
    weight = as_plane(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)) / np.float32(255)
    own = _spread(small, weight**4)
    behind = _spread(small, (1 - weight) ** 4)
    return _corrected(crop, alpha, as_pixels(own), as_pixels(behind))


def _corrected(crop: Pixels, alpha: Pixels, own: Pixels, behind: Pixels) -> Pixels:
    size = size_of(crop)
    result = as_pixels(cv2.resize(own, size, interpolation=cv2.INTER_LINEAR))
    back = as_pixels(cv2.resize(behind, size, interpolation=cv2.INTER_LINEAR))
    solid = alpha >= 250
    band = (alpha > 3) & ~solid
    a = alpha[band].astype(np.float32)[:, None] / 255
    spread, seen = result[band].astype(np.float32), crop[band].astype(np.float32)
    unexplained = seen - a * spread - (1 - a) * back[band]
    result[solid] = crop[solid]
    result[band] = as_pixels(spread + a * unexplained)
    return result


def _spread(colours: Plane, weight: Plane) -> Plane:
    """Colours where weight is high, carried smoothly over where it is not."""
    stack: list[Any] = [np.dstack([colours * weight[:, :, None], weight])]
    for _ in range(LEVELS):
        height, width = stack[-1].shape[:2]
        if min(height, width) < 2:
            break
        half = max(1, width // 2), max(1, height // 2)
        stack.append(cv2.resize(stack[-1], half, interpolation=cv2.INTER_AREA))
    spread: Any = stack[-1][:, :, :3] / np.maximum(stack[-1][:, :, 3:], 1e-4)
    for level in reversed(stack[:-1]):
        size = level.shape[1], level.shape[0]
        spread = cv2.resize(spread.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        if spread.ndim == 2:
            spread = spread[:, :, None]
        sure = np.minimum(level[:, :, 3:], 1)
        spread = level[:, :, :3] + (1 - sure) * spread
    return as_plane(spread)
