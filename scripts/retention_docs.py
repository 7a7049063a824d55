"""The table of retention rules, for the docs and, in both languages, inside the privacy policy."""

from __future__ import annotations

from pathlib import Path

from scripts.message_docs import table
from services.retention.adapters.rule_file import rules
from services.retention.domain.rules import shown_period

HEADINGS = {"zh": "### 保存期限一览", "en": "### How long each thing is kept"}
"""Below this heading, up to the next one, the policy's text is generated."""
COLUMNS = {"zh": ("内容", "保存多久", "从何时起算", "为什么"), "en": ("what", "how long", "counted from", "why")}


def retention_page(made: str) -> str:
    """``docs/retention.md``."""
    head = (
        "# What is kept, and for how long\n\nThe rules are data: `services/retention/rules.toml`. Changing one is a"
        " reviewed change of that file. A test holds the settings' defaults to the rules.\n\n"
    )
    rows = [
        (
            f"`{rule.category}`",
            rule.names["en"],
            shown_period(rule.keep, "en"),
            rule.counted_from["en"],
            rule.why["en"],
            rule.by,
            f"`{rule.setting}`" if rule.setting else "",
        )
        for rule in rules()
    ]
    return made + head + table(("category", "what", "how long", "counted from", "why", "who deletes", "setting"), rows)


def policy_with_rules(file: Path) -> str:
    """A privacy policy's text with its table of periods made anew."""
    language = file.name.removesuffix(".md").rsplit(".", 1)[1]
    return below_heading(file.read_text("utf-8"), HEADINGS[language], policy_table(language))


def below_heading(text: str, heading: str, made: str) -> str:
    """A document whose text below a heading, up to the next one, is ``made``; raises ``ValueError`` without that heading."""
    before, found, rest = text.partition(heading + "\n")
    if not found:
        raise ValueError(f"no heading {heading}")
    following = rest.find("\n#")
    after = rest[following:] if following >= 0 else ""
    return before + found + "\n" + made + after


def policy_table(language: str) -> str:
    """The rules as people read them in the policy."""
    rows = [
        (rule.names[language], shown_period(rule.keep, language), rule.counted_from[language], rule.why[language])
        for rule in rules()
    ]
    return table(COLUMNS[language], rows)
