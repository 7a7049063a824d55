"""Logging in with Alipay: tokens, the profile, and the end of it."""

from __future__ import annotations

from standins.alipay.calls import Call
from standins.alipay.clock import stamp
from standins.alipay.logins import ACCESS_LIFE, REFRESH_LIFE, Person
from standins.alipay.orders import text_of
from standins.alipay.refusals import Refused, missing
from standins.alipay.world import World

PROFILE = ("nick_name", "avatar", "gender", "province", "city")


def token(world: World, call: Call) -> dict[str, object]:
    """``alipay.system.oauth.token``: parameters at the top, and an answer without ``code``."""
    given, now, app_id = call.parameters, world.clock.now(), call.app.app_id
    kind = given.get("grant_type", "")
    if kind == "authorization_code":
        if not given.get("code"):
            raise missing("code")
        access, refresh, person = world.logins.exchange(app_id, given["code"], now)
    elif kind == "refresh_token":
        access, refresh, person = world.logins.refresh(app_id, given.get("refresh_token", ""), now)
    else:
        raise Refused("40002", "isv.grant-type-invalid", "授权类型grant_type无效")
    return {
        **_named(world, person),
        "access_token": access,
        "expires_in": str(int(ACCESS_LIFE.total_seconds())),
        "refresh_token": refresh,
        "re_expires_in": str(int(REFRESH_LIFE.total_seconds())),
        "auth_start": stamp(now),
    }


def profile(world: World, call: Call) -> dict[str, object]:
    """``alipay.user.info.share``: the access token is the common parameter ``auth_token``."""
    grant = world.logins.person(call.app.app_id, call.parameters.get("auth_token", ""), world.clock.now())
    shown = {name: text for name, text in grant.person.profile.items() if name in PROFILE}
    return {**_named(world, grant.person), **shown}


def cancel_relation(world: World, call: Call) -> dict[str, object]:
    """``alipay.open.auth.userauth.relation.cancel``."""
    user_id, open_id = text_of(call.biz, "user_id"), text_of(call.biz, "open_id")
    if not user_id and not open_id:
        raise Refused("40002", "isv.invalid-parameter", "user_id 与 open_id 不能同时为空")
    done = world.logins.cut(call.app.app_id, user_id, open_id)
    return {"result": "success" if done else "failure"}


def revoke(world: World, call: Call) -> dict[str, object]:
    """``alipay.open.oauth.token.revoke``."""
    done = world.logins.revoke(call.app.app_id, text_of(call.biz, "access_token"))
    return {"result": "success" if done else "failure"}


def _named(world: World, person: Person) -> dict[str, object]:
    by_open_id = {"open_id": person.open_id} | ({"union_id": person.union_id} if person.union_id else {})
    return dict(by_open_id) if world.buyer_named_by == "open_id" else {"user_id": person.user_id}
