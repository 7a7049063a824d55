"""Which logins and payments are on offer, and the few packages or schemes an app may probe for them on its phone."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.gateway.login_bodies import Platform
from services.gateway.parts import GatewayParts
from shared.contracts import accounts

router = APIRouter(prefix="/v1", tags=["capabilities"])
PAYMENTS = ("alipay",)


class CapabilitiesAnswer(BaseModel):
    """What is on offer. `probe` is to be evaluated on the phone; nothing of the answer is ever sent back."""

    logins: list[str] = Field(examples=[["wechat", "apple"]])
    payments: list[str] = Field(examples=[["alipay"]])
    probe: dict[str, list[str]] = Field(
        description="Android package names, or iOS URL schemes, by login or payment; only with the permission `installed_apps`"
    )


@router.get("/capabilities")
async def capabilities(platform: Platform, parts: GatewayParts) -> CapabilitiesAnswer:
    """Logins and payments on offer on a platform."""
    logins = (await parts.asker.ask(accounts.ListLoginMethods(platform=platform))).providers
    known = _probes()
    wanted = dict.fromkeys([*logins, *PAYMENTS])
    probe = {name: known[name][platform] for name in wanted if known.get(name, {}).get(platform)}
    return CapabilitiesAnswer(logins=logins, payments=list(PAYMENTS), probe=probe)


@cache
def _probes() -> dict[str, dict[str, list[str]]]:
    table: dict[str, Any] = tomllib.loads(files("services.gateway").joinpath("probes.toml").read_text("utf-8"))
    return table
