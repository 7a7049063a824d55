"""The control interface below ``/_standin``: people, logins, faults, notices, keys, time, and what was asked of us."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from standins.logins import notices
from standins.logins.apps import App, parse_apps
from standins.logins.faults import EVERYWHERE, OWN, Fault, UnknownFault
from standins.logins.issuing import issue
from standins.logins.keys import TWISTS
from standins.logins.world import World

Asked = Mapping[str, Any]
SEND_SECONDS = 10


def routes(world: World) -> list[Route]:
    """The whole control interface."""
    return [
        _route(world, "GET", "/health", lambda world, asked: {"status": "ok"}),
        _route(world, "GET", "/faults", _list_faults),
        _route(world, "POST", "/faults", _add_fault),
        _route(world, "DELETE", "/faults", _clear_faults),
        _route(world, "PUT", "/apps", _register),
        _route(world, "GET", "/people", lambda world, asked: {"people": [asdict(p) for p in world.people.values()]}),
        _route(world, "POST", "/people", _add_person),
        _route(world, "POST", "/grants", _grant),
        _route(world, "GET", "/revocations", lambda world, asked: {"revocations": world.revocations}),
        _route(world, "GET", "/calls", lambda world, asked: {"calls": dict(world.calls)}),
        _route(world, "POST", "/keys", _rotate),
        _route(world, "POST", "/clock", _forward),
        _route(world, "POST", "/notices", _notify),
    ]


def _route(world: World, method: str, path: str, do: Callable[[World, Asked], dict[str, Any]]) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            asked = await request.json() if await request.body() else {}
            return JSONResponse(await run_in_threadpool(do, world, asked))
        except (UnknownFault, LookupError, ValueError, TypeError, AttributeError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 422)
        except httpx.HTTPError as error:
            return JSONResponse({"error": f"the notice was not taken: {type(error).__name__}"}, 502)

    return Route(f"/_standin{path}", endpoint, methods=[method])


def _list_faults(world: World, asked: Asked) -> dict[str, Any]:
    known = {provider: {**EVERYWHERE, **own} for provider, own in OWN.items()}
    return {"in_force": world.faults.listed(), "known": known, "twists": dict(TWISTS)}


def _add_fault(world: World, asked: Asked) -> dict[str, Any]:
    fault = Fault(
        asked["provider"], asked["name"], asked.get("step"), asked.get("times", 1), dict(asked.get("how", {}))
    )
    world.faults.add(fault)
    return {"in_force": world.faults.listed()}


def _clear_faults(world: World, asked: Asked) -> dict[str, Any]:
    world.faults.clear()
    return {"in_force": []}


def _register(world: World, asked: Asked) -> dict[str, Any]:
    world.apps = parse_apps(asked["apps"])
    return {"apps": [f"{app.provider} {app.app_id}" for app in world.apps]}


def _add_person(world: World, asked: Asked) -> dict[str, Any]:
    person = world.add_person(asked.get("nickname", "小明"), asked.get("email"), asked.get("email_verified", True))
    return asdict(person)


def _grant(world: World, asked: Asked) -> dict[str, Any]:
    return issue(world, _app(world, asked), world.people[asked["person_id"]], asked)


def _rotate(world: World, asked: Asked) -> dict[str, Any]:
    return {"kid": world.keys[asked["provider"]].rotate(keep=int(asked.get("keep", 2)))}


def _forward(world: World, asked: Asked) -> dict[str, Any]:
    world.forwarded += float(asked["forward_seconds"])
    return {"forwarded": world.forwarded}


def _notify(world: World, asked: Asked) -> dict[str, Any]:
    """Send a notice to ``url`` and tell what it was answered; without ``url``, only show it."""
    app, person = _app(world, asked), world.people[asked["person_id"]]
    wish = notices.Wish(asked["kind"], app, person, asked.get("how", {}))
    if wish.kind == "revoked":
        world.withdraw(app.provider, app.app_id, person)
    notice = notices.build(world, wish)
    told: dict[str, Any] = {"notice": asdict(notice)}
    if asked.get("url"):
        answer = httpx.request(
            notice.method,
            asked["url"],
            params=dict(notice.query),
            headers=dict(notice.headers),
            content=notice.body.encode(),
            timeout=SEND_SECONDS,
            trust_env=False,
        )
        told |= {"status": answer.status_code, "body": answer.text}
    return told


def _app(world: World, asked: Asked) -> App:
    if "app_id" not in asked:
        return world.first_app(asked["provider"])
    app = world.app(asked["provider"], asked["app_id"])
    if app is None:
        raise LookupError("no such app")
    return app
