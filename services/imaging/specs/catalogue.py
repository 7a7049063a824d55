"""Loads the catalogue lazily, once, and searches it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from services.imaging.specs import finding
from services.imaging.specs.model import HEX, Spec, SpecError, parse_spec
from shared.kernel.errors import Code, PocketError

FOLDER = Path(__file__).parent
SPEC_FILES = ("general.toml", "license.toml", "social.toml", "passport.toml", "visa.toml", "exam.toml")
"""One file a category, which names its category once, at the top."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper for sheets, upright, in millimetres."""

    id: str
    zh: str
    en: str
    mm: tuple[float, float]
    source: str = "the client"
    confidence: str = "low"


@dataclass(frozen=True, slots=True)
class Colour:
    """A background colour with a name. ``status`` is official, convention or app: who says that it is this hex."""

    id: str
    zh: str
    hex: str
    status: str
    usage: str
    source: str
    confidence: str
    also: tuple[str, ...] = ()


@cache
def specs() -> dict[str, Spec]:
    """Every spec by its id, in the catalogue's order. Raises SpecError when a data file is wrong."""
    found: dict[str, Spec] = {}
    for file in SPEC_FILES:
        category = _read(file)["category"]
        for entry in _read(file)["spec"]:
            spec = parse_spec({"category": category, **entry})
            if spec.id in found:
                raise SpecError(f"spec {spec.id} is listed twice")
            found[spec.id] = spec
    check_aliases(found)
    return found


def check_aliases(found: dict[str, Spec]) -> None:
    """Every spec with another's size and rules says so, and only those do. Raises SpecError."""
    first: dict[tuple[Any, ...], str] = {}
    for spec in found.values():
        if spec.alias_of is None and first.setdefault(spec.rules, spec.id) != spec.id:
            raise SpecError(f"spec {spec.id}: has the rules of {first[spec.rules]}, and no alias_of")
    for spec in found.values():
        if spec.alias_of is not None and first.get(spec.rules) != spec.alias_of:
            raise SpecError(f"spec {spec.id}: alias_of {spec.alias_of} has other rules, or is an alias too")


def spec_of(spec_id: str) -> Spec:
    """The spec with this id. Raises PocketError unknown_spec."""
    found = specs().get(spec_id)
    if found is None:
        raise PocketError(f"no spec {spec_id[:60]!r}", code=Code.UNKNOWN_SPEC)
    return found


def search(text: str = "", category: str | None = None) -> list[Spec]:
    """Specs that match every word of ``text``, best first: a piece of the id, of the Chinese or English name, pinyin
    (``yicun`` or the initials ``yc``), or a size (35x45, 413x579). No text: all, in the catalogue's order."""
    words = finding.words_of(text)
    chosen = [spec for spec in specs().values() if category in (None, spec.category)]
    ranked = [(max(finding.rank(spec, word) for word in words) if words else 0, spec) for spec in chosen]
    return [spec for rank, spec in sorted(ranked, key=lambda pair: pair[0]) if rank <= finding.ANYWHERE]


@cache
def papers() -> dict[str, Paper]:
    """Every paper, by its id and by each of its other names."""
    found: dict[str, Paper] = {}
    for entry in _read("papers.toml")["paper"]:
        width, height = entry["mm"]
        paper = Paper(entry["id"], entry["zh"], entry["en"], (width, height), entry["source"], entry["confidence"])
        found |= dict.fromkeys((paper.id, *entry.get("also", ())), paper)
    return found


@cache
def named_colours() -> tuple[Colour, ...]:
    """Every background colour with a name, its sources kept. Raises SpecError when the data file is wrong."""
    found = []
    for entry in _read("colours.toml")["colour"]:
        colour = Colour(**{**entry, "also": tuple(entry.get("also", ()))})
        if not HEX.fullmatch(colour.hex) or colour.status not in ("official", "convention", "app") or not colour.source:
            raise SpecError(f"colour {colour.id}: hex, status or source")
        found.append(colour)
    return tuple(found)


@cache
def colours() -> dict[str, str]:
    """Hex by colour name: English, Chinese, and other names of the same colour."""
    return {name: colour.hex for colour in named_colours() for name in (colour.id, colour.zh, *colour.also)}


@cache
def _read(file: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / file).read_text(encoding="utf-8"))
