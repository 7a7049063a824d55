"""``alipay.trade.refund`` and ``alipay.trade.fastpay.refund.query``."""

from __future__ import annotations

from standins.alipay.amounts import to_fen, to_yuan
from standins.alipay.calls import Call
from standins.alipay.clock import stamp
from standins.alipay.methods.trading import buyer, find, numbers, options
from standins.alipay.orders import text_of
from standins.alipay.refusals import business
from standins.alipay.trades import Money
from standins.alipay.world import World


def refund(world: World, call: Call) -> dict[str, object]:
    """Accepts a refund; ``refund_fee`` is the sum of all so far, ``fund_change`` tells whether this call moved money."""
    trade, key = find(world, call), text_of(call.biz, "out_request_no", 64)
    try:
        amount = to_fen(call.biz.get("refund_amount"))
    except ValueError as error:
        raise business("ACQ.INVALID_PARAMETER", "参数无效：refund_amount") from error
    reason, strikes = text_of(call.biz, "refund_reason", 256), {"out_trade_no": trade.order.out_trade_no}
    if world.faults.take("seller_balance_empty", method=call.method, **strikes):
        raise business("ACQ.SELLER_BALANCE_NOT_ENOUGH")
    pending = world.faults.take("refund_pending", method=call.method, **strikes) is not None
    moved = world.book.refund(trade, key, amount, reason, world.clock.now(), pending=pending)
    says_n = world.faults.take("refund_says_n", method=call.method, **strikes) is not None
    shown = {
        **numbers(trade),
        **buyer(world, trade),
        "fund_change": "Y" if moved and not says_n else "N",
        "refund_fee": to_yuan(trade.refunded),
    }
    if moved:
        shown |= {"send_back_fee": to_yuan(amount), "gmt_refund_pay": stamp(world.clock.now())}
    return shown


def refund_query(world: World, call: Call) -> dict[str, object]:
    """``refund_status`` stands there only when the money moved; otherwise the answer is a bare success."""
    key = text_of(call.biz, "out_request_no", 64)
    if not key:
        raise business("ACQ.INVALID_PARAMETER", "参数无效：out_request_no")
    trade = find(world, call)
    found = trade.refunds.get(key)
    if not found or found.money is not Money.MOVED:
        return {}
    shown = {
        **numbers(trade),
        "out_request_no": key,
        "total_amount": to_yuan(trade.order.total),
        "refund_amount": to_yuan(found.amount),
        "refund_status": "REFUND_SUCCESS",
    }
    if "gmt_refund_pay" in options(call):
        shown["gmt_refund_pay"] = stamp(found.at)
    if world.faults.take("refund_query_lags", method=call.method, out_trade_no=trade.order.out_trade_no):
        del shown["refund_status"]
    return shown
