"""What a client may ask of a render, checked before anything is drawn."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from services.imaging.pipeline import sheet_order, sizes
from services.imaging.pipeline.sheet_order import SheetOrder
from services.imaging.specs import catalogue
from services.imaging.specs.model import HEX, Band, Spec
from shared.kernel.errors import BadRequest, Code, PocketError

KNOWN = {
    "spec",
    "width_mm",
    "height_mm",
    "width_px",
    "height_px",
    "background",
    "beautify",
    "sheet",
    "format",
    "max_kb",
    "dpi",
}
FORMATS = {"jpeg": "jpeg", "jpg": "jpeg", "png": "png", "pdf": "pdf"}
SIDE_PX = (32, 4000)
SIDE_MM = (5.0, 300.0)
DPI = (72, 1200)
MAX_KB = (4, 20000)
GRADIENT = re.compile(r"(vertical|radial):([^:]+):([^:]+)")


@dataclass(frozen=True, slots=True)
class Background:
    """What stands behind the person: ``colour`` (one hex), ``vertical`` or ``radial`` (two), ``original``, ``transparent``."""

    kind: str
    colours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Beautify:
    """Opt-in retouching, each 0..100; all zero means the face is not touched."""

    brightness: int = 0
    contrast: int = 0
    whitening: int = 0
    smoothing: int = 0
    sharpening: int = 0

    @property
    def wanted(self) -> bool:
        """True when anything at all was asked for."""
        return any((self.brightness, self.contrast, self.whitening, self.smoothing, self.sharpening))


@dataclass(frozen=True, slots=True)
class RenderOrder:
    """One checked order: the spec (or a custom size as one), and how to make it."""

    spec: Spec
    background: Background
    format: str = "jpeg"
    dpi: int = 300
    kb: Band | None = None
    beautify: Beautify = field(default_factory=Beautify)
    sheet: SheetOrder | None = None

    @classmethod
    def parse(cls, body: dict[str, Any]) -> RenderOrder:
        """The API's body as an order. Raises PocketError: bad_request, unknown_spec, retouch_forbidden."""
        unknown = body.keys() - KNOWN
        if unknown:
            raise BadRequest(f"unknown fields {sorted(unknown)}", public_extra={"fields": sorted(unknown)})
        spec = _spec(body)
        if not sizes.is_drawable(spec.px):
            raise _bad("spec", f"{spec.px[0]}x{spec.px[1]} pixels are too many for one photo")
        background = parse_background(body.get("background") or spec.backgrounds[0])
        kind = _format(body, spec, background)
        sheet = _sheet(body.get("sheet"), spec, background)
        if kind == "pdf" and sheet is None:
            raise _bad("format", "a pdf is a sheet's page: choose a sheet")
        beautify = _beautify(body.get("beautify"), (spec,) if sheet is None else sheet.specs)
        return cls(spec, background, kind, spec.dpi, _window(body, spec), beautify, sheet)


def parse_background(wanted: object) -> Background:
    """A background from a name, a hex, ``original``, ``transparent``, ``vertical:HEX:HEX`` or {gradient, from, to}."""
    if isinstance(wanted, dict):
        if wanted.keys() != {"gradient", "from", "to"} or wanted["gradient"] not in ("vertical", "radial"):
            raise _bad("background", "a gradient needs gradient (vertical or radial), from and to")
        return Background(wanted["gradient"], (_colour(wanted["from"]), _colour(wanted["to"])))
    if wanted in ("original", "transparent"):
        return Background(str(wanted))
    gradient = GRADIENT.fullmatch(wanted) if isinstance(wanted, str) else None
    if gradient:
        return Background(gradient[1], (_colour(gradient[2]), _colour(gradient[3])))
    return Background("colour", (_colour(wanted),))


def _bad(name: str, why: str) -> BadRequest:
    return BadRequest(f"{name}: {why}", public_extra={"field": name, "reason": why})


def _colour(wanted: object) -> str:
    if isinstance(wanted, str):
        named = catalogue.colours().get(wanted)
        value = (named or wanted).upper()
        if HEX.fullmatch(value):
            return value
        if HEX.fullmatch(f"#{value}"):
            return f"#{value}"
    raise _bad(
        "background", "a colour is #RRGGBB or one of " + ", ".join(named.id for named in catalogue.named_colours())
    )


def _spec(body: dict[str, Any]) -> Spec:
    sized = {name for name in ("width_mm", "height_mm", "width_px", "height_px") if body.get(name) is not None}
    name = body.get("spec")
    if (name is None) == (not sized):
        raise _bad("spec", "give either spec or a custom size")
    dpi = None if body.get("dpi") is None else round(_number(body, "dpi", *DPI))
    if name is None:
        return _custom(body, sized, dpi or 300)
    if not isinstance(name, str):
        raise _bad("spec", "must be a string")
    spec = catalogue.spec_of(name)
    return spec if dpi in (None, spec.dpi) else _at_dpi(spec, int(dpi or spec.dpi))


def _at_dpi(spec: Spec, dpi: int) -> Spec:
    """The same millimetres at another resolution; an authority's fixed pixels stay as they are."""
    if spec.px_rule != "suggested" or spec.mm is None:
        return replace(spec, dpi=dpi)
    return replace(spec, dpi=dpi, px=(_pixels(spec.mm[0], dpi), _pixels(spec.mm[1], dpi)))


def _custom(body: dict[str, Any], sized: set[str], dpi: int) -> Spec:
    mm: tuple[float, float] | None = None
    if sized == {"width_mm", "height_mm"}:
        mm = (_number(body, "width_mm", *SIDE_MM), _number(body, "height_mm", *SIDE_MM))
        px = (_pixels(mm[0], dpi), _pixels(mm[1], dpi))
    elif sized == {"width_px", "height_px"}:
        px = (round(_number(body, "width_px", *SIDE_PX)), round(_number(body, "height_px", *SIDE_PX)))
    else:
        raise _bad("spec", "a custom size is width_mm and height_mm, or width_px and height_px")
    if not all(SIDE_PX[0] <= side <= SIDE_PX[1] for side in px) or not 0.4 <= px[0] / px[1] <= 2.5:
        raise _bad("spec", f"{px[0]}x{px[1]} pixels cannot be made")
    return Spec("custom", "自定义", "Custom", "custom", mm, px, dpi, "custom", ("#FFFFFF",), "low", "the client")


def _pixels(mm: float, dpi: int) -> int:
    return max(1, round(mm / 25.4 * dpi))


def _number(body: dict[str, Any], name: str, low: float, high: float) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(name, "must be a number")
    if not low <= value <= high:
        raise _bad(name, f"must lie between {low:g} and {high:g}")
    return float(value)


def _format(body: dict[str, Any], spec: Spec, background: Background) -> str:
    asked = body.get("format")
    clear = background.kind == "transparent"
    chosen = FORMATS.get(str(asked).lower()) if asked is not None else ("png" if clear else spec.format or "jpeg")
    if chosen is None:
        raise _bad("format", "must be jpeg, png or pdf")
    if clear and chosen != "png":
        raise _bad("format", "a transparent background needs png")
    return chosen


def _window(body: dict[str, Any], spec: Spec) -> Band | None:
    if body.get("max_kb") is None:
        return spec.kb
    most = _number(body, "max_kb", *MAX_KB)
    least = spec.kb.low if spec.kb is not None and spec.kb.low is not None and spec.kb.low < most else None
    return Band(least, most)


def _beautify(wanted: object, specs: tuple[Spec, ...]) -> Beautify:
    if wanted is None:
        return Beautify()
    names = set(Beautify.__dataclass_fields__)
    if not isinstance(wanted, dict) or not wanted.keys() <= names:
        raise _bad("beautify", "takes " + ", ".join(sorted(names)))
    beautify = Beautify(**{name: round(_number(wanted, name, 0, 100)) for name in wanted})
    for spec in specs:
        if beautify.wanted and spec.retouching == "forbidden":
            raise PocketError(f"spec {spec.id} forbids retouching", code=Code.RETOUCH_FORBIDDEN)
    return beautify


def _sheet(wanted: object, spec: Spec, background: Background) -> SheetOrder | None:
    if wanted is None:
        return None
    if background.kind == "transparent":
        raise _bad("sheet", "a sheet is printed: choose a background that is not transparent")
    return sheet_order.parse_sheet(wanted, spec)
