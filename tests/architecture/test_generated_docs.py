"""The generated references tell what the code does today, and what they point at exists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scripts import generate_docs, message_docs


def test_the_generated_references_are_those_of_this_code() -> None:
    """A stale reference is a lie: run ``python -m scripts.generate_docs`` and commit what it writes."""
    wrong = [str(path.relative_to(generate_docs.ROOT)) for path in generate_docs.stale()]
    assert wrong == []


def test_generating_twice_gives_the_same_bytes() -> None:
    """Nothing in a reference depends on the time, the machine or the order of a set."""
    assert generate_docs.documents() == generate_docs.documents()


def test_every_reference_inside_the_asyncapi_document_leads_somewhere() -> None:
    """Channels, messages and schemas that are pointed at exist, and every message has a channel and someone who says it."""
    document = message_docs.asyncapi()
    for ref in _refs(document):
        if ref.startswith("#/"):
            here: Any = document
            for step in ref.removeprefix("#/").split("/"):
                here = here[step]
        else:
            assert (generate_docs.DOCS / ref).is_file(), ref
    told = {name for channel in document["channels"].values() for name in channel["messages"]}
    assert told == set(message_docs.published())
    sent = {one["channel"]["$ref"] for one in document["operations"].values() if one["action"] == "send"}
    assert sent == {f"#/channels/{name}" for name in document["channels"]}


def test_a_published_example_fits_its_schema() -> None:
    """The golden message has exactly the members that its schema names, and all that it requires."""
    golden = generate_docs.ROOT / "tests" / "contract" / "golden"
    for name, kind in message_docs.published().items():
        schema = message_docs.schema_of(kind)
        message = json.loads((golden / f"{name}.json").read_text("utf-8"))
        assert set(schema["required"]) <= set(message) <= set(schema["properties"]), name
        data = schema["properties"]["data"]
        assert set(data["required"]) <= set(message["data"]) <= set(data["properties"]), name


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _refs(inner)
