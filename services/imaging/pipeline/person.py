"""Which pixels belong to the person whose face was found: fills what matting missed inside, drops what it took outside."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Pixels, Plane, as_pixels, as_plane
from services.imaging.pipeline.faces import network
from services.imaging.pipeline.mesh import OUTLINE, Face

SIDE = 256
CORE_ERODE = 11
"""How far inside the segmented person (in its 256 px) alpha may be filled up."""
GATE_DILATE = 23
"""How far outside the segmented person alpha may still live: loose hair does."""


class PersonFinder:
    """The selfie segmentation network, loaded once."""

    def __init__(self, weights: Path) -> None:
        self._network = network(weights, "selfie_segmentation.tflite")

    def person(self, crop: Pixels) -> Plane:
        """How much each part of the crop looks like a person, 0..1, 256 x 256."""
        small = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        self._network.setInput(as_plane(as_plane(small).transpose(2, 0, 1)[None] / 255))
        return as_plane(self._network.forward()[0, 0])


def gated(alpha: Plane, person: Plane, face: Face, crop_size: tuple[int, int]) -> Plane:
    """Alpha (any square size) with holes inside the person filled and everything not connected to the face removed."""
    side = alpha.shape[0]
    likely = as_plane(cv2.resize(person, (side, side), interpolation=cv2.INTER_LINEAR))
    core = as_plane(cv2.erode(likely, _disc(CORE_ERODE * side // SIDE)))
    outline = _outline(face, crop_size, side)
    filled = np.maximum(np.maximum(alpha, _steep(core)), outline)
    gate = _steep(as_plane(cv2.dilate(np.maximum(likely, outline), _disc(GATE_DILATE * side // SIDE))))
    filled = as_plane(filled * cv2.GaussianBlur(gate, (0, 0), side / 160))
    return as_plane(filled * _connected(filled, outline))


def coverage(alpha: Plane, face: Face, crop_size: tuple[int, int]) -> float:
    """Mean raw alpha inside the face: near 1 when the network saw a person there, near 0 when it did not."""
    inside = _outline(face, crop_size, alpha.shape[0]) > 0.5
    return float(alpha[inside].mean()) if inside.any() else 0.0


def _outline(face: Face, crop_size: tuple[int, int], side: int) -> Plane:
    """1 inside the face's own outline, 0 elsewhere."""
    scale = np.array([side / crop_size[0], side / crop_size[1]])
    polygon = np.rint(face.points[list(OUTLINE), :2] * scale).astype(np.int32)
    canvas = np.zeros((side, side), dtype=np.uint8)
    cv2.fillPoly(canvas, [polygon], 1)
    return as_plane(canvas)


def _steep(values: Plane) -> Plane:
    return as_plane(np.clip((values - 0.2) / 0.6, 0, 1))


def _connected(alpha: Plane, outline: Plane) -> Plane:
    """1 where alpha hangs together with the face, a few pixels further to keep the soft edge, 0 elsewhere."""
    _, labels = cv2.connectedComponents((alpha > 0.3).astype(np.uint8), connectivity=4)
    under_face = labels[(outline > 0.5) & (labels > 0)]
    if under_face.size == 0:
        return as_plane(np.ones_like(alpha))
    body = (labels == np.bincount(under_face).argmax()).astype(np.uint8)
    return as_plane(cv2.dilate(body, _disc(alpha.shape[0] // 24)))


def _disc(size: int) -> Pixels:
    return as_pixels(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size | 1, size | 1)))
