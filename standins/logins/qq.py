"""QQ's OAuth calls: three formats for one kind of answer, failures with HTTP 200."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from standins.logins.answering import Call, json_response, route
from standins.logins.apps import App
from standins.logins.page import authorize
from standins.logins.people import Person, hexes
from standins.logins.world import World

NAME = "qq"
TOKEN_SECONDS = 7776000
SPEND_FAILURES = {"unknown": 100019, "expired": 100019, "other_app": 100019, "used": 100020}


def openid(app: App, person: Person) -> str:
    """32 hexadecimal digits, different in every app."""
    return hexes(32, NAME, app.app_id, person.person_id)


def unionid(person: Person) -> str:
    """The same in all apps of one developer."""
    return "UID_" + hexes(32, NAME, person.person_id)


def routes(world: World) -> list[Route]:
    """QQ's calls and its login page."""
    return [
        route(world, NAME, "authorize", "/oauth2.0/authorize", _authorize, ("GET",)),
        route(world, NAME, "token", "/oauth2.0/token", _token, ("GET", "POST")),
        route(world, NAME, "me", "/oauth2.0/me", _me, ("GET",)),
        route(world, NAME, "userinfo", "/user/get_user_info", _userinfo, ("GET",)),
    ]


def _authorize(world: World, call: Call) -> Response:
    return authorize(world, call, NAME, call.part("client_id"), denial={"usercancel": "1"})


def _token(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "error", "token"):
        return _error(world, call, int(fault["code"]), "token")
    app = world.app(NAME, call.part("client_id"))
    if app is None or app.secret != call.part("client_secret"):
        return _error(world, call, 100004 if app is None else 100010, "token")
    grant = world.spend(NAME, call.part("code"), app.app_id)
    if isinstance(grant, str):
        return _error(world, call, SPEND_FAILURES[grant], "token")
    if grant.redirect_uri not in (None, call.part("redirect_uri")):
        return _error(world, call, 100010, "token")
    told = {
        "access_token": world.new_token(app, grant.person, "access_token", TOKEN_SECONDS),
        "expires_in": str(TOKEN_SECONDS),
        "refresh_token": world.new_token(app, grant.person, "refresh_token", 180 * 86400),
    }
    if call.part("need_openid") == "1" and call.part("fmt") == "json":
        told["openid"] = openid(app, grant.person)
    if call.part("fmt") != "json" or world.fault(NAME, "query_string", "token"):
        told.pop("openid", None)
        return PlainTextResponse(urlencode(told))
    return _written(world, call, told, "token")


def _me(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "error", "me"):
        return _error(world, call, int(fault["code"]), "me")
    token = world.token(NAME, call.part("access_token"))
    app = world.app(NAME, token.app_id) if token else None
    if token is None or app is None:
        return _error(world, call, 100016, "me")
    client_id: str | int = app.app_id
    if world.fault(NAME, "foreign_client", "me"):
        client_id = "101999999"
    if world.fault(NAME, "numeric_client", "me"):
        client_id = int(client_id)
    told: dict[str, Any] = {"client_id": client_id, "openid": openid(app, token.person)}
    if call.part("unionid") == "1":
        if world.fault(NAME, "no_unionid", "me"):
            return _error(world, call, 100048, "me")
        told["unionid"] = unionid(token.person)
    return _written(world, call, told, "me")


def _userinfo(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "error", "userinfo"):
        return json_response({"ret": int(fault["code"]), "msg": "refused"}, content_type="text/html; charset=utf-8")
    token = world.token(NAME, call.part("access_token"))
    app = world.app(NAME, token.app_id) if token else None
    if token is None or app is None or call.part("oauth_consumer_key") != app.app_id:
        return json_response({"ret": -1, "msg": "client request's parameters are invalid, invalid openid"})
    if call.part("openid") != openid(app, token.person):
        return json_response({"ret": -23, "msg": "token is invalid"})
    told = {
        "ret": 0,
        "msg": "",
        "is_lost": 0,
        "nickname": token.person.nickname,
        "figureurl_qq_1": "https://thirdqq.example.com/40",
        "figureurl_qq_2": "",
        "gender": "男",
        "gender_type": 1,
        "province": "",
        "city": "",
        "year": "0",
    }
    return json_response(told, content_type="text/html; charset=utf-8")


def _written(world: World, call: Call, told: Mapping[str, Any], step: str) -> Response:
    if call.part("fmt") != "json" or world.fault(NAME, "jsonp", step):
        return PlainTextResponse(f"callback( {json.dumps(told)} );\n")
    return json_response(told)


def _error(world: World, call: Call, number: int, step: str) -> Response:
    """JSONP, even where a success would be a query string."""
    return _written(world, call, {"error": number, "error_description": "refused"}, step)
