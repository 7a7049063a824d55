"""From any upload's bytes to one upright sRGB picture without metadata: the only decoder there is."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np

from services.imaging.pipeline import jpeg_quality
from services.imaging.pipeline.arrays import Pixels, as_pixels, size_of
from shared.kernel.errors import Code, PhotoRejected
from shared.pictures import sniff
from shared.pictures.sniff import MAX_BYTES, MAX_PIXELS, Format, Size, peek

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_BYTES", "MAX_PIXELS", "Format", "Photo", "decode", "peek"]

WORKING_SIDE = 1600
"""A first decode may shrink a JPEG as long as its longer side keeps this many pixels."""
MEMORY_PIXELS = 16_000_000
"""No picture stays larger than this in memory; larger ones are halved until they fit."""
EXIF_ORIENTATION = 274


@dataclass(frozen=True, slots=True)
class Photo:
    """An upright picture and where it came from: ``reduction`` is how often its sides were halved on the way (1, 2, 4, 8),
    ``quality`` the IJG quality that a JPEG was saved with, as its tables tell (None: no JPEG)."""

    pixels: Pixels
    format: Format
    full_size: Size
    reduction: int
    quality: int | None = None

    @property
    def size(self) -> Size:
        """(width, height) of the pixels held."""
        return size_of(self.pixels)


def decode(content: bytes, *, working_side: int | None = WORKING_SIDE) -> Photo:
    """Decodes JPEG, PNG, WebP or HEIC: first frame, EXIF rotation applied, ICC to sRGB, alpha on white.

    A JPEG is read at a half, quarter or eighth when its longer side stays above ``working_side`` (None: as large as
    memory allows). Whatever the bytes are, the only exception is PhotoRejected: too_large, unsupported_format,
    too_many_pixels, corrupt_image.
    """
    if len(content) > MAX_BYTES:
        raise PhotoRejected(Code.TOO_LARGE, f"{len(content)} bytes")
    kind, _ = sniff.peek(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = _open(content, kind)
            stored = picture.size
            _judge_pixels(stored)
            reduction = _reduce(picture, kind, working_side)
            orientation = _orientation(picture) if kind is not Format.HEIC else 1
            quality = _quality(picture)
            pixels = _upright(_to_srgb(picture), orientation)
    except PhotoRejected:
        raise
    except Exception as error:  # decoders raise anything at all on hostile bytes
        raise PhotoRejected(Code.CORRUPT_IMAGE, type(error).__name__) from error
    upright = stored if orientation < 5 else (stored[1], stored[0])
    return _fit_memory(Photo(pixels, kind, upright, reduction, quality))


def _open(content: bytes, kind: Format) -> Image.Image:
    if kind is Format.HEIC:
        import pillow_heif

        heif = pillow_heif.open_heif(io.BytesIO(content), convert_hdr_to_8bit=True)
        _judge_pixels(heif.size)
        return cast("Image.Image", heif.to_pillow())
    from PIL import Image

    return Image.open(io.BytesIO(content), formats=[kind.value.upper()])


def _judge_pixels(size: Size) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise PhotoRejected(Code.TOO_MANY_PIXELS, f"{size[0]}x{size[1]} pixels")


def _reduce(picture: Image.Image, kind: Format, working_side: int | None) -> int:
    """Lets the JPEG decoder itself work at a fraction of the size; returns that fraction's denominator."""
    if kind is not Format.JPEG:
        return 1
    width, height = picture.size
    reduction = 1
    while reduction < 8 and _may_halve(width // reduction, height // reduction, working_side):
        reduction *= 2
    if reduction > 1:
        picture.draft(None, (max(1, width // reduction), max(1, height // reduction)))
    return max(1, round(width / picture.size[0]))


def _may_halve(width: int, height: int, working_side: int | None) -> bool:
    if working_side is None:
        return width * height > MEMORY_PIXELS
    return max(width, height) // 2 >= working_side


def _orientation(picture: Image.Image) -> int:
    try:
        value = picture.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - a broken EXIF block is no reason to refuse a good picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _quality(picture: Image.Image) -> int | None:
    from PIL.JpegImagePlugin import JpegImageFile

    return jpeg_quality.estimated(picture.quantization) if isinstance(picture, JpegImageFile) else None


def _to_srgb(picture: Image.Image) -> Pixels:
    profile = picture.info.get("icc_profile")
    if picture.mode in ("I;16", "I;16B", "I;16L", "I"):
        grey = np.asarray(picture).astype(np.int64)
        return as_pixels(cv2.cvtColor((grey >> 8).clip(0, 255).astype(np.uint8), cv2.COLOR_GRAY2RGB))
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        picture = _on_white(picture)
    elif picture.mode not in ("RGB", "CMYK", "L"):
        picture = picture.convert("RGB")
    if profile:
        picture = _apply_profile(picture, profile)
    return as_pixels(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _on_white(picture: Image.Image) -> Image.Image:
    from PIL import Image

    clear = picture.convert("RGBA")
    white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
    white.alpha_composite(clear)
    return white.convert("RGB")


def _apply_profile(picture: Image.Image, profile: bytes) -> Image.Image:
    """Colours from the embedded profile to sRGB; a profile that is broken or does not fit the picture is ignored."""
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower().replace(" ", ""):
            return picture
        converted: Any = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture
    return converted if converted is not None else picture


_FLIP_THEN_ROTATE: dict[int, tuple[bool, int | None]] = {
    1: (False, None),
    2: (True, None),
    3: (False, cv2.ROTATE_180),
    4: (True, cv2.ROTATE_180),
    5: (True, cv2.ROTATE_90_COUNTERCLOCKWISE),
    6: (False, cv2.ROTATE_90_CLOCKWISE),
    7: (True, cv2.ROTATE_90_CLOCKWISE),
    8: (False, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    mirrored, rotation = _FLIP_THEN_ROTATE[orientation]
    if mirrored:
        pixels = as_pixels(cv2.flip(pixels, 1))
    return pixels if rotation is None else as_pixels(cv2.rotate(pixels, rotation))


def _fit_memory(photo: Photo) -> Photo:
    pixels, reduction = photo.pixels, photo.reduction
    while pixels.shape[0] * pixels.shape[1] > MEMORY_PIXELS:
        width, height = size_of(pixels)
        pixels = as_pixels(cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA))
        reduction *= 2
    return replace(photo, pixels=pixels, reduction=reduction)
