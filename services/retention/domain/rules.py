"""Retention rules: data, and what makes them well-formed."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)S)?)?")
TEXTS = ("zh", "en")


class RuleMalformed(ValueError):
    """A rule that says too little, or says it wrongly."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How long one category is kept. ``period`` is None for what is kept until something happens (see ``keep``)."""

    category: str
    names: dict[str, str]
    keep: str
    counted_from: dict[str, str]
    why: dict[str, str]
    by: str
    setting: str | None = None

    @property
    def period(self) -> timedelta | None:
        """The duration; years count 365 days, months 30."""
        return duration(self.keep)


def duration(text: str) -> timedelta | None:
    """An ISO 8601 duration, or None for a sentence that begins with ``until``."""
    if text.startswith("until "):
        return None
    found = DURATION.fullmatch(text)
    if found is None or text in ("P", "PT"):
        raise RuleMalformed(f"{text!r} is neither a duration nor 'until ...'")
    years, months, days, hours, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=365 * years + 30 * months + days, hours=hours, seconds=seconds)


def parse_rules(text: str) -> tuple[Rule, ...]:
    """The rules in a TOML text; raises :class:`RuleMalformed` for a gap, a doublet or an unknown key."""
    rules = tuple(_rule(entry) for entry in tomllib.loads(text)["rule"])
    categories = [rule.category for rule in rules]
    if len(set(categories)) != len(categories):
        raise RuleMalformed("two rules for one category")
    return rules


def _rule(entry: dict[str, Any]) -> Rule:
    known = {"category", "zh", "en", "keep", "from", "why", "by", "setting"}
    if set(entry) - known or not known - {"setting"} <= set(entry):
        raise RuleMalformed(f"{entry.get('category')}: {sorted(set(entry) ^ known)}")
    for pair in (entry["from"], entry["why"]):
        if set(pair) != set(TEXTS) or not all(pair.values()):
            raise RuleMalformed(f"{entry['category']}: both languages")
    rule = Rule(
        category=entry["category"],
        names={language: entry[language] for language in TEXTS},
        keep=entry["keep"],
        counted_from=entry["from"],
        why=entry["why"],
        by=entry["by"],
        setting=entry.get("setting"),
    )
    duration(rule.keep)
    return rule


def shown_period(keep: str, language: str) -> str:
    """A period as a person reads it."""
    if keep.startswith("until "):
        return (
            keep
            if language == "en"
            else {
                "until the account is erased": "直到注销",
                "until the service ends": "服务存续期间",
            }.get(keep, "直到处理完毕")
        )
    found = DURATION.fullmatch(keep)
    assert found is not None
    units = {"zh": ("年", "个月", "天", "小时", "秒"), "en": ("years", "months", "days", "hours", "seconds")}[language]
    parts = [(int(number), unit) for number, unit in zip(found.groups(), units, strict=True) if number]
    if all(number == 0 for number, _ in parts):
        return "at once" if language == "en" else "立即"
    gap = " " if language == "en" else ""
    return " ".join(f"{number}{gap}{unit}" for number, unit in parts if number)
