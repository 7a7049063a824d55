"""The CSV files of a bill: GBK, commas, TABs behind most values, lines of ``#`` around the table, negative refunds."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from standins.alipay.amounts import to_yuan
from standins.alipay.clock import stamp
from standins.alipay.trades import Refund, Trade

Move = tuple[Trade, Refund | None]
TRADE_COLUMNS = [
    "支付宝交易号",
    "商户订单号",
    "业务类型",
    "商品名称",
    "创建时间",
    "完成时间",
    "门店编号",
    "门店名称",
    "操作员",
    "终端号",
    "对方账户",
    "订单金额（元）",
    "商家实收（元）",
    "支付宝红包（元）",
    "集分宝（元）",
    "支付宝优惠（元）",
    "商家优惠（元）",
    "券核销金额（元）",
    "券名称",
    "商家红包消费金额（元）",
    "卡消费金额（元）",
    "退款批次号/请求号",
    "服务费（元）",
    "分润（元）",
    "备注",
]
BALANCE_COLUMNS = [
    "账务流水号",
    "业务流水号",
    "商户订单号",
    "商品名称",
    "发生时间",
    "对方账号",
    "收入金额（+元）",
    "支出金额（-元）",
    "账户余额（元）",
    "交易渠道",
    "业务类型",
    "备注",
]
EXTRA_COLUMN = "新增列"


@dataclass(frozen=True)
class Frame:
    """Whose bill, of when, made when; ``extra`` has a column that no document names."""

    account: str
    start: datetime
    end: datetime
    made: datetime
    extra: bool = False

    @property
    def date(self) -> str:
        """``20261122``."""
        return f"{self.start:%Y%m%d}"


def trade_files(frame: Frame, moves: Sequence[Move]) -> dict[str, bytes]:
    """The details and the summary of ``bill_type`` trade, by file name."""
    paid = [trade for trade, refund in moves if not refund]
    back = [refund for _, refund in moves if refund]
    received = to_yuan(sum(trade.order.total - trade.discount for trade in paid))
    returned = to_yuan(-sum(refund.amount for refund in back))
    foot = [
        f"#交易合计：{len(paid)}笔，商家实收共{received}元，商家优惠共0.00元",
        f"#退款合计：{len(back)}笔，商家实收退款共{returned}元，商家优惠退款共0.00元",
    ]
    rows = [_trade_row(trade, refund) for trade, refund in moves]
    details = _file(frame, "业务明细", TRADE_COLUMNS, rows, foot)
    columns = ["门店编号", "门店名称", "交易订单总笔数", "退款订单总笔数", "订单金额（元）", "商家实收（元）"]
    total = to_yuan(sum(trade.order.total for trade in paid) - sum(refund.amount for refund in back))
    summary = _file(frame, "业务汇总", columns, [["合计", "", str(len(paid)), str(len(back)), total, received]], [])
    name = f"{frame.account}_{frame.date}_业务明细"
    return {f"{name}.csv": details, f"{name}(汇总).csv": summary}


def balance_files(frame: Frame, moves: Sequence[Move]) -> dict[str, bytes]:
    """The details and the summary of ``bill_type`` signcustomer, by file name."""
    balance, rows = 0, []
    for number, (trade, refund) in enumerate(moves, 1):
        change = -refund.amount if refund else trade.order.total - trade.discount
        balance += change
        rows.append(_balance_row(f"{frame.date}{number:010d}", trade, refund, change, balance))
    income = [t.order.total - t.discount for t, refund in moves if not refund]
    spent = [refund.amount for _, refund in moves if refund]
    foot = [
        f"#支出合计：{len(spent)}笔，共{to_yuan(-sum(spent))}元",
        f"#收入合计：{len(income)}笔，共{to_yuan(sum(income))}元",
    ]
    name = f"{frame.account}_{frame.date}_账务明细"
    summary = _file(frame, "账务汇总", ["类型", "笔数"], [["收入", str(len(income))], ["支出", str(len(spent))]], [])
    return {f"{name}.csv": _file(frame, "账务明细", BALANCE_COLUMNS, rows, foot), f"{name}(汇总).csv": summary}


def _trade_row(trade: Trade, refund: Refund | None) -> list[str]:
    total = -refund.amount if refund else trade.order.total
    received = -refund.amount if refund else trade.order.total - trade.discount
    done = refund.at if refund else trade.paid or trade.created
    key = refund.out_request_no if refund else ""
    return [
        *(f"{trade.trade_no}\t", f"{trade.order.out_trade_no}\t", "退款" if refund else "交易", trade.order.subject),
        *(stamp(trade.created), stamp(done), "", "", "", "", f"{trade.buyer.name}({trade.buyer.logon_id})"),
        *(to_yuan(total), to_yuan(received), "0.00", "0.00", "0.00", "0.00", "0.00", "", "0.00", "0.00"),
        *(f"{key}\t" if key else "", "0.00", "0.00", refund.reason if refund else ""),
    ]


def _balance_row(number: str, trade: Trade, refund: Refund | None, change: int, balance: int) -> list[str]:
    done = refund.at if refund else trade.paid or trade.created
    income, spent = (to_yuan(change), "") if change > 0 else ("", to_yuan(change))
    return [
        *(f"{number}\t", f"{trade.trade_no}\t", f"{trade.order.out_trade_no}\t", trade.order.subject, stamp(done)),
        *(f"{trade.buyer.name}({trade.buyer.logon_id})\t", income, spent, to_yuan(balance), "支付宝"),
        *("交易退款" if refund else "在线支付", refund.reason if refund else ""),
    ]


def _file(frame: Frame, title: str, columns: Sequence[str], rows: Sequence[list[str]], foot: Sequence[str]) -> bytes:
    between = "-" * 41
    text = io.StringIO()
    text.write(f"#支付宝{title}查询\r\n#账号：[{frame.account}]\r\n")
    text.write(f"#起始日期：[{_chinese(frame.start)}]   终止日期：[{_chinese(frame.end)}]\r\n")
    text.write(f"#{between}{title}列表{between[:-1]}\r\n")
    table = csv.writer(text, lineterminator="\r\n")
    middle = len(columns) // 2
    for number, row in enumerate([list(columns), *rows]):
        odd = [EXTRA_COLUMN if number == 0 else "?\t"] if frame.extra else []
        table.writerow([*row[:middle], *odd, *row[middle:]])
    text.write(f"#{between}{title}列表结束{between[:-5]}\r\n")
    for line in [*foot, f"#导出时间：[{_chinese(frame.made)}]"]:
        text.write(f"{line}\r\n")
    return text.getvalue().encode("gb18030")


def _chinese(moment: datetime) -> str:
    return f"{moment:%Y}年{moment:%m}月{moment:%d}日 {moment:%H:%M:%S}"
