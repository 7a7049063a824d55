"""Pixels to a file: exact size, true resolution, no metadata, and inside the wanted window of kilobytes."""

from __future__ import annotations

import io
from dataclasses import dataclass

from services.imaging.pipeline import pdf
from services.imaging.pipeline.arrays import Pixels, size_of
from services.imaging.specs.model import Band
from shared.kernel.errors import Code, PocketError

LEAST, USUAL_QUALITY = 30, 93
SUBSAMPLINGS = ("4:4:4", "4:2:0")
MEDIA_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "pdf": "application/pdf"}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file's bytes, and for a JPEG the quality and chroma subsampling that were chosen."""

    content: bytes
    quality: int | None = None
    subsampling: str | None = None

    @property
    def kb(self) -> float:
        """Size in KiB, to two digits."""
        return round(len(self.content) / 1024, 2)


def encode_page(picture: Pixels, dpi: int, paper_mm: tuple[float, float]) -> Encoded:
    """A PDF page of exactly the paper's size with the picture (height x width x 3) all over it."""
    jpeg = _try(picture, dpi, USUAL_QUALITY, SUBSAMPLINGS[0])
    return Encoded(pdf.page(jpeg.content, size_of(picture), paper_mm), jpeg.quality, jpeg.subsampling)


def encode(picture: Pixels, kind: str, dpi: int, window: Band | None = None, quality_min: int | None = None) -> Encoded:
    """A ``jpeg`` or ``png`` file of the picture (height x width x 3, or x 4 for a PNG) with ``dpi`` in it.

    ``window`` is in kilobytes and is met for both readings of the word (1000 and 1024 bytes). ``quality_min`` is gone
    below only when the window cannot be met otherwise; Encoded says which quality it became. Raises PocketError
    kb_unreachable when no quality at all meets the window.
    """
    if kind == "png":
        encoded = Encoded(_png(picture, dpi))
        if window is not None and window.high is not None and len(encoded.content) > window.high * 1000:
            raise _unreachable(window, encoded)
        return encoded
    if window is None:
        return _try(picture, dpi, USUAL_QUALITY, SUBSAMPLINGS[0])
    return _search(picture, dpi, window, max(LEAST, min(quality_min or LEAST, USUAL_QUALITY - 1)))


def _search(picture: Pixels, dpi: int, window: Band, least: int) -> Encoded:
    """The usual quality if it fits, up to 100 if that is too small, else the best of what is small enough."""
    usual = _try(picture, dpi, USUAL_QUALITY, SUBSAMPLINGS[0])
    if _inside(usual, window):
        return usual
    if window.low is not None and len(usual.content) < window.low * 1024:
        attempts, extreme = [(SUBSAMPLINGS[0], (USUAL_QUALITY + 1, 100))], (100, SUBSAMPLINGS[0])
    else:
        attempts = [(subsampling, (least, USUAL_QUALITY - 1)) for subsampling in SUBSAMPLINGS]
        attempts.append((SUBSAMPLINGS[-1], (LEAST, least - 1)))
        extreme = LEAST, SUBSAMPLINGS[-1]
    for subsampling, qualities in attempts:
        found = _best_below(picture, dpi, window, subsampling, qualities)
        if found is not None and _inside(found, window):
            return found
    raise _unreachable(window, _try(picture, dpi, *extreme))


def _best_below(
    picture: Pixels, dpi: int, window: Band, subsampling: str, qualities: tuple[int, int]
) -> Encoded | None:
    """The highest of the qualities whose file is not too large: by halving, since size grows with quality."""
    low, high = qualities
    best: Encoded | None = None
    while low <= high:
        quality = (low + high + 1) // 2
        tried = _try(picture, dpi, quality, subsampling)
        if window.high is None or len(tried.content) <= window.high * 1000:
            best, low = tried, quality + 1
        else:
            high = quality - 1
    return best


def _try(picture: Pixels, dpi: int, quality: int, subsampling: str) -> Encoded:
    return Encoded(_jpeg(picture, dpi, quality, subsampling), quality, subsampling)


def _inside(encoded: Encoded, window: Band) -> bool:
    size = len(encoded.content)
    above = window.low is None or size >= window.low * 1024
    return above and (window.high is None or size <= window.high * 1000)


def _unreachable(window: Band, nearest: Encoded) -> PocketError:
    extra: dict[str, object] = {"window_kb": window.to_dict(), "nearest_kb": nearest.kb}
    return PocketError(f"no encoding within {window.to_dict()} KB", code=Code.KB_UNREACHABLE, public_extra=extra)


def _jpeg(picture: Pixels, dpi: int, quality: int, subsampling: str) -> bytes:
    from PIL import Image

    target = io.BytesIO()
    Image.fromarray(picture).save(
        target,
        "JPEG",
        quality=quality,
        subsampling=subsampling,
        dpi=(dpi, dpi),
        optimize=subsampling != SUBSAMPLINGS[0],
    )
    return target.getvalue()


def _png(picture: Pixels, dpi: int) -> bytes:
    from PIL import Image

    target = io.BytesIO()
    Image.fromarray(picture).save(target, "PNG", compress_level=6, dpi=(dpi, dpi))
    return target.getvalue()
