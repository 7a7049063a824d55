"""Weibo's OAuth calls: failures with HTTP 400 and a number that is sometimes text."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from standins.logins.answering import Call, json_response, route
from standins.logins.page import authorize
from standins.logins.people import Person, digits
from standins.logins.world import World

NAME = "weibo"
TOKEN_SECONDS = 2592000
ERRORS = {
    21322: "redirect_uri_mismatch",
    21324: "invalid_client",
    21325: "invalid_grant",
    21327: "expired_token",
    21330: "access_denied",
    21332: "invalid_access_token",
}


def uid(person: Person) -> str:
    """The same in all apps; more than 53 bits."""
    return "9" + digits(17, NAME, person.person_id)


def routes(world: World) -> list[Route]:
    """Weibo's calls and its login page."""
    return [
        route(world, NAME, "authorize", "/oauth2/authorize", _authorize, ("GET",)),
        route(world, NAME, "token", "/oauth2/access_token", _token, ("POST",)),
        route(world, NAME, "token_info", "/oauth2/get_token_info", _token_info, ("POST",)),
        route(world, NAME, "userinfo", "/2/users/show.json", _userinfo, ("GET",)),
        route(world, NAME, "revoke", "/oauth2/revokeoauth2", _revoke, ("GET", "POST")),
    ]


def _authorize(world: World, call: Call) -> Response:
    denial = {"error": "access_denied", "error_code": "21330", "error_description": "user denied your request."}
    return authorize(world, call, NAME, call.part("client_id"), denial=denial)


def _token(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "error", "token"):
        return _error(world, int(fault["code"]))
    app = world.app(NAME, call.part("client_id"))
    if app is None or app.secret != call.part("client_secret"):
        return _error(world, 21324)
    grant = world.spend(NAME, call.part("code"), app.app_id)
    if isinstance(grant, str):
        return _error(world, 21325)
    if grant.redirect_uri not in (None, call.part("redirect_uri")):
        return _error(world, 21322)
    told = {
        "access_token": world.new_token(app, grant.person, "access_token", TOKEN_SECONDS),
        "remind_in": str(TOKEN_SECONDS),
        "expires_in": TOKEN_SECONDS,
        "uid": uid(grant.person),
        "isRealName": "true",
    }
    return json_response(told)


def _token_info(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "error", "token_info"):
        return _error(world, int(fault["code"]))
    found = world.tokens.get(call.part("access_token"))
    if found is None or found.provider != NAME or found.revoked:
        return _error(world, 21332 if found is None else 21316)
    left = int(found.expires_at - world.now())
    told = {
        "uid": int(uid(found.person)),
        "appkey": "3999999999" if world.fault(NAME, "foreign_client", "token_info") else found.app_id,
        "scope": None,
        "create_at": int(found.expires_at) - TOKEN_SECONDS,
        "expire_in": -60 if world.fault(NAME, "expired", "token_info") else left,
    }
    return json_response(told)


def _userinfo(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "error", "userinfo"):
        return _error(world, int(fault["code"]))
    token = world.token(NAME, call.part("access_token"))
    if token is None or call.part("uid") != uid(token.person):
        return _error(world, 21332)
    told = {
        "id": int(uid(token.person)),
        "idstr": uid(token.person),
        "screen_name": token.person.nickname,
        "name": token.person.nickname,
        "location": "",
        "gender": "n",
        "description": "",
    }
    return json_response(told)


def _revoke(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "error", "revoke"):
        return _error(world, int(fault["code"]))
    if world.fault(NAME, "unconvinced", "revoke"):
        return json_response({"result": "false"})
    if world.token(NAME, call.part("access_token")) is None:
        return _error(world, 21332)
    world.revoke(NAME, call.part("access_token"))
    return json_response({"result": "true"})


def _error(world: World, number: int) -> Response:
    told = {
        "error": ERRORS.get(number, "refused"),
        "error_code": str(number) if world.fault(NAME, "text_error_code", "error") else number,
        "request": "/oauth2",
        "error_uri": "",
        "error_description": ERRORS.get(number, "refused"),
    }
    return json_response(told, 403 if number in (10023, 10024) else 400)
