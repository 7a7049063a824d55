"""Retention rules are data: well-formed, true of the settings, and what the policy says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from services.auth.domain.identities import NONCE_LIFE, REVOCATION_LIFE
from services.payments.domain.orders import KEEP_PAID, KEEP_UNPAID
from services.retention.adapters.rule_file import rules
from services.retention.domain.rules import RuleMalformed, duration, parse_rules, shown_period
from shared.kernel.settings import ALL_SETTINGS

RULES = {rule.category: rule for rule in rules()}
ONE = """
[[rule]]
category = "a"
zh = "甲"
en = "a"
keep = "P1D"
from = { zh = "一", en = "one" }
why = { zh = "因", en = "why" }
by = "somebody"
"""


def test_every_setting_that_carries_out_a_rule_has_the_rules_period() -> None:
    """A default that was changed without the rule (and so the policy) is a broken promise."""
    fields = {f"POCKETID_{name.upper()}": field for kind in ALL_SETTINGS for name, field in kind.model_fields.items()}
    carried = [rule for rule in RULES.values() if rule.setting]
    assert len(carried) >= 4
    for rule in carried:
        assert rule.setting in fields, rule.category
        assert rule.period == timedelta(days=fields[rule.setting].default), rule.category


@pytest.mark.parametrize(
    ("category", "period", "spare"),
    [
        ("orders", KEEP_PAID, timedelta(days=1)),
        ("unpaid_orders", KEEP_UNPAID, timedelta()),
        ("login_attempts", NONCE_LIFE, timedelta()),
        ("provider_tokens", REVOCATION_LIFE, timedelta()),
    ],
)
def test_periods_that_stand_in_the_code_are_the_rules(category: str, period: timedelta, spare: timedelta) -> None:
    """Not shorter than the law's floor, not longer than we said (a leap day may be spared)."""
    promised = RULES[category].period
    assert promised is not None
    assert promised <= period <= promised + spare


def test_everything_that_holds_a_person_has_a_rule() -> None:
    """The categories that the design names."""
    assert set(RULES) >= {
        "guest_stash", "originals", "photos", "sessions", "orders", "consents", "feedback", "exports", "certificates",
        "dead_letters", "logs", "disclosures", "fences",
    }  # fmt: skip


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_privacy_policy_says_every_rule(language: str) -> None:
    """The table in the policy is made from the rules, in both languages."""
    folder = Path(__file__).resolve().parents[3] / "services" / "auth" / "policies" / "privacy"
    text = max(folder.glob(f"*.{language}.md")).read_text("utf-8")
    for rule in RULES.values():
        assert f"| {rule.names[language]} | {shown_period(rule.keep, language)} |" in text, rule.category


@pytest.mark.parametrize(
    "broken",
    [
        ONE + ONE,
        ONE.replace('keep = "P1D"', 'keep = "one day"'),
        ONE.replace('keep = "P1D"', 'keep = "P"'),
        ONE.replace('by = "somebody"\n', ""),
        ONE.replace('zh = "因", ', ""),
        ONE + 'colour = "red"\n',
    ],
    ids=["twice", "no duration", "empty duration", "nobody deletes", "one language", "unknown key"],
)
def test_a_rule_that_says_too_little_is_refused(broken: str) -> None:
    """The file is read when a process starts and in every test run."""
    with pytest.raises(RuleMalformed):
        parse_rules(broken)


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("P30D", "30天", "30 days"),
        ("PT24H", "24小时", "24 hours"),
        ("P3Y", "3年", "3 years"),
        ("PT0S", "立即", "at once"),
    ],
)
def test_periods_are_shown_as_people_say_them(text: str, zh: str, en: str) -> None:
    """Not as ISO 8601."""
    assert shown_period(text, "zh") == zh
    assert shown_period(text, "en") == en
    assert duration(text) is not None
