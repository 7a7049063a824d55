"""Messages travel whole, and whatever else lies on a queue is undecodable and nothing worse."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts import Message, auth, decode, encode, known_types, retention
from shared.contracts.base import UndecodableMessage
from shared.contracts.disclosure_codes import Ground, Told
from shared.kernel.ids import new_id

KINDS = list(known_types().values())
moments = st.datetimes(
    min_value=datetime.fromisoformat("1971-01-01"), max_value=datetime.fromisoformat("9000-01-01")
).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC))
BY_ANNOTATION: dict[Any, st.SearchStrategy[Any]] = {
    UUID: st.uuids(),
    UUID | None: st.none() | st.uuids(),
    datetime: moments,
    str: st.text(max_size=20),
    bool: st.booleans(),
    int: st.integers(0, 10**12),
    list[str]: st.lists(st.text(max_size=5), max_size=4),
    dict[str, int]: st.dictionaries(st.text(max_size=5), st.integers(0, 10**9), max_size=4),
    Ground: st.sampled_from(get_args(Ground)),
    list[Told]: st.lists(st.sampled_from(get_args(Told)), max_size=4),
}


@st.composite
def messages(draw: st.DrawFn) -> Message:
    kind = draw(st.sampled_from(KINDS))
    return kind(**{name: draw(BY_ANNOTATION[field.annotation]) for name, field in kind.model_fields.items()})


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is not a wrong message
@given(messages(), st.none() | st.just("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
def test_every_message_comes_out_as_it_went_in(message: Message, traceparent: str | None) -> None:
    """With its id, its time, its subject and its trace."""
    again, carried = decode(encode(message, traceparent=traceparent))
    assert again == message
    assert type(again) is type(message)
    assert carried == traceparent


@given(messages())
def test_the_envelope_is_cloudevents_1_0(message: Message) -> None:
    """Structured JSON: what any CloudEvents reader expects."""
    envelope = json.loads(encode(message))
    assert envelope["specversion"] == "1.0"
    assert envelope["type"] == message.type
    assert envelope["source"] == "/" + message.type.split(".")[0]
    assert envelope["id"] == str(message.message_id)
    assert envelope["subject"] == str(message.subject_id)
    assert envelope["time"].endswith("Z")
    assert not {"message_id", "at", "subject_id"} & set(envelope["data"])


def only_undecodable(body: bytes) -> None:
    with contextlib.suppress(UndecodableMessage):
        decode(body)


@given(st.binary(max_size=300))
def test_garbage_is_undecodable_and_never_another_error(body: bytes) -> None:
    """A message that cannot be decoded must be buried, not kill the consumer."""
    with pytest.raises(UndecodableMessage):
        decode(body)


@given(json_values)
def test_any_json_is_undecodable_and_never_another_error(value: Any) -> None:
    """Numbers, lists, deep things."""
    with pytest.raises(UndecodableMessage):
        decode(json.dumps(value).encode())


@given(
    messages(), st.sampled_from(["specversion", "id", "type", "subject", "time", "data", "traceparent"]), json_values
)
def test_an_envelope_with_any_part_replaced_is_decoded_or_undecodable(message: Message, part: str, value: Any) -> None:
    """There is no third outcome."""
    envelope = json.loads(encode(message))
    envelope[part] = value
    only_undecodable(json.dumps(envelope).encode())


@pytest.mark.parametrize(
    "time",
    [
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-13-01T00:00:00Z",
        "",
        "now",
        "2026-11-24",
        "+1000000000000000000",
    ],
)
def test_a_time_that_is_none_is_undecodable(time: str) -> None:
    """At the ends of the calendar too, where arithmetic overflows."""
    envelope = json.loads(encode(auth.GuestReplaced(subject_id=new_id())))
    envelope["time"] = time
    only_undecodable(json.dumps(envelope).encode())


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"specversion":' * 50_000, b'{"a":' + b"9" * 10_000 + b"}", b"\xff\xfe", b""]
)
def test_json_that_is_too_deep_or_too_large_is_undecodable(body: bytes) -> None:
    """Bombs for parsers."""
    with pytest.raises(UndecodableMessage):
        decode(body)


def test_the_error_does_not_quote_the_message() -> None:
    """Its text goes to the log."""
    body = encode(retention.PurgeRequested(subject_id=new_id(), purge_id=new_id(), reason="x"))
    broken = body.replace(b'"purge_id":"', b'"purge_id":"CANARY')
    with pytest.raises(UndecodableMessage) as error:
        decode(broken)
    assert "CANARY" not in str(error.value)
    assert "CANARY" not in error.value.detail


def test_a_message_cannot_be_changed() -> None:
    """Frozen: what happened, happened."""
    message = auth.GuestReplaced(subject_id=new_id())
    with pytest.raises(Exception, match="frozen"):
        message.subject_id = new_id()  # type: ignore[misc]


def test_two_messages_of_one_type_are_refused_when_they_are_declared() -> None:
    """A type names one message."""
    with pytest.raises(TypeError, match="two messages"):
        type("Twice", (Message,), {"type": "auth.guest.replaced.v1", "__module__": __name__})


def test_messages_hold_ids_and_facts_only() -> None:
    """No field whose name tells of a person; a new one must be thought about here."""
    allowed = {"message_id", "at", "subject_id", "purge_id", "photo_id", "session_id", "reason", "reasons", "counts",
               "account_id", "heir_id", "kind", "name", "subject_kind"}  # fmt: skip
    allowed |= {"heir_id", "order_id", "product", "refunded", "revision", "scopes", "kept"}
    allowed |= {"export_id", "recipient", "what", "ground", "was_ready"}
    for kind in KINDS:
        assert set(kind.model_fields) <= allowed, kind
