"""Versions only grow: what was published once is decoded for ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.contracts import Event, Message, decode, encode, known_types
from tests.contract.write_golden import CALLS, GOLDEN, calls, shape_of

FILES = sorted(file for file in GOLDEN.glob("*.json") if file != CALLS)
PUBLISHED = json.loads(CALLS.read_text())


def type_of(file: Path) -> str:
    return file.name.removesuffix(".json").removesuffix(".bare")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_message_published_once_is_decoded_and_loses_nothing(file: Path) -> None:
    """Its type still exists, every field is still there with the same value, no field has become required."""
    golden = json.loads(file.read_bytes())
    message, traceparent = decode(file.read_bytes())
    assert message.type == type_of(file)
    assert traceparent == golden.get("traceparent")
    again = json.loads(encode(message, traceparent=traceparent))
    data, data_again = golden.pop("data"), again.pop("data")
    assert again == golden
    assert {name: data_again[name] for name in data} == data


def test_every_message_has_its_golden_file() -> None:
    """A message without one could change unseen. Write it with ``python -m tests.contract.write_golden``."""
    assert {type_of(file) for file in FILES} == set(known_types())


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_call_published_once_can_still_be_made_and_its_answer_still_be_read(name: str) -> None:
    """An older caller is not asked for a new field; an older reader finds every field it knows, of the same shape."""
    call = calls()[name]
    request, answer = shape_of(call), shape_of(call.answer)
    refuse_loss(PUBLISHED[name]["request"], request)
    refuse_loss(PUBLISHED[name]["answer"], answer)
    assert set(request["required"]) <= set(PUBLISHED[name]["request"]["required"])


def test_every_call_is_written_down() -> None:
    """As the messages are."""
    assert set(PUBLISHED) == set(calls())


def refuse_loss(old: dict[str, Any], new: dict[str, Any]) -> None:
    for name, shape in old["fields"].items():
        assert new["fields"].get(name) == shape, name
    for part, fields in old["parts"].items():
        for name, shape in fields.items():
            assert new["parts"].get(part, {}).get(name) == shape, f"{part}.{name}"


# ---- the judge itself is judged: each incompatible change must be seen


def change(file_stem: str, **changes: Any) -> bytes:
    """A golden message as a changed contract would have made it."""
    golden = json.loads((GOLDEN / f"{file_stem}.json").read_text())
    golden["data"] = {k: v for k, v in {**golden["data"], **changes}.items() if v is not None}
    return json.dumps(golden).encode()


@pytest.mark.parametrize(
    "changes",
    [{"counts": None}, {"counts": [1]}, {"counts": {"photos": "many"}}, {"purge_id": None}, {"purge_id": "x"}],
)
def test_a_removed_or_retyped_field_would_be_noticed(changes: dict[str, Any]) -> None:
    """The golden file would no longer decode: here seen from the other side."""
    with pytest.raises(Exception, match="not a message"):
        decode(change("imaging.subject.purged.v1", **changes))


def test_a_lost_or_changed_answer_field_is_refused() -> None:
    """refuse_loss() refuses: it is not a formality."""
    old = shape_of(calls()["auth.admit_guest"].answer)
    for name in old["fields"]:
        lost = {**old, "fields": {k: v for k, v in old["fields"].items() if k != name}}
        with pytest.raises(AssertionError):
            refuse_loss(old, lost)
        with pytest.raises(AssertionError):
            refuse_loss(old, {**old, "fields": {**old["fields"], name: {"type": "array"}}})
    refuse_loss(old, {**old, "fields": {**old["fields"], "added": {"type": "string"}}})


def test_a_newer_senders_unknown_fields_are_ignored() -> None:
    """A newer sender does not break an older listener."""
    for file in FILES:
        body = json.loads(file.read_text())
        body["data"]["added_later"] = {"x": [1]}
        body["extension"] = "y"
        message, _ = decode(json.dumps(body).encode())
        assert message == decode(file.read_bytes())[0]


def test_types_name_their_sender_and_version() -> None:
    """``<service>.<thing>.<verb>.v<N>``; the module that declares it is the one that says it."""
    for name, kind in known_types().items():
        service, thing, verb, version = name.split(".")
        assert kind.__module__ == f"shared.contracts.{service}"
        assert thing
        assert version.startswith("v")
        assert issubclass(kind, Message)
        if issubclass(kind, Event):
            assert verb.endswith(("ed", "ready", "signed_in", "withdrawn", "paid")), (
                f"{name}: an event is in the past tense"
            )
