"""The machine-readable list of third parties: well-formed, complete, and what the SDK list shows."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scripts.retention_docs import below_heading
from scripts.sdk_docs import LANGUAGES, exchange_table, list_with_uses, parse_uses, sdk_table, uses
from services.auth.providers.advice import ADVICE

POLICIES = Path(__file__).resolve().parents[3] / "services" / "auth" / "policies"
TEXT = files("services.auth").joinpath("policies", "sdk-list.toml").read_text("utf-8")
ONE = TEXT[TEXT.index("[[use]]") : TEXT.index("[[use]]", TEXT.index("[[use]]") + 1)]


@pytest.mark.parametrize("file", sorted((POLICIES / "sdk-list").glob("*.md")), ids=lambda file: file.name)
def test_the_tables_in_the_sdk_list_are_made_from_the_data(file: Path) -> None:
    """A stale table is a lie: run ``python -m scripts.generate_docs``."""
    shown = file.read_text("utf-8")
    assert shown == list_with_uses(file)
    language = file.name.removesuffix(".md").rsplit(".", 1)[1]
    assert sdk_table(language) in shown
    assert exchange_table(language) in shown


def test_a_party_is_listed_once_for_each_use_and_starts_only_when_it_is_chosen() -> None:
    """Nothing is called before a person chose that very login or payment."""
    assert len({(use.party, use.use) for use in uses()}) == len(uses())
    assert all(use.only_after == f"choosing_this_{use.use}" for use in uses())


def test_every_login_says_what_the_person_can_do_where_we_cannot_withdraw() -> None:
    """All advice that there is stands in the list, in both languages; a payment grants nothing."""
    assert {use.advice for use in uses() if use.use == "login"} == set(ADVICE)
    assert all(use.advice is None for use in uses() if use.use == "payment")
    for language in LANGUAGES:
        assert all(advice[language] in exchange_table(language) for advice in ADVICE.values())


def test_what_leaves_the_country_is_marked_in_data_and_text() -> None:
    """Apple always, another OpenID Connect provider perhaps; both tables' readers see that it takes a consent."""
    assert {use.party: use.abroad for use in uses() if use.abroad != "no"} == {"apple": "yes", "oidc": "depends"}
    assert sdk_table("zh").count("须单独同意") == 2
    assert sdk_table("en").count("a consent of its own") == 2


def test_no_text_is_empty_and_no_link_is_unsafe() -> None:
    """Every cell says something; links are HTTPS, with a host and no query of ours."""
    for use in uses():
        assert all(text.strip() for language in LANGUAGES for text in use.texts[language].values()), use.party
        if use.link:
            parts = urlsplit(use.link)
            assert (parts.scheme, parts.query) == ("https", "")
            assert parts.hostname


@pytest.mark.parametrize(
    "broken",
    [
        ONE.replace('abroad = "no"\n', ""),
        ONE.replace('abroad = "no"', 'abroad = "perhaps"'),
        ONE.replace('"choosing_this_login"', '"choosing_this_payment"'),
        ONE.replace('use = "login"', 'use = "share"').replace("choosing_this_login", "choosing_this_share"),
        ONE.replace('"withdraw_in_wechat"', '"hope"'),
        ONE.replace('kept = "openid', 'held = "openid'),
        ONE.replace('party = "wechat"', 'party = "wechat"\ncolour = "red"'),
    ],
)
def test_a_row_that_says_too_little_or_something_unknown_is_refused(broken: str) -> None:
    """A typing error in the data is no silent gap in the list."""
    assert broken != ONE
    assert len(parse_uses(ONE)) == 1
    with pytest.raises(ValueError):
        parse_uses(broken)


def test_a_document_without_its_heading_is_refused() -> None:
    """A heading that was renamed would otherwise lose its table."""
    assert below_heading("# a\n\n## b\nold\n\n## c\nkept", "## b", "new\n") == "# a\n\n## b\n\nnew\n\n## c\nkept"
    with pytest.raises(ValueError):
        below_heading("# a\n", "## b", "new\n")
