"""Sign in with Apple: checks the client secret's signature and every claim; two keys, rotating."""

from __future__ import annotations

import base64
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import load_der_public_key
from starlette.responses import Response
from starlette.routing import Route

from standins.logins.answering import Call, json_response, route
from standins.logins.apps import App
from standins.logins.page import authorize
from standins.logins.people import Person, hexes
from standins.logins.world import Grant, World

NAME = "apple"
ISSUER = "https://appleid.apple.com"
LONGEST_SECRET_SECONDS = 15777000


def sub(app: App, person: Person) -> str:
    """The same in all apps of a developer team."""
    return f"00{app.more['team_id'][-4:]}.{hexes(32, NAME, app.more['team_id'], person.person_id).lower()}.1203"


def routes(world: World) -> list[Route]:
    """Apple's calls and its login page."""
    return [
        route(world, NAME, "authorize", "/auth/authorize", _authorize, ("GET",)),
        route(world, NAME, "keys", "/auth/keys", _keys, ("GET",)),
        route(world, NAME, "token", "/auth/token", _token, ("POST",)),
        route(world, NAME, "revoke", "/auth/revoke", _revoke, ("POST",)),
    ]


def id_token(world: World, app: App, person: Person, nonce: str | None, twist: str = "") -> str:
    """An identity token, straight or crooked."""
    now = int(world.now())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": app.app_id,
        "iat": now,
        "exp": now + 86400,
        "sub": sub(app, person),
        "auth_time": now,
        "nonce_supported": True,
        "real_user_status": 2,
    }
    if nonce:
        claims["nonce"] = nonce
    if person.email:
        verified: bool | str = person.email_verified
        if world.fault(NAME, "string_booleans", "token"):
            verified = str(verified).lower()
        claims |= {"email": person.email, "email_verified": verified, "is_private_email": verified}
    return world.keys[NAME].sign(claims, twist=twist)


def _authorize(world: World, call: Call) -> Response:
    return authorize(world, call, NAME, call.part("client_id"), denial={"error": "user_cancelled_authorize"})


def _keys(world: World, call: Call) -> Response:
    return json_response(world.keys[NAME].jwks())


def _token(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "error", "token"):
        return _error(str(fault["code"]))
    app = world.app(NAME, call.part("client_id"))
    if app is None or not _knows(world, app, call.part("client_secret")):
        return _error("invalid_client")
    if call.part("grant_type") != "authorization_code":
        return _error("unsupported_grant_type")
    grant = world.spend(NAME, call.part("code"), app.app_id)
    if isinstance(grant, str) or (grant.redirect_uri or "") != call.part("redirect_uri"):
        return _error("invalid_grant")
    told: dict[str, Any] = {
        "access_token": world.new_token(app, grant.person, "access_token", 3600),
        "token_type": "Bearer",
        "expires_in": 3600,
        "id_token": _granted_token(world, app, grant),
    }
    if not world.fault(NAME, "no_refresh_token", "token"):
        told["refresh_token"] = world.new_token(app, grant.person, "refresh_token", 10 * 365 * 86400)
    return json_response(told)


def _granted_token(world: World, app: App, grant: Grant) -> str:
    person = grant.person
    if world.fault(NAME, "other_person", "token"):
        person = Person("somebody-else", "somebody else")
    twist = world.fault(NAME, "twist", "token") or {}
    return id_token(world, app, person, grant.nonce, str(twist.get("how", "")))


def _revoke(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "error", "revoke"):
        return _error(str(fault["code"]))
    app = world.app(NAME, call.part("client_id"))
    if app is None or not _knows(world, app, call.part("client_secret")):
        return _error("invalid_client")
    if not call.part("token"):
        return _error("invalid_request")
    world.revoke(NAME, call.part("token"), hint=call.part("token_type_hint"))
    return Response(b"", 200)


def _knows(world: World, app: App, client_secret: str) -> bool:
    """Whether the client secret is what Apple wants it to be."""
    key: Any = load_der_public_key(base64.b64decode(app.more["public_key"]))
    try:
        header = jwt.get_unverified_header(client_secret)
        claims = jwt.decode(
            client_secret,
            key,
            algorithms=["ES256"],
            audience=ISSUER,
            options={"verify_exp": False, "verify_iat": False, "require": ["iss", "iat", "exp", "aud", "sub"]},
        )
    except jwt.PyJWTError:
        return False
    now = world.now()
    in_time = now < claims["exp"] <= now + LONGEST_SECRET_SECONDS and claims["iat"] <= now + 60
    ours = (claims["iss"], claims["sub"], header.get("kid")) == (
        app.more["team_id"],
        app.app_id,
        app.more["key_id"],
    )
    return in_time and ours


def _error(error: str) -> Response:
    return json_response({"error": error}, 400)
