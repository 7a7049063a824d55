"""The tables of third parties inside the SDK list, in both languages, made from ``services/auth/policies/sdk-list.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from scripts.message_docs import table
from scripts.retention_docs import below_heading
from services.auth.providers.advice import ADVICE

LANGUAGES = ("zh", "en")
TEXTS = frozenset({"name", "sdk", "company", "purpose", "information", "sent", "kept", "withdrawal"})
SDKS = {"zh": "### SDK 一览", "en": "### The SDKs"}
EXCHANGED = {"zh": "### 服务器与第三方的往来", "en": "### What our servers exchange with third parties"}
"""Below these headings, up to the next one, the list's text is generated."""
SDK_COLUMNS = {
    "zh": ("SDK", "提供方", "目的", "应用与它交换的信息", "何时启用", "是否出境", "对方的隐私规则"),
    "en": ("SDK", "provider", "purpose", "what passes between app and SDK", "started", "leaves China", "its privacy rules"),
}  # fmt: skip
EXCHANGE_COLUMNS = {
    "zh": ("第三方", "目的", "我们的服务器发送什么", "我们保存什么", "解除或注销时怎样撤回授权"),
    "en": ("third party", "purpose", "what our servers send", "what we keep", "how the grant ends when a login is unlinked or the account deleted"),
}  # fmt: skip
AFTER = {
    "choosing_this_login": {"zh": "您选择这种登录之后", "en": "after you chose this login"},
    "choosing_this_payment": {"zh": "您选择付款之后", "en": "after you chose to pay"},
}
ABROAD = {
    "yes": {"zh": "是，须单独同意", "en": "yes, with a consent of its own"},
    "no": {"zh": "否", "en": "no"},
    "depends": {"zh": "提供方在境外时是，须单独同意", "en": "where the provider is abroad, with a consent of its own"},
}
RULES = {"zh": ("查看", "见其官方网站"), "en": ("read", "see its own site")}


@dataclass(frozen=True, slots=True)
class Use:
    """What a third party is used for, and what it gets and gives, in both languages."""

    party: str
    use: Literal["login", "payment"]
    only_after: str
    abroad: str
    advice: str | None
    link: str | None
    texts: dict[str, dict[str, str]]


def uses() -> tuple[Use, ...]:
    """Every use in the file's order; raises ``ValueError`` for one that says too little, or something unknown."""
    text = files("services.auth").joinpath("policies", "sdk-list.toml").read_text("utf-8")
    return parse_uses(text)


def parse_uses(text: str) -> tuple[Use, ...]:
    """The uses in a TOML text."""
    return tuple(_use(entry) for entry in tomllib.loads(text)["use"])


def list_with_uses(file: Path) -> str:
    """An SDK list's text with its two tables made anew."""
    language = file.name.removesuffix(".md").rsplit(".", 1)[1]
    text = below_heading(file.read_text("utf-8"), SDKS[language], sdk_table(language))
    return below_heading(text, EXCHANGED[language], exchange_table(language))


def sdk_table(language: str) -> str:
    """What apps build in."""
    return table(SDK_COLUMNS[language], [_sdk_row(use, language) for use in uses()])


def exchange_table(language: str) -> str:
    """What our servers send, what we keep, and how it ends."""
    rows = []
    for use in uses():
        said = use.texts[language]
        rows.append((said["name"], said["purpose"], said["sent"], said["kept"], _ending(use, language)))
    return table(EXCHANGE_COLUMNS[language], rows)


def _sdk_row(use: Use, language: str) -> tuple[str, ...]:
    said = use.texts[language]
    shown, elsewhere = RULES[language]
    rules = f"[{shown}]({use.link})" if use.link else elsewhere
    facts = (said["sdk"], said["company"], said["purpose"], said["information"])
    return (*facts, AFTER[use.only_after][language], ABROAD[use.abroad][language], rules)


def _ending(use: Use, language: str) -> str:
    said = use.texts[language]["withdrawal"]
    if use.advice is None:
        return said
    return said + ("，" if language == "zh" else ": ") + ADVICE[use.advice][language]


def _use(entry: dict[str, Any]) -> Use:
    must, may = {"party", "use", "only_after", "abroad", *LANGUAGES}, {"advice", "link"}
    if not must <= set(entry) <= must | may or any(set(entry[language]) != TEXTS for language in LANGUAGES):
        raise ValueError(f"{entry.get('party')}: a member is missing, or is unknown")
    if entry["only_after"] != f"choosing_this_{entry['use']}" or entry["only_after"] not in AFTER:
        raise ValueError(f"{entry['party']}: only_after")
    if entry["abroad"] not in ABROAD or ("advice" in entry and entry["advice"] not in ADVICE):
        raise ValueError(f"{entry['party']}: abroad or advice")
    return Use(
        party=entry["party"],
        use=entry["use"],
        only_after=entry["only_after"],
        abroad=entry["abroad"],
        advice=entry.get("advice"),
        link=entry.get("link"),
        texts={language: entry[language] for language in LANGUAGES},
    )
