"""Where the head ends up: rotations, scales, shifts and shapes of the portraits, measured on the output by another eye.

``python bench/geometry.py [--specs ID ...] [--few]``. Nothing that placed the head measures it. Eyes, chin, crown and top
of the hair were marked by hand on the three portraits; each output is registered to its portrait by SIFT features
(a similarity, RANSAC), and the marks are carried over. The baseline is the fixed-ratio crop that is usual elsewhere: a
detector's face box is 20 % of the crop's area and its centre 45 % down, then moved until the hair is 10..12 % from the
top; no roll is taken out.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Pixels, Points, as_pixels, as_plane, size_of
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.studio import Studio, StudioSettings
from services.imaging.specs import catalogue
from services.imaging.specs.model import Spec
from shared.kernel.errors import PocketError
from tests.portraits import builders

# Read off the files in tests/portraits, enlarged three to seven times: left eye, right eye, chin, crown (skull), top of the hair.
MARKS = {
    "obama": ((438, 212), (545, 211), (487, 432), (495, 34), (495, 28)),
    "astronaut": ((203, 101), (246.5, 103.5), (226, 178), (232, 25), (232, 16)),
    "biden": ((532, 323), (652, 349), (557, 566), (585, 117), (585, 104)),
}
SPECS = ("us-visa", "schengen-visa", "cn-passport")
HAND = 0.015
"""How exact the marks are, in heights of the picture: a hand cannot say better where a chin ends."""
LEVEL = 2.0
"""Degrees of roll that are level enough (offices allow five to eight)."""
FEWEST = 12
"""An output is measured when so many of its features agree on where the portrait lies."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to hold the camera: degrees of turn, scale, shift (parts of the head's height), width over height."""

    turn: float
    scale: float
    shift: tuple[float, float]
    shape: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What an output shows, as parts of its height (roll in degrees)."""

    head: float
    eyes: float
    roll: float
    centre: float

    def fits(self, spec: Spec, *, level: bool = True) -> bool:
        """True when every banded measure lies in its band, the face in the middle and (with ``level``) level."""
        bands = ((spec.head_height, self.head), (spec.eye_line, self.eyes))
        inside = all(band is None or band.holds(value, HAND) for band, value in bands)
        return inside and (not level or abs(self.roll) <= LEVEL) and abs(self.centre - 0.5) <= 0.04


def variants(*, few: bool) -> list[Variant]:
    """The whole grid; or a quarter of it."""
    turns, scales = (-25, -12, -5, 0, 5, 12, 25), (0.6, 1.0, 1.6)
    places = (((0.0, 0.0), 0.75), ((0.35, 0.1), 1.0), ((-0.4, -0.1), 1.33))
    grid = [Variant(t, s, shift, shape) for t, s, (shift, shape) in itertools.product(turns, scales, places)]
    return grid[::4] if few else grid


def photographed(picture: Pixels, marks: Points, variant: Variant) -> Pixels:
    """The portrait as this camera would have taken it: edges go on outwards, the head stays whole."""
    head = float(np.linalg.norm(marks[2] - marks[4]))
    scale = variant.scale * 300 / head
    width = round(300 * variant.scale * (3.4 if variant.shape >= 1 else 2.8))
    size = width, round(width / variant.shape)
    matrix = cv2.getRotationMatrix2D(tuple(float(v) for v in marks[:2].mean(axis=0)), variant.turn, scale)
    target = np.array([size[0] / 2, size[1] * 0.42]) + np.array(variant.shift) * 300 * variant.scale
    matrix[:, 2] += target - marks[:2].mean(axis=0)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return as_pixels(cv2.warpAffine(picture, matrix, size, flags=method, borderMode=cv2.BORDER_REPLICATE))


class Register:
    """Finds a portrait in another picture by its features."""

    def __init__(self, picture: Pixels, marks: Points) -> None:
        self._marks = marks
        self._sift = cv2.SIFT_create(4000)
        middle, reach = marks[[0, 1, 2]].mean(axis=0), 0.75 * float(np.linalg.norm(marks[2] - marks[4]))
        mask = np.zeros(picture.shape[:2], np.uint8)
        cv2.circle(mask, (int(middle[0]), int(middle[1])), int(reach), 255, -1)
        self._points, self._names = self._sift.detectAndCompute(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), mask)

    def marks_in(self, output: Pixels) -> Points | None:
        """The five marks in the output's pixels; None when too few features agree."""
        points, names = self._sift.detectAndCompute(cv2.cvtColor(output, cv2.COLOR_RGB2GRAY), None)
        if names is None or len(points) < FEWEST:
            return None
        pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(self._names, names, k=2)
        good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < 0.8 * pair[1].distance]
        if len(good) < FEWEST:
            return None
        here = np.array([self._points[m.queryIdx].pt for m in good], np.float32)
        there = np.array([points[m.trainIdx].pt for m in good], np.float32)
        matrix, agreed = cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=2.5, maxIters=5000)
        if matrix is None or int(agreed.sum()) < FEWEST:
            return None
        return as_plane(self._marks @ matrix[:, :2].T + matrix[:, 2])


def measured(marks: Points, spec: Spec) -> Measured:
    """Head height, eye line, roll and centring of an output with the marks there."""
    width, height = spec.px
    left, right, chin, crown, hair = marks
    eyes, across = (left + right) / 2, right - left
    down = np.array([-across[1], across[0]]) / np.linalg.norm(across)
    top = crown if spec.head_top == "crown" else hair
    roll = float(np.degrees(np.arctan2(across[1], across[0])))
    return Measured(float((chin - top) @ down) / height, float(height - eyes[1]) / height, roll, float(eyes[0]) / width)


def fixed_ratio(studio: Studio, photo: Pixels, specs: list[Spec]) -> list[Pixels | None]:
    """The baseline's crops of a photo, one a spec; None when its detector sees no face."""
    finds = studio._finder.detect(photo)
    if not finds:
        return [None] * len(specs)
    box = [float(v) for v in finds[0].box]
    hair = _hair_row(studio, photo, (box[0] + box[2]) / 2)
    return [_fixed_crop(photo, box, hair, spec) for spec in specs]


def _fixed_crop(photo: Pixels, box: list[float], hair: float | None, spec: Spec) -> Pixels:
    left, top, right, bottom = box
    shape = spec.px[0] / spec.px[1]
    height = float(np.sqrt((right - left) * (bottom - top) / 0.2 / shape))
    x, y = (left + right) / 2 - height * shape / 2, (top + bottom) / 2 - 0.45 * height
    if hair is not None:
        y = hair - float(np.clip((hair - y) / height, 0.10, 0.12)) * height
    scale = spec.px[1] / height
    matrix = as_plane([[scale, 0, -x * scale], [0, scale, -y * scale]])
    return as_pixels(cv2.warpAffine(photo, matrix, spec.px, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE))


def _hair_row(studio: Studio, photo: Pixels, middle: float) -> float | None:
    alpha = studio._matter.alphas([photo])[0]
    width, height = size_of(photo)
    column = int(np.clip(middle / width * alpha.shape[1], 8, alpha.shape[1] - 9))
    rows = np.flatnonzero((alpha[:, column - 8 : column + 9] > 0.5).any(axis=1))
    return float(rows[0]) / alpha.shape[0] * height if rows.size else None


def run(studio: Studio, specs: list[Spec], *, few: bool) -> dict[str, list[Measured | None]]:
    """Measures of every output, ours and the baseline's, by ``name spec``; None where none came out or was measurable."""
    found: dict[str, list[Measured | None]] = {}
    for name, points in MARKS.items():
        picture, marks = as_pixels(np.asarray(builders.picture(name))), as_plane(points)
        register = Register(picture, marks)
        for variant in variants(few=few):
            photo = photographed(picture, marks, variant)
            for who, outputs in (
                ("ours", _ours(studio, photo, specs)),
                ("fixed ratios", fixed_ratio(studio, photo, specs)),
            ):
                for spec, output in zip(specs, outputs, strict=True):
                    seen = None if output is None else register.marks_in(output)
                    one = None if seen is None else measured(seen, spec)
                    found.setdefault(f"{who}|{spec.id}", []).append(one)
                    if who == "ours" and (one is None or not one.fits(spec)):
                        print(f"  missed: {name} {spec.id} {variant} {one or 'not measured'}", flush=True)
    return found


def _ours(studio: Studio, photo: Pixels, specs: list[Spec]) -> list[Pixels | None]:
    _, content = cv2.imencode(".png", cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    try:
        cutout = studio.matte([studio.prepare(content.tobytes())])[0]
    except PocketError as refused:
        print(f"  refused: {refused.actual_code}", flush=True)
        return [None] * len(specs)
    files = [studio.render(cutout, RenderOrder.parse({"spec": spec.id, "background": "white"})).image for spec in specs]
    return [as_pixels(cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR_RGB)) for one in files]


def show(found: dict[str, list[Measured | None]], specs: list[Spec]) -> None:
    """One line for each spec and side, then the shares over all."""
    shares: dict[str, list[bool]] = {}
    print(f"{'':14}{'spec':22}{'inside':>9}{'measured':>10}{'head':>8}{'eyes':>8}{'|roll| p95':>12}")
    for key, rows in found.items():
        who, spec_id = key.split("|")
        spec = next(one for one in specs if one.id == spec_id)
        seen = [row for row in rows if row is not None]
        fits = [row is not None and row.fits(spec) for row in rows]
        shares.setdefault(who, []).extend(fits)
        shares.setdefault(f"{who} but roll", []).extend(one is not None and one.fits(spec, level=False) for one in rows)
        rolls = sorted(abs(row.roll) for row in seen)
        head, eyes = (statistics.median(getattr(row, part) for row in seen) for part in ("head", "eyes"))
        counted = f"{100 * sum(fits) / len(fits):8.1f}%{len(seen):6}/{len(rows)}"
        print(f"{who:14}{spec_id:22}{counted}{head:8.3f}{eyes:8.3f}{rolls[int(0.95 * (len(rolls) - 1))]:12.2f}")
    ours, base = (100 * sum(shares[who]) / len(shares[who]) for who in ("ours", "fixed ratios"))
    unlevelled = shares["fixed ratios but roll"]
    print(f"(fixed ratios when roll is not counted: {100 * sum(unlevelled) / len(unlevelled):.1f} %)")
    print(
        f"within the spec: ours {ours:.1f} % (target 99), fixed ratios {base:.1f} %, ratio {ours / max(base, 0.1):.2f}"
    )


def main() -> None:
    """Runs the grid and prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--specs", nargs="+", default=[one for one in SPECS if one in catalogue.specs()])
    arguments.add_argument("--few", action="store_true")
    chosen = arguments.parse_args()
    specs = [catalogue.spec_of(name) for name in chosen.specs]
    show(run(Studio.load(StudioSettings(threads=2)), specs, few=chosen.few), specs)


if __name__ == "__main__":
    main()
