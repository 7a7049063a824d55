"""Playing a person who logs in with the wallet, or cuts the bond there."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter

from standins.alipay import notices
from standins.alipay.control.bodies import Login, Withdrawal
from standins.alipay.logins import Person
from standins.alipay.refusals import invalid
from standins.alipay.signing import REQUEST, text_to_sign, verify
from standins.alipay.world import World


def routes(world: World) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["logins"])

    @router.post("/logins")
    async def login(asked: Login) -> dict[str, object]:
        """The wallet takes an auth string (or an app and a scope) and gives an ``auth_code``."""
        return _login(world, asked)

    @router.post("/logins/withdraw")
    async def withdraw(asked: Withdrawal) -> dict[str, object]:
        """The person cuts the bond: tokens die, and ``alipay.open.auth.userauth.cancelled`` is pushed to ``url``."""
        return await _withdraw(world, asked)

    return router


def _login(world: World, asked: Login) -> dict[str, object]:
    app_id, scope, target = asked.app_id or world.settings.app_id, asked.scope, ""
    if asked.auth_string:
        given = dict(parse_qsl(asked.auth_string.replace("+", "%2B"), keep_blank_values=True))
        app_id, scope, target = given.get("app_id", ""), given.get("scope", ""), given.get("target_id", "")
        _check(world, given)
    if app_id not in world.keyring.apps:
        raise invalid("app-id")
    if asked.result_status != "9000":
        return {"resultStatus": asked.result_status, "result": "", "auth_code": ""}
    person = Person(asked.user_id, asked.open_id, asked.union_id, asked.profile)
    life = timedelta(seconds=asked.code_seconds)
    code = world.logins.agree(app_id, person, scope, world.clock.now(), life)
    who = {"alipay_open_id": asked.open_id} if world.buyer_named_by == "open_id" else {"user_id": asked.user_id}
    told = {"success": "true", "result_code": "200", "app_id": app_id, "auth_code": code, "scope": scope, **who}
    told |= {"target_id": target} if target else {}
    return {"resultStatus": "9000", "result": urlencode(told), "auth_code": code}


def _check(world: World, given: dict[str, str]) -> None:
    expected = {"apiname": "com.alipay.account.auth", "method": "alipay.open.auth.sdk.code.get", "pid": world.seller_id}
    expected |= {"product_id": "APP_FAST_LOGIN", "biz_type": "openservice", "sign_type": "RSA2"}
    wrong = [name for name, value in expected.items() if given.get(name) != value]
    if wrong or not given.get("target_id") or len(given["target_id"]) > 32:
        raise invalid("parameter", f"auth string: {', '.join(wrong) or 'target_id'}")
    app = world.keyring.apps.get(given.get("app_id", ""))
    if not app:
        raise invalid("app-id")
    if not verify(app.public_key, text_to_sign(given, REQUEST), given.get("sign", "")):
        raise invalid("signature")


async def _withdraw(world: World, asked: Withdrawal) -> dict[str, object]:
    world.logins.cut(asked.app_id, asked.user_id, asked.open_id)
    milliseconds, house = int(world.clock.now().timestamp() * 1000), world.house(asked.app_id)
    who = {"open_id": asked.open_id} if world.buyer_named_by == "open_id" else {"user_id": asked.user_id}
    content = {"cancel_time": milliseconds, **who, "app_id": asked.app_id}
    told = {
        "version": "1.1",
        "msg_method": "alipay.open.auth.userauth.cancelled",
        "utc_timestamp": str(milliseconds),
        "notify_id": world.post_office.new_id(),
        "app_id": asked.app_id,
        "charset": "utf-8",
        "sign_type": "RSA2",
        "biz_content": json.dumps(content, separators=(",", ":")),
    }
    body = notices.body(told, house.forger if asked.forged else house.key)
    return {**await world.notifier.post(asked.url, body), "body": body.decode("ascii")}
