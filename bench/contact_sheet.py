"""Makes docs/images/contact-sheet.jpg: the public-domain portraits, and what comes out of them for several specs.

``python bench/contact_sheet.py [FILE]``. Every picture is the finished file as a client gets it, shrunk to one height.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Pixels, as_pixels
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.studio import Studio, StudioSettings
from tests.portraits import builders

ROOT = Path(__file__).resolve().parents[1]
HEIGHT, GAP, QUALITY = 240, 8, 82
ORDERS = (
    {"spec": "one-inch", "background": "blue"},
    {"spec": "one-inch", "background": "red"},
    {"spec": "two-inch", "background": "white"},
    {"spec": "us-visa", "background": "white"},
    {"spec": "schengen-visa", "background": "#F0F0F0"},
    {"spec": "two-inch", "background": {"gradient": "vertical", "from": "#438EDB", "to": "#FFFFFF"}},
)


def shown(content: bytes) -> Pixels:
    """A file's picture at the sheet's height."""
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None, "the file is a picture"
    width = round(picture.shape[1] * HEIGHT / picture.shape[0])
    return as_pixels(cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_AREA))


def row(studio: Studio, content: bytes) -> Pixels:
    """The photo, then each order's result."""
    cutout: Cutout = studio.matte([studio.prepare(content)])[0]
    cells = [shown(content), *(shown(studio.render(cutout, RenderOrder.parse(order)).image) for order in ORDERS)]
    gap = np.full((HEIGHT, GAP, 3), 120, np.uint8)
    return as_pixels(np.hstack([part for cell in cells for part in (cell, gap)][:-1]))


def main() -> None:
    """Draws one row a portrait (one of them photographed aslant) and writes the file."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images" / "contact-sheet.jpg"
    studio = Studio.load(StudioSettings(threads=2))
    photos = [*(builders.portrait(name) for name in ("obama", "astronaut", "biden")), builders.sideways(20)]
    rows = [row(studio, content) for content in photos]
    width = max(one.shape[1] for one in rows)
    padded = [cv2.copyMakeBorder(one, 0, GAP, 0, width - one.shape[1], 0, value=(120, 120, 120)) for one in rows]
    cv2.imwrite(str(target), np.vstack(padded)[:-GAP], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


if __name__ == "__main__":
    main()
