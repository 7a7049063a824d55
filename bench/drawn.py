"""People whose alpha is known exactly, because it was drawn: shoulders, head, hair and loose strands over any background.

Everything is drawn three times as large and averaged down, so that alpha in a strand or at an edge is the part of the
pixel that is covered. Only the middle of the face is a photograph (so that face finders see a face); there alpha is one.
No network had a hand in any of these mattes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Pixels, Plane, as_pixels, as_plane
from tests.portraits import builders

SIZE = (720, 900)
SUPER = 3
# Where the face's middle and its half axes lie in each portrait: forehead to chin, nothing of the outline.
FACES = {"obama": ((490, 262), (118, 168)), "astronaut": ((225, 122), (40, 55)), "biden": ((575, 380), (120, 175))}
MIDDLE, HALF = (360, 330), (120, 168)


@dataclass(frozen=True, slots=True)
class Subject:
    """One drawn person: whose face, how long the hair is (0..1), how many loose strands, colours of hair and clothes."""

    face: str
    hair: float
    strands: int
    hair_colour: tuple[int, int, int]
    clothes: tuple[int, int, int]
    seed: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """The person alone: colours times alpha (0..255), and alpha (0..1)."""

    premultiplied: Plane
    alpha: Plane

    def over(self, behind: Pixels | tuple[int, int, int]) -> Pixels:
        """The person in front of a picture or of one colour."""
        back = np.broadcast_to(np.asarray(behind, dtype=np.float32), self.premultiplied.shape)
        return as_pixels(self.premultiplied + (1 - self.alpha[:, :, None]) * back)


SUBJECTS = (
    Subject("obama", 0.15, 250, (38, 32, 30), (30, 36, 52), 1),
    Subject("astronaut", 0.75, 420, (112, 82, 48), (150, 60, 50), 2),
    Subject("biden", 0.25, 320, (205, 200, 195), (235, 236, 238), 3),
    Subject("astronaut", 1.0, 520, (28, 22, 20), (60, 100, 80), 4),
)
OTHERS = (
    Subject("biden", 0.5, 350, (90, 60, 40), (40, 40, 44), 101),
    Subject("obama", 0.9, 480, (40, 30, 26), (180, 180, 190), 102),
    Subject("astronaut", 0.3, 300, (170, 140, 90), (30, 60, 120), 103),
    Subject("obama", 0.2, 280, (150, 148, 145), (100, 30, 40), 104),
)
"""People that no constant of the pipeline was chosen on: what holds for SUBJECTS must hold for them, too."""


def draw(subject: Subject) -> Drawn:
    """The subject, drawn."""
    chance = np.random.default_rng(subject.seed)
    colours = np.zeros((SIZE[1] * SUPER, SIZE[0] * SUPER, 3), dtype=np.float32)
    mask = np.zeros(colours.shape[:2], dtype=np.uint8)
    skin = _skin(subject.face)
    if subject.hair > 0.5:
        _fill(colours, mask, _hair_behind(subject.hair), subject.hair_colour, chance)
    _fill(colours, mask, _shoulders(), subject.clothes, chance)
    _fill(colours, mask, _neck(), tuple(int(v * 0.85) for v in skin), chance)
    _fill(colours, mask, _ellipse((MIDDLE[0], MIDDLE[1] + 6), (136, 178)), skin, chance)
    _paste_face(colours, subject.face)
    _fill(colours, mask, _fringe(), subject.hair_colour, chance)
    _strands(colours, mask, subject, chance)
    covered = as_plane(mask) / 255
    small = [cv2.resize(one, SIZE, interpolation=cv2.INTER_AREA) for one in (colours * covered[:, :, None], covered)]
    return Drawn(as_plane(small[0]), as_plane(small[1]))


def backgrounds(seed: int = 5) -> dict[str, Pixels]:
    """A lit wall, a blurred room, leaves in focus, and stripes."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float32)
    wall = np.dstack([205 - 0.05 * y - 0.02 * x, 203 - 0.05 * y, 196 - 0.04 * y]) + chance.normal(0, 3, (*x.shape, 3))
    room, leaves = np.full((*x.shape, 3), 110.0), np.full((*x.shape, 3), 70.0)
    for _ in range(60):
        corner, extent = chance.integers(0, 900, 2), chance.integers(40, 240, 2)
        colour = [float(v) for v in chance.integers(20, 235, 3)]
        room = cv2.rectangle(room, [int(v) for v in corner], [int(v) for v in corner + extent], colour, -1)
    for _ in range(1500):
        middle, axes = [int(v) for v in chance.integers(0, 900, 2)], [int(v) for v in chance.integers(4, 18, 2)]
        green = [float(v) for v in chance.integers((20, 60, 10), (110, 190, 80))]
        leaves = cv2.ellipse(leaves, middle, axes, float(chance.integers(180)), 0, 360, green, -1, cv2.LINE_AA)
    stripes = np.where((np.sin((x + 0.4 * y) / 17) > 0)[:, :, None], (172.0, 60.0, 48.0), (70.0, 92.0, 150.0))
    shown = {"wall": wall, "room": cv2.GaussianBlur(room, (0, 0), 7), "leaves": leaves}
    return {name: as_pixels(one) for name, one in (shown | {"stripes": cv2.GaussianBlur(stripes, (0, 0), 2)}).items()}


def other_backgrounds() -> dict[str, Pixels]:
    """The same four, drawn anew; a photographed curtain; and a shelf of upright bars, which hair is easily taken for."""
    curtain = cv2.resize(np.asarray(builders.picture("biden"))[:, :300], SIZE)
    chance = np.random.default_rng(9)
    shelf, x = np.zeros((SIZE[1], SIZE[0], 3), dtype=np.uint8), 0
    while x < SIZE[0]:
        wide = int(chance.integers(6, 40))
        shelf[:, x : x + wide] = chance.integers(20, 230, 3)
        x += wide
    return backgrounds(77) | {"curtain": as_pixels(curtain), "shelf": shelf}


def _points(points: Any) -> Any:
    return np.rint(np.asarray(points, dtype=np.float64) * SUPER).astype(np.int32)


def _ellipse(middle: tuple[int, int], half: tuple[int, int], low: float = 0, high: float = 2 * np.pi) -> Any:
    angle = np.linspace(low, high, 200)
    return np.stack([middle[0] + half[0] * np.cos(angle), middle[1] + half[1] * np.sin(angle)], axis=1)


def _shoulders() -> Any:
    x = np.linspace(-320, 320, 200)
    y = 560 + 150 * (np.abs(x) / 320) ** 2.6 - 45 * np.exp(-((x / 70) ** 2))
    return np.vstack([np.stack([360 + x, y], axis=1), [[680, 910], [40, 910]]])


def _neck() -> Any:
    return [(290, 440), (430, 440), (440, 560), (360, 615), (280, 560)]


def _hair_behind(length: float) -> Any:
    bottom = 400 + 260 * length
    return np.vstack([_ellipse((360, 320), (178, 205), np.pi, 2 * np.pi), [[548, bottom], [172, bottom]]])


def _fringe() -> Any:
    outer, inner = (
        _ellipse((360, 330), (162, 212), np.pi, 2 * np.pi),
        _ellipse((360, 350), (126, 172), 2 * np.pi, np.pi),
    )
    return np.vstack([outer, inner])


def _fill(colours: Plane, mask: Pixels, outline: Any, colour: Any, chance: np.random.Generator) -> None:
    """Paints a shape in its colour with a soft texture, light from above."""
    shape = np.zeros_like(mask)
    cv2.fillPoly(shape, [_points(outline)], 255)
    noise = cv2.resize(as_plane(chance.normal(0, 9, (150, 120))), mask.shape[::-1], interpolation=cv2.INTER_CUBIC)
    inside = shape > 0
    colours[inside] = np.asarray(colour, dtype=np.float32) + noise[inside][:, None]
    mask[inside] = 255


def _skin(name: str) -> tuple[int, int, int]:
    (x, y), (across, down) = FACES[name]
    patch = np.asarray(builders.picture(name))[y + down // 8 : y + down // 4, x - across // 2 : x - across // 3]
    red, green, blue = np.median(patch.reshape(-1, 3), axis=0)
    return int(red), int(green), int(blue)


def _paste_face(colours: Plane, name: str) -> None:
    (x, y), (across, down) = FACES[name]
    scale = np.array([HALF[0] / across, HALF[1] / down]) * SUPER
    matrix = np.array(
        [[scale[0], 0, MIDDLE[0] * SUPER - x * scale[0]], [0, scale[1], MIDDLE[1] * SUPER - y * scale[1]]]
    )
    face = cv2.warpAffine(np.asarray(builders.picture(name)), matrix, colours.shape[1::-1], flags=cv2.INTER_CUBIC)
    soft = np.zeros(colours.shape[:2], dtype=np.float32)
    cv2.fillPoly(soft, [_points(_ellipse(MIDDLE, (HALF[0] - 18, HALF[1] - 18)))], 1.0)
    soft = cv2.GaussianBlur(soft, (0, 0), 6 * SUPER)[:, :, None]
    colours += soft * (as_plane(face) - colours)


def _strands(colours: Plane, mask: Pixels, subject: Subject, chance: np.random.Generator) -> None:
    """Loose hairs that leave the hair's outline: thinner than a pixel once averaged down."""
    for _ in range(subject.strands):
        angle = chance.uniform(np.pi * (1.0 - 0.12 * subject.hair), np.pi * (2.0 + 0.12 * subject.hair))
        wide, tall = (170, 200) if subject.hair > 0.5 else (156, 206)
        start = np.array([360 + wide * np.cos(angle), 325 + tall * np.sin(angle)])
        reach = chance.gamma(2.0, 6 + 9 * subject.hair)
        along = angle + chance.normal(0, 0.5)
        bend = chance.normal(0, 0.02)
        steps = np.linspace(-8, reach, 14)
        turned = along + bend * steps
        path = start + np.stack([steps * np.cos(turned), steps * np.sin(turned)], axis=1)
        colour = [float(v) for v in np.asarray(subject.hair_colour) + chance.normal(0, 12)]
        thick = int(chance.integers(1, 4))
        cv2.polylines(colours, [_points(path)], False, colour, thick)
        cv2.polylines(mask, [_points(path)], False, 255, thick)
