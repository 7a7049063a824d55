"""Finds faces: a detector over scales, tiles and quarter turns, then the 468-point mesh on each find."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from services.imaging.pipeline import registry
from services.imaging.pipeline.arrays import (
    Pixels,
    Plane,
    Points,
    as_pixels,
    as_plane,
    halved,
    shrunk,
    sigmoid,
    size_of,
)
from services.imaging.pipeline.mesh import LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS, Face

DETECTOR_SIDE = 128
MESH_SIDE = 192
SMALLEST_PICTURE = 24
"""No face is looked for in a picture narrower than this."""
SURE_SCORE = 0.6
"""A detection below this score is noise."""
SURE_PRESENCE = 0.6
"""The mesh network's own opinion that there is a face."""
OVERVIEW_SIDE = 256
"""What the detector looks at is halved while it stays larger than this."""
MOST_FINDS = 12
TILE_LEVELS = (2, 5, 10)
"""How often the picture's longer side is divided when nothing was found on the whole."""
NEIGHBOURHOOD = 4.0
"""Others are looked for this many face heights around the main face."""
CLOSE_LOOK = 3.6
"""The side, in face heights, of the tiles that others are looked for in: a face half as high is then sure to be seen."""


@dataclass(frozen=True, slots=True)
class Find:
    """One raw detection in pixels: its score, its box (left, top, right, bottom) and six points, the eyes first."""

    score: float
    box: Points
    points: Points


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was seen: the picture must be turned counter-clockwise by ``turns`` quarters; ``faces`` lie in that picture,
    the largest first."""

    turns: int
    faces: list[Face]


class FaceFinder:
    """The two face networks, loaded once."""

    def __init__(self, weights: Path) -> None:
        self._detector = network(weights, "face_detection_short_range.tflite")
        self._mesh = network(weights, "face_landmark.tflite")
        self._anchors = _anchors()

    def find(self, picture: Pixels) -> Sighting:
        """All faces that matter. First the whole picture, upright and turned; then, when there is none, tile by tile."""
        if min(size_of(picture)) < SMALLEST_PICTURE:
            return Sighting(0, [])
        overview, factor = _overview(picture)
        for turns in (0, 1, 3, 2):
            turned, small = (as_pixels(np.rot90(one, turns)) if turns else one for one in (picture, overview))
            faces = self.meshes(turned, [_moved(find, factor, (0, 0)) for find in self.detect(small)])
            if faces:
                return self._upright(picture, turns, faces)
        for level in TILE_LEVELS:
            faces = self.meshes(picture, self._detect_tiles(picture, max(size_of(picture)) / level))
            if faces:
                return self._upright(picture, 0, faces)
        return Sighting(0, [])

    def detect(self, picture: Pixels, area: tuple[float, float, float, float] | None = None) -> list[Find]:
        """Raw detections in the picture, or in one area of it (left, top, right, bottom), best first."""
        width, height = size_of(picture)
        left, top, right, bottom = (round(v) for v in area or (0, 0, width, height))
        left, top, right, bottom = max(0, left), max(0, top), min(width, right), min(height, bottom)
        side = max(right - left, bottom - top)
        scale = DETECTOR_SIDE / side
        small = _letterbox(picture[top:bottom, left:right], scale)
        self._detector.setInput(blob(small, 127.5, 1.0))
        boxes, scores = self._detector.forward(["regressors", "classificators"])
        return [_moved(find, 1 / scale, (left, top)) for find in _decode(boxes[0], scores[0, :, 0], self._anchors)]

    def meshes(self, picture: Pixels, finds: list[Find]) -> list[Face]:
        """The mesh for each detection that the mesh network, too, takes for a face; doubles dropped; largest first."""
        faces: list[Face] = []
        for find in finds:
            face = self.mesh(picture, find)
            if face.presence >= SURE_PRESENCE and not any(_same(face, other) for other in faces):
                faces.append(face)
        return sorted(faces, key=lambda face: face.area, reverse=True)

    def mesh(self, picture: Pixels, find: Find) -> Face:
        """The 468 points on one detection: once from its box, once more from the first answer, which is steadier."""
        centre, side = (
            find.box.reshape(2, 2).mean(axis=0),
            float(max(find.box[2] - find.box[0], find.box[3] - find.box[1])),
        )
        points, presence = self._mesh_at(picture, centre, side * 1.5, _angle(find.points[0], find.points[1]))
        if presence >= 0.2:
            low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
            left, right = (
                points[list(LEFT_EYE_CORNERS), :2].mean(axis=0),
                points[list(RIGHT_EYE_CORNERS), :2].mean(axis=0),
            )
            points, presence = self._mesh_at(
                picture, as_plane((low + high) / 2), float(max(high - low)) * 1.5, _angle(left, right)
            )
        return Face(points, find.score, presence)

    def _mesh_at(self, picture: Pixels, centre: Points, side: float, angle: float) -> tuple[Points, float]:
        scale = MESH_SIDE / side
        to_crop = _similarity(centre, scale, angle)
        crop = cv2.warpAffine(picture, to_crop, (MESH_SIDE, MESH_SIDE), flags=cv2.INTER_LINEAR)
        self._mesh.setInput(blob(as_pixels(crop), 255.0, 0.0))
        raw, flag = self._mesh.forward(["conv2d_21", "conv2d_31"])
        points = as_plane(raw.reshape(468, 3))
        back = cv2.invertAffineTransform(to_crop)
        flat = points[:, :2] @ back[:, :2].T + back[:, 2]
        return as_plane(np.hstack([flat, points[:, 2:] / scale])), float(1 / (1 + np.exp(-flag.reshape(-1)[0])))

    def _upright(self, picture: Pixels, turns: int, faces: list[Face]) -> Sighting:
        width, height = size_of(picture) if turns % 2 == 0 else size_of(picture)[::-1]
        extra = round(faces[0].roll / 90) % 4
        faces = [face.turned(extra, width, height) for face in faces]
        turns = (turns + extra) % 4
        return Sighting(turns, self._with_neighbours(np.rot90(picture, turns) if turns else picture, faces))

    def _with_neighbours(self, picture: Pixels, faces: list[Face]) -> list[Face]:
        """The faces, and those around the main one that the first look was too coarse for; largest first."""
        left, top, right, bottom = faces[0].box
        tall = max(right - left, bottom - top)
        if tall * CLOSE_LOOK > 0.9 * max(size_of(picture)):
            return faces
        overview, factor = _overview(picture, least=OVERVIEW_SIDE * max(size_of(picture)) / (tall * CLOSE_LOOK))
        x, y, reach = (left + right) / 2 / factor, (top + bottom) / 2 / factor, tall * NEIGHBOURHOOD / factor
        area = x - reach, y - reach, x + reach, y + reach
        near = self._detect_tiles(overview, tall * CLOSE_LOOK / factor, area)
        finds = [_moved(find, factor, (0, 0)) for find in near]
        finds = [find for find in finds if not any(_overlap(find.box, as_plane(face.box)) > 0.2 for face in faces)]
        return sorted([*faces, *self.meshes(picture, finds)], key=lambda face: face.area, reverse=True)

    def _detect_tiles(
        self, picture: Pixels, side: float, area: tuple[float, float, float, float] | None = None
    ) -> list[Find]:
        """The best detections over square tiles of an area (the whole picture without one), which overlap."""
        width, height = size_of(picture)
        left, top, right, bottom = area or (0.0, 0.0, float(width), float(height))
        left, top, right, bottom = max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom)
        finds: list[Find] = []
        for y in _starts(bottom - top, side):
            for x in _starts(right - left, side):
                finds += self.detect(picture, (left + x, top + y, left + x + side, top + y + side))
        return sorted(finds, key=lambda find: find.score, reverse=True)[:MOST_FINDS]


def network(weights: Path, file: str) -> Any:
    """A TFLite network of the registry, verified, on OpenCV's CPU engine."""
    registry.read_verified(weights, file)
    # From a path, not from the bytes: only so does OpenCV 5 give both outputs of these networks.
    return cv2.dnn.readNetFromTFLite(str(weights / file), cv2.dnn.ENGINE_CLASSIC)


def _overview(picture: Pixels, least: float = OVERVIEW_SIDE) -> tuple[Pixels, float]:
    """The picture halved while its longer side stays at least ``least``, and the factor back."""
    small = picture
    while max(size_of(small)) >= 2 * least and min(size_of(small)) >= SMALLEST_PICTURE:
        small = halved(small)
    return small, picture.shape[1] / small.shape[1]


def _anchors() -> Points:
    """Centres of the detector's 896 cells, 0..1: two on each of 16 x 16, six on each of 8 x 8."""
    grids = []
    for cells, each in ((16, 2), (8, 6)):
        steps = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(steps, steps, indexing="ij")
        grids.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), each, axis=0))
    return as_plane(np.concatenate(grids))


def _letterbox(picture: Pixels, scale: float) -> Pixels:
    width, height = size_of(picture)
    size = max(1, min(DETECTOR_SIDE, round(width * scale))), max(1, min(DETECTOR_SIDE, round(height * scale)))
    small = shrunk(picture, size)
    canvas = np.zeros((DETECTOR_SIDE, DETECTOR_SIDE, 3), dtype=np.uint8)
    canvas[: size[1], : size[0]] = small
    return canvas


def blob(picture: Pixels, divide: float, minus: float) -> Plane:
    """A picture as OpenCV's networks take it: 1 x channels x height x width, scaled."""
    return as_plane((as_plane(picture) / divide - minus).transpose(2, 0, 1)[None])


def _decode(raw: Plane, scores: Plane, anchors: Points) -> list[Find]:
    chance = sigmoid(scores)
    finds: list[Find] = []
    for index in np.argsort(-chance)[:40]:
        if chance[index] < SURE_SCORE:
            break
        row = raw[index]
        middle, half = row[:2] + anchors[index] * DETECTOR_SIDE, row[2:4] / 2
        box = as_plane(np.concatenate([middle - half, middle + half]))
        if all(_overlap(box, kept.box) < 0.3 for kept in finds):
            points = as_plane(row[4:].reshape(6, 2) + anchors[index] * DETECTOR_SIDE)
            finds.append(Find(float(chance[index]), box, points))
    return finds


def _overlap(one: Points, other: Points) -> float:
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    common = float(np.prod(np.clip(high - low, 0, None)))
    union = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2])) - common
    return common / union if union > 0 else 0.0


def _moved(find: Find, scale: float, shift: tuple[int, int]) -> Find:
    offset = np.asarray(shift, dtype=np.float32)
    box = (find.box.reshape(2, 2) * scale + offset).reshape(4)
    return Find(find.score, as_plane(box), as_plane(find.points * scale + offset))


def _same(one: Face, other: Face) -> bool:
    return _overlap(as_plane(one.box), as_plane(other.box)) > 0.3


def _angle(left: Points, right: Points) -> float:
    return float(np.arctan2(right[1] - left[1], right[0] - left[0]))


def _similarity(centre: Points, scale: float, angle: float) -> Plane:
    """The 2 x 3 matrix that turns by -angle about ``centre``, scales, and puts it in the middle of the mesh's input."""
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    move = np.array([MESH_SIDE / 2, MESH_SIDE / 2]) - turn @ centre
    return as_plane(np.hstack([turn, move[:, None]]))


def _starts(length: float, side: float) -> list[float]:
    if length <= side:
        return [0.0]
    steps = int(np.ceil((length - side) / (side * 0.6)))
    return [float(v) for v in np.linspace(0, length - side, steps + 1)]
