"""The rules as they are shipped: ``rules.toml`` of this package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from services.retention.domain.rules import Rule, parse_rules


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, in the file's order."""
    return parse_rules(files("services.retention").joinpath("rules.toml").read_text("utf-8"))
