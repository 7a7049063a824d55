"""Turning the stand-in's own wheels: the clock, options, starting over."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter

from standins.alipay.bills import ready_at
from standins.alipay.clock import parse_stamp, stamp
from standins.alipay.control.bodies import Ahead, Options
from standins.alipay.world import World


def routes(world: World) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["Alipay"])

    @router.get("/clock")
    async def clock() -> dict[str, object]:
        """What time it is here, in Beijing."""
        return {"now": stamp(world.clock.now()), "ahead_seconds": world.clock.ahead.total_seconds()}

    @router.post("/clock")
    async def advance(asked: Ahead) -> dict[str, object]:
        """Put the clock forward; trades run out and notices come due."""
        now = world.clock.now()
        if asked.until:
            world.clock.advance((ready_at(now) if asked.until == "bill" else parse_stamp(asked.until)) - now)
        world.clock.advance(timedelta(seconds=asked.seconds))
        world.settle()
        world.notifier.wake()
        return await clock()

    @router.put("/options")
    async def options(asked: Options) -> dict[str, object]:
        """Speed of retries, timestamp tolerance, pause between refunds, how buyers are named."""
        return _options(world, asked)

    @router.post("/reset")
    async def reset() -> dict[str, str]:
        """Forget trades, cashiers, notices, logins, bills and faults; keys, apps and the clock stay."""
        world.start_over()
        return {"reset": "done"}

    return router


def _options(world: World, asked: Options) -> dict[str, object]:
    if asked.speed is not None:
        world.notifier.speed = asked.speed
    if asked.timestamp_tolerance_seconds is not None:
        world.timestamp_tolerance_seconds = asked.timestamp_tolerance_seconds
    if asked.refund_pause_seconds is not None:
        world.book.pause = timedelta(seconds=asked.refund_pause_seconds)
    if asked.buyer is not None:
        world.buyer_named_by = asked.buyer
    return {
        "speed": world.notifier.speed,
        "timestamp_tolerance_seconds": world.timestamp_tolerance_seconds,
        "refund_pause_seconds": world.book.pause.total_seconds(),
        "buyer": world.buyer_named_by,
    }
