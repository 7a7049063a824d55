"""What may be seen before paying: smaller, and with a watermark across the face."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Pixels, as_pixels, as_plane, size_of
from services.imaging.pipeline.encode import encode

LONGEST_SIDE = 480
SHARE = 0.8
"""Even a small photo's preview is smaller than the photo."""
TEXT = "POCKET ID"
STRENGTH = 0.38


def preview(picture: Pixels) -> bytes:
    """A watermarked, reduced JPEG of the finished picture (a transparent one is shown on a light grey)."""
    if picture.shape[2] == 4:
        share = as_plane(picture[:, :, 3:]) / 255
        picture = as_pixels(as_plane(picture[:, :, :3]) * share + 235 * (1 - share))
    width, height = size_of(picture)
    scale = min(SHARE, LONGEST_SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = as_pixels(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    marks = watermark(size)[:, :, None] * STRENGTH
    return encode(as_pixels(small * (1 - marks) + _contrary(small) * marks), "jpeg", 72).content


@lru_cache(maxsize=32)
def watermark(size: tuple[int, int]) -> Pixels:
    """Where the watermark lies, 0..1: slanted lines of text over the whole picture."""
    side = int(np.hypot(*size)) + 8
    canvas = np.zeros((side, side), dtype=np.uint8)
    text_scale = max(0.45, min(size) / 420)
    (length, tall), _ = cv2.getTextSize(TEXT, cv2.FONT_HERSHEY_DUPLEX, text_scale, 1)
    for line, y in enumerate(range(tall, side + tall, tall * 3)):
        for x in range(-(line % 2) * length // 2, side, int(length * 1.25)):
            cv2.putText(canvas, TEXT, (x, y), cv2.FONT_HERSHEY_DUPLEX, text_scale, 255, 1, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), 30, 1.0)
    turned = cv2.warpAffine(canvas, turn, (side, side))
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    return as_pixels(turned[top : top + size[1], left : left + size[0]] > 96)


def _contrary(picture: Pixels) -> Pixels:
    """Light marks on dark parts and dark ones on light parts, so that they show everywhere."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return as_pixels(np.where(grey[:, :, None] > 140, 0, 255))
