"""nameko's RPC wire format, and how our errors travel in it: by code, never by text."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.contracts.base import Call
from shared.kernel.errors import BadRequest, Code, PocketError, Unavailable, error_of

A = TypeVar("A", bound=BaseModel)
ERROR_PATH = "shared.kernel.errors.PocketError"


def encode_call(call: Call[Any]) -> bytes:
    """The request body of ``call``."""
    return json.dumps({"args": [call.model_dump(mode="json")], "kwargs": {}}, separators=(",", ":")).encode()


def decode_call(body: bytes | str, kind: type[Call[Any]]) -> Call[Any]:
    """The call in a request body; raises :class:`BadRequest`, and nothing else."""
    try:
        return kind.model_validate(json.loads(body)["args"][0])
    except (ValueError, KeyError, IndexError, TypeError, ValidationError, RecursionError) as error:
        raise BadRequest(f"not a {kind.__name__}: {type(error).__name__}") from None


def encode_reply(result: BaseModel | None, error: BaseException | None) -> bytes:
    """The reply body for a result, or for an error (anything that is not ours becomes ``internal``)."""
    wrong: dict[str, Any] | None = None
    if error is not None:
        known = error if isinstance(error, PocketError) else PocketError(type(error).__name__)
        arguments = [str(known.actual_code), known.detail, known.public_extra]
        wrong = {
            "exc_type": "PocketError",
            "exc_path": ERROR_PATH,
            "exc_args": arguments,
            "value": str(known.actual_code),
        }
    answer = result.model_dump(mode="json") if result is not None and error is None else None
    return json.dumps({"result": answer, "error": wrong}, separators=(",", ":")).encode()


def decode_reply(body: bytes | str, kind: type[A]) -> A:
    """The answer in a reply body; raises the error it carries, as the class of its code."""
    try:
        reply = json.loads(body)
        wrong = reply["error"]
        if wrong is None:
            return kind.model_validate(reply["result"])
        if wrong.get("exc_path") != ERROR_PATH:
            raise PocketError(f"remote {wrong.get('exc_type')}")
        code, detail, extra = wrong["exc_args"]
        raise error_of(Code(code), str(detail), extra)
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError, RecursionError) as error:
        raise Unavailable(f"unreadable reply: {type(error).__name__}") from error


def where(error: BaseException) -> str:
    """File and line of an unexpected error, for the log: its text might quote what it choked on."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno}" if trace else ""
