"""The policy documents are true of the code: whatever it offers, asks for, keeps or tells others stands in them, in both languages."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from scripts.sdk_docs import uses
from services.auth.adapters.files import PolicyFiles
from services.auth.domain.consents import DOCUMENTS, PERMISSIONS, PURPOSES
from services.auth.domain.guardians import LINK_LIFE
from services.auth.domain.identities import REVOCATION_LIFE
from services.auth.domain.policies import NOTICE
from services.auth.providers import build
from services.gateway.routes.capabilities import PAYMENTS
from services.retention.adapters.rule_file import rules
from services.retention.domain.rules import shown_period
from shared.kernel.settings import LoginSettings

ROOT = Path(__file__).resolve().parents[3]
LANGUAGES = ("zh", "en")
CONTACT = "8583936@qq.com"
CLAUSES = {
    "zh": ("适用范围", "使用信息", "披露信息", "存放", "安全", "儿童", "更新", "SDK", "已安装应用", "权限", "联系我们"),
    "en": ("Scope", "use it", "disclose", "lies", "Security", "Children", "Changes", "SDK", "Installed", "Permissions", "Contact"),
}  # fmt: skip
"""What each of the privacy policy's clauses is about, in their order."""
WORDS: dict[str, dict[str, str]] = {
    "device_id": {"zh": "设备标识", "en": "device id"},
    "camera": {"zh": "相机", "en": "camera"},
    "storage": {"zh": "存储", "en": "storage"},
    "installed_apps": {"zh": "已安装应用", "en": "installed apps"},
    "personalised_messages": {"zh": "个性化消息", "en": "personalised messages"},
    "partner_sharing": {"zh": "与合作伙伴共享", "en": "sharing with partners"},
}
"""What people read for a permission or purpose."""
PERIODS: dict[str, tuple[str, str, timedelta | None]] = {
    "guest_stash": ("三十天没有使用", "not used for thirty days", timedelta(days=30)),
    "photos": ("上传满九十天", "ninety days after the upload", timedelta(days=90)),
    "orders": ("保存三年", "for three years", timedelta(days=3 * 365)),
    "exports": ("二十四小时内", "twenty-four hours", timedelta(hours=24)),
    "certificates": ("至少保存三年", "at least three years", timedelta(days=3 * 365)),
    "logs": ("保存六个月", "kept for six months", timedelta(days=6 * 30)),
    "provider_tokens": ("最多重试七天", "seven days at most", REVOCATION_LIFE),
}
"""What the privacy policy says in words besides its table: a rule that changes makes these sentences untrue."""
DENIAL = {
    "zh": re.compile("尚未|暂未|暂不|还没有|没有提供|不提供|没有接入|没有到期|不登记"),
    "en": re.compile("not offered|not provided|not yet|no .* is built in|nothing expires|do not record it", re.IGNORECASE),
}  # fmt: skip
TOPICS: dict[str, tuple[str, str]] = {
    "/v1/sessions": ("登录|账户", r"logins?\b|accounts?\b"),
    "/v1/me/identities": ("第三方登录", "third-party login"),
    "/v1/me": ("注销", "delet|close"),
    "/v1/me/consents": ("同意|权限", "consent|permission"),
    "/v1/me/guardian-consents": ("监护人|年龄", "guardian|age check"),
    "/v1/orders": ("付款|支付|购买", "payment|purchase"),
    "/v1/orders/{order_id}/refund": ("退款", "refund"),
    "/v1/me/exports": ("导出", "export"),
    "/v1/me/disclosures": ("披露记录", "record of disclosures"),
    "/v1/feedback": ("投诉", "complaint"),
}
"""A route, and what a sentence is about that may not deny it (Chinese, English)."""
FACTS: tuple[tuple[str, str, str], ...] = (
    ("SDK", "SDKs?", "services/auth/policies/sdk-list.toml"),
    ("自动清空|到期", "expires", "services/retention/rules.toml"),
)
"""The same for facts that are no route: the file that makes a denial untrue."""


def text(document: str, language: str) -> str:
    """The newest version."""
    return PolicyFiles().versions(document, language)[-1].markdown


def prose(document: str, language: str) -> list[str]:
    """A document's sentences and table cells."""
    return [part.strip() for part in re.split(r"[。；\n|]|\. |; ", text(document, language)) if part.strip()]


def offered() -> set[str]:
    """Paths of the gateway; the file is kept fresh by a test of its own."""
    return set(json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))["paths"])


def denials(sentences: list[str], language: str) -> list[str]:
    """The sentences that say of something which is there that it is not."""
    column = LANGUAGES.index(language)
    there = [topic[column] for path, topic in TOPICS.items() if path in offered()]
    there += [fact[column] for fact in FACTS if (ROOT / fact[2]).is_file()]
    about = re.compile("|".join(there), re.IGNORECASE)
    return [one for one in sentences if DENIAL[language].search(one) and about.search(one)]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_says_the_same_in_both_languages(document: str) -> None:
    """The same versions, published at the same moment; as many headings, rows and points; each names its version."""
    shelf = PolicyFiles()
    zh, en = (shelf.versions(document, language) for language in LANGUAGES)
    assert zh
    assert [(one.version, one.published_at) for one in zh] == [(one.version, one.published_at) for one in en]
    for chinese, english in zip(zh, en, strict=True):
        for mark in ("# ", "## ", "### ", "| ", "- ", "1. "):
            counts = [sum(line.startswith(mark) for line in one.markdown.splitlines()) for one in (chinese, english)]
            assert counts[0] == counts[1], mark
        assert chinese.version in chinese.markdown
        assert english.version in english.markdown
        assert chinese.markdown.count("\n\n") == english.markdown.count("\n\n")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_privacy_policy_has_its_eleven_clauses_in_order(language: str) -> None:
    """The order that the published policy has always had."""
    headings = re.findall(r"^## (.+)$", text("privacy", language), re.MULTILINE)
    assert len(headings) == len(CLAUSES[language]) == 11
    assert all(word in heading for word, heading in zip(CLAUSES[language], headings, strict=True))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_login_and_payment_is_declared_as_a_third_party(language: str) -> None:
    """A provider that is added without a row in the SDK list, or a word in the policy, fails here."""
    logins = set(build._builders(LoginSettings()))
    assert {use.party for use in uses() if use.use == "login"} == logins
    assert {use.party for use in uses() if use.use == "payment"} == set(PAYMENTS)
    for use in uses():
        said = use.texts[language]
        assert said["sdk"] in text("sdk-list", language), use.party
        name = said["name"] if use.party != "oidc" else "OpenID Connect"
        assert name in text("privacy", language), use.party
        assert name in text("terms", language) or use.party == "oidc", use.party


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_looked_for_on_the_phone_is_said(language: str) -> None:
    """Every app in the probes is a declared third party, named where people read about permissions."""
    probes = tomllib.loads((ROOT / "services/gateway/probes.toml").read_text("utf-8"))
    names = {use.party: use.texts[language]["name"] for use in uses()}
    for probed in probes:
        name = "HUAWEI ID" if (probed, language) == ("huawei", "en") else names[probed]
        assert name in text("permissions", language), probed
        assert name in text("privacy", language), probed


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_permission_and_purpose_that_can_be_consented_to_is_explained(language: str) -> None:
    """In the privacy policy and on the page about permissions."""
    assert set(WORDS) == {*PERMISSIONS, *PURPOSES}
    for name, words in WORDS.items():
        for document in ("privacy", "permissions"):
            assert words[language] in text(document, language).lower(), (name, document)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_retention_rule_stands_in_the_privacy_policy(language: str) -> None:
    """What it is, how long, and, where a sentence says so as well, in the rule's own number."""
    policy = text("privacy", language)
    held = {rule.category: rule for rule in rules()}
    for rule in held.values():
        assert f"| {rule.names[language]} | {shown_period(rule.keep, language)} |" in policy, rule.category
    for category, (zh, en, period) in PERIODS.items():
        assert {"zh": zh, "en": en}[language] in policy, category
        assert held[category].period == period, category


def test_numbers_that_stand_in_the_code_are_those_of_the_text() -> None:
    """The guardian's link, the notice before a new version, a working address to write to."""
    assert timedelta(days=3) == LINK_LIFE
    assert timedelta(days=7) == NOTICE
    for language, phrases in {
        "zh": ("三天内有效", "满七日"),
        "en": ("good for three days", "seven days later"),
    }.items():
        assert all(phrase in text("privacy", language) for phrase in phrases)
        assert all(CONTACT in text(document, language) for document in ("privacy", "terms"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_document_denies_what_a_route_offers(document: str, language: str) -> None:
    """What exists is described, not promised for later."""
    assert denials(prose(document, language), language) == []


@pytest.mark.parametrize(
    ("sentence", "language"),
    [
        ("登录账户、第三方登录尚未提供", "zh"),
        ("支付功能尚未提供", "zh"),
        ("服务器端没有接入任何第三方 SDK", "zh"),
        ("目前没有到期自动清空：您不删除，数据就一直在", "zh"),
        ("对各项权限的同意由手机系统管理，服务端不登记", "zh"),
        ("年龄核验和监护人同意的登记功能尚未提供", "zh"),
        ("Accounts and third-party login are not offered yet", "en"),
        ("No other third-party SDK is built in", "en"),
        ("Nothing expires by itself yet", "en"),
        ("Age checks and a record of guardians' consents are not offered yet", "en"),
        ("Consent to permissions is your phone system's business; the servers do not record it", "en"),
    ],
)
def test_sentences_that_were_untrue_once_would_be_caught(sentence: str, language: str) -> None:
    """The witness: what the documents said before there were accounts."""
    assert denials([sentence], language) == [sentence]
