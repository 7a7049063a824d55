"""How large a photo may be drawn, and the other sizes that a spec allows when none fits its window of kilobytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile

from services.imaging.specs.model import Spec

MOST_PIXELS = 8_000_000
"""The largest single photo: a passport print at 1200 dpi, a five-inch one at 600. More costs a worker's memory, and shows
nothing: the head itself is kept at a few hundred pixels."""
STEP = 1.2
LARGEST = 2.0
"""An authority that names only a floor is not sent more than this many times its width."""


def is_drawable(px: tuple[int, int]) -> bool:
    """Whether one photo of this size, (width, height), may be drawn."""
    return px[0] * px[1] <= MOST_PIXELS


def larger(spec: Spec) -> Iterator[Spec]:
    """The spec at larger sizes, step by step; none where its pixels are fixed or its authority refuses enlarged photos."""
    if spec.px_rule not in ("range", "minimum") or spec.upscaling == "forbidden":
        return
    most = spec.px_max[0] / spec.px[0] if spec.px_max is not None else LARGEST
    yield from takewhile(lambda one: is_drawable(one.px), _steps(spec, most, STEP))


def smaller(spec: Spec) -> Iterator[Spec]:
    """The spec at smaller sizes, step by step, down to its floor; none where its pixels are fixed."""
    if spec.px_rule in ("range", "minimum") and spec.px_min is not None:
        yield from _steps(spec, spec.px_min[0] / spec.px[0], 1 / STEP)


def _steps(spec: Spec, last: float, step: float) -> Iterator[Spec]:
    """Sizes of the same shape from the spec's own to ``last`` times as large, the last one included."""
    factor, ends = 1.0, max if step < 1 else min
    while ends(factor, last) == factor and abs(factor - last) > 1e-6:
        factor = ends(factor * step, last)
        yield replace(spec, px=(round(spec.px[0] * factor), round(spec.px[1] * factor)))
