"""Huawei's OAuth calls: OAuth failures with HTTP 400, rest.php's with 200 and a header, tokens with ``+ / =`` in them."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from standins.logins import pkce
from standins.logins.answering import Call, json_response, route
from standins.logins.apps import App
from standins.logins.page import authorize
from standins.logins.people import Person, letters
from standins.logins.world import Grant, World

NAME = "huawei"
ISSUER = "https://accounts.huawei.com"


def openid(app: App, person: Person) -> str:
    """Different in every app."""
    return "MDF" + letters(40, NAME, app.app_id, person.person_id)


def unionid(person: Person) -> str:
    """The same in all apps of a developer."""
    return "MDE" + letters(40, NAME, person.person_id)


def routes(world: World) -> list[Route]:
    """Huawei's calls and its login page."""
    return [
        route(world, NAME, "authorize", "/oauth2/v3/authorize", _authorize, ("GET",)),
        route(world, NAME, "token", "/oauth2/v3/token", _token, ("POST",)),
        route(world, NAME, "keys", "/oauth2/v3/certs", _keys, ("GET",)),
        route(world, NAME, "revoke", "/oauth2/v3/revoke", _revoke, ("POST",)),
        route(world, NAME, "token_info", "/rest.php", _token_info, ("POST",)),
    ]


def _authorize(world: World, call: Call) -> Response:
    return authorize(world, call, NAME, call.part("client_id"), denial={"error": "1107", "sub_error": "31001"})


def _keys(world: World, call: Call) -> Response:
    return json_response(world.keys[NAME].jwks())


def _token(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "error", "token"):
        return _error(int(fault["code"]), int(fault.get("sub_error", 0)))
    app = world.app(NAME, call.part("client_id"))
    if app is None or app.secret != call.part("client_secret"):
        return _error(1102, 20001)
    grant = world.spend(NAME, call.part("code"), app.app_id)
    if isinstance(grant, str) or not pkce.fits(grant.challenge, call.part("code_verifier")):
        return _error(1101, 20152)
    if grant.redirect_uri not in (None, call.part("redirect_uri")):
        return _error(1101, 20154)
    told: dict[str, Any] = {
        "access_token": world.new_token(app, grant.person, "access_token", 3600, ending="+/a="),
        "expires_in": 3600,
        "refresh_token": world.new_token(app, grant.person, "refresh_token", 180 * 86400, ending="+/r="),
        "scope": "openid",
        "token_type": "Bearer",
    }
    if not world.fault(NAME, "no_id_token", "token"):
        told["id_token"] = _id_token(world, app, grant)
    return json_response(told)


def _id_token(world: World, app: App, grant: Grant) -> str:
    now = int(world.now())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": app.app_id,
        "sub": unionid(grant.person),
        "openid": openid(app, grant.person),
        "iat": now,
        "exp": now + 3600,
        "display_name": grant.person.nickname,
    }
    if grant.nonce:
        claims["nonce"] = grant.nonce
    if world.fault(NAME, "no_openid", "token"):
        del claims["openid"]
    algorithm = "PS256" if world.fault(NAME, "ps256", "token") else "RS256"
    twist = world.fault(NAME, "twist", "token") or {}
    return world.keys[NAME].sign(claims, algorithm=algorithm, twist=str(twist.get("how", "")))


def _token_info(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "nsp_status", "token_info"):
        return _nsp(int(fault["code"]))
    token = world.token(NAME, call.part("access_token"))
    app = world.app(NAME, token.app_id) if token else None
    if call.query.get("nsp_svc") != "huawei.oauth2.user.getTokenInfo" or token is None or app is None:
        return _nsp(31204)
    told = {
        "client_id": "104999999" if world.fault(NAME, "foreign_client", "token_info") else app.app_id,
        "expire_in": int(token.expires_at - world.now()),
        "scope": "openid",
    }
    if call.part("open_id") == "OPENID":
        told |= {"open_id": openid(app, token.person), "union_id": unionid(token.person)}
    return json_response(told)


def _revoke(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "error", "revoke"):
        return _error(int(fault["code"]), int(fault.get("sub_error", 0)))
    if world.token(NAME, call.part("token")) is None:
        return _error(1101, 31204)
    world.revoke(NAME, call.part("token"))
    return Response(b"", 200)


def _nsp(status: int) -> Response:
    response = json_response({"error": "invalid session"})
    response.headers["NSP_STATUS"] = str(status)
    return response


def _error(error: int, sub_error: int) -> Response:
    return json_response({"error": error, "sub_error": sub_error, "error_description": "refused"}, 400)
