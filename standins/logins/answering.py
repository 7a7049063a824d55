"""Turns a provider's plain functions into HTTP, with the faults that every provider has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from standins.logins.world import World

PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read."""

    method: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    headers: Mapping[str, str]
    url: str

    def part(self, name: str) -> str:
        """A parameter from the query or the form; empty when it is missing."""
        return self.query.get(name) or self.form.get(name) or ""


Handler = Callable[[World, Call], Response]


def route(world: World, provider: str, step: str, path: str, handler: Handler, methods: tuple[str, ...]) -> Route:
    """One call of a provider, below ``/<provider>``."""

    async def endpoint(request: Request) -> Response:
        call = await _read(request)
        world.calls[f"{provider} {step}"] += 1
        if early := await _before(world, provider, step):
            return early
        response = handler(world, call)
        return await _after(world, provider, step, response) or response

    return Route(f"/{provider}{path}", endpoint, methods=list(methods))


def json_response(fields: Mapping[str, Any], status: int = 200, content_type: str = "application/json") -> Response:
    """JSON as the real ones write it: not escaped, and with the content type they claim."""
    body = json.dumps(fields, ensure_ascii=False).encode()
    return Response(body, status, headers={"Content-Type": content_type})


async def _read(request: Request) -> Call:
    body = (await request.body()).decode("utf-8", "replace")
    form = (
        dict(parse_qsl(body, keep_blank_values=True)) if "json" not in request.headers.get("content-type", "") else {}
    )
    return Call(request.method, dict(request.query_params), form, dict(request.headers), str(request.url))


async def _before(world: World, provider: str, step: str) -> Response | None:
    if slow := world.fault(provider, "slow", step):
        await asyncio.sleep(float(slow.get("seconds", 1)))
    if page := world.fault(provider, "html", step):
        return HTMLResponse(PAGE, int(page.get("status", 502)))
    if there := world.fault(provider, "redirect", step):
        return RedirectResponse(str(there.get("to", "/")), 302)
    if world.fault(provider, "too_many", step):
        return PlainTextResponse("slow down", 429)
    return None


async def _after(world: World, provider: str, step: str, response: Response) -> Response | None:
    if silent := world.fault(provider, "silent_after", step):
        await asyncio.sleep(float(silent.get("seconds", 1)))
    if page := world.fault(provider, "html_after", step):
        return HTMLResponse(PAGE, int(page.get("status", 502)))
    if world.fault(provider, "not_json", step):
        return PlainTextResponse("系统繁忙")
    if world.fault(provider, "huge", step):
        return Response(bytes(response.body) + b" " * 2**20, response.status_code)
    return None
