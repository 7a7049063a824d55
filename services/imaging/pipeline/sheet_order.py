"""What a client may ask of a sheet: a paper by name or size, gaps, marks, a resolution, and other specs beside the first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from services.imaging.pipeline import sizes
from services.imaging.pipeline.layout import GAP_MM, MARGIN_MM, Layout, Piece, lay_out
from services.imaging.pipeline.sheet import pixels, print_size
from services.imaging.specs import catalogue
from services.imaging.specs.catalogue import Paper
from services.imaging.specs.model import Spec
from shared.kernel.errors import BadRequest

KNOWN = {"paper", "width_mm", "height_mm", "gap_mm", "margin_mm", "marks", "dpi", "count", "also"}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*[x×*]\s*(\d+(?:\.\d+)?)\s*(?:mm)?", re.IGNORECASE)
PAPER_MM = (40.0, 600.0)
GAP = (0.0, 30.0)
MARGIN = (0.0, 50.0)
DPI = (72, 1200)
COUNT = (1, 500)
MOST_SPECS = 8
MOST_PIXELS = 40_000_000
"""A4 at 600 dpi, 4R at 1200: more would take a worker's memory for nothing that a printer can show."""


@dataclass(frozen=True, slots=True)
class SheetOrder:
    """A checked sheet: ``specs`` are the photos on it (the order's own first), laid out as ``layout`` says."""

    paper: Paper
    specs: tuple[Spec, ...]
    layout: Layout
    dpi: int
    marks: bool

    def to_dict(self) -> dict[str, Any]:
        """The sheet as the report shows it: its size, and how many photos of which spec lie on it."""
        photos = [{"spec": spec.id, "count": self.layout.count(index)} for index, spec in enumerate(self.specs)]
        width, height = self.layout.sheet
        return {"paper": self.paper.id, "width_mm": width, "height_mm": height, "dpi": self.dpi, "photos": photos}


def parse_sheet(wanted: object, spec: Spec) -> SheetOrder:
    """A sheet from a paper's name, ``100x150`` or an object. Raises PocketError: bad_request, unknown_spec."""
    asked = wanted if isinstance(wanted, dict) else {"paper": wanted}
    if not asked.keys() <= KNOWN:
        raise bad(f"knows no {sorted(map(str, asked.keys() - KNOWN))}")
    paper, dpi = _paper(asked), round(_number(asked, "dpi", DPI, spec.dpi))
    marks = asked.get("marks", True)
    if not isinstance(marks, bool):
        raise bad("marks must be true or false")
    if pixels(paper.mm[0], dpi) * pixels(paper.mm[1], dpi) > MOST_PIXELS:
        raise bad(f"{paper.id} at {dpi} dpi has more than {MOST_PIXELS // 1_000_000} million pixels")
    beside = _beside(asked.get("also", []))
    specs = (spec, *(other for other, _ in beside))
    for one in specs:
        if not sizes.is_drawable(print_size(one.print_mm, dpi)):
            raise bad(f"a photo of {one.id} at {dpi} dpi has too many pixels")
    pieces = [Piece(spec.print_mm, _count(asked)), *(Piece(other.print_mm, count) for other, count in beside)]
    layout = lay_out(
        pieces, paper.mm, _number(asked, "gap_mm", GAP, GAP_MM), _number(asked, "margin_mm", MARGIN, MARGIN_MM)
    )
    for index, piece in enumerate(pieces):
        if layout.count(index) < (piece.count or 1):
            raise bad(f"{piece.count or 1} of {specs[index].id} do not fit on {paper.id}, {layout.count(index)} do")
    return SheetOrder(paper, specs, layout, dpi, marks)


def bad(why: str) -> BadRequest:
    """A refusal of the field ``sheet``."""
    return BadRequest(f"sheet: {why}", public_extra={"field": "sheet", "reason": why})


def _paper(asked: dict[str, Any]) -> Paper:
    name, sized = asked.get("paper"), {"width_mm", "height_mm"} & asked.keys()
    if sized and name is None:
        if len(sized) == 1:
            raise bad("a size needs width_mm and height_mm")
        return _custom(_number(asked, "width_mm", PAPER_MM), _number(asked, "height_mm", PAPER_MM))
    if isinstance(name, str) and not sized:
        size = SIZE.fullmatch(name.strip())
        if size:
            return _custom(*(_number({"side": float(side)}, "side", PAPER_MM) for side in size.groups()))
        paper = catalogue.papers().get(name.lower())
        if paper is not None:
            return paper
    raise bad("a paper is WIDTHxHEIGHT in millimetres or one of " + ", ".join(catalogue.papers()))


def _custom(width: float, height: float) -> Paper:
    return Paper(f"{width:g}x{height:g}", "自定义", "Custom", (width, height))


def _beside(wanted: object) -> list[tuple[Spec, int | None]]:
    """Other specs on the same sheet, each with its count or None."""
    if not isinstance(wanted, list) or len(wanted) >= MOST_SPECS:
        raise bad(f"also is a list of fewer than {MOST_SPECS} specs")
    found = []
    for entry in wanted:
        asked = entry if isinstance(entry, dict) else {"spec": entry}
        if not asked.keys() <= {"spec", "count"} or not isinstance(asked.get("spec"), str):
            raise bad("also takes spec and count")
        found.append((catalogue.spec_of(asked["spec"]), _count(asked)))
    return found


def _count(asked: dict[str, Any]) -> int | None:
    if asked.get("count") is None:
        return None
    count = _number(asked, "count", COUNT)
    if count != int(count):
        raise bad("count must be a whole number")
    return int(count)


def _number(asked: dict[str, Any], name: str, limits: tuple[float, float], otherwise: float | None = None) -> float:
    value = asked.get(name, otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad(f"{name} must be a number")
    if not limits[0] <= value <= limits[1]:
        raise bad(f"{name} must lie between {limits[0]:g} and {limits[1]:g}")
    return float(value)
