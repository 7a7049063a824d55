"""The stand-in as an application: the gateway, the browser's pages, the control interface, and the loop behind them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response

from standins.alipay import browser
from standins.alipay.clock import StandinClock
from standins.alipay.control import buyers, console, ledger, people, platform, trouble
from standins.alipay.gateway import Gateway
from standins.alipay.refusals import Refused
from standins.alipay.settings import StandinSettings
from standins.alipay.world import World


def create_app(settings: StandinSettings, clock: StandinClock | None = None) -> FastAPI:
    """One stand-in with a memory of its own."""
    world = World(settings, clock)
    gateway = Gateway(world)

    @contextlib.asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        app.state.turning = turning = asyncio.create_task(_turn(world))
        yield
        turning.cancel()
        await asyncio.gather(turning, return_exceptions=True)
        await world.notifier.stop()

    app = FastAPI(
        title="Alipay stand-in", docs_url="/_standin/docs", openapi_url="/_standin/openapi.json", lifespan=running
    )
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(ValueError, _wrong)

    @app.api_route("/gateway.do", methods=["GET", "POST"], include_in_schema=False)
    async def gateway_do(request: Request) -> Response:
        """The open platform's one address."""
        return await gateway.answer(request)

    @app.get("/healthz", include_in_schema=False)
    @app.get("/readyz", include_in_schema=False)
    async def health() -> JSONResponse:
        """Does the loop behind the notices turn?"""
        stopped = app.state.turning.done()
        return JSONResponse({"status": "stopped" if stopped else "ok"}, 503 if stopped else 200)

    control = APIRouter(prefix="/_standin")
    for part in (console, buyers, ledger, platform, trouble, people):
        control.include_router(part.routes(world))
    app.include_router(control)
    app.include_router(browser.routes(world))
    return app


async def _turn(world: World) -> None:
    """Send what is due, let trades run out, sleep until the next of both."""
    while True:
        world.settle()
        await world.notifier.send_due()
        moments = [moment for moment in (world.notifier.next_due(), world.book.next_change()) if moment]
        await world.notifier.sleep(min(moments, default=None))


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return JSONResponse({"refused": error.fields()}, status_code=409)


async def _wrong(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"wrong": str(error)}, status_code=422)
