"""Opt-in retouching of a finished picture: light, skin, sharpness. Nothing here runs unless it was asked for."""

from __future__ import annotations

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Pixels, Plane, as_pixels, as_plane, size_of
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.geometry import Placement
from services.imaging.pipeline.mesh import LEFT_EYE, OUTLINE, RIGHT_EYE
from services.imaging.pipeline.order import Beautify

LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)


def apply(picture: Pixels, wanted: Beautify, cutout: Cutout, placement: Placement) -> Pixels:
    """The picture with the wanted retouching; the same picture when none is wanted."""
    if not wanted.wanted:
        return picture
    if wanted.smoothing or wanted.whitening:
        skin = skin_mask(cutout, placement, size_of(picture))
        picture = _blend(picture, smoothed(picture), skin * (wanted.smoothing / 100))
        picture = _blend(picture, whitened(picture), skin * (wanted.whitening / 100))
    shown = as_plane(picture)
    if wanted.brightness:
        shown = as_plane(255 * (shown / 255) ** (1 - 0.35 * wanted.brightness / 100))
    if wanted.contrast:
        shown = as_plane((shown - 128) * (1 + 0.35 * wanted.contrast / 100) + 128)
    if wanted.sharpening:
        shown = as_plane(shown + (shown - cv2.GaussianBlur(shown, (0, 0), 1.2)) * (wanted.sharpening / 100))
    return as_pixels(shown)


def skin_mask(cutout: Cutout, placement: Placement, size: tuple[int, int]) -> Plane:
    """1 on the skin of every face, 0 on eyes, lips and everything else, soft between; height x width."""
    mask = np.zeros((size[1], size[0]), dtype=np.uint8)
    for face in cutout.faces:
        points = face.points[:, :2] @ placement.matrix[:, :2].T + placement.matrix[:, 2]
        cv2.fillPoly(mask, [np.rint(points[list(OUTLINE)]).astype(np.int32)], 255)
        for part in (LEFT_EYE, RIGHT_EYE, LIPS):
            cv2.fillPoly(mask, [cv2.convexHull(np.rint(points[list(part)]).astype(np.int32))], 0)
    soft = cv2.GaussianBlur(mask, (0, 0), max(1.0, size[0] / 120))
    return as_plane(soft) / np.float32(255)


def smoothed(picture: Pixels) -> Pixels:
    """Small unevenness gone, edges kept."""
    return as_pixels(cv2.bilateralFilter(picture, 7, 28, 5))


def whitened(picture: Pixels) -> Pixels:
    """A little lighter and less yellow, in Lab."""
    lab = as_plane(cv2.cvtColor(as_plane(picture) / np.float32(255), cv2.COLOR_RGB2LAB))
    lab[:, :, 0] = 100 * (lab[:, :, 0] / 100) ** 0.82
    lab[:, :, 2] *= 0.9
    return as_pixels(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255)


def _blend(under: Pixels, over: Pixels, share: Plane) -> Pixels:
    return as_pixels(as_plane(under) + share[:, :, None] * (as_plane(over) - as_plane(under)))
