"""Lists: every one of them takes ``limit`` and ``cursor``, tells each item once, and misses none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from services.gateway.lists import Page
from shared.kernel.errors import BadRequest
from tests.unit.gateway.phones import Phone, code


async def lists(phone: Phone) -> list[str]:
    """Every route whose answer is a list."""
    document = (await phone.client.get("/openapi.json")).json()
    found = []
    for path, methods in document["paths"].items():
        schema = _answer(methods.get("get", {}), document)
        if "next_cursor" in schema.get("properties", {}):
            found.append(path.replace("{document}", "privacy"))
    return found


def _answer(operation: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("responses", {}).get("200", {}).get("content", {})
    name = content.get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
    schema: dict[str, Any] = document["components"]["schemas"].get(name, {})
    return schema


async def test_every_list_takes_a_limit_and_a_cursor(phone: Phone) -> None:
    """0 and too many are refused, and so is a cursor that no list has given, or another one."""
    tokens = await phone.sign_in()
    paths = await lists(phone)
    assert len(paths) >= 11
    other = (await phone.client.get("/v1/specs?limit=1")).json()["next_cursor"]
    for path in paths:
        assert (await phone.call("GET", f"{path}?limit=1", tokens)).status_code == 200, path
        bad = ["limit=0", "limit=-1", "limit=100000", "limit=x", "cursor=nonsense", "cursor=", "cursor=AAAA"]
        for query in [*bad, *([f"cursor={other}"] if path != "/v1/specs" else [])]:
            answer = await phone.call("GET", f"{path}?{query}", tokens)
            assert (answer.status_code, code(answer)) == (422, "bad_request"), f"{path}?{query}"
            assert answer.json()["errors"][0]["field"] == query.partition("=")[0], f"{path}?{query}"


async def test_page_by_page_is_the_whole_list(phone: Phone) -> None:
    """Of every list that has something to show; without a limit all of it comes at once."""
    tokens = await phone.sign_in()
    await phone.sign_in()
    await phone.upload(tokens)
    more_than_one = 0
    for path in await lists(phone):
        whole = (await phone.call("GET", path, tokens)).json()
        assert whole["next_cursor"] is None, path
        told: list[Any] = []
        cursor, pages = "", 0
        while cursor is not None:
            page = (await phone.call("GET", f"{path}?limit=1{cursor and f'&cursor={cursor}'}", tokens)).json()
            told += page["items"]
            cursor, pages = page["next_cursor"], pages + 1
        assert told == whole["items"], path
        assert pages == max(1, len(told)), path
        more_than_one += len(told) > 1
    assert more_than_one >= 3


def page(limit: int, cursor: str | None = None, path: str = "/v1/things") -> Page:
    return Page(Request({"type": "http", "path": path, "headers": [], "server": ("h", 1), "query_string": b""}), limit, cursor)  # fmt: skip


@given(st.lists(st.integers(), unique=True, max_size=30), st.integers(1, 7), st.data())
def test_who_goes_on_after_something_was_added_or_went_misses_nothing_else(
    items: list[int], limit: int, choices: st.DataObject
) -> None:
    """The cursor knows its item again wherever it is by then."""
    first, cursor = page(limit).cut(items, str)
    if cursor is None:
        assert first == items
        return
    newer = [max(items) + 1, *items]
    assert page(100, cursor).cut(newer, str) == (items[limit:], None)
    gone = choices.draw(st.sampled_from(first[:-1] or first))
    rest, _ = page(100, cursor).cut([item for item in items if item != gone], str)
    assert set(rest) <= set(items[limit:])
    assert rest == items[limit:] or gone == first[-1]


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "é", "=" * 9, "A" * 399])
def test_a_cursor_of_no_list_is_refused(cursor: str) -> None:
    """Nothing is guessed from it."""
    with pytest.raises(BadRequest):
        page(5, cursor)
