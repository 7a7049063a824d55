"""WeChat's push is opened without trusting a byte of it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.providers.reading import digest_of, personal, same
from services.auth.providers.wechat_push import PushKeys, open_push, signature
from shared.kernel.personal import Secret

NOW = datetime(2026, 11, 24, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
PLAIN = PushKeys(Secret("token"))
SEALED = PushKeys(Secret("token"), Secret(bytes(32)))
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><xml><OpenID>&b;</OpenID></xml>'


def query(*sealed: str, **changed: str) -> dict[str, str]:
    signed = {"signature": signature("token", STAMP, "n"), "msg_signature": signature("token", STAMP, "n", *sealed)}
    return {"timestamp": STAMP, "nonce": "n", **signed, **changed}


@given(st.binary(max_size=300))
def test_opening_whatever_was_posted_does_not_raise(body: bytes) -> None:
    """Even with a signature in order."""
    open_push(PLAIN, query(), body, NOW)
    open_push(SEALED, query(), body, NOW)


@given(st.binary(max_size=200))
def test_opening_whatever_was_encrypted_does_not_raise(sealed: bytes) -> None:
    """Padding, length and app id may all be nonsense."""
    text = base64.b64encode(sealed).decode()
    open_push(SEALED, query(text), json.dumps({"Encrypt": text}).encode(), NOW)


@pytest.mark.parametrize("stamp", ["", "x", "-1", "9" * 400, "9" * 5000, "1e9", str(int(NOW.timestamp()) - 601)])
def test_a_time_that_is_none_or_long_ago_opens_nothing(stamp: str) -> None:
    """However long the number is."""
    signed = {"timestamp": stamp, "signature": signature("token", stamp, "n")}
    assert open_push(PLAIN, query(**signed), b"<xml><A>1</A></xml>", NOW) is None


@pytest.mark.parametrize("body", [BOMB, "<!ENTITY a 'b'><xml/>", "<!-- x --><xml><A>1</A></xml>"])
def test_a_document_with_declarations_is_not_read(body: str) -> None:
    """No entity is expanded, here or elsewhere."""
    assert open_push(PLAIN, query(), body.encode(), NOW) is None


def test_a_text_with_angle_brackets_in_its_cdata_is_read() -> None:
    """A nickname may be anything."""
    push = open_push(PLAIN, query(), b"<xml><A><![CDATA[a<b>]]></A></xml>", NOW)
    assert push is not None
    assert push.fields == {"A": "a<b>"}


def test_half_a_character_breaks_nothing() -> None:
    """JSON can write what UTF-8 cannot."""
    found = personal("a\ud800b")
    assert found is not None
    assert found.reveal() == "ab"
    assert digest_of("\ud800") != digest_of("\ud801")
    assert not same("\ud800", "a")
