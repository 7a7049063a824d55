"""The person's own colours at the soft edge, without the old background's light: what stops halos on new backgrounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Pixels, Plane, as_pixels, as_plane, fitted, shrunk, size_of, take, where

COARSE_SIDE = 224
"""The spread-out colours are found at this size: they are smooth by construction."""
LEVELS = 7
MARGIN = 5
"""Background is taken from this many coarse pixels away from anything of the person: loose hair would darken it."""
SOLID, CLEAR = 250, 3
"""From here on alpha counts as full, and below as none."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The colours on both sides of the edge, carried over the whole crop; 0..255, ``COARSE_SIDE`` at most."""

    own: Plane
    behind: Plane


def sides(crop: Pixels, alpha: Pixels) -> Sides:
    """The person's and the background's colours, each spread smoothly to where the other one is."""
    small, share, clear = coarse(crop, alpha, COARSE_SIDE, MARGIN)
    return Sides(spread(small, _fourth(share)), spread(small, clear))


def coarse(crop: Pixels, alpha: Pixels, side: int, margin: int) -> tuple[Plane, Plane, Plane]:
    """At ``side`` pixels at most: the colours, alpha (0..1), and the weight (0..1) of what is background for certain,
    ``margin`` pixels away from anything of the person."""
    size = fitted(size_of(crop), side)
    share = as_plane(shrunk(alpha, size)) / np.float32(255)
    clear = 1 - as_plane(cv2.dilate(share, np.ones((margin, margin), np.uint8)))
    return as_plane(shrunk(crop, size)), share, _fourth(clear)


def foreground(crop: Pixels, alpha: Pixels, found: Sides | None = None) -> Pixels:
    """Foreground colours for every pixel of the crop: the photo where alpha is full, estimated where it is not.

    Both sides' colours are spread into the edge by a pyramid (push and pull); then one step of the compositing
    equation, I = alpha F + (1 - alpha) B, corrects the spread F by what it fails to explain (as in blur fusion).
    """
    found = found or sides(crop, alpha)
    return _corrected(crop, alpha, _enlarged(found.own, crop), _enlarged(found.behind, crop))


def _corrected(crop: Pixels, alpha: Pixels, own: Pixels, behind: Pixels) -> Pixels:
    """Writes into ``own``: the photo's colours where alpha is full, the corrected ones in the soft band."""
    cv2.copyTo(crop, (alpha >= SOLID).view(np.uint8), own)
    band = where((alpha > CLEAR) & (alpha < SOLID))
    share = take(alpha, band)[:, None] / np.float32(255)
    spread = take(own, band)
    unexplained = take(crop, band) - share * spread - (1 - share) * take(behind, band)
    own.reshape(-1, 3)[band] = as_pixels(spread + share * unexplained)
    return own


def _enlarged(coarse: Plane, crop: Pixels) -> Pixels:
    return as_pixels(cv2.resize(as_pixels(coarse), size_of(crop), interpolation=cv2.INTER_LINEAR))


def _fourth(weight: Plane) -> Plane:
    """The weight's fourth power: only colours that are almost pure may spread."""
    square = weight * weight
    return as_plane(square * square)


def spread(colours: Plane, weight: Plane) -> Plane:
    """Colours where weight is high, carried smoothly over where it is not."""
    stack: list[Any] = [cv2.merge([*cv2.split(colours * weight[:, :, None]), weight])]
    for _ in range(LEVELS):
        height, width = stack[-1].shape[:2]
        if min(height, width) < 2:
            break
        stack.append(cv2.resize(stack[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    spread: Any = stack[-1][:, :, :3] / np.maximum(stack[-1][:, :, 3:], 1e-4)
    for level in reversed(stack[:-1]):
        spread = cv2.resize(spread, (level.shape[1], level.shape[0]), interpolation=cv2.INTER_LINEAR)
        spread = level[:, :, :3] + (1 - np.minimum(level[:, :, 3:], 1)) * spread
    return as_plane(spread)
