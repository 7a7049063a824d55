"""What comes back to the merchant through the buyer's hands: the wallet's result, and the return address. For display only."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from standins.alipay.amounts import to_yuan
from standins.alipay.answers import node_of
from standins.alipay.clock import stamp
from standins.alipay.refusals import MESSAGES
from standins.alipay.signing import CODECS, NOTICE, sign, text_to_sign
from standins.alipay.trades import Trade
from standins.alipay.world import World

MEMOS = {
    "9000": "",
    "8000": "正在处理中",
    "4000": "订单支付失败",
    "5000": "重复请求",
    "6001": "用户中途取消",
    "6002": "网络连接出错",
    "6004": "支付结果未知",
}


def wallet_result(world: World, trade: Trade | None, status: str, charset: str) -> dict[str, str]:
    """``resultStatus``, ``memo``, and ``result`` when it is 9000."""
    told = {"resultStatus": status, "memo": MEMOS[status], "result": ""}
    if trade and status == "9000":
        fields = {"code": "10000", "msg": MESSAGES["10000"], **_told(world, trade), "charset": charset}
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        signature = sign(world.house(trade.order.app_id).key, text, charset)
        node = node_of(trade.order.product.value)
        told["result"] = f'{{"{node}":{text},"sign":"{signature}","sign_type":"RSA2"}}'
    return told


def return_address(world: World, trade: Trade) -> str:
    """The order's ``return_url`` with signed parameters (and no ``trade_status``), or ``""``."""
    order = trade.order
    if not order.return_url:
        return ""
    told = {
        **_told(world, trade),
        "charset": order.charset,
        "method": f"{order.product.value}.return",
        "version": "1.0",
        "sign_type": "RSA2",
    }
    signature = sign(world.house(order.app_id).key, text_to_sign(told, NOTICE), order.charset)
    query = urlencode({**told, "sign": signature}, encoding=CODECS[order.charset])
    return f"{order.return_url}{'&' if '?' in order.return_url else '?'}{query}"


def _told(world: World, trade: Trade) -> dict[str, str]:
    return {
        "app_id": trade.order.app_id,
        "auth_app_id": trade.order.app_id,
        "out_trade_no": trade.order.out_trade_no,
        "trade_no": trade.trade_no,
        "total_amount": to_yuan(trade.order.total),
        "seller_id": trade.order.seller_id,
        "timestamp": stamp(world.clock.now()),
    }
