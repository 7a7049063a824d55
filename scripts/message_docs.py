"""What is written about messages: the page of events, their JSON Schemas, the AsyncAPI document. Pure: text from contracts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from services.gateway.stream import HEARD
from shared.contracts import LISTENERS, Command, Event, Message, known_types
from shared.contracts.base import CONTENT_TYPE, SPEC_VERSION, Call
from shared.contracts.queues import DEAD_EXCHANGE, DELIVERY_LIMIT, EVENTS_EXCHANGE, RENDER_QUEUE, rpc_queue

_EVENTS_HEAD = f"""\
# Messages

Declared once, in `shared/contracts/`; as [AsyncAPI](asyncapi.yaml) and as [JSON Schema](schemas/). The envelope is
CloudEvents {SPEC_VERSION} in structured JSON (`{CONTENT_TYPE}`): `id` (UUIDv7), `source`, `type`, `subject` (the subject's
id), `time`, `traceparent` when there is a trace, and `data` with the fields below. Events go to the topic exchange
`{EVENTS_EXCHANGE}`, the routing key is the type; commands go straight to a queue. Unknown fields are ignored.
"""


def published() -> dict[str, type[Message]]:
    """Every message of the product by its type (a test may have declared others in this process)."""
    return known_types()


def events_page() -> str:
    """Every message, its fields and who hears it; every queue; every call."""
    parts = [_EVENTS_HEAD, _messages(), _queues(), _calls()]
    return "\n".join(parts)


def schema_of(kind: type[Message]) -> dict[str, Any]:
    """The JSON Schema of a message as it lies in a queue: the CloudEvents envelope with its ``data``."""
    own = kind.model_json_schema(mode="validation")
    fields = {n: _plain(s) for n, s in own["properties"].items() if n not in ("message_id", "at", "subject_id")}
    data = {"type": "object", "properties": fields, "required": [n for n in own.get("required", []) if n in fields]}
    uuid = {"type": "string", "format": "uuid"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:pocketid:schema:{kind.type}",
        "title": kind.type,
        "description": prose(kind),
        "type": "object",
        "properties": {
            "specversion": {"const": SPEC_VERSION},
            "id": uuid,
            "source": {"const": "/" + kind.type.split(".", 1)[0]},
            "type": {"const": kind.type},
            "subject": {**uuid, "description": "the subject's id"},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "traceparent": {"type": "string", "description": "W3C trace context"},
            "data": data,
        },
        "required": ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"],
    }


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3 document of all events and commands."""
    messages = sorted(published().items())
    described = {
        name: {
            "name": name,
            "summary": prose(kind),
            "contentType": CONTENT_TYPE,
            "payload": {"$ref": f"schemas/{name}.json"},
        }
        for name, kind in messages
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Pocket ID Photo 口袋证件照: messages", "version": "1", "license": {"name": "Apache-2.0"}},
        "defaultContentType": CONTENT_TYPE,
        "servers": {"broker": {"host": "127.0.0.1:5672", "protocol": "amqp", "description": "RabbitMQ"}},
        "channels": dict(_channels()),
        "operations": dict(_operations()),
        "components": {"messages": described},
    }


def yaml(value: Any, indent: int = 0) -> str:
    """``value`` as YAML: blocks for what holds something, JSON for the rest."""
    margin = "  " * indent
    if isinstance(value, dict) and value:
        pairs = value.items()
        return "".join(f"{margin}{_name(name)}:{_after(inner, indent)}" for name, inner in pairs)
    return "".join(f"{margin}-{_after(inner, indent)}" for inner in value)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def subclasses(kind: type[Any]) -> list[type[Any]]:
    """All subclasses in the product, however far down; of calls only those that can be made."""
    found = [own for one in kind.__subclasses__() for own in (one, *subclasses(one))]
    ours = [one for one in dict.fromkeys(found) if one.__module__.startswith(("shared.", "services."))]
    return [one for one in ours if kind is not Call or hasattr(one, "method")]


def prose(kind: type[Any]) -> str:
    """A class's docstring in one line of Markdown."""
    return " ".join((kind.__doc__ or "").replace("``", "`").split())


def _messages() -> str:
    parts = []
    for name, kind in sorted(published().items()):
        hearers = [f"`{one.queue}`" for one in LISTENERS if kind in (*one.events, *one.commands)]
        hearers += ["every gateway"] if kind in HEARD else []
        fields = [
            (f"`{field}`", _type_of(_plain(own)), "" if field in schema["required"] else "optional")
            for schema in [schema_of(kind)["properties"]["data"]]
            for field, own in schema["properties"].items()
        ]
        sort = "command" if issubclass(kind, Command) else "event"
        shown = table(("field", "type", ""), fields) if fields else "No fields of its own.\n"
        parts.append(f"## `{name}`\n\n{prose(kind)}\n\n{sort}; heard by {', '.join(hearers) or 'nobody'}\n\n{shown}")
    return "\n".join(parts)


def _queues() -> str:
    rows = []
    for one in LISTENERS:
        takes = ", ".join(f"`{kind.type}`" for kind in (*one.events, *one.commands))
        waits = ", ".join(f"`{one.retry_queue(delay)}`" for delay in one.delays_seconds)
        rows.append((f"`{one.queue}`", takes, waits, f"`{one.dead_queue}`"))
    text = (
        f"## Queues\n\nDurable quorum queues. A message whose consumer dies is handed out up to {DELIVERY_LIMIT} times more; a"
        " failed one waits in the retry queues and comes back to its own queue; what has failed for good rests in the dead"
        f" queue (`{DEAD_EXCHANGE}` brings there what the broker itself gives up on). Every gateway has an exclusive queue"
        " besides, which goes when it goes.\n\n"
    )
    return text + table(("queue", "takes", "waits in", "rests in"), rows)


def _calls() -> str:
    calls = sorted(subclasses(Call), key=lambda kind: (kind.service, kind.method))
    rows = [(f"`{k.service}.{k.method}`", f"`{rpc_queue(k.service)}`", prose(k)) for k in calls]
    text = (
        "## Calls\n\nRequest and reply in nameko's wire format, transient, expiring with their caller's patience."
        f" Renders are asked of any worker, on `{RENDER_QUEUE}`.\n\n"
    )
    return text + table(("call", "queue", "meaning"), rows)


def _type_of(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type_of(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type_of(schema['items'])}"
    if schema.get("type") == "object":
        return f"object of {_type_of(schema['additionalProperties'])}"
    return str(schema.get("format") or schema.get("type"))


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != "title"}


def _channels() -> Iterator[tuple[str, dict[str, Any]]]:
    exchange = {"name": EVENTS_EXCHANGE, "type": "topic", "durable": True, "autoDelete": False}
    for name, kind in sorted(published().items()):
        if issubclass(kind, Event):
            binding: dict[str, Any] = {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}
            yield name, _channel(name, [name], binding)
    for listener in LISTENERS:
        queue = {"name": listener.queue, "durable": True, "exclusive": False, "autoDelete": False}
        for command in listener.commands:
            binding = {"is": "queue", "queue": queue, "bindingVersion": "0.3.0"}
            yield listener.queue, _channel(listener.queue, [command.type], binding)


def _channel(address: str, messages: list[str], binding: dict[str, Any]) -> dict[str, Any]:
    refs = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    return {"address": address, "messages": refs, "bindings": {"amqp": binding}}


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, kind in sorted(published().items()):
        if issubclass(kind, Event):
            yield f"say.{name}", _operation("send", name, f"{name.split('.', 1)[0]} says it")
    for listener in LISTENERS:
        for event in listener.events:
            yield f"{listener.queue}.{event.type}", _operation("receive", event.type, f"queue {listener.queue}")
        for _ in listener.commands:
            yield f"send.{listener.queue}", _operation("send", listener.queue, "imaging queues a job")
            yield f"take.{listener.queue}", _operation("receive", listener.queue, "a worker takes a job")
    for heard in HEARD:
        yield f"gateway.{heard.type}", _operation("receive", heard.type, "every gateway, on a queue of its own")


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _after(value: Any, indent: int) -> str:
    if isinstance(value, dict | list) and value:
        return "\n" + yaml(value, indent + 1)
    return f" {json.dumps(value, ensure_ascii=False)}\n"


def _name(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z$][\w.$-]*", name) else json.dumps(name, ensure_ascii=False)
