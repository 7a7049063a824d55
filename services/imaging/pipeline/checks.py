"""Judges the photo itself, before and after matting: each check says what it measured, against what, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from services.imaging.pipeline import advice, appearance
from services.imaging.pipeline.arrays import Pixels, as_pixels, as_plane, size_of
from services.imaging.pipeline.mesh import (
    INNER_LIPS,
    LEFT_LIDS,
    OUTLINE,
    RIGHT_LIDS,
    Face,
    Pose,
)
from shared.kernel.errors import Code

Verdict = Literal["pass", "warn", "fail"]
SKULL_ABOVE_MESH = 0.42
"""How far the skull goes on above the mesh's forehead, in eye-to-chin distances."""
EARS_BESIDE_MESH = 0.2
"""How much wider the head with its ears is than the mesh."""
NORMAL_EYES = 60.0
"""Eye distance, in pixels, that a face is scaled to before its pixels are judged."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where warning and failing begin, from below (``min``) or from above (``max``)."""

    warn_min: float | None = None
    fail_min: float | None = None
    warn_max: float | None = None
    fail_max: float | None = None

    def judge(self, value: float) -> Verdict:
        """The verdict on a value."""
        if _beyond(value, self.fail_min, self.fail_max):
            return "fail"
        return "warn" if _beyond(value, self.warn_min, self.warn_max) else "pass"

    def to_dict(self) -> dict[str, float]:
        """The limits that exist."""
        return {name: limit for name in self.__slots__ if (limit := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class Rule:
    """One check of the photo: its unit, its limits, and the code that a failed photo is refused with (if it is)."""

    unit: str
    limits: Limits
    code: Code | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One check's outcome."""

    id: str
    value: float
    unit: str
    threshold: dict[str, float]
    verdict: Verdict
    code: Code | None = None

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON, with advice in both languages when there is something to do."""
        shown: dict[str, Any] = {"id": self.id, "value": self.value, "unit": self.unit}
        shown |= {"threshold": self.threshold, "verdict": self.verdict}
        if self.verdict != "pass":
            shown["advice"] = advice.for_check(self.id, self.value)
        return shown


# Limits of the photo: below "warn" an office may object, beyond "fail" no good ID photo can be made of it.
RULES: dict[str, Rule] = {
    "single_face": Rule("ratio", Limits(warn_max=0.06, fail_max=0.25), Code.SEVERAL_FACES),
    "eye_distance": Rule("px", Limits(warn_min=60, fail_min=30), Code.FACE_TOO_SMALL),
    "head_inside": Rule("ratio", Limits(warn_min=0.985, fail_min=0.92), Code.FACE_CUT_OFF),
    "yaw": Rule("deg", Limits(warn_min=-10, fail_min=-28, warn_max=10, fail_max=28), Code.HEAD_TURNED),
    "pitch": Rule("deg", Limits(warn_min=-14, fail_min=-30, warn_max=14, fail_max=30), Code.HEAD_TURNED),
    "roll": Rule("deg", Limits(warn_min=-20, warn_max=20)),
    "eyes_open": Rule("ratio", Limits(warn_min=0.035, fail_min=0.022), Code.EYES_CLOSED),
    "mouth_closed": Rule("ratio", Limits(warn_max=0.08)),
    "sharpness": Rule("variance", Limits(warn_min=20, fail_min=6), Code.TOO_BLURRY),
    "brightness": Rule("ratio", Limits(warn_min=0.22, fail_min=0.09, warn_max=0.82, fail_max=0.92), Code.TOO_DARK),
    "over_exposure": Rule("ratio", Limits(warn_max=0.06, fail_max=0.30), Code.TOO_BRIGHT),
    "under_exposure": Rule("ratio", Limits(warn_max=0.30, fail_max=0.75), Code.TOO_DARK),
    "even_light": Rule("ratio", Limits(warn_min=0.30)),
    "dynamic_range": Rule("bits", Limits(warn_min=5.5)),
    "natural_colour": Rule("lab", Limits(warn_max=12)),
    "in_colour": Rule("lab", Limits(warn_min=3)),
    "glasses_glare": Rule("ratio", Limits(warn_max=0.03)),
    "red_eye": Rule("ratio", Limits(warn_max=0.30)),
    "face_covered": Rule("lab", Limits(warn_max=9, fail_max=13), Code.FACE_COVERED),
    "matte": Rule("ratio", Limits(warn_min=0.95)),
    "clothes_contrast": Rule("delta_e", Limits(warn_min=10)),
    "plain_background": Rule("lab/px", Limits(warn_max=8)),
    "compression": Rule("jpeg_quality", Limits(warn_min=60)),
}


def of_source(
    picture: Pixels, faces: list[Face], pose: Pose, reduction: int, quality: int | None = None
) -> list[Check]:
    """Every check that needs only the photo and the mesh of its largest face; ``reduction`` and ``quality`` as in Photo.

    ``compression`` is there for JPEGs only: other formats do not tell how they were compressed, and what was not measured
    does not pass. Its limit is the lowest quality that an authority publishes (60, the ministry of education's); specs that
    ask for more (GA 461 and GA 482: 70) are judged by their own when their photo is made.
    """
    face = faces[0]
    values: dict[str, float] = {
        "single_face": faces[1].area / face.area if len(faces) > 1 else 0.0,
        "eye_distance": face.eye_distance * reduction,
        "head_inside": head_inside(face, size_of(picture)),
        "yaw": pose.yaw,
        "pitch": pose.pitch,
        "roll": pose.roll,
        "eyes_open": eyes_open(face),
        "mouth_closed": _length(face, *INNER_LIPS) / face.eyes_to_chin,
    }
    if quality is not None:
        values["compression"] = quality
    values |= of_pixels(picture, face)
    return [judged(name, value) for name, value in values.items()]


def judged(name: str, value: float) -> Check:
    """The named check's outcome for a measured value."""
    rule = RULES[name]
    verdict = rule.limits.judge(value)
    code = rule.code if verdict == "fail" else None
    if name == "brightness" and code is not None and value > 0.5:
        code = Code.TOO_BRIGHT
    return Check(name, round(value, 4), rule.unit, rule.limits.to_dict(), verdict, code)


def head_inside(face: Face, size: tuple[int, int]) -> float:
    """The part of the head, skull and ears estimated, that lies inside a picture of this size: 1 when all of it does."""
    up = face.eye_middle - face.chin
    skull = face.points[list(OUTLINE), :2][_upper_half()] + up * SKULL_ABOVE_MESH
    points = np.vstack([face.points[list(OUTLINE), :2], skull])
    across = (face.right_eye - face.left_eye) / face.eye_distance
    points = points + ((points - points.mean(axis=0)) @ across)[:, None] * across * EARS_BESIDE_MESH
    hull = cv2.convexHull(points.astype(np.float32))
    frame = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], dtype=np.float32)
    common, _ = cv2.intersectConvexConvex(hull, frame)
    return float(common / max(cv2.contourArea(hull), 1e-6))


def eyes_open(face: Face) -> float:
    """The wider eye's mean lid distance over the eye-to-chin distance."""
    left, right = ([_length(face, *pair) for pair in lids] for lids in (LEFT_LIDS, RIGHT_LIDS))
    return float(max(np.mean(left), np.mean(right)) / face.eyes_to_chin)


def of_pixels(picture: Pixels, face: Face) -> dict[str, float]:
    """What the face's pixels say, at a normal size: sharpness, light, colour."""
    skin, inside, normal = _normal_face(picture, face)
    grey = as_pixels(cv2.cvtColor(skin, cv2.COLOR_RGB2GRAY))
    values = grey[inside]
    shares = np.bincount(values, minlength=256) / max(1, values.size)
    edges = cv2.Laplacian(cv2.GaussianBlur(grey, (3, 3), 0), cv2.CV_32F)
    known = shares[shares > 0]
    return {
        "sharpness": float(edges[inside].var() / max(float(values.mean()) / 128, 0.05) ** 2),
        "brightness": float(values.mean() / 255),
        "over_exposure": float(shares[247:].sum()),
        "under_exposure": float(shares[:26].sum()),
        "even_light": _even_light(grey, normal),
        "dynamic_range": float(-(known * np.log2(known)).sum()),
        "natural_colour": _colour_distance(skin, normal),
    } | appearance.of_face(skin, inside, normal)


def of_scene(crop: Pixels, alpha: Pixels, face: Face) -> list[Check]:
    """The checks that need the cut-out person: the clothes and what was behind them."""
    return [judged(name, value) for name, value in appearance.of_scene(crop, alpha, face).items()]


def _upper_half() -> list[int]:
    return [*range(9), *range(28, 36)]


def _beyond(value: float, low: float | None, high: float | None) -> bool:
    return (low is not None and value < low) or (high is not None and value > high)


def _length(face: Face, one: int, other: int) -> float:
    return float(np.linalg.norm(face.points[one, :2] - face.points[other, :2]))


def _normal_face(picture: Pixels, face: Face) -> tuple[Pixels, npt.NDArray[np.bool_], Face]:
    """The face cropped and scaled to the normal eye distance, where it is skin (a mask), and the face moved along."""
    left, top, right, bottom = face.box
    width, height = size_of(picture)
    x0, y0 = int(np.clip(left, 0, width - 2)), int(np.clip(top, 0, height - 2))
    x1, y1 = int(np.clip(right, x0 + 1, width)), int(np.clip(bottom, y0 + 1, height))
    scale = NORMAL_EYES / face.eye_distance
    size = max(8, round((x1 - x0) * scale)), max(8, round((y1 - y0) * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    crop = as_pixels(cv2.resize(picture[y0:y1, x0:x1], size, interpolation=method))
    normal = face.moved(scale, (x0, y0))
    mask = np.zeros(crop.shape[:2], dtype=np.uint8)
    cv2.fillConvexPoly(mask, np.rint(normal.points[list(OUTLINE), :2]).astype(np.int32), 1)
    inside = np.asarray(cv2.erode(mask, np.ones((5, 5), np.uint8)) > 0)
    return crop, (inside if inside.any() else np.ones_like(inside)), normal


def _zones(face: Face) -> list[tuple[int, int, int]]:
    """Two squares on the cheeks, as OFIQ lays them: (left, top, side)."""
    mouth = face.points[[61, 291], :2].mean(axis=0)
    down = (mouth - face.eye_middle) / 2
    side = int(0.3 * face.eye_distance)
    centres = [eye + down for eye in (face.left_eye, face.right_eye)]
    return [(int(c[0] - side / 2), int(c[1] - side / 2), side) for c in centres]


def _cut(plane: Pixels, zone: tuple[int, int, int]) -> Pixels:
    left, top, side = zone
    return plane[max(0, top) : max(1, top + side), max(0, left) : max(1, left + side)]


def _even_light(grey: Pixels, face: Face) -> float:
    """How alike the cheeks are lit: the common part of their brightness histograms, 0..1."""
    parts = [_cut(grey, zone) for zone in _zones(face)]
    if min(part.size for part in parts) == 0:
        return 1.0
    shares = [np.histogram(part, bins=32, range=(0, 256))[0] / part.size for part in parts]
    return float(np.minimum(*shares).sum())


def _colour_distance(skin: Pixels, face: Face) -> float:
    """How far the cheeks' colour lies from the range of natural skin, in Lab units; 30 for a grey picture."""
    parts = [_cut(skin, zone) for zone in _zones(face)]
    parts = [part for part in parts if part.size]
    if not parts:
        return 0.0
    lab = np.mean([cv2.cvtColor(as_plane(p) / 255, cv2.COLOR_RGB2LAB).mean(axis=(0, 1)) for p in parts], axis=0)
    if abs(lab[1]) < 1 and abs(lab[2]) < 1:
        return 30.0
    nearest = np.clip(lab[1:], 5, (25, 35))
    return float(np.linalg.norm(lab[1:] - nearest))
