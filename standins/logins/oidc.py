"""An OpenID Connect provider: discovery, PKCE demanded, keys that rotate, RFC 7009 revocation."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import unquote

from starlette.responses import Response
from starlette.routing import Route

from standins.logins import pkce
from standins.logins.answering import Call, json_response, route
from standins.logins.apps import App
from standins.logins.page import authorize
from standins.logins.people import Person, hexes
from standins.logins.world import Grant, World

NAME = "oidc"


def sub(person: Person) -> str:
    """The same for all clients."""
    return hexes(24, NAME, person.person_id).lower()


def routes(world: World) -> list[Route]:
    """The provider's calls and its login page."""
    return [
        route(world, NAME, "discovery", "/.well-known/openid-configuration", _discovery, ("GET",)),
        route(world, NAME, "authorize", "/authorize", _authorize, ("GET",)),
        route(world, NAME, "keys", "/certs", _keys, ("GET",)),
        route(world, NAME, "token", "/token", _token, ("POST",)),
        route(world, NAME, "revoke", "/revoke", _revoke, ("POST",)),
    ]


def _discovery(world: World, call: Call) -> Response:
    issuer = world.first_app(NAME).more["issuer"]
    told: dict[str, Any] = {
        "issuer": "https://accounts.example.com" if world.fault(NAME, "other_issuer", "discovery") else issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/certs",
        "revocation_endpoint": f"{issuer}/revoke",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
    }
    if world.fault(NAME, "no_revocation", "discovery"):
        del told["revocation_endpoint"]
    if world.fault(NAME, "unsafe_endpoint", "discovery"):
        told["token_endpoint"] = "ftp://accounts.example.com/token"
    if world.fault(NAME, "post_only", "discovery"):
        told["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    return json_response(told)


def _authorize(world: World, call: Call) -> Response:
    if call.query.get("code_challenge_method") != "S256" or not call.query.get("code_challenge"):
        return _error("invalid_request")
    return authorize(world, call, NAME, call.part("client_id"), denial={"error": "access_denied"})


def _keys(world: World, call: Call) -> Response:
    return json_response(world.keys[NAME].jwks())


def _token(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "error", "token"):
        return _error(str(fault["code"]))
    app = _client(world, call)
    if app is None:
        return _error("invalid_client", 401)
    grant = world.spend(NAME, call.part("code"), app.app_id)
    if isinstance(grant, str) or grant.redirect_uri != call.part("redirect_uri"):
        return _error("invalid_grant")
    if grant.challenge is None or not pkce.fits(grant.challenge, call.part("code_verifier")):
        return _error("invalid_grant")
    told: dict[str, Any] = {
        "access_token": world.new_token(app, grant.person, "access_token", 3600),
        "token_type": "Bearer",
        "expires_in": 3600,
        "id_token": _id_token(world, app, grant),
    }
    if not world.fault(NAME, "no_refresh_token", "token"):
        told["refresh_token"] = world.new_token(app, grant.person, "refresh_token", 30 * 86400)
    return json_response(told)


def _id_token(world: World, app: App, grant: Grant) -> str:
    now = int(world.now())
    claims: dict[str, Any] = {
        "iss": world.first_app(NAME).more["issuer"],
        "aud": app.app_id,
        "sub": sub(grant.person),
        "iat": now,
        "exp": now + 3600,
        "nickname": grant.person.nickname,
    }
    if grant.nonce:
        claims["nonce"] = grant.nonce
    if grant.person.email:
        claims |= {"email": grant.person.email, "email_verified": grant.person.email_verified}
    twist = world.fault(NAME, "twist", "token") or {}
    return world.keys[NAME].sign(claims, twist=str(twist.get("how", "")))


def _revoke(world: World, call: Call) -> Response:
    if fault := world.fault(NAME, "error", "revoke"):
        return _error(str(fault["code"]))
    if _client(world, call) is None:
        return _error("invalid_client", 401)
    world.revoke(NAME, call.part("token"), hint=call.part("token_type_hint"))
    return Response(b"", 200)


def _client(world: World, call: Call) -> App | None:
    """The client that proved to be one; a public client has no secret and proves nothing."""
    client_id, secret = call.part("client_id"), call.part("client_secret")
    kind, _, written = call.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(written).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
    app = world.app(NAME, unquote(client_id))
    return app if app is not None and app.secret == unquote(secret) else None


def _error(error: str, status: int = 400) -> Response:
    return json_response({"error": error}, status)
