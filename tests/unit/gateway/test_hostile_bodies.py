"""Bodies that a client can send and nobody expects: every route that takes JSON refuses them, none of them breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.json_door import MAX_DEPTH, MAX_NUMBER, Unfit, require_fit
from shared.kernel.errors import Code
from shared.kernel.ids import new_id
from tests.unit.gateway.phones import Phone, code
from tests.unit.gateway.test_uploads import BOUNDARY, form, part, png, refused

JSON = {"Content-Type": "application/json"}
DIGITS = "9" * 400
HOSTILE = {
    "surrogate": '"\\ud800"',
    "surrogate key": '{"\\udfff": 1}',
    "surrogate deep inside": '[{"a": ["\\ud83d"]}]',
    "NUL": '"a\\u0000b"',
    "400 digits": DIGITS,
    "-400 digits": f"-{DIGITS}",
    "5000 digits": "9" * 5000,
    "no end": "1e999",
    "NaN": "NaN",
    "300 arrays": "[" * 300 + "]" * 300,
    "900 arrays": "[" * 900 + "]" * 900,
    "20000 arrays": "[" * 20000 + "]" * 20000,
    "300 objects": '{"a":' * 300 + "1" + "}" * 300,
    "not UTF-8": b'"\xff\xfe"',
    "surrogate bytes": b'"\xed\xa0\x80"',
    "an object": '{"a": {"b": null}}',
    "a list": "[1, null, [], {}]",
    "a number": "1e15",
    "null": "null",
}
FINE = ("an object", "a list", "a number", "null", "not UTF-8")
"""What passes the door, or is not JSON at all, and is the route's to judge."""


async def takers(phone: Phone) -> list[tuple[str, str, list[str]]]:
    """Every route that takes JSON: method, path, fields."""
    document = (await phone.client.get("/openapi.json")).json()
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                found.append((method.upper(), path, list(_fields(content["application/json"]["schema"], document))))
    return found


def _fields(schema: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    for one in [schema, *schema.get("anyOf", [])]:
        if "$ref" in one:
            yield from document["components"]["schemas"][one["$ref"].rpartition("/")[2]].get("properties", {})


def body_with(field: str | None, hostile: str | bytes) -> bytes:
    value = hostile if isinstance(hostile, bytes) else hostile.encode()
    return value if field is None else b'{"' + field.encode() + b'": ' + value + b"}"


@pytest.mark.parametrize("name", HOSTILE)
async def test_no_route_breaks_on_a_hostile_body(phone: Phone, name: str) -> None:
    """In every field of every route, and as the whole body: a problem with a code, never a 500."""
    tokens = await phone.sign_in()
    routes = await takers(phone)
    assert len(routes) >= 12
    for method, path, fields in routes:
        address = path.replace("{photo_id}", str(new_id())).replace("{order_id}", str(new_id()))
        for field in (None, *fields):
            answer = await phone.call(method, address, tokens, content=body_with(field, HOSTILE[name]), headers=JSON)
            assert answer.status_code < 500, f"{method} {path} {field}: {answer.text}"
            if name not in FINE:
                assert (answer.status_code, code(answer)) == (422, "bad_request"), f"{method} {path} {field}"
                assert answer.json()["errors"], "it is told why"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=30,
)


def _fit(value: Any, depth: int = 1) -> bool:
    """The law in other words than the door's."""
    if isinstance(value, (list, dict)):
        below = list(value) + list(value.values()) if isinstance(value, dict) else value
        return all(_fit(one, depth + 1) for one in below) and depth <= MAX_DEPTH
    if isinstance(value, str):
        return "\0" not in value and not any(0xD800 <= ord(letter) <= 0xDFFF for letter in value)
    return isinstance(value, bool) or value is None or -MAX_NUMBER <= value <= MAX_NUMBER


@settings(max_examples=300, deadline=None)
@given(values)
def test_the_door_lets_in_exactly_what_is_fit(value: Any) -> None:
    """Any JSON value: refused if it holds what nobody should meet, else let in."""
    body = json.dumps(value).encode()
    if _fit(value):
        require_fit(body)
    else:
        with pytest.raises(Unfit):
            require_fit(body)


def test_nesting_and_numbers_have_an_exact_end() -> None:
    """The last one that passes, and the first that does not."""
    require_fit(b"[" * (MAX_DEPTH - 1) + b"1" + b"]" * (MAX_DEPTH - 1))
    with pytest.raises(Unfit):
        require_fit(b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH)
    require_fit(str(-MAX_NUMBER).encode())
    with pytest.raises(Unfit):
        require_fit(str(MAX_NUMBER + 1).encode())


@pytest.mark.parametrize("path", ["/v1/specs?q=%00", "/v1/specs?category=a%00b", "/v1/policies/privacy/versions/x/changes?since=%00"])  # fmt: skip
async def test_a_nul_in_the_query_is_refused(phone: Phone, path: str) -> None:
    """A database takes none."""
    assert (await phone.client.get(path)).status_code == 422


@pytest.mark.parametrize("path", ["/v1/specs/%00", "/v1/policies/privacy/versions/%00", "/v1/feedback/a%00"])
async def test_a_nul_in_the_path_names_nothing(phone: Phone, path: str) -> None:
    """404, as any other name that there is not."""
    answer = await phone.client.get(path)
    assert (answer.status_code, code(answer)) == (404, "not_found")


@pytest.mark.parametrize("length", [256, 257, 300, 5000])
def test_a_boundary_that_the_form_parser_refuses_is_a_broken_form(length: int) -> None:
    """It is refused when the parser is made, not when it reads."""
    kind = f"multipart/form-data; boundary={'b' * length}"
    refused(Code.BAD_REQUEST, form(part("file", png())), content_type=kind)


async def test_an_upload_with_such_a_boundary_is_a_problem(phone: Phone) -> None:
    """422, and the connection stays."""
    tokens = await phone.start()
    boundary = BOUNDARY + "b" * 300
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = await phone.call("POST", "/v1/photos", tokens, content=b"x", headers=headers)
    assert (answer.status_code, code(answer)) == (422, "bad_request")
    assert "connection" not in answer.headers
