"""How strongly a JPEG was compressed, read from its quantisation tables: the IJG quality that would have made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

LUMINANCE = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
"""The table of annex K.1 of the JPEG standard, which quality 50 is: all IJG qualities are multiples of it."""


def estimated(tables: Mapping[int, Sequence[int]]) -> int | None:
    """The IJG quality (1..100) nearest to a file's luminance table; None for a file without one.

    Compared are the tables' sums: exact for files of libjpeg and its relatives (Android, Pillow, most websites), in whatever
    order the numbers are stored, and a fair translation for cameras and programs with tables of their own. It is what the
    last program did that saved the file: a photo that was crushed before, and then saved well, is not recognised.

    Steps at the borders of the 8 x 8 blocks would show that, and were tried: the ratio of the steps there to the others was
    1.41 for a portrait of quality 90 (biden.jpg), the same as for another one at 32, and 1.1 for any quality once a picture
    had been rescaled, as apps that send pictures do. So it would accuse good photos and acquit bad ones.
    """
    table = tables.get(0)
    if not table:
        return None
    return int(np.argmin(np.abs(SUMS - sum(table)))) + 1


def scaled(quality: int) -> list[int]:
    """The luminance table of an IJG quality, as libjpeg writes it into a baseline file."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return [min(max((step * percent + 50) // 100, 1), 255) for step in LUMINANCE]


SUMS = np.array([sum(scaled(quality)) for quality in range(1, 101)])
