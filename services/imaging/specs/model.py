"""What a spec is: an authority's rules for one photo, as typed, checked values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

HEX = re.compile(r"#[0-9A-F]{6}")
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
CATEGORIES = ("general", "license", "social", "passport", "visa", "exam", "custom")
PX_RULES = ("exact", "minimum", "range", "suggested", "custom")
BANDS = ("head_height", "head_width", "eye_line", "top_margin", "chin_margin", "eye_distance")
ALONG_WIDTH = ("head_width", "eye_distance")
"""Bands that are parts of the image's width; the others are parts of its height."""
WORDS = {
    "head_top": (None, "hair", "crown"),
    "format": (None, "jpeg", "png"),
    "frame": ("usual", "wide"),
    "retouching": ("allowed", "forbidden"),
    "background_edit": ("allowed", "warned", "forbidden"),
    "upscaling": ("allowed", "forbidden"),
}
ANGLES = ("yaw", "pitch", "roll")
USUAL_DPI = 300
ABOUT = 0.01
"""A proportion that a text gives without a tolerance ("head 7/10") is held this closely."""
RULES = (
    *(
        "mm",
        "px",
        "dpi",
        "px_rule",
        "px_min",
        "px_max",
        "backgrounds",
        "head_top",
        *BANDS,
        "kb",
        "quality_min",
        "format",
    ),
    *("pose", "wins", "people", "frame", "retouching", "background_edit", "upscaling"),
)
"""What makes two specs the same photo; names, notes, sources and confidence do not."""
SHOWN = (
    *("id", "category", "alias_of", "dpi", "px_rule", "confidence", "source", "notes", "head_top", "wins"),
    *("quality_min", "format", "people", "frame", "retouching", "background_edit", "upscaling"),
)
BEFORE = {
    "background_edit_forbidden": (
        "办理机构明确拒收更换过背景的照片：请在纯色墙前拍摄，并选择保留原背景",
        "The authority refuses photos whose background was replaced: stand before a plain wall and keep the original",
    ),
    "background_edit": (
        "有的办理机构不接受更换过背景的照片",
        "Some offices refuse photos whose background was replaced",
    ),
    "retouching": (
        "此规格不接受修饰过的照片，美颜已关闭",
        "The authority refuses retouched photos: retouching is off for this spec",
    ),
    "people": ("此规格是双人合影，请两人一起拍摄", "This is a photo of two people, taken together"),
}
"""What to say before a photo of a spec is made, in Chinese and English."""


class SpecError(ValueError):
    """A catalogue file holds something that cannot be right; the message says where."""


@dataclass(frozen=True, slots=True)
class Band:
    """A published range; one side may be open. ``about`` is the proportion it was made around, if it was."""

    low: float | None
    high: float | None
    about: float | None = None

    def holds(self, value: float, tolerance: float = 0.0) -> bool:
        """True when the value lies inside, give or take ``tolerance``."""
        above = self.low is None or value >= self.low - tolerance
        return above and (self.high is None or value <= self.high + tolerance)

    def to_dict(self) -> dict[str, float]:
        """The sides that exist, as ``min`` and ``max``, and what it is ``about``."""
        sides = {"about": self.about, "min": self.low, "max": self.high}
        return {name: side for name, side in sides.items() if side is not None}


@dataclass(frozen=True, slots=True)
class Spec:
    """One photo's rules. Sizes are (width, height); bands are ratios of the image's height (widths: of its width).

    ``derived`` names the bands that were computed from millimetres or pixels in the source. ``wins`` is the band that the
    authority puts first where not all can hold: hair may then be cropped for it. ``pose`` holds the largest angles in
    degrees. ``frame`` is "wide" where the authority crops by itself and wants shoulders and space around the head.
    """

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
    also: tuple[str, ...] = ()
    pinyin: str = ""
    alias_of: str | None = None
    derived: tuple[str, ...] = ()
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
    pose: tuple[tuple[str, float], ...] = ()
    wins: str | None = None
    people: int = 1
    frame: Literal["usual", "wide"] = "usual"
    retouching: Literal["allowed", "forbidden"] = "allowed"
    background_edit: Literal["allowed", "warned", "forbidden"] = "allowed"
    upscaling: Literal["allowed", "forbidden"] = "allowed"

    @property
    def print_mm(self) -> tuple[float, float]:
        """Millimetres on paper: the authority's, or what the pixels come to at the spec's DPI."""
        return self.mm or (self.px[0] / self.dpi * 25.4, self.px[1] / self.dpi * 25.4)

    @property
    def rules(self) -> tuple[Any, ...]:
        """Everything that decides what the photo looks like: equal for a spec and its aliases."""
        return tuple(getattr(self, name) for name in RULES)

    def pixels(self, band: str) -> dict[str, float]:
        """A band's sides in whole pixels of this spec's size, as authorities publish them."""
        sides = getattr(self, band)
        length = self.px[0 if band in ALONG_WIDTH else 1]
        shown = {} if sides is None else sides.to_dict()
        return {name: round(side * length) for name, side in shown.items()}

    def to_dict(self) -> dict[str, Any]:
        """The spec as the API and ``pocketid specs --json`` show it; rules that do not exist are left out."""
        shown: dict[str, Any] = {name: getattr(self, name) for name in SHOWN}
        shown |= {"name": {"zh": self.zh, "en": self.en}, "backgrounds": list(self.backgrounds)}
        shown |= {"also": list(self.also), "derived": list(self.derived), "pose": dict(self.pose)}
        shown |= {"width_px": self.px[0], "height_px": self.px[1]}
        if self.mm is not None:
            shown |= {"width_mm": self.mm[0], "height_mm": self.mm[1]}
        for name in ("px_min", "px_max"):
            size = getattr(self, name)
            shown |= {name: None if size is None else {"width": size[0], "height": size[1]}}
        bands = {name: getattr(self, name) for name in (*BANDS, "kb")}
        shown |= {name: band.to_dict() for name, band in bands.items() if band is not None}
        shown["warnings"] = before_rendering(self)
        return {name: value for name, value in shown.items() if value not in (None, "", {}, [])}


def before_rendering(spec: Spec) -> list[dict[str, str]]:
    """What a person should know before a photo is made, ``id``, ``zh`` and ``en``: where an authority refuses editing."""
    names = ["background_edit_forbidden"] if spec.background_edit == "forbidden" else []
    names += ["background_edit"] if spec.background_edit == "warned" else []
    names += ["retouching"] if spec.retouching == "forbidden" else []
    names += ["people"] if spec.people != 1 else []
    return [{"id": name, "zh": BEFORE[name][0], "en": BEFORE[name][1]} for name in names]


def parse_spec(entry: dict[str, Any]) -> Spec:
    """A catalogue entry as a Spec. Raises SpecError with the entry's id and the field that is wrong."""
    name = str(entry.get("id", "?"))
    try:
        fields = dict(entry)
        for size in ("mm", "px", "px_min", "px_max"):
            if size in fields:
                fields[size] = _pair(fields[size])
        fields.setdefault("mm", None)
        fields.setdefault("dpi", _dpi_of(fields["mm"], fields["px"]))
        for names in ("backgrounds", "also", "derived"):
            fields[names] = tuple(fields.get(names, ()))
        fields["pose"] = tuple(fields.get("pose", {}).items())
        for band in (*BANDS, "kb"):
            if band in fields:
                fields[band] = _band(fields[band])
        spec = Spec(**fields)
    except (TypeError, KeyError, ValueError) as error:
        raise SpecError(f"spec {name}: {error}") from error
    wrong = _mistakes(spec)
    if wrong:
        raise SpecError(f"spec {spec.id}: {', '.join(wrong)}")
    return spec


def _dpi_of(mm: tuple[float, float] | None, px: tuple[int, int]) -> int:
    """Where no authority names a resolution: the one at which pixels and millimetres agree, or the usual one."""
    return USUAL_DPI if mm is None else round(px[1] / mm[1] * 25.4)


def _pair(values: list[float]) -> tuple[Any, Any]:
    width, height = values
    if width <= 0 or height <= 0:
        raise ValueError(f"size {values} is not positive")
    return width, height


def _band(sides: dict[str, float]) -> Band:
    if sides.keys() == {"about"}:
        about = sides["about"]
        return Band(round(about - ABOUT, 4), round(about + ABOUT, 4), about)
    low, high = sides.get("min"), sides.get("max")
    if not sides.keys() <= {"min", "max"} or (low is None and high is None):
        raise ValueError(f"band {sides} needs min, max or both, and nothing else")
    if low is not None and high is not None and low >= high:
        raise ValueError(f"band {sides} is empty")
    return Band(low, high)


def _mistakes(spec: Spec) -> list[str]:
    """What cannot be right about a spec, in words; empty when all is well."""
    ratios = [getattr(spec, name) for name in BANDS]
    sides = [side for band in ratios if band for side in (band.low, band.high) if side is not None]
    tests = {
        "id": ID.fullmatch(spec.id),
        "category": spec.category in CATEGORIES,
        "px_rule": spec.px_rule in PX_RULES,
        "px outside px_min and px_max": _between(spec.px_min, spec.px) and _between(spec.px, spec.px_max),
        "backgrounds": spec.backgrounds and all(HEX.fullmatch(colour) for colour in spec.backgrounds),
        "confidence or source": spec.confidence in ("high", "medium", "low") and spec.source,
        "px does not have the shape of mm": spec.px_rule not in ("exact", "suggested") or _same_shape(spec.mm, spec.px),
        "a ratio outside 0..1": all(0 < side < 1 for side in sides),
        "derived or wins names no band": {*spec.derived, spec.wins or "eye_line"} <= set(BANDS),
        "pose": all(name in ANGLES and 0 < limit < 90 for name, limit in spec.pose),
        "a word that is not on its list": all(getattr(spec, name) in words for name, words in WORDS.items()),
        "people": spec.people in (1, 2),
    }
    return [name for name, fine in tests.items() if not fine]


def _between(low: tuple[int, int] | None, high: tuple[int, int] | None) -> bool:
    return low is None or high is None or (low[0] <= high[0] and low[1] <= high[1])


def _same_shape(mm: tuple[float, float] | None, px: tuple[int, int]) -> bool:
    return mm is None or abs(mm[0] / mm[1] - px[0] / px[1]) <= 0.02
