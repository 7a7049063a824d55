"""What an app's SDK would hand over after a login: a code, or a token, depending on the provider and the platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from standins.logins import alipay, apple, qq, weibo
from standins.logins.apps import App
from standins.logins.people import Person
from standins.logins.world import World


def issue(world: World, app: App, person: Person, how: Mapping[str, Any]) -> dict[str, Any]:
    """As the SDK has it. ``how``: ``kind`` (``code``, ``token``), ``redirect_uri``, ``nonce``, ``code_challenge``, ``twist``."""
    makers: dict[str, Callable[[World, App, Person, Mapping[str, Any]], dict[str, Any]]] = {
        "alipay": _alipay,
        "apple": _apple,
    }
    if how.get("kind") == "token":
        makers |= {"qq": _qq_token, "weibo": _weibo_token}
    return makers.get(app.provider, _code)(world, app, person, how)


def _code(world: World, app: App, person: Person, how: Mapping[str, Any]) -> dict[str, Any]:
    tied = {
        "redirect_uri": how.get("redirect_uri"),
        "nonce": how.get("nonce"),
        "challenge": how.get("code_challenge"),
    }
    return {"code": world.new_code(app, person, tied)}


def _alipay(world: World, app: App, person: Person, how: Mapping[str, Any]) -> dict[str, Any]:
    return {"auth_code": _code(world, app, person, how)["code"], "user_id": alipay.user_id(person)}


def _apple(world: World, app: App, person: Person, how: Mapping[str, Any]) -> dict[str, Any]:
    nonce, twist = how.get("nonce"), str(how.get("twist", ""))
    return {
        **_code(world, app, person, how),
        "id_token": apple.id_token(world, app, person, nonce, twist),
        "user": apple.sub(app, person),
    }


def _qq_token(world: World, app: App, person: Person, how: Mapping[str, Any]) -> dict[str, Any]:
    token = world.new_token(app, person, "access_token", qq.TOKEN_SECONDS)
    return {"ret": 0, "openid": qq.openid(app, person), "access_token": token, "expires_in": qq.TOKEN_SECONDS}


def _weibo_token(world: World, app: App, person: Person, how: Mapping[str, Any]) -> dict[str, Any]:
    token = world.new_token(app, person, "access_token", weibo.TOKEN_SECONDS)
    return {"access_token": token, "uid": weibo.uid(person), "expires_in": weibo.TOKEN_SECONDS}
