"""The array types that every stage speaks, and the few casts between them."""

from __future__ import annotations

from typing import Any, TypeAlias, cast

import cv2
import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""Colour picture, height x width x 3, RGB in sRGB, 0..255; or one plane of it, height x width."""

Plane: TypeAlias = npt.NDArray[np.float32]
"""One number a pixel (alpha is 0..1), height x width; or three, height x width x 3."""

Points: TypeAlias = npt.NDArray[np.float32]
"""Points in pixels, n x 2 (x, y) or n x 3 (x, y, depth)."""


def as_pixels(picture: Any) -> Pixels:
    """The same picture as contiguous bytes, rounded and clipped when it holds floats."""
    values = np.asarray(picture)
    if values.dtype != np.uint8:
        values = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return cast(Pixels, np.ascontiguousarray(values))


def as_plane(values: Any) -> Plane:
    """The same values as float32; nothing is scaled."""
    return cast(Plane, np.asarray(values, dtype=np.float32))


def shrunk(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """The picture at (width, height): halved, area-averaged, as often as possible, and the rest of the way linearly.

    Less than a half is left then, where two pixels each way reach as far as an area would, in a fifth of the time.
    Where halving meets an odd side, its last line is left out: up to one pixel in two hundred of shift.
    """
    while picture.shape[1] >= 2 * size[0] and picture.shape[0] >= 2 * size[1]:
        picture = halved(picture)
    if size_of(picture) == size:
        return picture
    even = max(picture.shape[1] / size[0], picture.shape[0] / size[1]) <= 2
    return as_pixels(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR if even else cv2.INTER_AREA))


def halved(picture: Pixels) -> Pixels:
    """The picture at half its size, area-averaged."""
    even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
    return as_pixels(cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def enlarged(values: Plane, size: tuple[int, int]) -> Plane:
    """The values at (width, height), linearly between."""
    return as_plane(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR))


def sigmoid(logits: Plane) -> Plane:
    """0..1 from a network's raw answers."""
    return as_plane(1 / (1 + np.exp(-np.clip(logits, -80, 80))))


def pieces(region: npt.NDArray[np.bool_], marked: npt.NDArray[np.bool_], connectivity: int) -> Pixels:
    """1 on the connected pieces of the region that hold a marked pixel, 0 elsewhere."""
    count, labels = cv2.connectedComponents(region.view(np.uint8), connectivity=connectivity)
    chosen = np.zeros(count, dtype=np.uint8)
    chosen[labels[marked]] = 1
    chosen[0] = 0  # what lies outside the region
    return as_pixels(chosen[labels])


def fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The size with the same shape whose longer side is at most ``side``."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def where(condition: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Flat indices of the pixels that meet a condition: for ``take`` and ``put``, several times faster than a mask."""
    return np.flatnonzero(condition)


def take(picture: npt.NDArray[Any], chosen: npt.NDArray[np.intp]) -> Plane:
    """The chosen pixels' values as floats, one row a pixel (a plain vector for a picture of one plane)."""
    flat = picture.reshape(-1, picture.shape[2]) if picture.ndim == 3 else picture.reshape(-1)
    return as_plane(flat.take(chosen, axis=0))


def size_of(picture: npt.NDArray[Any]) -> tuple[int, int]:
    """(width, height) in pixels."""
    return int(picture.shape[1]), int(picture.shape[0])
