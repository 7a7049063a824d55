"""Every unsafe call of the gateway as a client makes it: once, again, and with its key for something else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.unit.gateway.phones import DEVICE, TYPE, Phone, form, part, png
from tests.unit.worlds import PERMISSIONS, POLICY

Made = tuple[str, str, dict[str, Any]]
"""A call: method, path, what it is made with."""


@dataclass
class Trial:
    """A call that works; another one that its key is then tried on; whether its caller outlives it."""

    tokens: dict[str, Any] | None
    call: Made
    other: Made | None = None
    ends_caller: bool = False
    also: list[Made] = field(default_factory=list)


TRIALS: dict[str, Callable[[Phone], Awaitable[Trial]]] = {}


def trial(door: str) -> Callable[[Callable[[Phone], Awaitable[Trial]]], Callable[[Phone], Awaitable[Trial]]]:
    """Enter a trial under its route."""

    def entered(prepare: Callable[[Phone], Awaitable[Trial]]) -> Callable[[Phone], Awaitable[Trial]]:
        TRIALS[door] = prepare
        return prepare

    return entered


def post(path: str, **body: Any) -> Made:
    return "POST", path, {"json": body} if body else {}


def delete(path: str) -> Made:
    return "DELETE", path, {}


async def photo(phone: Phone, tokens: dict[str, Any]) -> str:
    answer = await phone.upload(tokens)
    phone.world.deliver_all()
    return str(answer.json()["photo_id"])


# ---- who somebody is


@trial("POST /v1/guests")
async def start(phone: Phone) -> Trial:
    body = {"device_id": DEVICE, "policy_version": POLICY}
    return Trial(None, post("/v1/guests", **body), post("/v1/guests", **body, age_band="adult"))


@trial("POST /v1/login-attempts")
async def begin_login(phone: Phone) -> Trial:
    body = {"provider": "wechat", "platform": "android"}
    return Trial(None, post("/v1/login-attempts", **body), post("/v1/login-attempts", **body | {"platform": "ios"}))


@trial("POST /v1/sessions")
async def sign_in(phone: Phone) -> Trial:
    body = {"provider": "wechat", "policy_version": POLICY, "code": phone.wechat.code_for("Ada")}
    other = {**body, "code": phone.wechat.code_for("Ada")}
    return Trial(None, post("/v1/sessions", **body), post("/v1/sessions", **other))


@trial("POST /v1/sessions/refresh")
async def refresh(phone: Phone) -> Trial:
    first = await phone.start()
    again = {"device_id": DEVICE, "policy_version": POLICY, "guest_secret": first["guest_secret"]}
    second = (await phone.client.post("/v1/guests", json=again)).json()
    path = "/v1/sessions/refresh"
    return Trial(
        None, post(path, refresh_token=first["refresh_token"]), post(path, refresh_token=second["refresh_token"])
    )


@trial("DELETE /v1/sessions/current")
async def log_out(phone: Phone) -> Trial:
    return Trial(await phone.sign_in("Ada"), delete("/v1/sessions/current"), ends_caller=True)


@trial("DELETE /v1/me/sessions")
async def log_out_everywhere_else(phone: Phone) -> Trial:
    mine, _ = await phone.sign_in("Ada"), await phone.sign_in("Ada")
    path = "/v1/me/sessions?keep_current=true"
    return Trial(mine, delete(path), delete("/v1/me/sessions"))


@trial("DELETE /v1/me/sessions/{session_id}")
async def end_session(phone: Phone) -> Trial:
    mine, _, _ = [await phone.sign_in("Ada") for _ in range(3)]
    found = (await phone.call("GET", "/v1/me/sessions", mine)).json()["items"]
    one, two = (delete(f"/v1/me/sessions/{s['session_id']}") for s in found if not s["current"])
    return Trial(mine, one, two)


@trial("POST /v1/me/identities")
async def link(phone: Phone) -> Trial:
    mine = await phone.sign_in("Ada")
    body = {"provider": "apple", "platform": "ios", "code": phone.apple.code_for("Ada")}
    other = {**body, "code": phone.apple.code_for("Ada")}
    return Trial(mine, post("/v1/me/identities", **body), post("/v1/me/identities", **other))


@trial("DELETE /v1/me/identities/{provider}")
async def unlink(phone: Phone) -> Trial:
    mine = await phone.sign_in("Ada")
    await phone.put("/v1/me/identities", mine, provider="apple", platform="ios", code=phone.apple.code_for("Ada"))
    return Trial(mine, delete("/v1/me/identities/apple"), delete("/v1/me/identities/wechat"))


# ---- the record


@trial("PATCH /v1/me")
async def change_me(phone: Phone) -> Trial:
    body, other = ({"json": {"nickname": name}} for name in ("小明", "小红"))
    mine = await phone.sign_in("Ada")
    return Trial(mine, ("PATCH", "/v1/me", body), ("PATCH", "/v1/me", other), also=[("PATCH", "/v1/me", other)])


@trial("POST /v1/me/consents")
async def consent(phone: Phone) -> Trial:
    body = {"permission": "camera", "version": PERMISSIONS, "action": "grant"}
    path, other = "/v1/me/consents", body | {"action": "withdraw"}
    return Trial(await phone.start(), post(path, **body), post(path, **other), also=[post(path, **other)])


@trial("POST /v1/me/guardian-requests")
async def ask_guardian(phone: Phone) -> Trial:
    consents = {"permission": "camera", "version": PERMISSIONS, "action": "grant"}
    child = await phone.start(age_band="under_14")
    return Trial(child, post("/v1/me/guardian-requests"), post("/v1/me/consents", **consents))


@trial("POST /v1/me/guardian-consents")
async def answer_guardian(phone: Phone) -> Trial:
    child, guardian = await phone.start(age_band="under_14"), await phone.sign_in("Eve", age_band="adult")
    link_token = (await phone.put("/v1/me/guardian-requests", child)).json()["link_token"]
    path, body = "/v1/me/guardian-consents", {"action": "grant", "link_token": link_token}
    return Trial(guardian, post(path, **body), post(path, **body | {"link_token": "another"}))


@trial("DELETE /v1/me/stash")
async def wipe(phone: Phone) -> Trial:
    return Trial(await phone.start(), delete("/v1/me/stash"), delete("/v1/me"))


@trial("DELETE /v1/me")
async def leave(phone: Phone) -> Trial:
    return Trial(await phone.start(), delete("/v1/me"), delete("/v1/me/stash"))


@trial("POST /v1/me/exports")
async def export(phone: Phone) -> Trial:
    return Trial(await phone.start(), post("/v1/me/exports"))


@trial("POST /v1/feedback")
async def feedback(phone: Phone) -> Trial:
    body = {"kind": "complaint", "text": "slow"}
    return Trial(await phone.start(), post("/v1/feedback", **body), post("/v1/feedback", **body | {"text": "slower"}))


# ---- photos and money


@trial("POST /v1/photos")
async def upload(phone: Phone) -> Trial:
    def sent(size: int) -> dict[str, Any]:
        return {"content": form(part("file", png(size, size))), "headers": {"Content-Type": TYPE}}

    return Trial(await phone.start(), ("POST", "/v1/photos", sent(64)), ("POST", "/v1/photos", sent(65)))


@trial("DELETE /v1/photos/{photo_id}")
async def delete_photo(phone: Phone) -> Trial:
    mine = await phone.start()
    one, two = [delete(f"/v1/photos/{await photo(phone, mine)}") for _ in range(2)]
    return Trial(mine, one, two)


@trial("POST /v1/photos/{photo_id}/renders")
async def render(phone: Phone) -> Trial:
    mine = await phone.start()
    path = f"/v1/photos/{await photo(phone, mine)}/renders"
    return Trial(mine, post(path, spec="one-inch"), post(path, spec="cn-passport"))


@trial("POST /v1/orders")
async def order(phone: Phone) -> Trial:
    body = {"product": "pack-ten", "channel": "app"}
    return Trial(await phone.start(), post("/v1/orders", **body), post("/v1/orders", **body | {"channel": "qr"}))


@trial("POST /v1/orders/{order_id}/refund")
async def refund(phone: Phone) -> Trial:
    mine = await phone.start()
    bought = [phone.world.payments.bought(UUID(mine["subject_id"]), "pack-ten").order_id for _ in range(2)]
    one, two = (post(f"/v1/orders/{order_id}/refund") for order_id in bought)
    return Trial(mine, one, two)


@trial("POST /v1/photos/{photo_id}/unlock")
async def unlock(phone: Phone) -> Trial:
    mine = await phone.start()
    phone.world.payments.bought(UUID(mine["subject_id"]), "pack-ten")
    one, two = [f"/v1/photos/{await photo(phone, mine)}/unlock" for _ in range(2)]
    return Trial(mine, post(one), post(two))
