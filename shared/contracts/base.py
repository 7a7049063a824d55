"""What events, commands and calls have in common, and their CloudEvents 1.0 envelope.

Envelope: structured JSON, ``application/cloudevents+json``. ``type`` is the routing key, ``subject`` the subject id,
``data`` the message's own fields. Unknown fields are ignored, so that a newer sender does not break an older listener.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.kernel.clock import parse_rfc3339, rfc3339, utc_now
from shared.kernel.errors import BadRequest
from shared.kernel.ids import new_id

CONTENT_TYPE = "application/cloudevents+json"
SPEC_VERSION = "1.0"

_ENVELOPE_FIELDS = {"message_id", "at", "subject_id"}
_known: dict[str, type[Message]] = {}


class UndecodableMessage(BadRequest):
    """The bytes on a queue are not a message we know: it can only be buried."""


class Message(BaseModel):
    """A fact (event) or an order (command) that travels by queue."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str] = ""
    """Routing key and CloudEvents type, ``<service>.<thing>.<verb>.v<N>``."""

    message_id: UUID = Field(default_factory=new_id)
    at: datetime = Field(default_factory=utc_now)
    subject_id: UUID

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get("type", "")
        if own:
            if own in _known:
                raise TypeError(f"two messages are called {own}")
            _known[own] = cls


class Event(Message):
    """Something that happened, in the past tense. Published if and only if it was committed."""

    must_be_heard: ClassVar[bool] = True
    """False for news that only matters to whoever is connected just now (the gateways)."""


class Command(Message):
    """An order to one queue, in the imperative."""


A = TypeVar("A", bound=BaseModel)


class Call(BaseModel, Generic[A]):
    """A request that waits for its answer (RPC): ``service.method`` takes it, and answers with ``answer``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    service: ClassVar[str]
    method: ClassVar[str]
    answer: ClassVar[type[BaseModel]]


class RepeatableCall(Call[A]):
    """A call that can be made again with its idempotency key; ``fingerprint`` is what tells it from another call."""

    idempotency_key: str | None = None
    fingerprint: str = ""


class Answer(BaseModel):
    """The root of every call's answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Done(Answer):
    """The answer of a call that has nothing to tell."""


def known_types() -> dict[str, type[Message]]:
    """Every message of the contracts, by its type (a test may declare one of its own: that is no contract)."""
    return {name: kind for name, kind in _known.items() if kind.__module__.startswith("shared.contracts.")}


def encode(message: Message, *, traceparent: str | None = None) -> bytes:
    """The CloudEvents JSON of ``message``."""
    envelope: dict[str, Any] = {
        "specversion": SPEC_VERSION,
        "id": str(message.message_id),
        "source": "/" + message.type.split(".", 1)[0],
        "type": message.type,
        "subject": str(message.subject_id),
        "time": rfc3339(message.at),
        "datacontenttype": "application/json",
        "data": message.model_dump(mode="json", exclude=_ENVELOPE_FIELDS),
    }
    if traceparent:
        envelope["traceparent"] = traceparent
    return json.dumps(envelope, separators=(",", ":")).encode()


def decode(body: bytes) -> tuple[Message, str | None]:
    """The message in ``body`` and its traceparent; raises :class:`UndecodableMessage`, and nothing else."""
    try:
        envelope = json.loads(body)
        if envelope["specversion"] != SPEC_VERSION:
            raise UndecodableMessage("not CloudEvents 1.0")
        kind = _known.get(envelope["type"])
        if kind is None:
            raise UndecodableMessage("unknown message type")
        message = kind.model_validate(
            {
                **envelope["data"],
                "message_id": envelope["id"],
                "at": parse_rfc3339(envelope["time"]),
                "subject_id": envelope["subject"],
            }
        )
        return message, envelope.get("traceparent")
    except UndecodableMessage:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError, RecursionError) as error:
        # The text of these errors may quote the message: keep the kind only.
        raise UndecodableMessage(f"not a message: {type(error).__name__}") from None
