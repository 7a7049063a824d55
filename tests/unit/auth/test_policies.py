"""Which version of a policy is in force: the newest whose seven days are over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth import policy_cases
from services.auth.adapters.files import PolicyFiles
from services.auth.domain.policies import DOCUMENTS, NOTICE, PolicyDocument, in_force, upcoming
from shared.contracts import auth
from shared.kernel.errors import NotFound
from tests.unit.worlds import POLICY, AuthWorld, policy

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
timelines = st.lists(st.integers(0, 400), min_size=1, max_size=8, unique=True)


def published(day: int) -> PolicyDocument:
    return PolicyDocument("privacy", f"v{day}", START + day * DAY, "zh", "t", "m")


@given(timelines, st.integers(-10, 420), st.randoms())
def test_the_version_in_force_is_the_newest_one_that_was_published_seven_days_ago(days, today, random) -> None:  # type: ignore[no-untyped-def]
    """In whatever order the documents are found; before any took effect, the first one counts."""
    versions = [published(day) for day in days]
    random.shuffle(versions)
    now = START + today * DAY
    old_enough = [day for day in days if day + 7 <= today]
    expected = max(old_enough) if old_enough else min(days)
    found = in_force(versions, now)
    assert found is not None
    assert found.version == f"v{expected}"


@given(timelines, st.integers(-10, 420))
def test_what_is_upcoming_is_newer_than_what_is_in_force_and_not_in_force_yet(days, today) -> None:  # type: ignore[no-untyped-def]
    """People are told of the next version, and of the day it takes effect."""
    versions = [published(day) for day in days]
    now = START + today * DAY
    current, following = in_force(versions, now), upcoming(versions, now)
    assert current is not None
    if following is not None:
        assert following.published_at > current.published_at
        assert following.effective_at > now


def test_seven_days_are_seven_days_to_the_second() -> None:
    """Not shortened by anybody (clause 7)."""
    old, new = published(0), published(100)
    effective = new.published_at + NOTICE
    assert timedelta(days=7) == NOTICE
    assert in_force([old, new], effective - timedelta(seconds=1)) is old
    assert in_force([old, new], effective) is new
    assert upcoming([old, new], effective - timedelta(seconds=1)) is new
    assert upcoming([old, new], effective) is None


def test_no_document_is_no_version() -> None:
    """An empty shelf has nothing in force."""
    assert in_force([], START) is None
    assert upcoming([], START) is None


def test_a_document_is_asked_for_by_name_by_version_and_by_language() -> None:
    """The version in force comes with word of the next one; what is not there is not found."""
    world = AuthWorld()
    world.shelf.documents += [policy("2099-01-01", world.clock, 1), policy(POLICY, world.clock, 30, "en")]
    shown = policy_cases.policy_text(auth.PolicyText(document="privacy"), world.parts)
    assert shown.version == POLICY
    assert shown.upcoming is not None
    assert shown.upcoming["version"] == "2099-01-01"
    named = policy_cases.policy_text(auth.PolicyText(document="privacy", version="2099-01-01"), world.parts)
    assert named.version == "2099-01-01"
    for missing in (
        {"document": "nothing"},
        {"document": "privacy", "version": "x"},
        {"document": "privacy", "language": "fr"},
    ):
        with pytest.raises(NotFound):
            policy_cases.policy_text(auth.PolicyText(**missing), world.parts)


def test_the_documents_we_ship_can_be_read_in_both_languages() -> None:
    """The privacy policy exists, in Chinese and English, in the same versions, and says what its title is."""
    shelf = PolicyFiles()
    by_language = {language: {d.version for d in shelf.versions("privacy", language)} for language in ("zh", "en")}
    assert by_language["zh"]
    assert by_language["zh"] == by_language["en"]
    assert all(document.title and document.markdown for document in shelf.versions("privacy", "zh"))
    assert shelf.versions("../../secrets", "zh") == []
    assert "privacy" in DOCUMENTS
