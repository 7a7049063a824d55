"""``alipay.open.app.alipaycert.download``."""

from __future__ import annotations

import base64

from standins.alipay.calls import Call
from standins.alipay.orders import text_of
from standins.alipay.refusals import Refused
from standins.alipay.world import World


def download(world: World, call: Call) -> dict[str, object]:
    """The certificate with that serial number, so that a client can verify an answer signed with a new one."""
    found = world.keyring.certificate(text_of(call.biz, "alipay_cert_sn"))
    if not found:
        raise Refused("40002", "isv.invalid-parameter", "alipay_cert_sn 不存在")
    return {"alipay_cert_content": base64.b64encode(found.encode()).decode()}
