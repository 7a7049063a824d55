"""Playing bad luck and attackers: faults, and notices held, released, repeated and forged."""

from __future__ import annotations

from fastapi import APIRouter

from standins.alipay import notices
from standins.alipay.control.bodies import Again, Fault, Forgery, Release
from standins.alipay.faults import KINDS
from standins.alipay.notices import FORGERIES, House
from standins.alipay.orders import Order
from standins.alipay.refusals import Refused, business
from standins.alipay.trades import Buyer, Event, Status, Trade
from standins.alipay.world import World


def routes(world: World) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["trouble"])

    @router.get("/faults")
    async def faults() -> dict[str, object]:
        """What can go wrong on demand, which notices can be forged, and what is armed now."""
        kinds = [{"name": k.name, "where": k.where, "says": k.says, "arguments": k.arguments} for k in KINDS.values()]
        forgeries = {kind: says for kind, (says, _) in FORGERIES.items()}
        return {"kinds": kinds, "forgeries": forgeries, "armed": [armed.shown() for armed in world.faults.armed()]}

    @router.post("/faults")
    async def arm(asked: Fault) -> dict[str, object]:
        """Arm one: for the next call that fits, for so many, or until cleared."""
        kind = asked.arguments.get("kind")
        if asked.name == "notice_forge" and kind is not None and kind not in FORGERIES:
            raise ValueError(f"no such forgery: {kind}")
        arguments: dict[str, object] = dict(asked.arguments)
        return world.faults.arm(asked.name, asked.times, asked.method, asked.out_trade_no, arguments).shown()

    @router.delete("/faults")
    async def clear(name: str | None = None) -> dict[str, int]:
        """Disarm all, or all of one name."""
        return {"cleared": world.faults.clear(name)}

    @router.get("/notices")
    async def listed(out_trade_no: str = "") -> list[dict[str, object]]:
        """Every notice with its sends, oldest first."""
        return [one.shown() for one in world.notifier.notices if out_trade_no in ("", one.out_trade_no)]

    @router.post("/notices/release")
    async def release(asked: Release) -> dict[str, int]:
        """Send what is held (and what waits to be overtaken) now."""
        return {"released": world.notifier.release(newest_first=asked.newest_first, number=asked.id)}

    @router.post("/notices/again")
    async def again(asked: Again) -> dict[str, object]:
        """Send a notice once more, whatever was answered: the same bytes, or the same news with an id of its own."""
        return await _again(world, asked)

    @router.post("/notices/forge")
    async def forge(asked: Forgery) -> dict[str, object]:
        """Send a forged notice now, once; what the receiver answered."""
        return await _forge(world, asked)

    return router


async def _again(world: World, asked: Again) -> dict[str, object]:
    notice = next((one for one in world.notifier.notices if one.number == asked.id), None)
    told = world.post_office.told.get(notice.out_trade_no) if notice else None
    if not notice or not told:
        raise business("ACQ.INVALID_PARAMETER", "no such notice")
    body = notice.body
    if asked.new_notify_id:
        told = {**told, "notify_id": world.post_office.new_id()}
        body = notices.body(told, world.house(told["app_id"]).key)
    return await world.notifier.post(notice.url, body)


async def _forge(world: World, asked: Forgery) -> dict[str, object]:
    house, told, url = _news(world, asked.out_trade_no)
    body = world.post_office.forge(asked.kind, {**told, **asked.fields}, house)
    if not (asked.url or url):
        raise business("ACQ.INVALID_PARAMETER", "no notify_url")
    return {**await world.notifier.post(asked.url or url, body), "body": body.decode("ascii")}


def _news(world: World, out_trade_no: str) -> tuple[House, dict[str, str], str]:
    """What a forger would write: the last true notice, or one as if the order had been paid just now."""
    order = _order(world, out_trade_no)
    house, known = world.house(order.app_id), world.post_office.told.get(out_trade_no)
    if known:
        return house, {**known, "notify_id": world.post_office.new_id()}, order.notify_url
    now = world.clock.now()
    trade = Trade(order, f"{now:%Y%m%d}22001999999999999999", Buyer(), now, now, Status.SUCCESS, paid=now)
    event = Event(trade, Status.SUCCESS, now)
    return house, notices.fields(event, house, world.post_office.new_id(), now), order.notify_url


def _order(world: World, out_trade_no: str) -> Order:
    try:
        return world.book.find(out_trade_no=out_trade_no).order
    except Refused:
        return world.cashiers.newest(out_trade_no).order
