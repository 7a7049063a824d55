"""Looking into the book, and moving money in it: trades, the seller's balance, refunds on their way."""

from __future__ import annotations

from fastapi import APIRouter

from standins.alipay.amounts import to_fen, to_yuan
from standins.alipay.clock import stamp
from standins.alipay.control.bodies import Seller, Settle
from standins.alipay.refusals import business
from standins.alipay.trades import Refund, Trade
from standins.alipay.world import World


def routes(world: World) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["the book"])

    @router.get("/trades")
    async def trades() -> list[dict[str, object]]:
        """Every trade."""
        world.settle()
        return [shown(trade) for trade in world.book]

    @router.get("/trades/{out_trade_no}")
    async def one_trade(out_trade_no: str) -> dict[str, object]:
        """One trade, by the merchant's number."""
        world.settle()
        return shown(world.book.find(out_trade_no=out_trade_no))

    @router.get("/seller")
    async def seller() -> dict[str, str]:
        """Who it is, and the balance in yuan."""
        return {"seller_id": world.seller_id, "balance": to_yuan(world.book.balance)}

    @router.put("/seller")
    async def set_balance(asked: Seller) -> dict[str, str]:
        """Set the balance; refunds beyond it are refused."""
        world.book.balance = 0 if asked.balance in ("0", "0.00") else to_fen(asked.balance)
        return await seller()

    @router.post("/refunds/settle")
    async def settle(asked: Settle) -> dict[str, object]:
        """The money of a pending refund moves, or never will."""
        trade = world.book.find(out_trade_no=asked.out_trade_no)
        refund = trade.refunds.get(asked.out_request_no)
        if not refund:
            raise business("ACQ.INVALID_PARAMETER", "no such refund")
        world.book.settle(trade, refund, world.clock.now(), fail=asked.fail)
        world.settle()
        return shown(trade)

    return router


def shown(trade: Trade) -> dict[str, object]:
    """A trade with everything the stand-in knows of it."""
    return {
        "trade_no": trade.trade_no,
        "out_trade_no": trade.order.out_trade_no,
        "method": trade.order.product.value,
        "trade_status": trade.status.value,
        "total_amount": to_yuan(trade.order.total),
        "discount": to_yuan(trade.discount),
        "refunded": to_yuan(trade.refunded),
        "subject": trade.order.subject,
        "created": stamp(trade.created),
        "expires": stamp(trade.expires),
        "paid": stamp(trade.paid) if trade.paid else None,
        "closed": stamp(trade.closed) if trade.closed else None,
        "refunds": [_refund(refund) for refund in trade.refunds.values()],
    }


def _refund(refund: Refund) -> dict[str, str]:
    named = {"out_request_no": refund.out_request_no, "amount": to_yuan(refund.amount), "money": refund.money.value}
    return {**named, "reason": refund.reason, "at": stamp(refund.at)}
