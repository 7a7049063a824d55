"""Loads the catalogue lazily, once, and searches it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from services.imaging.specs.model import Spec, SpecError, parse_spec
from shared.kernel.errors import Code, PocketError

FOLDER = Path(__file__).parent
SPEC_FILES = ("core.toml",)
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*[x×*]\s*(\d+(?:\.\d+)?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper for sheets, upright, in millimetres."""

    id: str
    zh: str
    en: str
    mm: tuple[float, float]


@cache
def specs() -> dict[str, Spec]:
    """Every spec by its id, in the catalogue's order. Raises SpecError when a data file is wrong."""
    found: dict[str, Spec] = {}
    for file in SPEC_FILES:
        for entry in _read(file)["spec"]:
            spec = parse_spec(entry)
            if spec.id in found:
                raise SpecError(f"spec {spec.id} is listed twice")
            found[spec.id] = spec
    return found


def spec_of(spec_id: str) -> Spec:
    """The spec with this id. Raises PocketError unknown_spec."""
    found = specs().get(spec_id)
    if found is None:
        raise PocketError(f"no spec {spec_id[:60]!r}", code=Code.UNKNOWN_SPEC)
    return found


def search(text: str = "", category: str | None = None) -> list[Spec]:
    """Specs that match every word of ``text``: a piece of the id, the Chinese or English name, or a size (35x45, 413x579)."""
    words = text.lower().split()
    chosen = [spec for spec in specs().values() if category in (None, spec.category)]
    return [spec for spec in chosen if all(_matches(spec, word) for word in words)]


@cache
def papers() -> dict[str, Paper]:
    """Every paper, by its id and by each of its other names."""
    found: dict[str, Paper] = {}
    for entry in _read("papers.toml")["paper"]:
        width, height = entry["mm"]
        paper = Paper(entry["id"], entry["zh"], entry["en"], (width, height))
        found |= dict.fromkeys((paper.id, *entry.get("also", ())), paper)
    return found


@cache
def colours() -> dict[str, str]:
    """Hex by colour name, English and Chinese."""
    entries = _read("colours.toml")["colour"]
    return {name: str(entry["hex"]) for entry in entries for name in (entry["id"], entry["zh"])}


def _matches(spec: Spec, word: str) -> bool:
    size = SIZE.fullmatch(word)
    if size:
        wanted = float(size[1]), float(size[2])
        return wanted in {spec.px, spec.mm}
    return word in f"{spec.id} {spec.zh} {spec.en} {spec.category}".lower()


@cache
def _read(file: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / file).read_text(encoding="utf-8"))
