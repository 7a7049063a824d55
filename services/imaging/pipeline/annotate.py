"""A picture of what was measured: the mesh, hair top, crown, eye line and chin, and the frame that a spec will cut."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from services.imaging.pipeline import geometry
from services.imaging.pipeline.arrays import Pixels, as_pixels, size_of
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.encode import encode
from services.imaging.pipeline.mesh import OUTLINE
from services.imaging.specs.model import Spec

MESH, FRAME, MARGIN = (90, 230, 255), (60, 90, 255), (255, 120, 220)
LINES = {"hair": (255, 200, 60), "crown": (255, 150, 40), "eyes": (90, 255, 120), "chin": (255, 90, 90)}
OUTSIDE = 60
"""Pixels of dark border, so that a frame which leaves the photo is seen whole."""
SAME = 4
"""Hair no higher over the crown than this many pixels gets no line of its own."""

Vector = npt.NDArray[np.float64]


def annotated(cutout: Cutout, spec: Spec | None = None) -> bytes:
    """A PNG of the head-and-shoulders crop with its measures drawn in; with a spec, its frame and margins in pixels too."""
    photo = cutout.photo(1)
    border = OUTSIDE
    drawn = cv2.copyMakeBorder(photo, border, border, border, border, cv2.BORDER_CONSTANT, value=(24, 24, 28))
    canvas = as_pixels(drawn)
    for person in cutout.one_by_one():
        _measures(canvas, person)
    if spec is not None:
        _frame(canvas, cutout, spec)
    return encode(canvas, "png", 72).content


def levels(cutout: Cutout) -> dict[str, tuple[float, float]]:
    """Where the head's own axis crosses each level, in crop pixels."""
    head, middle, down = cutout.head, cutout.face.eye_middle.astype(np.float64), _down(cutout)
    along = {"hair": -head.hair, "crown": -head.crown, "eyes": 0.0, "chin": head.chin}
    points = {name: middle + down * distance for name, distance in along.items()}
    return {name: (float(point[0]), float(point[1])) for name, point in points.items()}


def frame(cutout: Cutout, spec: Spec) -> Vector:
    """The finished photo's four corners, clockwise from its top left, in crop pixels."""
    placement = geometry.placed(cutout.face, cutout.head, spec)
    back = cv2.invertAffineTransform(placement.matrix.astype(np.float64))
    width, height = spec.px
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    return np.asarray(corners @ back[:, :2].T + back[:, 2], dtype=np.float64)


def _measures(canvas: Pixels, cutout: Cutout) -> None:
    _mesh(canvas, cutout)
    for name, at in levels(cutout).items():
        if name == "hair" and cutout.head.hair - cutout.head.crown < SAME:
            continue
        _line(canvas, cutout, at, LINES[name], f"{name} {_height_over_chin(cutout, name):.0f} px")


def _down(cutout: Cutout) -> Vector:
    angle = np.radians(cutout.head.roll)
    return np.array([-np.sin(angle), np.cos(angle)])


def _height_over_chin(cutout: Cutout, name: str) -> float:
    head = cutout.head
    return {"hair": head.hair, "crown": head.crown, "eyes": 0.0, "chin": -head.chin}[name] + head.chin


def _mesh(canvas: Pixels, cutout: Cutout) -> None:
    points = cutout.face.points[:, :2] + OUTSIDE
    for x, y in points:
        cv2.circle(canvas, (round(float(x)), round(float(y))), 1, MESH, -1, cv2.LINE_AA)
    cv2.polylines(canvas, [np.rint(points[list(OUTLINE)]).astype(np.int32)], True, MESH, 1, cv2.LINE_AA)


def _line(canvas: Pixels, cutout: Cutout, at: tuple[float, float], colour: tuple[int, int, int], label: str) -> None:
    down = _down(cutout)
    across = np.array([down[1], -down[0]])
    half = cutout.face.width * 0.95
    start, end = (np.asarray(at) + OUTSIDE + side * half * across for side in (-1, 1))
    cv2.line(canvas, _whole(start), _whole(end), colour, 2, cv2.LINE_AA)
    _text(canvas, label, _whole(end + 4), colour)


def _frame(canvas: Pixels, cutout: Cutout, spec: Spec) -> None:
    """The frame, and from hair top and chin the margins to it, in the finished photo's pixels."""
    corners = frame(cutout, spec) + OUTSIDE
    cv2.polylines(canvas, [np.rint(corners).astype(np.int32)], True, FRAME, 2, cv2.LINE_AA)
    scale = spec.px[0] / float(np.linalg.norm(corners[1] - corners[0]))
    at, down = levels(cutout), _down(cutout)
    for name, edge, way in (("hair", corners[0], -down), ("chin", corners[3], down)):
        start = np.asarray(at[name]) + OUTSIDE
        length = float((edge - start) @ way)
        end = start + way * length
        cv2.arrowedLine(canvas, _whole(start), _whole(end), MARGIN, 1, cv2.LINE_AA, tipLength=0.06)
        _text(canvas, f"{length * scale:.0f} px", _whole((start + end) / 2 + 6), MARGIN)
    _text(canvas, f"{spec.id} {spec.px[0]} x {spec.px[1]} px", (8, size_of(canvas)[1] - 10), FRAME)


def _text(canvas: Pixels, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)[0][0]
    place = max(2, min(at[0], size_of(canvas)[0] - width - 2)), at[1]
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)


def _whole(point: Vector) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
