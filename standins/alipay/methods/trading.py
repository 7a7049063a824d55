"""``alipay.trade.query``, ``close`` and ``cancel``."""

from __future__ import annotations

from datetime import timedelta

from standins.alipay.amounts import to_yuan
from standins.alipay.calls import Call
from standins.alipay.clock import stamp
from standins.alipay.orders import Product, text_of
from standins.alipay.refusals import Refused, business
from standins.alipay.trades import Status, Trade
from standins.alipay.world import World

CANCEL_WINDOW = timedelta(days=1)
_NOTHING = ("buyer_pay_amount", "invoice_amount", "point_amount", "receipt_amount")


def find(world: World, call: Call) -> Trade:
    """The trade a call names by either number. Raises ``Refused``."""
    return world.book.find(text_of(call.biz, "trade_no", 64), text_of(call.biz, "out_trade_no", 64))


def query(world: World, call: Call) -> dict[str, object]:
    """How a trade stands; what it was refunded is not shown."""
    try:
        trade = find(world, call)
    except Refused as refused:
        number = {"out_trade_no": text_of(call.biz, "out_trade_no", 64)}
        refused.shown |= {**number, **dict.fromkeys(_NOTHING, "0.00")}
        raise
    received = to_yuan(trade.order.total - trade.discount) if trade.paid else "0.00"
    shown: dict[str, object] = {
        **numbers(trade),
        "trade_status": trade.status.value,
        "total_amount": to_yuan(trade.order.total),
        **buyer(world, trade),
        "point_amount": "0.00",
        **dict.fromkeys(("buyer_pay_amount", "invoice_amount", "receipt_amount"), received),
    }
    if trade.paid:
        shown["send_pay_date"] = stamp(trade.paid)
        if "fund_bill_list" in options(call):
            shown["fund_bill_list"] = [{"fund_channel": "ALIPAYACCOUNT", "amount": received}]
    return shown


def close(world: World, call: Call) -> dict[str, object]:
    """An unpaid trade is closed."""
    trade = find(world, call)
    world.book.close(trade, world.clock.now())
    return numbers(trade)


def cancel(world: World, call: Call) -> dict[str, object]:
    """Face to face only: unpaid is closed, paid is refunded, an order that nobody opened is a success without action."""
    named = {"out_trade_no": text_of(call.biz, "out_trade_no", 64), "retry_flag": "N"}
    try:
        trade = find(world, call)
    except Refused as refused:
        if refused.sub_code == "ACQ.TRADE_NOT_EXIST" and not call.biz.get("trade_no"):
            return {**named}
        raise
    if trade.order.product is not Product.QR:
        raise business("ACQ.CANCEL_NOT_ALLOWED")
    now, rest = world.clock.now(), trade.order.total - trade.refunded
    if now - trade.created > CANCEL_WINDOW:
        raise business("ACQ.TRADE_CANCEL_TIME_OUT")
    if trade.status is Status.WAIT:
        world.book.close(trade, now)
        action = "close"
    else:
        action = "refund" if trade.paid else "close"
        if rest and trade.paid:
            world.book.refund(trade, f"cancel{trade.trade_no}", rest, "cancel", now)
    return {**numbers(trade), "retry_flag": "N", "action": action}


def numbers(trade: Trade) -> dict[str, object]:
    """Both of a trade's."""
    return {"trade_no": trade.trade_no, "out_trade_no": trade.order.out_trade_no}


def buyer(world: World, trade: Trade) -> dict[str, object]:
    """Who paid, as this app gets to know it."""
    by_open_id = world.buyer_named_by == "open_id"
    who = {"buyer_open_id": trade.buyer.open_id} if by_open_id else {"buyer_user_id": trade.buyer.user_id}
    return {"buyer_logon_id": trade.buyer.logon_id, **who}


def options(call: Call) -> list[object]:
    """``query_options``."""
    asked = call.biz.get("query_options", [])
    return asked if isinstance(asked, list) else []
