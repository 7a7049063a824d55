"""What the 468 points of the face mesh mean: eyes, chin, outline, pose. Pure geometry on one face's points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from services.imaging.pipeline.arrays import Points, as_plane

# "right" and "left" are the picture's, as seen by the viewer.
LEFT_EYE_CORNERS = (33, 133)
RIGHT_EYE_CORNERS = (362, 263)
LEFT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
RIGHT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
LEFT_LIDS = ((160, 144), (159, 145), (158, 153))
RIGHT_LIDS = ((387, 373), (386, 374), (385, 380))
CHIN, FOREHEAD, NOSE_TIP = 152, 10, 1
LEFT_CHEEK_EDGE, RIGHT_CHEEK_EDGE = 234, 454
MOUTH_CORNERS = (61, 291)
INNER_LIPS = (13, 14)
LOWER_LIP = (14, 17)
OUTLINE = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
    *(148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)

# MediaPipe's canonical face (centimetres, x to the picture's right, y up, z to the viewer).
CANONICAL = {
    33: (-4.445859, 2.663991, 3.173422),
    133: (-1.856432, 2.585245, 3.757904),
    362: (1.856432, 2.585245, 3.757904),
    263: (4.445859, 2.663991, 3.173422),
    61: (-2.456206, -4.342621, 4.283884),
    291: (2.456206, -4.342621, 4.283884),
    1: (0.0, -1.126865, 7.475604),
    152: (0.0, -9.403378, 4.264492),
}


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the head looks, in degrees: yaw > 0 to the picture's right, pitch > 0 up, roll > 0 clockwise."""

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True)
class Face:
    """One face: 468 points (x, y, depth, in pixels of its picture) and how sure the two networks are (0..1)."""

    points: Points
    score: float
    presence: float

    @cached_property
    def left_eye(self) -> Points:
        """Centre of the eye on the picture's left: the middle of its corners."""
        return as_plane(self.points[list(LEFT_EYE_CORNERS), :2].mean(axis=0))

    @cached_property
    def right_eye(self) -> Points:
        """Centre of the eye on the picture's right."""
        return as_plane(self.points[list(RIGHT_EYE_CORNERS), :2].mean(axis=0))

    @cached_property
    def eye_middle(self) -> Points:
        """The point between the eyes, where the eye line and the face's midline cross."""
        return as_plane((self.left_eye + self.right_eye) / 2)

    @cached_property
    def eye_distance(self) -> float:
        """Pixels between the eye centres."""
        return float(np.linalg.norm(self.right_eye - self.left_eye))

    @cached_property
    def roll(self) -> float:
        """Degrees by which the eye line is turned clockwise."""
        across = self.right_eye - self.left_eye
        return float(np.degrees(np.arctan2(across[1], across[0])))

    @cached_property
    def chin(self) -> Points:
        """The lowest point of the chin."""
        return as_plane(self.points[CHIN, :2])

    @cached_property
    def eyes_to_chin(self) -> float:
        """Pixels from the point between the eyes to the chin: the measure (T) that most rules are written in."""
        return float(np.linalg.norm(self.chin - self.eye_middle))

    @cached_property
    def width(self) -> float:
        """Pixels from cheek edge to cheek edge, close to the ears."""
        return float(np.linalg.norm(self.points[RIGHT_CHEEK_EDGE, :2] - self.points[LEFT_CHEEK_EDGE, :2]))

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) around all points."""
        low, high = self.points[:, :2].min(axis=0), self.points[:, :2].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @cached_property
    def area(self) -> float:
        """Square pixels of the box."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)

    def inner_outline(self, part: float) -> Points:
        """The face's outline drawn in to a part of its size, about its middle: n points (x, y)."""
        outline = self.points[list(OUTLINE), :2]
        middle = outline.mean(axis=0)
        return as_plane(middle + (outline - middle) * part)

    def moved(self, scale: float, shift: tuple[float, float]) -> Face:
        """The same face in a picture that was cropped at ``shift`` and then scaled by ``scale``."""
        points = self.points.copy()
        points[:, :2] -= np.asarray(shift, dtype=np.float32)
        return Face(as_plane(points * np.float32(scale)), self.score, self.presence)

    def turned(self, quarter_turns: int, width: int, height: int) -> Face:
        """The same face in a width x height picture turned counter-clockwise by so many quarters (as numpy.rot90)."""
        points = self.points.copy()
        for _ in range(quarter_turns % 4):
            x, y = points[:, 0].copy(), points[:, 1].copy()
            points[:, 0], points[:, 1] = y, width - 1 - x
            width, height = height, width
        return Face(points, self.score, self.presence)


def pose_of(face: Face) -> Pose:
    """The head's pose: the rotation that lays the canonical face over the mesh's own points, depth included.

    A perspective fit of the flat points (solvePnP) was tried and was off by up to 14 degrees of pitch on portraits that
    look straight ahead, because people's noses and chins differ; the network's depth carries what it knows about that.
    """
    model = np.array(list(CANONICAL.values())) * (1, -1, -1)
    seen = face.points[list(CANONICAL)].astype(np.float64)
    model, seen = model - model.mean(axis=0), seen - seen.mean(axis=0)
    left, _, right = np.linalg.svd(model.T @ seen)
    mirrored = np.sign(np.linalg.det(right.T @ left.T))
    rotation = right.T @ np.diag([1.0, 1.0, mirrored]) @ left.T
    looking = rotation @ np.array([0.0, 0.0, -1.0])
    yaw = float(np.degrees(np.arctan2(looking[0], -looking[2])))
    pitch = float(np.degrees(np.arcsin(np.clip(-looking[1], -1, 1))))
    return Pose(yaw, pitch, face.roll)
