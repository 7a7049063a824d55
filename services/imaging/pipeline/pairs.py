"""Photos of two people side by side, as for a marriage registration: which two, and what is said of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from services.imaging.pipeline.checks import Check, Limits, Rule
from services.imaging.pipeline.mesh import Face, Pose
from shared.kernel.errors import Code, PhotoRejected

ALIKE = 0.4
"""The smaller face of two people side by side has at least this part of the larger one's area. Grown-ups' faces differ by a
sixth in length, which is 0.7 of the area; who is far behind the other is not meant."""
APART = Rule("ratio", Limits(warn_max=2.5))
"""Between the eyes' middles, in face widths: shoulder to shoulder is 1.2 to 2; from 2.5 on the frame is mostly wall."""
SEVERITY = ("pass", "warn", "fail")


def chosen(faces: Sequence[Face], people: int) -> tuple[list[Face], list[Face]]:
    """The faces that are meant, of two the picture's left one first, and the others; ``faces`` are sorted by size.

    Raises PhotoRejected ``second_face_missing``.
    """
    if people == 1:
        return [faces[0]], list(faces[1:])
    if len(faces) < 2 or faces[1].area < ALIKE * faces[0].area:
        shares = [round(face.area / faces[0].area, 2) for face in faces]
        raise PhotoRejected(Code.SECOND_FACE_MISSING, f"faces of {shares} of the largest one's area")
    return sorted(faces[:2], key=lambda face: float(face.eye_middle[0])), list(faces[2:])


def worse(judged: Sequence[Sequence[Check]]) -> list[Check]:
    """Each check once, of the person who does worse; that nobody else is there has its own name."""
    found = [max(same, key=lambda check: SEVERITY.index(check.verdict)) for same in zip(*judged, strict=True)]
    return [replace(check, id="nobody_else") if check.id == "single_face" else check for check in found]


def apart(wanted: Sequence[Face]) -> Check:
    """How far two people stand apart, in widths of their faces."""
    one, other = wanted
    value = float(np.linalg.norm(one.eye_middle - other.eye_middle)) * 2 / (one.width + other.width)
    return Check("side_by_side", round(value, 4), APART.unit, APART.limits.to_dict(), APART.limits.judge(value))


def widest(poses: Sequence[Pose]) -> Pose:
    """The larger angle of all people, each time."""
    return Pose(*(max((getattr(pose, name) for pose in poses), key=abs) for name in ("yaw", "pitch", "roll")))
