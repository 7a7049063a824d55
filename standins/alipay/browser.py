"""The addresses a person's browser visits: cashiers, QR codes, bills, the consent page of a login."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from standins.alipay import pages
from standins.alipay.cashiers import Cashier
from standins.alipay.logins import Person
from standins.alipay.refusals import Refused, invalid
from standins.alipay.results import return_address
from standins.alipay.world import World


def routes(world: World) -> APIRouter:
    """All of them."""
    router = APIRouter(include_in_schema=False)

    @router.get("/cashier/{token}")
    @router.get("/qr/{token}")
    async def look(token: str) -> Response:
        """The cashier of an order."""
        world.settle()
        return _shown(lambda: HTMLResponse(pages.cashier(world.cashiers.find(token, world.clock.now()))))

    @router.post("/cashier/{token}/{action}")
    async def act(token: str, action: str) -> Response:
        """The buyer pays, logs in or leaves."""
        return _shown(lambda: _act(world, world.cashiers.find(token, world.clock.now()), action))

    @router.get("/downloadBillFile.resource")
    async def bill(token: str) -> Response:
        """A bill, within 30 seconds."""
        found = world.bills.fetch(token, world.clock.now())
        if not found:
            return HTMLResponse(pages.said("账单", "下载地址已失效"), status_code=200)
        named = {"Content-Disposition": f"attachment; filename={quote(found.name)}"}
        return Response(found.content, media_type="application/octet-stream", headers=named)

    @router.get("/oauth2/publicAppAuthorize.htm")
    async def ask(request: Request) -> Response:
        """May the app know who you are?"""
        asked = dict(request.query_params)
        return _shown(lambda: HTMLResponse(_consent(world, asked, str(request.url.query))))

    @router.post("/oauth2/publicAppAuthorize.htm")
    async def agree(request: Request) -> Response:
        """It may: back to the app with a code."""
        asked = dict(request.query_params)
        return _shown(lambda: _agree(world, asked))

    return router


def _act(world: World, cashier: Cashier, action: str) -> Response:
    if action == "pay":
        back = return_address(world, world.pay(cashier))
        return RedirectResponse(back, 303) if back else HTMLResponse(pages.said("支付成功", "付款完成"))
    if action == "abandon":
        world.abandon(cashier)
        back = cashier.order.quit_url
        return RedirectResponse(back, 303) if back else HTMLResponse(pages.said("已离开", "没有付款"))
    world.proceed(cashier)
    return RedirectResponse(f"/cashier/{cashier.token}", 303)


def _consent(world: World, asked: dict[str, str], query: str) -> str:
    if asked.get("app_id") not in world.keyring.apps:
        raise invalid("app-id")
    if asked.get("scope") not in ("auth_user", "auth_base") or "redirect_uri" not in asked:
        raise invalid("parameter", "scope, redirect_uri")
    return pages.consent(asked["app_id"], asked["scope"], f"?{query}")


def _agree(world: World, asked: dict[str, str]) -> Response:
    _consent(world, asked, "")
    code = world.logins.agree(asked["app_id"], Person(), asked["scope"], world.clock.now())
    told = {"app_id": asked["app_id"], "scope": asked["scope"], "auth_code": code}
    query = urlencode(told | ({"state": asked["state"]} if "state" in asked else {}))
    back = asked["redirect_uri"]
    return RedirectResponse(f"{back}{'&' if '?' in back else '?'}{query}", 303)


def _shown(make: Callable[[], Response]) -> Response:
    try:
        return make()
    except Refused as refused:
        return HTMLResponse(pages.refusal(refused))
