"""HEAD on every GET route: the same status and headers, and no body."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """ASGI middleware: answers HEAD as GET up to the body. A stream that would never end is ended there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        answered = asyncio.Event()

        async def head_only(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                answered.set()

        await _until(answered, asyncio.ensure_future(self._app({**scope, "method": "GET"}, receive, head_only)))


async def _until(answered: asyncio.Event, call: asyncio.Future[None]) -> None:
    """Wait for the answer's head, then end the call, which may be making a body that nobody wants."""
    waiting = asyncio.ensure_future(_set(answered))
    try:
        await asyncio.wait({call, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        call.cancel()
    await asyncio.wait({call})
    if not call.cancelled() and not answered.is_set():
        call.result()


async def _set(answered: asyncio.Event) -> None:
    await answered.wait()
