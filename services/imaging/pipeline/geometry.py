"""Where the head is, and where a spec wants it: one scale and one shift, found by weighing the spec's bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Pixels, Plane, Points, as_pixels, as_plane, size_of
from services.imaging.pipeline.mesh import Face
from services.imaging.specs.model import BANDS, Band, Spec

MEASURE_SIDE = 400
SMALLEST_ROLL = 0.3
"""Degrees of head roll that are left alone."""
CROWN_OVER_EYES = 1.02
"""The skull's top lies about as far above the eye line as the chin lies below it."""
EAR_ROOTS = 1.06
"""From ear root to ear root a head is this much wider than the mesh, which ends on the cheeks."""
HAIR_MARGIN = 0.008
"""Hair never comes nearer to the top edge than this part of the height."""
HAIR_ROOM = 0.03
"""Where no rule says how much, hair keeps this part of the height free above it, if other rules allow."""
USUAL_HEAD = Band(0.62, 0.70)
USUAL_TOP = Band(0.07, 0.12)
WIDE_HEAD = Band(0.42, 0.52)
WIDE_TOP = Band(0.12, 0.20)
PAIR_HEAD = Band(0.48, 0.58)
"""Of two people side by side, as marriage photos are usually taken: no authority publishes a number."""
SIDE_ROOM = 0.05
"""Two heads keep this part of the width free at both sides."""
BESIDE_HEAD = 0.75
"""The top of the hair is looked for so many face widths to both sides of the eyes."""
WINNING = 1000
"""The weight of a band that wins over the others."""


@dataclass(frozen=True, slots=True)
class Head:
    """A head's measures in crop pixels, once upright: distances from the eye line, and how far the crop goes on.

    In a photo of two, ``beside`` is the other person's head, both share ``roll`` and ``centre_shift``, and ``aside`` (right)
    and ``drop`` (down) say where each one's eyes lie from the middle between all four.
    """

    roll: float
    hair: float
    crown: float
    chin: float
    width: float
    eye_distance: float
    centre_shift: float
    room: tuple[float, float, float, float]
    aside: float = 0.0
    drop: float = 0.0
    beside: Head | None = None

    @property
    def people(self) -> tuple[Head, ...]:
        """This head, and the other one in a photo of two."""
        return (self,) if self.beside is None else (self, self.beside)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the head goes: ``scale`` output pixels for a crop pixel, the eye line's row (of two people: the row between their
    eyes), and the whole 2 x 3 matrix."""

    scale: float
    eye_row: float
    matrix: Plane


def measure(face: Face, alpha: Pixels, beside: Face | None = None) -> Head:
    """The head's measures: chin and eyes from the mesh, the top of the hair from the soft alpha of the whole crop.

    Two people are turned by the mean of their rolls: who leans towards the other keeps leaning, a crooked camera is set right.
    """
    if beside is None:
        return _measured(face, alpha, _roll([face]), BESIDE_HEAD * face.width)
    roll, middle = _roll([face, beside]), as_plane((face.eye_middle + beside.eye_middle) / 2)
    half = (
        float(np.linalg.norm(beside.eye_middle - face.eye_middle)) / 2
    )  # what is nearer to the other is the other's hair
    heads = [_measured(one, alpha, roll, min(half, BESIDE_HEAD * one.width)) for one in (face, beside)]
    shift = sum(head.centre_shift for head in heads) / 2
    first, second = (
        replace(head, centre_shift=shift, aside=float(away[0]), drop=float(away[1]))
        for head, away in zip(
            heads, _upright([as_plane(one.eye_middle - middle) for one in (face, beside)], roll), strict=True
        )
    )
    return replace(first, beside=second)


def _measured(face: Face, alpha: Pixels, roll: float, half: float) -> Head:
    """One head's measures; its hair is looked for ``half`` to both sides."""
    width, height = size_of(alpha)
    x, y = (float(v) for v in face.eye_middle)
    chin = face.eyes_to_chin
    hair = max(_hair_over_eyes(face, alpha, roll, half), 0.6 * chin)
    crown = min(hair, chin * CROWN_OVER_EYES)
    return Head(
        roll,
        hair,
        crown,
        chin,
        face.width * EAR_ROOTS,
        face.eye_distance,
        _midline(face, roll),
        (x, y, width - x, height - y),
    )


def place(head: Head, spec: Spec) -> Placement:
    """The placement that meets the spec's bands best: all of them when they can all be met, the middle of each if free."""
    height = spec.px[1]
    highest = 0.92 if spec.wins is None else 1.32  # hair that may be cropped may be higher than the picture
    shares = as_plane(np.arange(0.30, highest, 0.004)[:, None])
    rows = as_plane(np.linspace(0.15, 0.80, 196)[None, :])
    scale = as_plane(shares * height / (_top(head, spec) + head.chin))
    cost = _cost(head, spec, scale, as_plane(rows * height))
    best = np.unravel_index(int(np.argmin(cost)), cost.shape)
    chosen, row = float(scale[best[0], 0]), float(rows[0, best[1]] * height)
    return Placement(chosen, row, np.zeros((2, 3), dtype=np.float32))


def matrix_for(face: Face, head: Head, placement: Placement, spec: Spec) -> Placement:
    """The placement with its matrix: crop pixels to output pixels, roll taken out, the face's midline on the middle."""
    angle = np.radians(-head.roll)
    cos, sin = placement.scale * np.cos(angle), placement.scale * np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    away = np.array([head.aside - head.centre_shift, head.drop]) * placement.scale
    target = np.array([spec.px[0] / 2, placement.eye_row]) + away
    move = target - turn @ face.eye_middle
    return Placement(placement.scale, placement.eye_row, as_plane(np.hstack([turn, move[:, None]])))


def placed(face: Face, head: Head, spec: Spec) -> Placement:
    """The best placement for the spec, with its matrix."""
    return matrix_for(face, head, place(head, spec), spec)


def ratios(head: Head, spec: Spec, scale: float | Plane, eye_row: float | Plane) -> dict[str, Plane]:
    """Every banded measure of one head in a placement, named as the spec names its bands."""
    width, height = spec.px
    scale = np.asarray(scale, dtype=np.float32)
    eye_row = np.asarray(eye_row, dtype=np.float32) + head.drop * scale
    top = _top(head, spec) * scale
    return {
        "head_height": as_plane((top + head.chin * scale) / height),
        "head_width": as_plane(head.width * scale / width),
        "eye_line": as_plane((height - eye_row) / height),
        "top_margin": as_plane((eye_row - top) / height),
        "chin_margin": as_plane((height - eye_row - head.chin * scale) / height),
        "eye_distance": as_plane(head.eye_distance * scale / width),
        "hair_margin": as_plane((eye_row - head.hair * scale) / height),
    }


def _top(head: Head, spec: Spec) -> float:
    return head.crown if spec.head_top == "crown" else head.hair


def _cost(head: Head, spec: Spec, scale: Plane, eye_row: Plane) -> Plane:
    """How badly a placement meets the spec: of two people the sum, and how little room they have at the sides."""
    cost = sum(_cost_of_one(one, spec, scale, eye_row) for one in head.people)
    if head.beside is None:
        return as_plane(cost)
    return as_plane(cost + _cost_of_sides(head, head.beside, scale / np.float32(spec.px[0])))


def _cost_of_sides(left: Head, right: Head, share: Plane) -> Plane:
    """``share`` is the frame's widths for a crop pixel: heads too near to its sides, and sides that the crop has not got."""
    outer = (left.width / 2 - left.aside, right.width / 2 + right.aside)
    room = (left.room[0] - left.aside, right.room[2] + right.aside)
    cost = np.zeros_like(share)
    for head, crop in zip(outer, room, strict=True):
        cost += 1000 * np.maximum(0, SIDE_ROOM + head * share - 0.5) + 5 * np.maximum(0, 0.5 - crop * share)
    return as_plane(cost)


def _cost_of_one(head: Head, spec: Spec, scale: Plane, eye_row: Plane) -> Plane:
    eyes = eye_row + head.drop * scale
    seen = ratios(head, spec, scale, eye_row)
    cost = np.zeros(np.broadcast_shapes(scale.shape, eye_row.shape), dtype=np.float32)
    for name in BANDS:
        band = getattr(spec, name)
        if band is not None:
            cost = cost + _weight(spec, name) * _outside(band, seen[name])
    if spec.head_height is None and spec.head_width is None and spec.eye_distance is None:
        usual = PAIR_HEAD if spec.people == 2 else WIDE_HEAD if spec.frame == "wide" else USUAL_HEAD
        cost = cost + 0.2 * _outside(usual, seen["head_height"])
    if spec.top_margin is None and spec.eye_line is None:
        cost = cost + 0.2 * _outside(WIDE_TOP if spec.frame == "wide" else USUAL_TOP, seen["top_margin"])
    if spec.top_margin is None:
        cost = cost + 0.5 * (np.maximum(0, HAIR_ROOM - seen["hair_margin"]) / HAIR_ROOM) ** 2
    missing = np.maximum(0, (spec.px[1] - eyes) / scale - head.room[3]) * scale / spec.px[1]
    cut = np.maximum(0, HAIR_MARGIN - seen["hair_margin"]) if spec.wins is None else 0
    return as_plane(cost + 20 * missing + 4000 * cut)


def _weight(spec: Spec, band: str) -> float:
    """One, but where an authority says which rule wins: that one counts most, and the room above the hair least."""
    if spec.wins is None:
        return 1
    return WINNING if band == spec.wins else 0.1 if band == "top_margin" else 1


def _outside(band: Band, value: Plane) -> Plane:
    """How badly a value misses a band: steep outside (and in the last sixth of it), a gentle pull to the middle inside."""
    low, high = band.low, band.high
    width = (high - low) if low is not None and high is not None else 0.06
    guard = width / 6
    under = np.maximum(0, low + guard - value) if low is not None else np.zeros_like(value)
    over = np.maximum(0, value - high + guard) if high is not None else np.zeros_like(value)
    pull = ((value - (low + high) / 2) / width) ** 2 if low is not None and high is not None else np.zeros_like(value)
    return as_plane(3 * ((under + over) / 0.03) ** 2 + 0.05 * pull)


def _roll(faces: Sequence[Face]) -> float:
    """The mean roll in degrees; none at all where it is too small to be seen."""
    roll = sum(face.roll for face in faces) / len(faces)
    return roll if abs(roll) >= SMALLEST_ROLL else 0.0


def _upright(ways: Sequence[Points], roll: float) -> list[Points]:
    """Distances (x, y) in the crop as they are once ``roll`` degrees are taken out."""
    cos, sin = np.cos(np.radians(-roll)), np.sin(np.radians(-roll))
    return [as_plane([way[0] * cos - way[1] * sin, way[0] * sin + way[1] * cos]) for way in ways]


def _midline(face: Face, roll: float) -> float:
    """How far right of the eye middle, once upright, the face's own midline lies (crop pixels)."""
    [middle] = _upright([as_plane((face.points[234, :2] + face.points[454, :2]) / 2 - face.eye_middle)], roll)
    return float(middle[0] / 2)


def _hair_over_eyes(face: Face, alpha: Pixels, roll: float, beside: float) -> float:
    """Distance from the eye line up to the top of the hair, on the upright alpha, in the columns ``beside`` the eyes' middle."""
    unit = face.eyes_to_chin
    scale = MEASURE_SIDE / (4 * unit)
    angle = np.radians(-roll)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    move = np.array([MEASURE_SIDE / 2, MEASURE_SIDE * 0.75]) - turn @ face.eye_middle
    upright = as_pixels(cv2.warpAffine(alpha, np.hstack([turn, move[:, None]]), (MEASURE_SIDE, MEASURE_SIDE)))
    half = int(beside * scale)
    columns = upright[: int(MEASURE_SIDE * 0.75), MEASURE_SIDE // 2 - half : MEASURE_SIDE // 2 + half]
    rows = np.flatnonzero((columns > 127).sum(axis=1) >= max(3, half // 20))
    return float((MEASURE_SIDE * 0.75 - rows[0]) / scale) if rows.size else unit
