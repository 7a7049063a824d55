"""All stand-ins of login providers as one application, each below its own prefix."""

from __future__ import annotations

from starlette.applications import Starlette

from standins.logins import alipay, apple, control, huawei, oidc, qq, wechat, weibo
from standins.logins.world import World

PROVIDERS = (wechat, qq, alipay, apple, weibo, huawei, oidc)


def create_app(world: World) -> Starlette:
    """The application that plays this world."""
    played = [route for provider in PROVIDERS for route in provider.routes(world)]
    return Starlette(routes=[*played, *control.routes(world)])
