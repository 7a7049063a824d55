"""Makes the pictures of docs/images: the public-domain portraits, and what comes out of them.

``python bench/contact_sheet.py [FOLDER]`` writes contact-sheet.jpg (several specs, shrunk to one height), and obama.jpg and
astronaut.jpg (three backgrounds, the files' own pixels). Every picture is the finished file as a client gets it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
TALL, WIDE_GAP = 413, 14
"""Of the pictures of one portrait: the height of a one-inch photo, and what is between them."""
ORDERS = (
    {"spec": "one-inch", "background": "blue"},
    {"spec": "one-inch", "background": "red"},
    {"spec": "two-inch", "background": "white"},
    {"spec": "us-visa", "background": "white"},
    {"spec": "schengen-visa", "background": "#F0F0F0"},
    {"spec": "two-inch", "background": {"gradient": "vertical", "from": "#438EDB", "to": "#FFFFFF"}},
)
BACKGROUNDS = tuple({"spec": "one-inch", "background": colour} for colour in ("blue", "white", "red"))


def shown(content: bytes, height: int) -> Pixels:
    """A file's picture at this height."""
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None, "the file is a picture"
    width = round(picture.shape[1] * height / picture.shape[0])
    return as_pixels(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))


def row(studio: Studio, content: bytes, orders: Sequence[dict[str, Any]], height: int, gap: Pixels) -> Pixels:
    """The photo, then each order's result, with a gap between them."""
    cutout: Cutout = studio.matte([studio.prepare(content)])[0]
    files = [studio.render(cutout, RenderOrder.parse(order)).image for order in orders]
    cells = [shown(one, height) for one in (content, *files)]
    return as_pixels(np.hstack([part for cell in cells for part in (cell, gap)][:-1]))


def one_portrait(studio: Studio, content: bytes) -> Pixels:
    """The photo and its three backgrounds, framed."""
    gap = np.full((TALL, WIDE_GAP, 3), 236, np.uint8)
    made = row(studio, content, BACKGROUNDS, TALL, gap)
    return as_pixels(cv2.copyMakeBorder(made, *[WIDE_GAP] * 4, 0, value=(236, 236, 236)))


def main() -> None:
    """Draws one row a portrait (one of them photographed aslant) and writes the files."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    studio = Studio.load(StudioSettings(threads=2))
    for name in ("obama", "astronaut"):
        picture = one_portrait(studio, builders.portrait(name))
        cv2.imwrite(str(folder / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    gap = np.full((HEIGHT, GAP, 3), 120, np.uint8)
    photos = [*(builders.portrait(name) for name in ("obama", "astronaut", "biden")), builders.sideways(20)]
    rows = [row(studio, content, ORDERS, HEIGHT, gap) for content in photos]
    width = max(one.shape[1] for one in rows)
    padded = [cv2.copyMakeBorder(one, 0, GAP, 0, width - one.shape[1], 0, value=(120, 120, 120)) for one in rows]
    cv2.imwrite(str(folder / "contact-sheet.jpg"), np.vstack(padded)[:-GAP], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


if __name__ == "__main__":
    main()
