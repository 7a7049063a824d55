"""Every method the gateway answers."""

from __future__ import annotations

from collections.abc import Callable

from standins.alipay.calls import Call
from standins.alipay.methods import billing, certificate, login, paying, refunding, trading
from standins.alipay.orders import Product
from standins.alipay.world import World

Method = Callable[[World, Call], dict[str, object]]
SERVER: dict[str, Method] = {
    "alipay.trade.precreate": paying.precreate,
    "alipay.trade.query": trading.query,
    "alipay.trade.close": trading.close,
    "alipay.trade.cancel": trading.cancel,
    "alipay.trade.refund": refunding.refund,
    "alipay.trade.fastpay.refund.query": refunding.refund_query,
    "alipay.data.dataservice.bill.downloadurl.query": billing.download_url,
    "alipay.open.app.alipaycert.download": certificate.download,
    "alipay.system.oauth.token": login.token,
    "alipay.user.info.share": login.profile,
    "alipay.open.auth.userauth.relation.cancel": login.cancel_relation,
    "alipay.open.oauth.token.revoke": login.revoke,
}
"""Calls from a server: answered in JSON."""
BROWSER = {Product.WAP.value, Product.PAGE.value}
"""Calls from a browser: answered with a cashier."""
WITHOUT_CODE = {"alipay.system.oauth.token"}
"""Answers that have no ``code`` when they succeed, and ``error_response`` when they do not."""
