"""Which pixels belong to the person whose face was found: fills what matting missed inside, drops what it took outside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from services.imaging.pipeline.arrays import (
    Pixels,
    Plane,
    as_pixels,
    as_plane,
    enlarged,
    pieces,
    shrunk,
    sigmoid,
    size_of,
)
from services.imaging.pipeline.faces import blob, network
from services.imaging.pipeline.mesh import Face

SIDE = 256
ENLARGING = "segment"
"""The layer that enlarges the network's last features, 2 x 2 with a stride of 2; a sigmoid follows."""
INNER_FACE = 0.7
"""The part of the face, about its middle, that is a person's for certain."""
COARSE = 128
"""Distances from the segmented person are measured at this size."""
DEEP = 10
"""A hole in alpha is filled when part of it lies this deep (in 128ths of the crop) inside the segmented person."""
LOOSE, TIGHT = 5.0, 0.5
"""How far outside the segmented person (in 128ths) alpha may still live: loose hair does. Tight when matting is astray."""
ASTRAY = 0.05
"""Matting is astray when it takes this much of the person's area from where the segmentation sees nobody (usual: 0.005)."""


class PersonFinder:
    """The selfie segmentation network, loaded once.

    Its last layers, a transposed convolution that makes four pixels of each one and a sigmoid, are computed here: OpenCV
    spends two thirds of the network's time on them (27 ms for all, 11 without), and they are one small product.
    """

    def __init__(self, weights: Path) -> None:
        self._network = network(weights, "selfie_segmentation.tflite")
        names = self._network.getLayerNames()
        self._features = names[names.index(ENLARGING) - 1]
        self._kernel = as_plane(self._network.getParam(ENLARGING, 0)).reshape(-1, 4)
        self._bias = float(self._network.getParam(ENLARGING, 1).item())

    def person(self, crop: Pixels) -> Plane:
        """How much each part of the crop looks like a person, 0..1, 256 x 256."""
        small = shrunk(crop, (SIDE, SIDE))
        self._network.setInput(blob(small, 255.0, 0.0))
        return self._finished(as_plane(self._network.forward(self._features)[0]))

    def _finished(self, features: Plane) -> Plane:
        """Channels x height x width to the network's answer at twice the size."""
        height, width = features.shape[1:]
        fours = np.einsum("ck,cn->kn", self._kernel, features.reshape(features.shape[0], -1)) + self._bias
        logits = fours.reshape(2, 2, height, width).transpose(2, 0, 3, 1).reshape(2 * height, 2 * width)
        return sigmoid(as_plane(logits))


def gated(alpha: Plane, person: Plane, faces: Sequence[Face], crop_size: tuple[int, int]) -> Plane:
    """Alpha (any square size) with holes inside the people filled and everything not connected to their faces removed."""
    side = alpha.shape[0]
    likely = enlarged(person, (side, side))
    outlines = [_outline(face, crop_size, side) for face in faces]
    outline = as_plane(np.maximum.reduce(outlines))
    filled = np.maximum(np.maximum(alpha, _holes(alpha, likely)), outline)
    reach = TIGHT if astray(alpha, likely) > ASTRAY else LOOSE
    filled = as_plane(filled * _gate(np.maximum(likely, outline), reach))
    return as_plane(filled * _connected(filled, outlines))


def astray(alpha: Plane, person: Plane) -> float:
    """How much alpha lies where the segmentation sees nobody, as a part of the person's area."""
    likely = enlarged(person, size_of(alpha))
    return float((alpha * (likely < 0.3)).sum() / max(1.0, float(likely.sum())))


def coverage(alpha: Plane, face: Face, crop_size: tuple[int, int]) -> float:
    """Mean raw alpha inside the face: near 1 when the network saw a person there, near 0 when it did not."""
    inside = _outline(face, crop_size, alpha.shape[0]) > 0.5
    return float(alpha[inside].mean()) if inside.any() else 0.0


def _outline(face: Face, crop_size: tuple[int, int], side: int) -> Plane:
    """1 well inside the face's own outline, 0 elsewhere: at the jaw the mesh is often wider than the face."""
    scale = np.array([side / crop_size[0], side / crop_size[1]])
    polygon = np.rint(face.inner_outline(INNER_FACE) * scale).astype(np.int32)
    canvas = np.zeros((side, side), dtype=np.uint8)
    cv2.fillPoly(canvas, [polygon], 1)
    return as_plane(canvas)


def _holes(alpha: Plane, likely: Plane) -> Plane:
    """What to fill alpha up with: the segmented person where matting left a hole that reaches deep inside, else 0.

    Near the outline the matting network is the better judge, so a hole that stays shallow is no hole.
    """
    side = alpha.shape[0]
    deep = enlarged(_distance(_coarse(likely) > 0.6), size_of(alpha)) > DEEP
    reached = pieces((alpha < 0.9) & (likely > 0.6), deep, connectivity=4)
    if not reached.any():
        return as_plane(np.zeros_like(alpha))
    chosen = cv2.dilate(reached, _disc(side // 80))
    return as_plane(cv2.GaussianBlur(as_plane(chosen * _steep(likely)), (0, 0), side / 250))


def _gate(likely: Plane, reach: float) -> Plane:
    """1 on the person and up to ``reach`` beside it, falling to 0 soon after."""
    away = enlarged(_distance(_coarse(likely) < 0.3), size_of(likely))
    return as_plane(np.clip((reach + 2 - away) / 2, 0, 1))


def _distance(inside: npt.NDArray[np.bool_]) -> Plane:
    """How far each point of a region lies from its border."""
    return as_plane(cv2.distanceTransform(inside.view(np.uint8), cv2.DIST_L2, 3))


def _coarse(values: Plane) -> Plane:
    return as_plane(cv2.resize(values, (COARSE, COARSE), interpolation=cv2.INTER_AREA))


def _steep(values: Plane) -> Plane:
    return as_plane(np.clip((values - 0.2) / 0.6, 0, 1))


def _connected(alpha: Plane, outlines: Sequence[Plane]) -> Plane:
    """1 where alpha hangs together with a face, a few pixels further to keep the soft edge, 0 elsewhere."""
    _, labels = cv2.connectedComponents((alpha > 0.3).astype(np.uint8), connectivity=4)
    under_faces = [labels[(outline > 0.5) & (labels > 0)] for outline in outlines]
    bodies = [np.bincount(under_face).argmax() for under_face in under_faces if under_face.size]
    if not bodies:
        return as_plane(np.ones_like(alpha))
    body = np.isin(labels, bodies).astype(np.uint8)
    return as_plane(cv2.dilate(body, _disc(alpha.shape[0] // 24)))


def _disc(size: int) -> Pixels:
    return as_pixels(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size | 1, size | 1)))
