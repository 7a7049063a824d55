"""Playing the buyer: the wallet that takes an order string, and the cashier."""

from __future__ import annotations

from fastapi import APIRouter

from standins.alipay.amounts import to_fen
from standins.alipay.calls import parameters, read
from standins.alipay.cashiers import Cashier
from standins.alipay.control.bodies import Act, Wallet, Who
from standins.alipay.control.ledger import shown
from standins.alipay.methods.paying import cashier_for
from standins.alipay.orders import Product
from standins.alipay.refusals import Refused
from standins.alipay.results import return_address, wallet_result
from standins.alipay.trades import Buyer, Trade
from standins.alipay.world import World

_GOOD = {"9000", "8000", "6004"}
"""What the wallet says when the buyer did pay."""


def routes(world: World) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["the buyer"])

    @router.post("/wallet/open")
    async def wallet_open(asked: Wallet) -> dict[str, object]:
        """The app hands its order string to the wallet, which shows the cashier: no trade yet."""
        cashier = _from_order_string(world, asked.order_string)
        return {**cashier.shown(), "url": f"{world.settings.url}/cashier/{cashier.token}"}

    @router.post("/wallet/pay")
    async def wallet_pay(asked: Wallet) -> dict[str, object]:
        """The same, and the buyer proceeds and pays: what the app gets back (``resultStatus``, ``result``, ``memo``)."""
        return _wallet(world, asked)

    @router.get("/cashiers")
    async def cashiers() -> list[dict[str, object]]:
        """Every cashier page that was made."""
        return world.cashiers.shown()

    @router.post("/buyer/open")
    async def buyer_open(asked: Act) -> dict[str, object]:
        """The buyer proceeds at the cashier: the trade exists now (WAIT_BUYER_PAY)."""
        return shown(world.proceed(_cashier(world, asked), _buyer(asked.buyer)))

    @router.post("/buyer/pay")
    async def buyer_pay(asked: Act) -> dict[str, object]:
        """The buyer pays there; ``return_to`` is where the browser goes next."""
        cashier, discount = _cashier(world, asked), to_fen(asked.discount) if asked.discount else 0
        trade = world.pay(cashier, _buyer(asked.buyer), discount=discount, final=asked.final)
        return {**shown(trade), "return_to": return_address(world, trade)}

    @router.post("/buyer/abandon")
    async def buyer_abandon(asked: Act) -> dict[str, object]:
        """The buyer leaves without paying; the order can still be paid later."""
        cashier = _cashier(world, asked)
        world.abandon(cashier)
        return cashier.shown()

    return router


def _from_order_string(world: World, order_string: str) -> Cashier:
    given = parameters(order_string.encode())
    call = read(given, world.keyring, {Product.APP.value})
    return cashier_for(world, call)


def _wallet(world: World, asked: Wallet) -> dict[str, object]:
    try:
        cashier = _from_order_string(world, asked.order_string)
        trade = _goes_on(world, asked, cashier)
    except Refused as refused:
        return {**wallet_result(world, None, "4000", "utf-8"), "refused": refused.fields()}
    return {**wallet_result(world, trade, asked.result_status, cashier.order.charset), "refused": None}


def _goes_on(world: World, asked: Wallet, cashier: Cashier) -> Trade | None:
    pays = asked.result_status in _GOOD if asked.pays is None else asked.pays
    if pays:
        discount = to_fen(asked.discount) if asked.discount else 0
        return world.pay(cashier, _buyer(asked.buyer), discount=discount)
    return world.proceed(cashier, _buyer(asked.buyer)) if asked.proceeds else None


def _cashier(world: World, asked: Act) -> Cashier:
    if asked.token:
        return world.cashiers.find(asked.token, world.clock.now())
    return world.cashiers.newest(asked.out_trade_no)


def _buyer(who: Who) -> Buyer:
    return Buyer(**who.model_dump())
