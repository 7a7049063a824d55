"""``alipay.data.dataservice.bill.downloadurl.query``."""

from __future__ import annotations

from urllib.parse import urlencode

from standins.alipay.bills import BIZ_TYPES
from standins.alipay.calls import Call
from standins.alipay.clock import stamp
from standins.alipay.orders import text_of
from standins.alipay.refusals import business
from standins.alipay.world import World


def download_url(world: World, call: Call) -> dict[str, object]:
    """An address that lives for 30 seconds."""
    kind, period = text_of(call.biz, "bill_type"), text_of(call.biz, "bill_date")
    if kind not in BIZ_TYPES:
        raise business("isv.invalid_arguments")
    if world.faults.take("bill_late", method=call.method):
        raise business("isp.bill_not_exist")
    empty = world.faults.take("bill_empty_file", method=call.method) is not None
    extra = world.faults.take("bill_extra_column", method=call.method) is not None
    now = world.clock.now()
    token, name = world.bills.offer(world.book, kind, period, now, empty=empty, extra=extra)
    named = {
        "bizType": BIZ_TYPES[kind],
        "userId": world.bills.account,
        "fileType": "csv.zip",
        "bizDates": period.replace("-", ""),
        "downloadFileName": name,
        "timestamp": stamp(now).replace("-", "").replace(":", "").replace(" ", ""),
        "token": token,
    }
    return {"bill_download_url": f"{world.settings.url}/downloadBillFile.resource?{urlencode(named)}"}
