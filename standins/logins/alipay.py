"""Alipay's login methods at the gateway: requests must be signed by our app, answers are signed by Alipay."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from starlette.responses import Response
from starlette.routing import Route

from standins.logins.answering import Call, route
from standins.logins.apps import App
from standins.logins.keys import new_rsa_key
from standins.logins.page import authorize
from standins.logins.people import Person, digits, letters
from standins.logins.world import World

NAME = "alipay"
STEPS = {
    "alipay.system.oauth.token": "token",
    "alipay.user.info.share": "userinfo",
    "alipay.open.auth.userauth.relation.cancel": "revoke",
}


def user_id(person: Person) -> str:
    """16 digits that begin with 2088; the same in all apps."""
    return "2088" + digits(12, NAME, person.person_id)


def open_id(app: App, person: Person) -> str:
    """Different in every app."""
    return "0" + letters(40, NAME, app.app_id, person.person_id)


def routes(world: World) -> list[Route]:
    """The gateway and the login page."""
    return [
        route(world, NAME, "gateway", "/gateway.do", _gateway, ("GET", "POST")),
        route(world, NAME, "authorize", "/oauth2/publicAppAuthorize.htm", _authorize, ("GET",)),
    ]


def sign(app: App, text: str, *, forged: bool = False) -> str:
    """Alipay's signature of a text (or somebody else's)."""
    key: Any = new_rsa_key() if forged else load_der_private_key(base64.b64decode(app.more["private_key"]), None)
    return base64.b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()


def joined(parameters: Mapping[str, str]) -> str:
    """What is signed of a request or a push."""
    return "&".join(f"{k}={v}" for k, v in sorted(parameters.items()) if k != "sign" and v)


def _authorize(world: World, call: Call) -> Response:
    denial = {"error": "access_denied"}
    return authorize(world, call, NAME, call.part("app_id"), denial=denial, code_name="auth_code")


def _gateway(world: World, call: Call) -> Response:
    parameters = {**call.query, **call.form}
    method = parameters.get("method", "")
    step = STEPS.get(method, "other")
    world.calls[f"{NAME} {step}"] += 1
    app = world.app(NAME, parameters.get("app_id", ""))
    if app is None:
        return _failed(world, None, "40002", "isv.invalid-app-id")
    if fault := world.fault(NAME, "error", step):
        return _failed(world, app, str(fault["code"]), str(fault.get("sub_code", "")), method)
    if not _is_signed_by(app, parameters):
        return _failed(world, app, "40002", "isv.invalid-signature")
    handlers = {"token": _token, "userinfo": _userinfo, "revoke": _revoke}
    if step not in handlers:
        return _failed(world, app, "40001", "isv.missing-method")
    return handlers[step](world, app, parameters)


def _token(world: World, app: App, parameters: Mapping[str, str]) -> Response:
    grant = world.spend(NAME, parameters.get("code", ""), app.app_id)
    if parameters.get("grant_type") != "authorization_code" or isinstance(grant, str):
        return _failed(world, app, "40002", "isv.code-invalid")
    told: dict[str, Any] = {
        "access_token": world.new_token(app, grant.person, "access_token", 1296000),
        "expires_in": 1296000,
        "refresh_token": world.new_token(app, grant.person, "refresh_token", 2592000),
        "re_expires_in": 2592000,
        "auth_start": "2026-01-01 00:00:00",
        "alipay_user_id": letters(32, NAME, "obsolete", grant.person.person_id),
    }
    return _succeeded(world, app, "alipay.system.oauth.token", {**told, **_ids(world, app, grant.person, "token")})


def _userinfo(world: World, app: App, parameters: Mapping[str, str]) -> Response:
    token = world.token(NAME, parameters.get("auth_token", ""))
    if token is None or token.app_id != app.app_id:
        return _failed(world, app, "20001", "aop.invalid-auth-token", "alipay.user.info.share")
    told = {"code": "10000", "msg": "Success", **_ids(world, app, token.person, "userinfo")}
    if not world.fault(NAME, "empty_profile", "userinfo"):
        told |= {"nick_name": token.person.nickname, "gender": "F", "avatar": "https://tfs.example.com/1"}
    return _succeeded(world, app, "alipay.user.info.share", told)


def _revoke(world: World, app: App, parameters: Mapping[str, str]) -> Response:
    method = "alipay.open.auth.userauth.relation.cancel"
    if world.fault(NAME, "not_granted", "revoke"):
        return _failed(world, app, "40006", "isv.insufficient-isv-permissions", method)
    wanted = json.loads(parameters.get("biz_content", "{}"))
    for person in world.people.values():
        if user_id(person) == wanted.get("user_id") or open_id(app, person) == wanted.get("open_id"):
            world.withdraw(NAME, app.app_id, person)
            world.revocations.append({"provider": NAME, "known": "yes", "person_id": person.person_id})
            return _succeeded(world, app, method, {"code": "10000", "msg": "Success", "result": "success"})
    return _succeeded(world, app, method, {"code": "10000", "msg": "Success", "result": "failure"})


def _ids(world: World, app: App, person: Person, step: str) -> dict[str, str]:
    if world.fault(NAME, "open_id_only", step):
        return {"open_id": open_id(app, person)}
    return {"user_id": user_id(person), "open_id": open_id(app, person)}


def _is_signed_by(app: App, parameters: Mapping[str, str]) -> bool:
    key: Any = load_der_public_key(base64.b64decode(app.more["public_key"]))
    try:
        signature = base64.b64decode(parameters.get("sign", ""))
        key.verify(signature, joined(parameters).encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _succeeded(world: World, app: App, method: str, told: Mapping[str, Any]) -> Response:
    node = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    forged = bool(world.fault(NAME, "forged", STEPS[method]))
    signature = f',"sign":"{sign(app, node, forged=forged)}"'
    if world.fault(NAME, "unsigned", STEPS[method]):
        signature = ""
    return _text(f'{{"{method.replace(".", "_")}_response":{node}{signature}}}')


def _failed(world: World, app: App | None, code: str, sub_code: str, method: str = "") -> Response:
    name = f"{method.replace('.', '_')}_response" if method and code != "40002" else "error_response"
    node = json.dumps({"code": code, "msg": "refused", "sub_code": sub_code, "sub_msg": "拒绝"}, ensure_ascii=False)
    signed = app is not None and not world.fault(NAME, "unsigned_error", "error")
    signature = f',"sign":"{sign(app, node)}"' if signed and app else ""
    return _text(f'{{"{name}":{node}{signature}}}')


def _text(text: str) -> Response:
    return Response(text.encode(), headers={"Content-Type": "text/html;charset=utf-8"})
