"""Bills: asked for, fetched within half a minute, read as GBK."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.integration.standins.conftest import Arm
from tests.integration.standins.merchant import Merchant, genuine
from tests.integration.standins.test_alipay_trades import pay, refund

METHOD = "alipay.data.dataservice.bill.downloadurl.query"


def today(merchant: Merchant) -> str:
    return str(merchant.control("GET", "clock")["now"][:10])


def ask(merchant: Merchant, day: str, kind: str = "trade") -> dict[str, Any]:
    answer = merchant.call(METHOD, {"bill_type": kind, "bill_date": day})
    assert genuine(merchant.alipay(), answer.raw.encode(), answer.whole["sign"])
    return answer.fields


def details(merchant: Merchant, url: str) -> tuple[str, list[dict[str, str]], str]:
    archive = zipfile.ZipFile(io.BytesIO(merchant.http.get(url).content), metadata_encoding="gbk")
    [name] = [name for name in archive.namelist() if name.endswith("明细.csv")]
    assert len(archive.namelist()) == 2
    text = archive.read(name).decode("gb18030")
    table = [line for line in text.splitlines() if not line.startswith("#")]
    return name, list(csv.DictReader(table)), text


def test_a_day_with_a_payment_and_a_refund(merchant: Merchant, number: str) -> None:
    """25 columns, TABs behind the numbers, the refund negative with its own number, a footer that adds up."""
    day = today(merchant)
    pay(merchant, number)
    pay(merchant, number + "b", total="1.00")
    refund(merchant, number, "4.00", "r1")
    merchant.control("POST", "clock", {"until": "bill"})
    url = ask(merchant, day)["bill_download_url"]
    asked = parse_qs(urlsplit(url).query)
    assert (asked["bizType"], asked["userId"]) == (["trade"], ["20880000000000010156"])
    name, rows, text = details(merchant, url)
    assert name == f"20880000000000010156_{day.replace('-', '')}_业务明细.csv"
    assert [len(row) for row in rows] == [25, 25, 25]
    mine = [row for row in rows if row["商户订单号"] == f"{number}\t"]
    assert [row["业务类型"] for row in mine] == ["交易", "退款"]
    assert [row["订单金额（元）"] for row in mine] == ["9.90", "-4.00"]
    assert mine[1]["退款批次号/请求号"] == "r1\t"
    assert "#交易合计：2笔，商家实收共10.90元" in text
    assert "#退款合计：1笔，商家实收退款共-4.00元" in text


def test_the_seller_s_balance_has_a_bill_of_its_own(merchant: Merchant, number: str) -> None:
    """Income and expense in two columns."""
    day = today(merchant)
    pay(merchant, number)
    refund(merchant, number, "4.00", "r1")
    merchant.control("POST", "clock", {"until": "bill"})
    url = ask(merchant, day, "signcustomer")["bill_download_url"]
    assert "bizType=fnd" in url
    name, rows, _ = details(merchant, url)
    assert name.endswith("_账务明细.csv")
    assert [(row["收入金额（+元）"], row["支出金额（-元）"]) for row in rows] == [("9.90", ""), ("", "-4.00")]


def test_an_address_dies_after_half_a_minute(merchant: Merchant, number: str) -> None:
    """A page of HTML then; a new address can be asked for."""
    day = today(merchant)
    pay(merchant, number)
    merchant.control("POST", "clock", {"until": "bill"})
    url = ask(merchant, day)["bill_download_url"]
    merchant.control("POST", "clock", {"seconds": 31})
    assert merchant.http.get(url).headers["content-type"].startswith("text/html")
    assert details(merchant, ask(merchant, day)["bill_download_url"])[1]


@pytest.mark.parametrize("kind", ["trade", "guess"])
def test_today_and_unknown_bills_are_wrong_arguments(merchant: Merchant, number: str, kind: str) -> None:
    """Only finished periods."""
    pay(merchant, number)
    assert ask(merchant, today(merchant), kind)["sub_code"] == "isv.invalid_arguments"


def test_a_day_without_trades_has_no_bill_unless_asked_for(merchant: Merchant, arm: Arm, number: str) -> None:
    """Both forms exist in reality."""
    day = today(merchant)
    merchant.control("POST", "clock", {"until": "bill"})
    assert ask(merchant, day)["sub_code"] == "isp.bill_not_exist"
    arm("bill_empty_file")
    assert details(merchant, ask(merchant, day)["bill_download_url"])[1] == []


def test_a_bill_can_be_late_and_have_a_column_more(merchant: Merchant, arm: Arm, number: str) -> None:
    """A client reads by header."""
    day = today(merchant)
    pay(merchant, number)
    merchant.control("POST", "clock", {"until": "bill"})
    arm("bill_late")
    assert ask(merchant, day)["sub_code"] == "isp.bill_not_exist"
    arm("bill_extra_column")
    [row] = details(merchant, ask(merchant, day)["bill_download_url"])[1]
    assert (len(row), row["新增列"], row["订单金额（元）"]) == (26, "?\t", "9.90")
