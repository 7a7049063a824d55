"""Answers whose authors disagree on formats and types are read without guessing and without raising."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.providers import alipay_signing, reading
from services.auth.providers.calling import Answer
from services.auth.providers.qq import parse_answer
from shared.kernel.errors import BadRequest, Code, LoginFailed
from shared.kernel.personal import Secret

names = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
values = st.one_of(st.text(max_size=40), st.integers(-(2**63), 2**63), st.booleans(), st.none())
objects = st.dictionaries(names, values, max_size=6)
blanks = st.text(" \t\r\n", max_size=4)


@given(objects, blanks, blanks, blanks, st.sampled_from(["", ";"]))
def test_an_answer_of_qq_is_the_same_in_jsonp_and_in_json(
    fields: dict[str, Any], before: str, inside: str, after: str, end: str
) -> None:
    """Whatever blanks and line ends there are, and whatever the texts hold: brackets, quotes, semicolons."""
    written = json.dumps(fields, ensure_ascii=False)
    assert parse_answer(f"{before}{written}{after}") == fields
    assert parse_answer(f"{before}callback({inside}{written}{inside}){end}{after}") == fields


@given(st.dictionaries(names, st.text(min_size=1, max_size=40), min_size=1, max_size=6))
def test_an_answer_of_qq_may_be_a_query_string(fields: dict[str, str]) -> None:
    """As the token's is by default."""
    assert parse_answer(urlencode(fields)) == fields


@given(st.text(max_size=200))
def test_whatever_qq_says_reading_it_does_not_raise(text: str) -> None:
    """It is an object, or it is nothing."""
    assert parse_answer(text) is None or isinstance(parse_answer(text), dict)


@pytest.mark.parametrize("text", ["", "callback();", "callback([1]);", "<html>a=b</html>", "[" * 5000, "1", "系统繁忙"])
def test_what_is_no_answer_of_qq_is_nothing(text: str) -> None:
    """HTML and lists, too."""
    assert parse_answer(text) is None


@given(st.integers(-(10**18), 10**18))
def test_a_number_is_the_same_as_a_number_or_as_text(number: int) -> None:
    """And an identifier is text either way."""
    assert reading.number_of({"a": number}, "a") == reading.number_of({"a": str(number)}, "a") == number
    assert reading.text_of({"a": number}, "a") == str(number)


@given(values)
def test_a_field_is_true_only_when_it_says_so(value: Any) -> None:
    """``true`` and ``"true"``; not 1, not ``"yes"``."""
    assert reading.is_true({"a": value}, "a") == (value is True or value == "true")


@pytest.mark.parametrize("value", [None, "", True, 1.5, [], {}, "x" * 256, "a\nb", "a\x00"])
def test_what_cannot_be_an_identifier_is_refused(value: Any) -> None:
    """Missing, empty, of another type, too long, with control characters."""
    with pytest.raises(LoginFailed) as caught:
        reading.id_of({"openid": value}, "openid", "qq")
    assert caught.value.actual_code is Code.LOGIN_TOKEN_INVALID


@pytest.mark.parametrize("value", [None, Secret(""), Secret("x" * 8193)])
def test_a_missing_or_absurd_part_of_a_proof_is_a_bad_request(value: Secret[str] | None) -> None:
    """And is not quoted."""
    with pytest.raises(BadRequest) as caught:
        reading.needed(value, "code")
    assert "xxx" not in caught.value.detail


@given(st.lists(st.text(max_size=10), min_size=1, max_size=4), st.lists(st.text(max_size=10), min_size=1, max_size=4))
def test_a_digest_is_of_all_its_parts_and_their_order(one: list[str], other: list[str]) -> None:
    """The separator cannot be part of an identifier."""
    clean = [[part.replace("\x1f", "") for part in parts] for parts in (one, other)]
    assert (reading.digest_of(*clean[0]) == reading.digest_of(*clean[1])) == (clean[0] == clean[1])


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[]", b"[" * 100_000, b"null", "中".encode("gbk")])
def test_a_body_that_is_no_json_object_has_the_code_of_its_call(body: bytes) -> None:
    """Unknown outcome after an exchange, try again elsewhere."""
    for code in (Code.LOGIN_UNFINISHED, Code.PROVIDER_UNAVAILABLE):
        with pytest.raises(LoginFailed) as caught:
            Answer("qq", 200, {}, body, code).fields()
        assert caught.value.actual_code is code


def test_a_body_is_utf8_whatever_its_header_says() -> None:
    """WeChat sends text/plain without a charset, and sometimes there is a byte order mark."""
    answer = Answer("wechat", 200, {"content-type": "text/plain"}, b'\xef\xbb\xbf{"a":"\xe4\xb8\xad"}', Code.INTERNAL)
    assert answer.fields() == {"a": "中"}


# ---- what Alipay signs


@given(objects, st.text(max_size=20), blanks)
def test_the_signed_part_is_the_nodes_very_text(fields: dict[str, Any], sign: str, blank: str) -> None:
    """Braces and quotes in texts, blanks, whichever comes first: signature or node."""
    node, signed = json.dumps(fields, ensure_ascii=False), json.dumps(sign)
    for answer in (
        f'{{"x_response":{blank}{node},"sign":{signed}}}',
        f'{{"sign":{signed},"x_response":{blank}{node}}}',
    ):
        if "x_response" not in sign:
            assert alipay_signing.signed_part(answer, "x_response") == node


@given(st.text(max_size=80))
def test_looking_for_the_signed_part_does_not_raise(text: str) -> None:
    """It is there, or it is not."""
    alipay_signing.signed_part(text, "x_response")
    alipay_signing.signed_part(f'"x_response"{text}', "x_response")


def test_a_request_is_signed_sorted_without_sign_and_without_blanks() -> None:
    """sign_type is included."""
    assert alipay_signing.joined({"b": "2", "a": "1", "sign": "x", "sign_type": "RSA2", "c": ""}) == (
        "a=1&b=2&sign_type=RSA2"
    )
