"""Looks at every JSON body before any route does: nothing passes that a service, a database or a log could stumble over.

What is refused makes no sense in any call of ours: half of a surrogate pair or a NUL in a text, nesting deeper than any
form, numbers that JSON's other readers cannot hold. A route may rely on it; so may whoever it asks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.problems import field_problem, problem
from shared.kernel.errors import NotFound

MAX_DEPTH = 16
MAX_NUMBER = 2**53
"""The largest integer that every JSON reader holds exactly."""


class Unfit(ValueError):
    """A body that no route may see; ``kind`` says why, as the field reasons name it."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def require_fit(body: bytes) -> None:
    """Raise :class:`Unfit` for JSON that no route may see. What is not JSON at all is the framework's to refuse."""
    try:
        value = json.loads(body, parse_int=_integer, parse_float=_real, parse_constant=_constant)
    except RecursionError as error:
        raise Unfit("too_deep") from error
    except (json.JSONDecodeError, UnicodeDecodeError):
        return
    for text in _texts(value):
        if "\0" in text or not _is_encodable(text):
            raise Unfit("not_text")


class JsonDoor:
    """ASGI middleware: 422 with the reason for a JSON body that is not fit, and for a NUL anywhere in the address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refusal = _refused_address(request)
        if refusal is None and _is_json(request.headers.get("content-type", "")):
            messages = await _whole(receive)
            try:
                require_fit(b"".join(message.get("body", b"") for message in messages))
            except Unfit as error:
                refusal = field_problem(request, "", error.kind)
            receive = _again(messages, receive)
        await (refusal or self._app)(scope, receive, send)


def _refused_address(request: Request) -> Any:
    if "\0" in request.url.path or "\0" in request.scope["path"]:
        return problem(request, NotFound("NUL in the path"))
    if "%00" in request.url.query:
        return field_problem(request, "", "not_text")
    return None


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


async def _whole(receive: Receive) -> list[Message]:
    """The body's messages; the limit on bodies stands before this door."""
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


def _again(messages: list[Message], receive: Receive) -> Receive:
    left = iter(messages)

    async def replayed() -> Message:
        return next(left, None) or await receive()

    return replayed


def _texts(value: Any) -> Iterator[str]:
    """Every text of a JSON value, keys too; raises :class:`Unfit` where it is nested too deeply."""
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for one in level:
            if isinstance(one, str):
                yield one
            elif isinstance(one, list):
                below += one
            elif isinstance(one, dict):
                below += [*one.keys(), *one.values()]
        if not below:
            return
        level = below
    raise Unfit("too_deep")


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _integer(digits: str) -> int:
    if len(digits) > len(f"-{MAX_NUMBER}") or abs(int(digits)) > MAX_NUMBER:
        raise Unfit("number_too_large")
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value) or abs(value) > MAX_NUMBER:
        raise Unfit("number_too_large")
    return value


def _constant(name: str) -> NoReturn:
    raise Unfit("finite_number")
