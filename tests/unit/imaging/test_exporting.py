"""The archive that is cut while it is written, and the page that people read."""

from __future__ import annotations

import io
import zipfile
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.imaging.adapters.keys import READING, AskedKeys
from services.imaging.exporting.archive import PART_BYTES, Archive
from services.imaging.exporting.page import index_page
from services.imaging.exporting.words import CODES, WORDS
from shared.contracts import auth
from shared.crypto import Keyring, new_data_key
from shared.crypto.subject_keys import KeyCache
from shared.kernel.ids import new_id
from shared.kernel.personal import Secret

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def written(files: dict[str, bytes], part_bytes: int) -> list[bytes]:
    parts: list[bytes] = []

    def take(number: int, part: bytes) -> None:
        parts.append(part)
        assert number == len(parts)

    with Archive(take, part_bytes) as archive:
        for name, content in files.items():
            archive.add(name, content, NOW, deflate=name.endswith("json"))
    assert archive.size == sum(map(len, parts))
    return parts


@given(
    st.dictionaries(st.sampled_from(["a.json", "b.jpg", "照片.png"]), st.binary(max_size=3000)),
    st.integers(min_value=1, max_value=700),
)
def test_the_parts_of_an_archive_are_one_sound_zip(files: dict[str, bytes], part_bytes: int) -> None:
    """Whatever is in it, wherever it is cut: every part but the last is full."""
    parts = written(files, part_bytes)
    assert {len(part) for part in parts[:-1]} <= {part_bytes}
    with zipfile.ZipFile(io.BytesIO(b"".join(parts))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files


def test_one_part_is_all_that_is_held() -> None:
    """A large picture goes out in parts of four megabytes while it comes in."""
    held: list[int] = []
    with Archive(lambda number, part: held.append(len(part))) as archive:
        archive.add("a.jpg", bytes(3 * PART_BYTES), NOW)
        assert len(held) == 3
    assert held[:3] == [PART_BYTES] * 3


def test_an_archive_that_is_given_up_writes_nothing_more() -> None:
    """Not even its directory."""
    parts: list[bytes] = []
    so_far: list[int] = []

    def give_up() -> None:
        with Archive(lambda number, part: parts.append(part), 10) as archive:
            archive.add("a.jpg", b"x" * 100, NOW)
            so_far.append(len(parts))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        give_up()
    assert so_far == [len(parts)]


def content(**changes: Any) -> dict[str, Any]:
    record = {"subject_id": "s", "kind": "guest", "created_at": "2026-11-24T20:00:00.000Z", "age_band": None}
    account = {"record": record, "profile": None, "logins": [], "sessions": [], "consents": [], "guardianships": []}
    left = {"credits": 0, "pass_until": None, "items": []}
    return {
        "exported_at": "2026-11-24T20:00:00.000Z",
        "account": account,
        "photos": [],
        "payments": {"orders": [], "unlocked": [], "entitlements": left},
        "disclosures": [],
        "feedback": [],
        **changes,
    }


def test_a_page_with_nothing_in_it_says_so_in_both_languages() -> None:
    """Never an empty table. Times are China's."""
    page = index_page(content())
    assert page.count("没有") >= 6
    assert page.count(">none<") >= 6
    assert "2026-11-25 04:00" in page


def test_a_rejected_photo_without_pictures_is_shown_with_its_reasons() -> None:
    """Its original is not kept; what is known of it is."""
    photo = {
        "photo_id": "p",
        "created_at": "2026-11-24T08:00:00.000Z",
        "status": "rejected",
        "reasons": ["no_face"],
        "renders": [],
    }
    page = index_page(content(photos=[photo]))
    assert "无法使用" in page
    assert "no_face" in page
    assert "<img" not in page


def test_what_a_person_wrote_is_text_wherever_it_stands() -> None:
    """In cells, in attributes, in captions."""
    evil = '"><img src=x onerror=alert(1)>'
    photo = {
        "photo_id": evil,
        "created_at": "2026-11-24T08:00:00.000Z",
        "status": evil,
        "reasons": [evil],
        "original": f"photos/{evil}.jpg",
        "renders": [{"facts": {"spec": evil}, "file": evil}],
    }
    page = index_page(content(photos=[photo]))
    assert "<img src=x" not in page
    assert "onerror=alert(1)>" not in page


def test_both_languages_have_the_same_words() -> None:
    """A page half in one language is none."""
    assert set(WORDS["zh"]) == set(WORDS["en"])
    assert set(CODES["en"]) <= set(CODES["zh"])


def test_a_builder_asks_for_the_key_as_one_who_gives_people_their_own_data_back() -> None:
    """Purpose ``read_own``: a withdrawn consent does not stand in the way; processing asks for its own purpose."""
    asked: list[str] = []
    subject_id, keyring = new_id(), Keyring({"m1": Secret(bytes(32))})
    wrapped = keyring.wrap(new_data_key(), subject_id)

    class Line:
        def ask(self, call: auth.SubjectKey) -> auth.WrappedKey:
            asked.append(call.purpose)
            return auth.WrappedKey(wrapped=b64encode(wrapped).decode())

    cache = KeyCache()
    for keys in (AskedKeys(Line(), keyring, cache, READING), AskedKeys(Line(), keyring, cache)):  # type: ignore[arg-type]
        keys.key_of(subject_id)
        keys.key_of(subject_id)
    assert asked == ["read_own", "process_photo"]
