"""What a spec is: an authority's rules for one photo, as typed, checked values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

HEX = re.compile(r"#[0-9A-F]{6}")
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
PX_RULES = ("exact", "minimum", "range", "suggested", "custom")
BANDS = ("head_height", "head_width", "eye_line", "top_margin", "chin_margin", "eye_distance")


class SpecError(ValueError):
    """A catalogue file holds something that cannot be right; the message says where."""


@dataclass(frozen=True, slots=True)
class Band:
    """A published range; one side may be open."""

    low: float | None
    high: float | None

    def holds(self, value: float, tolerance: float = 0.0) -> bool:
        """True when the value lies inside, give or take ``tolerance``."""
        above = self.low is None or value >= self.low - tolerance
        return above and (self.high is None or value <= self.high + tolerance)

    def to_dict(self) -> dict[str, float]:
        """The sides that exist, as ``min`` and ``max``."""
        sides = {"min": self.low, "max": self.high}
        return {name: side for name, side in sides.items() if side is not None}


@dataclass(frozen=True, slots=True)
class Spec:
    """One photo's rules. Sizes are (width, height); bands are ratios of the image's height (widths: of its width)."""

    id: str
    zh: str
    en: str
    category: str
    mm: tuple[float, float] | None
    px: tuple[int, int]
    dpi: int
    px_rule: str
    backgrounds: tuple[str, ...]
    confidence: str
    source: str
    notes: str = ""
    head_top: Literal["hair", "crown"] | None = None
    head_height: Band | None = None
    head_width: Band | None = None
    eye_line: Band | None = None
    top_margin: Band | None = None
    chin_margin: Band | None = None
    eye_distance: Band | None = None
    kb: Band | None = None
    quality_min: int | None = None
    format: str | None = None
    px_min: tuple[int, int] | None = None
    px_max: tuple[int, int] | None = None
    retouching: Literal["allowed", "forbidden"] = "allowed"
    background_edit: Literal["allowed", "warned", "forbidden"] = "allowed"

    @property
    def print_mm(self) -> tuple[float, float]:
        """Millimetres on paper: the authority's, or what the pixels come to at the spec's DPI."""
        return self.mm or (self.px[0] / self.dpi * 25.4, self.px[1] / self.dpi * 25.4)

    def to_dict(self) -> dict[str, Any]:
        """The spec as the API and ``pocketid specs --json`` show it; rules that do not exist are left out."""
        names = (
            "id",
            "category",
            "dpi",
            "px_rule",
            "confidence",
            "source",
            "notes",
            "head_top",
            "quality_min",
            "format",
        )
        shown: dict[str, Any] = {name: getattr(self, name) for name in (*names, "retouching", "background_edit")}
        shown |= {"name": {"zh": self.zh, "en": self.en}, "backgrounds": list(self.backgrounds)}
        shown |= {"width_px": self.px[0], "height_px": self.px[1]}
        if self.mm is not None:
            shown |= {"width_mm": self.mm[0], "height_mm": self.mm[1]}
        bands = {name: getattr(self, name) for name in (*BANDS, "kb")}
        shown |= {name: band.to_dict() for name, band in bands.items() if band is not None}
        return {name: value for name, value in shown.items() if value not in (None, "")}


def parse_spec(entry: dict[str, Any]) -> Spec:
    """A catalogue entry as a Spec. Raises SpecError with the entry's id and the field that is wrong."""
    name = str(entry.get("id", "?"))
    try:
        fields = dict(entry)
        for size in ("mm", "px", "px_min", "px_max"):
            if size in fields:
                fields[size] = _pair(fields[size])
        fields.setdefault("mm", None)
        fields["backgrounds"] = tuple(fields["backgrounds"])
        for band in (*BANDS, "kb"):
            if band in fields:
                fields[band] = _band(fields[band])
        spec = Spec(**fields)
    except (TypeError, KeyError, ValueError) as error:
        raise SpecError(f"spec {name}: {error}") from error
    _check(spec)
    return spec


def _pair(values: list[float]) -> tuple[Any, Any]:
    width, height = values
    if width <= 0 or height <= 0:
        raise ValueError(f"size {values} is not positive")
    return width, height


def _band(sides: dict[str, float]) -> Band:
    low, high = sides.get("min"), sides.get("max")
    if not sides.keys() <= {"min", "max"} or (low is None and high is None):
        raise ValueError(f"band {sides} needs min, max or both, and nothing else")
    if low is not None and high is not None and low >= high:
        raise ValueError(f"band {sides} is empty")
    return Band(low, high)


def _check(spec: Spec) -> None:
    wrong = []
    if not ID.fullmatch(spec.id):
        wrong.append("id")
    if spec.px_rule not in PX_RULES:
        wrong.append("px_rule")
    if not spec.backgrounds or not all(HEX.fullmatch(colour) for colour in spec.backgrounds):
        wrong.append("backgrounds")
    if spec.confidence not in ("high", "medium", "low") or not spec.source:
        wrong.append("confidence or source")
    if spec.mm is not None and spec.px_rule in ("exact", "suggested") and not _sizes_agree(spec.mm, spec.px):
        wrong.append("px does not have the shape of mm")
    ratios = [getattr(spec, name) for name in BANDS]
    if any(side is not None and not 0 < side < 1 for band in ratios if band for side in (band.low, band.high)):
        wrong.append("a ratio outside 0..1")
    if wrong:
        raise SpecError(f"spec {spec.id}: {', '.join(wrong)}")


def _sizes_agree(mm: tuple[float, float], px: tuple[int, int]) -> bool:
    return abs(mm[0] / mm[1] - px[0] / px[1]) <= 0.02
