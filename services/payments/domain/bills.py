"""Alipay's daily bill: a ZIP of GBK files with GBK names; its detail file parsed by column names, checked by its footer."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import dataclass

from services.payments.domain.money import fen
from shared.kernel.errors import BadRequest

_DETAIL = "业务明细.csv"
_TRADE, _REFUND = "交易", "退款"
_FOOTER = re.compile(r"#(交易|退款)合计：(\d+)笔，商家实收(?:退款)?共(-?[\d.]+)元")
_ENTRY_BYTES = 64 * 1024 * 1024


class BrokenBill(Exception):
    """The file is no bill, or its lines are not what its footer counts."""


@dataclass(frozen=True, slots=True)
class BillLine:
    """One payment (``amount`` > 0) or refund (< 0), in fen. The buyer's masked account is not read."""

    trade_no: str
    out_trade_no: str
    amount: int
    received: int
    request_no: str = ""

    @property
    def is_refund(self) -> bool:
        """Whether money went back."""
        return self.amount < 0


def parse_bill(archive: bytes) -> list[BillLine]:
    """The lines of the detail file; raises :class:`BrokenBill`."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive), metadata_encoding="gbk") as files:
            details = [entry for entry in files.infolist() if entry.filename.endswith(_DETAIL)]
            if len(details) != 1 or details[0].file_size > _ENTRY_BYTES:
                raise BrokenBill("no detail file of a sensible size")
            text = files.read(details[0]).decode("gb18030")
        return _lines(text)
    except (zipfile.BadZipFile, UnicodeDecodeError, KeyError, csv.Error, BadRequest) as error:
        raise BrokenBill(type(error).__name__) from error


def _lines(text: str) -> list[BillLine]:
    rows = text.splitlines()
    table = csv.reader([row for row in rows if row.strip() and not row.startswith("#")])
    header = [cell.strip() for cell in next(table, [])]
    found: list[BillLine] = []
    for row in table:
        cells = dict(zip(header, (cell.strip() for cell in row), strict=False))
        kind, amount = cells["业务类型"], fen(cells["订单金额（元）"])
        if kind not in (_TRADE, _REFUND) or (amount < 0) != (kind == _REFUND):
            raise BrokenBill("a line is neither a payment nor a refund")
        received, request_no = fen(cells["商家实收（元）"]), cells["退款批次号/请求号"]
        found.append(BillLine(cells["支付宝交易号"], cells["商户订单号"], amount, received, request_no))
    _check(found, [match for row in rows if (match := _FOOTER.match(row))])
    return found


def _check(lines: list[BillLine], footers: list[re.Match[str]]) -> None:
    for kind, is_refund in ((_TRADE, False), (_REFUND, True)):
        ours = [line.received for line in lines if line.is_refund is is_refund]
        told = [(int(match[2]), abs(fen(match[3]))) for match in footers if match[1] == kind]
        if told != [(len(ours), abs(sum(ours)))]:
            raise BrokenBill(f"{kind}: the footer tells {told}, the lines are {len(ours)} with {abs(sum(ours))} fen")
