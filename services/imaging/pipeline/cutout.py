"""A person cut out of a photo, packed small: everything a render needs, and nothing that has to be computed again."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import cv2
import numpy as np

from services.imaging.pipeline.arrays import Pixels, as_pixels, as_plane, size_of
from services.imaging.pipeline.geometry import Head
from services.imaging.pipeline.mesh import Face
from shared.kernel.errors import PocketError

MAGIC = b"PIDC"
VERSION = 1
PREFIX = struct.Struct(">4sHI")
COLOUR_QUALITY, SCENE_QUALITY = 94, 90
JPEG_REDUCTIONS = {1: cv2.IMREAD_COLOR_RGB, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}


class CutoutError(PocketError):
    """The bytes are no cutout, or one of a version that is not known here."""


@dataclass(frozen=True)
class Cutout:
    """The packed person. ``colours`` and ``scene`` are JPEGs of the crop (the person's own colours; the photo as it was),
    ``alpha`` is deflated bytes; ``face`` and ``head`` are in crop pixels; ``analysis`` is JSON. In a photo of two, ``face`` is the
    person on the picture's left and ``beside`` the one on its right."""

    size: tuple[int, int]
    colours: bytes
    alpha: bytes
    scene: bytes
    face: Face
    head: Head
    hair_cut: bool
    analysis: dict[str, Any]
    beside: Face | None = None

    @property
    def faces(self) -> tuple[Face, ...]:
        """The face, or both."""
        return (self.face,) if self.beside is None else (self.face, self.beside)

    def one_by_one(self) -> tuple[Cutout, ...]:
        """The same cutout for each of its people, as if that one were alone in it."""
        return tuple(
            replace(self, face=face, head=replace(head, beside=None), beside=None)
            for face, head in zip(self.faces, self.head.people, strict=True)
        )

    def to_bytes(self) -> bytes:
        """One container: magic, version, a JSON header, then the parts it gives the lengths of."""
        points = as_plane([face.points for face in self.faces])
        parts = [points.astype("<f4").tobytes(), self.colours, self.alpha, self.scene]
        header = {
            "size": self.size,
            "face": [self.face.score, self.face.presence],
            "beside": None if self.beside is None else [self.beside.score, self.beside.presence],
            "head": asdict(self.head),
            "hair_cut": self.hair_cut,
            "analysis": self.analysis,
            "parts": [len(part) for part in parts],
        }
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        return b"".join([PREFIX.pack(MAGIC, VERSION, len(text)), text, *parts])

    @classmethod
    def from_bytes(cls, content: bytes) -> Cutout:
        """The cutout that ``to_bytes`` wrote. Raises CutoutError for anything else."""
        try:
            magic, version, length = PREFIX.unpack_from(content)
            if magic != MAGIC or version != VERSION:
                raise CutoutError(f"container {magic!r} version {version}")
            at = PREFIX.size + length
            header = json.loads(content[PREFIX.size : at])
            parts = []
            for size in header["parts"]:
                parts.append(content[at : at + size])
                at += size
            points, colours, alpha, scene = parts
            sure = [one for one in (header["face"], header.get("beside")) if one is not None]
            meshes = np.frombuffer(points, dtype="<f4").reshape(len(sure), 468, 3)
            face, *others = (Face(as_plane(mesh), *one) for mesh, one in zip(meshes, sure, strict=True))
            head = _head(header["head"])
            if len(head.people) != len(sure):
                raise CutoutError(f"{len(sure)} faces, {len(head.people)} heads")
            size = cast(tuple[int, int], tuple(header["size"]))
            if at != len(content):
                raise CutoutError(f"{len(content)} bytes instead of {at}")
        except (struct.error, ValueError, KeyError, TypeError) as error:
            raise CutoutError(f"not a cutout: {error}") from error
        beside = others[0] if others else None
        return cls(size, colours, alpha, scene, face, head, header["hair_cut"], header["analysis"], beside)

    def person(self, reduction: int) -> tuple[Pixels, Pixels]:
        """The person's colours and alpha, both at 1, 1/2 or 1/4 of the crop's size."""
        colours = _from_jpeg(self.colours, reduction)
        width, height = self.size
        alpha = np.frombuffer(zlib.decompress(self.alpha), dtype=np.uint8).reshape(height, width).copy()
        if reduction > 1:
            alpha = as_pixels(cv2.resize(alpha, size_of(colours), interpolation=cv2.INTER_AREA))
        return colours, alpha

    def photo(self, reduction: int) -> Pixels:
        """The crop as the photo had it, at 1, 1/2 or 1/4 of its size."""
        return _from_jpeg(self.scene, reduction)


def pack(
    crop: Pixels,
    colours: Pixels,
    alpha: Pixels,
    face: Face,
    head: Head,
    *,
    hair_cut: bool,
    analysis: dict[str, Any],
    beside: Face | None = None,
) -> Cutout:
    """Packs the layers of one crop."""
    return Cutout(
        size_of(crop),
        _to_jpeg(colours, COLOUR_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
        zlib.compress(alpha.tobytes(), 1),
        _to_jpeg(crop, SCENE_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
        face,
        head,
        hair_cut,
        analysis,
        beside,
    )


def _head(stored: dict[str, Any]) -> Head:
    beside = stored.get("beside")
    return Head(**{**stored, "room": tuple(stored["room"]), "beside": None if beside is None else _head(beside)})


def _to_jpeg(picture: Pixels, quality: int, sampling: int) -> bytes:
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    _, content = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
    return content.tobytes()


def _from_jpeg(content: bytes, reduction: int) -> Pixels:
    picture = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), JPEG_REDUCTIONS[reduction])
    if picture is None:
        raise CutoutError("a picture inside the cutout is damaged")
    return as_pixels(picture if reduction == 1 else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
