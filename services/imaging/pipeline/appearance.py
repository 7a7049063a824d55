"""What an office would object to besides light and pose: glare on glasses, red eyes, a covered face, a grey picture; and,
once the person is cut out, clothes that melt into the wall and a wall that is not plain. Measures only: see checks."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from services.imaging.pipeline.arrays import Pixels, Plane, as_plane, fitted, shrunk, size_of
from services.imaging.pipeline.mesh import LEFT_EYE, RIGHT_EYE, Face

GLARE = 247
"""Luminance from which a pixel is a reflection (as OFIQ counts over-exposure)."""
GLARE_BLOB = 5
"""A reflection smaller than this (pixels at the normal eye distance) is the glint that every living eye has."""
RED = 20.0
"""How much redder (Lab a*) than the cheeks a pupil must be."""
SKIN_ZONES = (151, 50, 280, 230, 450, 27, 257, 205, 425, 199, 4, 164)
"""Mesh points on bare skin: forehead, cheeks, under and over both eyes, beside the mouth, chin, nose, upper lip."""
COVERABLE = ((230, 450, 27, 257), (205, 425, 199, 164, 4))
"""What sunglasses and what a mask would cover. A mask covers the nose's tip, too; a beard does not."""
SCENE_SIDE = 256
FEWEST = 50
"""Pixels of clothes or background, at half the scene's side, below which nothing can be said of them."""


def of_face(skin: Pixels, inside: npt.NDArray[np.bool_], face: Face) -> dict[str, float]:
    """Measures on a face's crop at the normal eye distance; ``inside`` marks the face, ``face`` lies in the crop."""
    lab = _lab(skin)
    return {
        "in_colour": float(np.hypot(lab[:, :, 1], lab[:, :, 2])[inside].mean()),
        "glasses_glare": _glare(skin, face),
        "red_eye": _red(lab, face),
        "face_covered": _covered(lab, face),
    }


def of_scene(crop: Pixels, alpha: Pixels, face: Face) -> dict[str, float]:
    """Measures on the cut-out photo: clothes against what is behind them, and how plain that is."""
    size = fitted(size_of(crop), SCENE_SIDE)
    small, share = shrunk(crop, size), shrunk(alpha, size)
    kernel = np.ones((5, 5), np.uint8)
    behind = np.asarray(cv2.erode((share < 13).astype(np.uint8), kernel) > 0)
    clothes = np.asarray(cv2.erode((share > 242).astype(np.uint8), kernel) > 0)
    clothes[: int((face.chin[1] + 0.45 * face.eyes_to_chin) * size[1] / crop.shape[0])] = False
    lab, seen = _lab(small), behind[::2, ::2]
    if seen.sum() < FEWEST:
        return {"clothes_contrast": 100.0, "plain_background": 0.0}
    steep = cv2.magnitude(*(cv2.Sobel(lab[:, :, 0], cv2.CV_32F, *way) / 8 for way in ((1, 0), (0, 1))))
    worn = clothes[::2, ::2]
    contrast = _apart(lab[::2, ::2], worn, seen) if worn.sum() >= FEWEST else 100.0
    return {"clothes_contrast": contrast, "plain_background": float(steep[behind].mean())}


def _lab(picture: Pixels) -> Plane:
    return as_plane(cv2.cvtColor(as_plane(picture) / np.float32(255), cv2.COLOR_RGB2LAB))


def _apart(lab: Plane, one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Delta E (1976) between two regions' median colours."""
    return float(np.linalg.norm(np.median(lab[one], axis=0) - np.median(lab[other], axis=0)))


def _eye_zones(face: Face, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Where both eyes and what is a twentieth of their distance around must be seen."""
    mask = np.zeros(shape[:2], np.uint8)
    margin = face.eye_distance / 20
    for eye in (LEFT_EYE, RIGHT_EYE):
        low, high = face.points[list(eye), :2].min(axis=0), face.points[list(eye), :2].max(axis=0)
        corners = [(int(low[0] - margin), int(low[1] - margin)), (int(high[0] + margin), int(high[1] + margin))]
        cv2.rectangle(mask, corners[0], corners[1], 1, -1)
    return mask > 0


def _glare(skin: Pixels, face: Face) -> float:
    """The part of the eye zones that lies under reflections."""
    zones = _eye_zones(face, skin.shape)
    bright = ((cv2.cvtColor(skin, cv2.COLOR_RGB2GRAY) >= GLARE) & zones).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return float(areas[areas >= GLARE_BLOB].sum() / max(1, int(zones.sum())))


def _red(lab: Plane, face: Face) -> float:
    """The larger part, of the two, of an eye's pupil and iris that shines red."""
    usual = float(np.median([_sample(lab, face, point)[1] for point in (50, 280)]))
    shares = []
    for eye in (LEFT_EYE, RIGHT_EYE):
        disc = np.zeros(lab.shape[:2], np.uint8)
        x, y = face.points[list(eye), :2].mean(axis=0)
        cv2.circle(disc, (round(float(x)), round(float(y))), max(2, round(0.08 * face.eye_distance)), 1, -1)
        values = lab[:, :, 1][disc > 0]
        shares.append(float((values > usual + RED).mean()) if values.size else 0.0)
    return max(shares)


def _covered(lab: Plane, face: Face) -> float:
    """How far the covered parts' colour lies from the rest of the skin's: all of a group do at least, the worse group."""
    colours = {point: _sample(lab, face, point)[1:] for point in SKIN_ZONES}
    return max(min(_from_rest(colours, point, group) for point in group) for group in COVERABLE)


def _from_rest(colours: dict[int, Plane], point: int, group: tuple[int, ...]) -> float:
    rest = np.median([colour for other, colour in colours.items() if other not in group], axis=0)
    return float(np.linalg.norm(colours[point] - rest))


def _sample(lab: Plane, face: Face, point: int) -> Plane:
    """Median colour of a small square around a mesh point."""
    height, width = lab.shape[:2]
    x, y = (int(v) for v in face.points[point, :2])
    x, y, half = min(max(x, 2), width - 3), min(max(y, 2), height - 3), 2
    return as_plane(np.median(lab[y - half : y + half + 1, x - half : x + half + 1].reshape(-1, 3), axis=0))
