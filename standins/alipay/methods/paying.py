"""Creating calls: the order is checked, and a cashier made for it. No trade yet."""

from __future__ import annotations

from standins.alipay.calls import Call
from standins.alipay.cashiers import Cashier
from standins.alipay.orders import Product, read_order
from standins.alipay.world import World


def cashier_for(world: World, call: Call) -> Cashier:
    """A cashier for the order of a browser's call or of an order string. Raises ``Refused``."""
    order = read_order(Product(call.method), call.app.app_id, world.seller_id, call.biz, dict(call.parameters))
    world.book.check(order)
    return world.cashiers.new(order, world.clock.now())


def precreate(world: World, call: Call) -> dict[str, object]:
    """``alipay.trade.precreate``: a QR code that is the address of a cashier."""
    cashier = cashier_for(world, call)
    return {"out_trade_no": cashier.order.out_trade_no, "qr_code": f"{world.settings.url}/qr/{cashier.token}"}
