"""Addresses: ours, as others reach us, and what may be called on each of our paths. The Host header has no say in it."""

from __future__ import annotations

from fastapi import Request
from starlette.routing import Match
from starlette.types import Scope

from services.gateway.parts import parts_of

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def absolute_url(request: Request, route: str, **path: str) -> str:
    """The address of a route: below the public address we were told, else (locally) below the socket that was called."""
    told = parts_of(request).settings.public_url
    return (told or _socket(request.scope)) + str(request.app.url_path_for(route, **path))


def allowed(request: Request) -> str:
    """The methods that a path takes, as an ``Allow`` header lists them."""
    found = [method for method in METHODS if _takes(request, method)]
    return ", ".join(["GET", "HEAD", *found[1:]] if "GET" in found else found)


def _takes(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    return any(route.matches(dict(scope))[0] is Match.FULL for route in request.app.routes)


def _socket(scope: Scope) -> str:
    host, port = scope["server"]
    host = f"[{host}]" if ":" in host else host
    return f"{scope['scheme']}://{host}" + (f":{port}" if port else "")
