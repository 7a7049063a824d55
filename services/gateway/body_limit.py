"""Refuses a body that no call of ours needs before it is in memory; uploads have their own, larger cap.

The framework's own limit answers in plain text; ours answers as every error does, with a coded problem.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.problems import problem
from shared.kernel.errors import Code, PocketError


class BodyLimit:
    """ASGI middleware: 413 ``too_large`` for more than ``max_bytes``, told in advance or streamed without a length."""

    def __init__(self, app: ASGIApp, max_bytes: int, streamed_paths: frozenset[str]) -> None:
        self._app = app
        self._max = max_bytes
        self._streamed = streamed_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        if scope["type"] != "http" or scope["path"] in self._streamed:
            await self._app(scope, receive, send)
            return
        refusal = problem(
            Request(scope), PocketError("body", code=Code.TOO_LARGE, public_extra={"max_bytes": self._max})
        )
        taken, refused = 0, False

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max:
                # The rest is not taken: the route sees a client that went away.
                return {"type": "http.disconnect"}
            return message

        async def answered(message: Message) -> None:
            nonlocal refused
            if taken <= self._max:
                await send(message)
            elif not refused:
                refused = True
                await refusal(scope, receive, send)

        await self._app(scope, counted, answered)
        if taken > self._max and not refused:
            await refusal(scope, receive, send)
