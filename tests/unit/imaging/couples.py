"""Two people before one wall, put together from the portraits as if they had been photographed side by side."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from services.imaging.pipeline.arrays import Pixels, as_pixels, as_plane
from tests.portraits import builders
from tests.unit.imaging.conftest import cut_out

SIZE = (1500, 850)
FACE = 150.0
"""Pixels from the eyes to the chin."""
WALL = (196, 190, 180)


@dataclass(frozen=True, slots=True)
class Someone:
    """Who stands where: the eyes' middle in pixels of the picture, how large (1: as usual), how tilted (degrees)."""

    name: str
    eyes: tuple[float, float]
    size: float = 1.0
    tilt: float = 0.0


TOGETHER = (Someone("astronaut", (600, 430)), Someone("obama", (900, 370)))
"""As couples stand: shoulders overlapping, one taller."""


def photo(*people: Someone, wall: tuple[int, int, int] = WALL, turned: float = 0.0) -> bytes:
    """The people before a wall with a soft shadow, the last one in front; the whole picture ``turned`` by degrees."""
    shade = np.linspace(1.04, 0.94, SIZE[0])[None, :, None] * np.ones((SIZE[1], 1, 1))
    picture = as_pixels(np.asarray(wall) * shade)
    for someone in people:
        picture = _with(picture, someone)
    image = Image.fromarray(picture)
    if turned:
        image = image.rotate(turned, resample=Image.Resampling.BICUBIC, fillcolor=wall)
    return builders.saved(image, "JPEG", quality=93)


def _with(picture: Pixels, someone: Someone) -> Pixels:
    cutout = cut_out(someone.name)
    colours, alpha = cutout.person(1)
    scale = FACE * someone.size / cutout.face.eyes_to_chin
    angle = np.radians(someone.tilt - cutout.face.roll)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    move = np.asarray(someone.eyes) - turn @ cutout.face.eye_middle
    matrix = np.hstack([turn, move[:, None]])
    flags, border = cv2.INTER_AREA, cv2.BORDER_REPLICATE
    shown = cv2.warpAffine(colours, matrix, SIZE, flags=flags, borderMode=border)
    alpha[0] = 0
    soft = as_plane(cv2.warpAffine(alpha, matrix, SIZE, flags=cv2.INTER_LINEAR, borderMode=border))[:, :, None] / 255
    return as_pixels(shown * soft + picture * (1 - soft))
