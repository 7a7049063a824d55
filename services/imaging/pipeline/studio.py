"""The whole pipeline as one object: what the worker and the command line use."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from services.imaging.pipeline import (
    checks,
    compliance,
    compose,
    foreground,
    geometry,
    looks,
    pairs,
    person,
    refine,
    registry,
    sizes,
    strands,
    unchecked,
)
from services.imaging.pipeline import sheet as sheets
from services.imaging.pipeline.arrays import Pixels, as_pixels, shrunk, size_of
from services.imaging.pipeline.checks import Check
from services.imaging.pipeline.cutout import Cutout, pack
from services.imaging.pipeline.decode import Photo, decode
from services.imaging.pipeline.encode import MEDIA_TYPES, Encoded, encode, encode_page
from services.imaging.pipeline.faces import FaceFinder, Sighting
from services.imaging.pipeline.geometry import Placement
from services.imaging.pipeline.matting import Matter
from services.imaging.pipeline.mesh import Face, Pose, pose_of
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.person import PersonFinder
from services.imaging.pipeline.preview import preview
from services.imaging.pipeline.sheet_order import SheetOrder
from shared.kernel.errors import Code, PhotoRejected, PocketError

HEAD_PX = 440
"""A head is kept at most this high (skull to chin): enough for 600 px photos, small enough to render at once."""
REACH = (1.25, 1.15, 1.25, 1.65)
"""How far the crop goes from the eyes: left, up, right, down, in head heights."""
REFUSING_ORDER = (
    *("single_face", "nobody_else", "eye_distance", "head_inside", "under_exposure", "brightness", "over_exposure"),
    *("sharpness", "face_covered", "yaw", "pitch", "eyes_open"),
)


@dataclass(frozen=True, slots=True)
class StudioSettings:
    """What a Studio needs to know: where weights are, which model, how many threads, cpu or cuda."""

    weights_dir: Path = field(default_factory=registry.default_weights_dir)
    model: str = "u2netp"
    threads: int = 1
    provider: str = "cpu"
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A photo that is worth matting: the head-and-shoulders crop, the face in it, what was measured so far.

    ``at_top`` says that the crop ends where the photo ends. In a photo of two, ``face`` is the left one and ``beside`` the
    right one; ``pose`` has the larger angle of the two each time.
    """

    crop: Pixels
    face: Face
    pose: Pose
    checks: tuple[Check, ...]
    faces: tuple[dict[str, Any], ...]
    at_top: bool
    beside: Face | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished photo: the file, its preview, its size, and how it measures against its spec."""

    image: bytes
    preview: bytes
    width: int
    height: int
    kb: float
    format: str
    media_type: str
    compliance: dict[str, Any]


class Studio:
    """From a photo's bytes to a finished file: prepare, matte, render. Holds the networks and no photo."""

    def __init__(self, finder: FaceFinder, people: PersonFinder, matter: Matter) -> None:
        self._finder = finder
        self._people = people
        self._matter = matter

    @classmethod
    def load(cls, settings: StudioSettings | None = None) -> Studio:
        """Loads and verifies every network. Raises WeightsMissing, ProviderRefused."""
        wanted = settings or StudioSettings()
        weights = Path(wanted.weights_dir)
        cv2.setNumThreads(wanted.threads)
        matter = Matter(
            weights,
            registry.matting_model(wanted.model),
            threads=wanted.threads,
            provider=wanted.provider,
            batch=wanted.batch,
        )
        return cls(FaceFinder(weights), PersonFinder(weights), matter)

    def prepare(self, photo_bytes: bytes, *, people: int = 1, refuse: bool = True) -> Prepared:
        """Decodes, finds the face (or both of ``people``), judges the photo, crops. Costs no matting.

        Raises PhotoRejected; with ``refuse=False`` only when there is nothing to judge (no picture, or a face is missing).
        """
        photo = decode(photo_bytes)
        sighting = self._finder.find(photo.pixels)
        if not sighting.faces:
            raise PhotoRejected(Code.NO_FACE, "no face at any scale or turn")
        if photo.reduction > 1 and sighting.faces[0].eyes_to_chin * 2 < HEAD_PX:
            photo, sighting = _finer(photo, sighting, decode(photo_bytes, working_side=None))
        upright = as_pixels(np.rot90(photo.pixels, sighting.turns)) if sighting.turns else photo.pixels
        wanted, others = pairs.chosen(sighting.faces, people)
        poses = [pose_of(face) for face in wanted]
        judged = [
            checks.of_source(upright, [face, *others], pose, photo.reduction, photo.quality)
            for face, pose in zip(wanted, poses, strict=True)
        ]
        found = judged[0] if people == 1 else [*pairs.worse(judged), pairs.apart(wanted)]
        if refuse:
            _refuse(found)
        return _cropped(upright, wanted, others, pairs.widest(poses), found)

    def matte(self, prepared: Sequence[Prepared]) -> list[Cutout]:
        """Cuts the people out of their crops, with one batched inference where the hardware gains from it."""
        alphas = self._matter.alphas([one.crop for one in prepared])
        return [self._cut(one, alpha) for one, alpha in zip(prepared, alphas, strict=True)]

    def render(self, cutout: Cutout, order: RenderOrder) -> Rendered:
        """Draws the ordered photo from a cutout. Raises PocketError kb_unreachable."""
        if order.sheet is not None:
            picture = self._sheet(cutout, order, order.sheet)
            placement = geometry.placed(cutout.face, cutout.head, order.spec)
            encoded = _encoded_sheet(picture, order, order.sheet)
        else:
            order, placement, picture, encoded = self._within_window(cutout, order)
        width, height = size_of(picture)
        facts = compliance.report(cutout, order, placement, encoded)
        kind = order.format
        return Rendered(encoded.content, preview(picture), width, height, encoded.kb, kind, MEDIA_TYPES[kind], facts)

    def _within_window(self, cutout: Cutout, order: RenderOrder) -> tuple[RenderOrder, Placement, Pixels, Encoded]:
        """The photo as a file inside its window: at the spec's own size if it can be, else at another that it allows."""
        try:
            return self._in_one_size(cutout, order)
        except PocketError as error:
            refused, too_small = error, _is_too_small(error, order)
        for spec in (sizes.larger if too_small else sizes.smaller)(order.spec):
            with suppress(PocketError):
                return self._in_one_size(cutout, replace(order, spec=spec))
        raise refused

    def _in_one_size(self, cutout: Cutout, order: RenderOrder) -> tuple[RenderOrder, Placement, Pixels, Encoded]:
        picture, placement = self._photo(cutout, order)
        return order, placement, picture, encode(picture, order.format, order.dpi, order.kb, order.spec.quality_min)

    def _sheet(self, cutout: Cutout, order: RenderOrder, sheet: SheetOrder) -> Pixels:
        """Every spec of the sheet once, at the size that it is printed at, and the sheet made of them."""
        printed = [replace(spec, px=sheets.print_size(spec.print_mm, sheet.dpi)) for spec in sheet.specs]
        photos = [self._photo(cutout, replace(order, spec=spec))[0] for spec in printed]
        return sheets.draw(photos, sheet.layout, sheet.dpi, marks=sheet.marks)

    def _photo(self, cutout: Cutout, order: RenderOrder) -> tuple[Pixels, Placement]:
        placement = geometry.placed(cutout.face, cutout.head, order.spec)
        return self._draw(cutout, order, placement), placement

    def _cut(self, prepared: Prepared, raw: Any) -> Cutout:
        crop, face, beside = prepared.crop, prepared.face, prepared.beside
        faces = [face] if beside is None else [face, beside]
        likely = self._people.person(crop)
        seen = min(person.coverage(raw, one, size_of(crop)) for one in faces)
        trust = seen * max(0.0, 1 - person.astray(raw, likely))
        whole = person.gated(raw, likely, faces, size_of(crop))
        refined = refine.refine(whole, crop)
        sides = foreground.sides(crop, refined)
        alpha = refined
        for one in faces:
            alpha = strands.with_strands(crop, alpha, sides, one)
        colours = foreground.foreground(crop, alpha, sides)
        head = geometry.measure(face, refined, beside)  # the crown is the hair's, not a loose strand's
        lowest = max(faces, key=lambda one: float(one.chin[1]))
        found = [*prepared.checks, checks.judged("matte", trust), *checks.of_scene(crop, alpha, lowest)]
        model = {"name": self._matter.model.name, "version": self._matter.model.version}
        pose = {name: round(getattr(prepared.pose, name), 2) for name in ("yaw", "pitch", "roll")}
        analysis = {
            "faces": list(prepared.faces),
            "pose": pose,
            "checks": [one.to_dict() for one in found],
            "not_checked": unchecked.beside(one.id for one in found),
            "model": model,
        }
        hair_cut = prepared.at_top and bool((alpha[0] > 127).sum() > 0.1 * face.width)
        return pack(crop, colours, alpha, face, head, hair_cut=hair_cut, analysis=analysis, beside=beside)

    def _draw(self, cutout: Cutout, order: RenderOrder, placement: Placement) -> Pixels:
        reduction = next((r for r in (4, 2) if placement.scale * r <= 0.75), 1)
        matrix = compose.reduced(placement.matrix, reduction)
        size = order.spec.px
        if order.background.kind == "original":
            return looks.apply(compose.warp(cutout.photo(reduction), matrix, size), order.beautify, cutout, placement)
        colours, alpha = cutout.person(reduction)
        alpha[0] = 0  # nothing may grow upwards out of hair that the photo cut off
        shown = looks.apply(compose.warp(colours, matrix, size), order.beautify, cutout, placement)
        soft = compose.warp(alpha, matrix, size)
        if order.background.kind == "transparent":
            return compose.with_alpha(shown, soft)
        return compose.blend(shown, soft, compose.backdrop(order.background, size))


def _encoded_sheet(picture: Pixels, order: RenderOrder, sheet: SheetOrder) -> Encoded:
    if order.format == "pdf":
        return encode_page(picture, sheet.dpi, sheet.layout.sheet)
    return encode(picture, order.format, sheet.dpi)


def _is_too_small(error: PocketError, order: RenderOrder) -> bool:
    """Which side of the window the nearest file lies on."""
    nearest, low = error.public_extra.get("nearest_kb"), order.kb.low if order.kb is not None else None
    return isinstance(nearest, float) and low is not None and nearest < low


def _finer(photo: Photo, sighting: Sighting, finer: Photo) -> tuple[Photo, Sighting]:
    """The same sighting in a larger decode of the same photo."""
    scale = photo.reduction / finer.reduction
    return finer, Sighting(sighting.turns, [face.moved(scale, (0, 0)) for face in sighting.faces])


def _refuse(found: Sequence[Check]) -> None:
    failed = {check.id: check for check in found if check.code is not None}
    for name in REFUSING_ORDER:
        if name in failed:
            check = failed[name]
            raise PhotoRejected(check.code or Code.CORRUPT_IMAGE, f"{name} {check.value} {check.unit}")


def _cropped(
    picture: Pixels, wanted: Sequence[Face], others: Sequence[Face], pose: Pose, found: list[Check]
) -> Prepared:
    width, height = size_of(picture)
    units = [2 * face.eyes_to_chin * (1 + 0.4 * abs(np.sin(np.radians(face.roll)))) for face in wanted]
    reaches = [_reach(face, unit) for face, unit in zip(wanted, units, strict=True)]
    left, top = (max(0, int(min(reach[side] for reach in reaches))) for side in (0, 1))
    right, bottom = (
        min(end, int(max(reach[side] for reach in reaches)) + 1) for side, end in ((2, width), (3, height))
    )
    scale = min(1.0, HEAD_PX / (2 * max(face.eyes_to_chin for face in wanted)))
    size = max(4, round((right - left) * scale) // 4 * 4), max(4, round((bottom - top) * scale) // 4 * 4)
    right, bottom = left + round(size[0] / scale), top + round(size[1] / scale)
    crop = shrunk(as_pixels(picture[top:bottom, left:right]), size)
    boxes = [_shown_box(one, width, height, main=True) for one in wanted]
    boxes += [_shown_box(one, width, height, main=False) for one in others]
    face, *beside = (one.moved(scale, (left, top)) for one in wanted)
    return Prepared(crop, face, pose, tuple(found), tuple(boxes), top == 0, beside[0] if beside else None)


def _reach(face: Face, unit: float) -> tuple[float, float, float, float]:
    """How far (left, top, right, bottom) a crop around this face goes; ``unit`` is its height."""
    x, y = (float(v) for v in face.eye_middle)
    return x - REACH[0] * unit, y - REACH[1] * unit, x + REACH[2] * unit, y + REACH[3] * unit


def _shown_box(face: Face, width: int, height: int, *, main: bool) -> dict[str, Any]:
    """A face's box as parts of the upright photo's width and height."""
    left, top, right, bottom = face.box
    box = [round(left / width, 4), round(top / height, 4), round(right / width, 4), round(bottom / height, 4)]
    return {"box": box, "score": round(face.score, 3), "main": main}
