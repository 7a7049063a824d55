"""Clothes against the background that was ordered: a white shirt that is fine before any wall melts into a white one."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from services.imaging.pipeline import compose
from services.imaging.pipeline.appearance import FEWEST
from services.imaging.pipeline.arrays import Pixels, Plane, as_pixels, as_plane, fitted
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.geometry import Placement
from services.imaging.pipeline.order import Background, RenderOrder

CONTRAST_MIN = 12.0
"""Delta E (1976) from which clothes stand out, ours: GA 461 asks for no white top on white and gives no number. A white
shirt in daylight measured 8 on #FFFFFF (it is never quite white), light grey clothes 17, dark suits 60 and more."""
LEAST = 25
"""Percent of the edge that counts: long hair may hide the rest of it."""
SIDE = 200
"""The finished photo is drawn this large (pixels) to be judged."""
STRIP = 9
"""How wide (pixels at that size) the strip along the shoulders is that is compared with the background."""


def contrast(cutout: Cutout, order: RenderOrder, placement: Placement) -> float | None:
    """Delta E (1976) between the ordered background and the quarter of the shoulders' edge that is most like it.

    None where there is nothing to compare: the photo's own background (the photo's own check judges it), a transparent one,
    or a frame in which no clothes meet the background.
    """
    if order.background.kind in ("original", "transparent"):
        return None
    size = fitted(order.spec.px, SIDE)
    scale = size[0] / order.spec.px[0]
    reduction = next((r for r in (4, 2) if placement.scale * scale * r <= 2), 1)
    matrix = compose.reduced(as_plane(placement.matrix * scale), reduction)
    colours, alpha = (compose.warp(layer, matrix, size) for layer in cutout.person(reduction))
    chins = [placement.matrix @ np.array([*face.chin, 1.0]) for face in cutout.faces]
    edge = _edge(alpha, int(max(chin[1] for chin in chins) * scale))
    if edge.sum() < FEWEST:
        return None
    return _delta_e(colours, order.background, size, edge)


def _edge(alpha: Pixels, first_row: int) -> npt.NDArray[np.bool_]:
    """The solid strip beside the background, from ``first_row`` (the chin's) down."""
    clear = (alpha < 13).astype(np.uint8)
    near = cv2.dilate(clear, np.ones((2 * STRIP + 1, 2 * STRIP + 1), np.uint8))
    edge = np.asarray((cv2.erode(alpha, np.ones((3, 3), np.uint8)) > 242) & (near > 0))
    edge[: max(0, first_row)] = False
    return edge


def _delta_e(colours: Pixels, background: Background, size: tuple[int, int], edge: npt.NDArray[np.bool_]) -> float:
    behind = compose.backdrop(background, size)
    worn, wall = (_lab(picture[edge]) for picture in (colours, behind))
    return float(np.percentile(np.linalg.norm(worn - wall, axis=1), LEAST))


def _lab(pixels: Pixels) -> Plane:
    """n x 3 colours in Lab."""
    return as_plane(cv2.cvtColor(as_plane(as_pixels(pixels)[:, None]) / np.float32(255), cv2.COLOR_RGB2LAB)[:, 0])
