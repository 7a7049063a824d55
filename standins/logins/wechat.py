"""WeChat's OAuth calls: always HTTP 200, always text/plain without a charset, failures in ``errcode``."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from standins.logins.answering import Call, json_response, route
from standins.logins.apps import App
from standins.logins.page import authorize
from standins.logins.people import Person, letters
from standins.logins.world import World

NAME = "wechat"
TEXTS = {40029: "invalid code", 40163: "code been used", 40013: "invalid appid", 40125: "invalid appsecret"}
SPEND_FAILURES = {"unknown": 40029, "expired": 40029, "other_app": 40029, "used": 40163}


def openid(app: App, person: Person) -> str:
    """28 letters, different in every app."""
    return "o" + letters(27, NAME, app.app_id, person.person_id)


def unionid(person: Person) -> str:
    """The same in all apps of one open-platform account."""
    return "o6" + letters(26, NAME, person.person_id)


def routes(world: World) -> list[Route]:
    """WeChat's calls and its QR page."""
    return [
        route(world, NAME, "token", "/sns/oauth2/access_token", _token, ("GET", "POST")),
        route(world, NAME, "refresh", "/sns/oauth2/refresh_token", _refresh, ("GET", "POST")),
        route(world, NAME, "auth", "/sns/auth", _auth, ("GET",)),
        route(world, NAME, "userinfo", "/sns/userinfo", _userinfo, ("GET",)),
        route(world, NAME, "authorize", "/connect/qrconnect", _authorize, ("GET",)),
    ]


def _token(world: World, call: Call) -> Response:
    app = world.app(NAME, call.part("appid"))
    if refused := _refused(world, call, app, "token"):
        return refused
    assert app is not None
    if not call.part("code"):
        return _error(world, 41008)
    if call.part("grant_type") != "authorization_code":
        return _error(world, 40002)
    grant = world.spend(NAME, call.part("code"), app.app_id)
    if isinstance(grant, str):
        return _error(world, SPEND_FAILURES[grant])
    told: dict[str, Any] = {
        "access_token": world.new_token(app, grant.person, "access_token", 7200),
        "expires_in": 7200,
        "refresh_token": world.new_token(app, grant.person, "refresh_token", 30 * 86400),
        "openid": openid(app, grant.person),
        "scope": "snsapi_userinfo",
    }
    if not world.fault(NAME, "unionid_missing", "token"):
        told["unionid"] = unionid(grant.person)
    return _success(world, told, "token")


def _refresh(world: World, call: Call) -> Response:
    app, token = world.app(NAME, call.part("appid")), world.token(NAME, call.part("refresh_token"))
    if app is None or token is None or token.kind != "refresh_token":
        return _error(world, 40013 if app is None else 40030)
    access = world.new_token(app, token.person, "access_token", 7200)
    told = {"access_token": access, "expires_in": 7200, "refresh_token": call.part("refresh_token")}
    return _success(world, {**told, "openid": openid(app, token.person), "scope": "snsapi_userinfo"}, "refresh")


def _auth(world: World, call: Call) -> Response:
    return _error(world, 0) if world.token(NAME, call.part("access_token")) else _error(world, 40001)


def _userinfo(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "error", "userinfo"):
        return _error(world, int(fault["code"]))
    token = world.token(NAME, call.part("access_token"))
    app = world.app(NAME, token.app_id) if token else None
    if token is None or app is None or token.kind != "access_token":
        return _error(world, 40001)
    if call.part("openid") != openid(app, token.person):
        return _error(world, 40003)
    own = openid(app, token.person)
    told: dict[str, Any] = {
        "openid": own[::-1] if world.fault(NAME, "other_openid", "userinfo") else own,
        "nickname": token.person.nickname,
        "sex": 0,
        "province": "",
        "city": "",
        "country": "",
        "headimgurl": "https://thirdwx.example.com/mmopen/vi_32/none/132",
        "privilege": [],
    }
    if not world.fault(NAME, "unionid_missing", "userinfo"):
        told["unionid"] = unionid(token.person)
    return _success(world, told, "userinfo")


def _authorize(world: World, call: Call) -> Response:
    return authorize(world, call, NAME, call.part("appid"), denial={})


def _refused(world: World, call: Call, app: App | None, step: str) -> Response | None:
    if fault := world.fault(NAME, "error", step):
        return _error(world, int(fault["code"]))
    if not call.part("appid"):
        return _error(world, 41002)
    if not call.part("secret"):
        return _error(world, 41004)
    if app is None:
        return _error(world, 40013)
    return None if app.secret == call.part("secret") else _error(world, 40125)


def _success(world: World, told: dict[str, Any], step: str) -> Response:
    if world.fault(NAME, "errcode_zero", step):
        told |= {"errcode": 0, "errmsg": "ok"}
    return json_response(told, content_type="text/plain")


def _error(world: World, number: int) -> Response:
    text = TEXTS.get(number, "ok" if number == 0 else "refused")
    if world.fault(NAME, "rid", "error"):
        text += f", hints: [ req_id: {secrets.token_hex(6)} ], rid: {secrets.token_hex(4)}-{secrets.token_hex(4)}"
    return json_response({"errcode": number, "errmsg": text}, content_type="text/plain")
