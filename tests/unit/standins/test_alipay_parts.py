"""The smaller parts of the stand-in: amounts, orders, schedule, faults, archives, bills, logins."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from standins.alipay.amounts import to_fen, to_yuan
from standins.alipay.archives import gbk_zip
from standins.alipay.bills import Bills, ready_at
from standins.alipay.clock import BEIJING, StandinClock, parse_stamp, stamp
from standins.alipay.faults import KINDS, Faults
from standins.alipay.logins import ACCESS_LIFE, CODE_LIFE, Logins, Person
from standins.alipay.notices import FORGERIES
from standins.alipay.orders import Product, read_order
from standins.alipay.refusals import Refused
from standins.alipay.schedule import GAPS, gap_after
from standins.alipay.settings import StandinSettings
from standins.alipay.trades import Book, Buyer

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=BEIJING)
BIZ = {"out_trade_no": "T1", "total_amount": "9.90", "subject": "x", "product_code": "QUICK_MSECURITY_PAY"}


@given(fen=st.integers(1, 10_000_000_000))
@settings(max_examples=50)
def test_an_amount_survives_the_way_to_yuan_and_back(fen: int) -> None:
    """Two decimals, no rounding."""
    assert to_fen(to_yuan(fen)) == fen


@pytest.mark.parametrize(
    "text", ["", "0", "0.00", "-1", "1.234", "1e3", "100000000.01", " 1", "01", "1,00", "１", None, 1]
)
def test_what_is_no_amount_is_refused(text: object) -> None:
    """From 0.01 to 100000000.00 yuan, in plain digits."""
    with pytest.raises(ValueError, match="amount"):
        to_fen(text)


@pytest.mark.parametrize(
    ("changed", "sub_code"),
    [
        ({"out_trade_no": "with space"}, "ACQ.INVALID_PARAMETER"),
        ({"out_trade_no": "x" * 65}, "ACQ.INVALID_PARAMETER"),
        ({"subject": ""}, "ACQ.INVALID_PARAMETER"),
        ({"subject": "x" * 257}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "0"}, "ACQ.INVALID_PARAMETER"),
        ({"product_code": "QUICK_WAP_PAY"}, "ACQ.INVALID_PARAMETER"),
        ({"timeout_express": "1.5h"}, "ACQ.INVALID_PARAMETER"),
        ({"timeout_express": "16d"}, "ACQ.INVALID_PARAMETER"),
        ({"time_expire": "2026-11-24"}, "ACQ.INVALID_PARAMETER"),
        ({"seller_id": "2088000000000002"}, "ACQ.INVALID_RECEIVE_ACCOUNT"),
        ({"enable_pay_channels": "balance", "disable_pay_channels": "pcredit"}, "ACQ.INVALID_PARAMETER"),
    ],
)
def test_an_order_that_breaks_a_rule_is_refused(changed: dict[str, object], sub_code: str) -> None:
    """Lengths, characters, amounts, times, the product's code, the seller."""
    with pytest.raises(Refused) as caught:
        read_order(Product.APP, "9021000000000001", "2088000000000001", {**BIZ, **changed}, {})
    assert caught.value.sub_code == sub_code


@pytest.mark.parametrize(
    ("timeout", "end"),
    [("1m", "2026-11-24 12:01:00"), ("2h", "2026-11-24 14:00:00"), ("15d", "2026-12-09 12:00:00"),
     ("1c", "2026-11-25 00:00:00"), ("", "2026-12-09 12:00:00")],
)  # fmt: skip
def test_a_timeout_is_counted_from_the_trades_creation(timeout: str, end: str) -> None:
    """``1c`` is the coming midnight in Beijing."""
    order = read_order(Product.APP, "a", "2088000000000001", {**BIZ, "timeout_express": timeout}, {})
    assert stamp(order.expires(NOW)) == end


def test_a_notice_is_sent_eight_times_within_about_a_day() -> None:
    """4, 10, 10 minutes, 1, 2, 6, 15 hours; a speed divides all of them."""
    gaps = [gap_after(sends, 1.0) for sends in range(1, 9)]
    assert gaps == [*GAPS, None]
    assert timedelta(hours=24) < sum(GAPS, timedelta(0)) < timedelta(hours=25)
    assert gap_after(1, 240.0) == timedelta(seconds=1)
    with pytest.raises(ValueError, match="first"):
        gap_after(0, 1.0)


def test_the_clock_goes_forward_only() -> None:
    """It runs with the real one, ahead of it."""
    clock = StandinClock(lambda: NOW)
    clock.advance(timedelta(days=1))
    assert clock.now() - clock.real() == timedelta(days=1)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(timedelta(seconds=-1))


def test_a_fault_strikes_as_often_as_it_was_armed_for_and_whom_it_was_armed_for() -> None:
    """One-shot, counted, until cleared; by method and by order; oldest first."""
    faults = Faults()
    faults.arm("timeout", 2, method="m")
    faults.arm("timeout", None, out_trade_no="T9", arguments={"seconds": 7})
    assert faults.take("timeout", method="other", out_trade_no="T1") is None
    assert [bool(faults.take("timeout", method="m")) for _ in range(3)] == [True, True, False]
    forever = [faults.take("timeout", method="x", out_trade_no="T9") for _ in range(5)]
    assert all(armed and armed.number_of("seconds") == 7 for armed in forever)
    assert faults.clear("bad_gateway") == 0
    assert faults.clear() == 1
    assert faults.armed() == []


@pytest.mark.parametrize(("name", "arguments", "times"), [("x", {}, 1), ("timeout", {"x": 1}, 1), ("timeout", {}, 0)])
def test_a_fault_that_does_not_exist_cannot_be_armed(name: str, arguments: dict[str, object], times: int) -> None:
    """Nor one with an argument it does not know, nor for no time at all."""
    with pytest.raises(ValueError, match="no such fault"):
        Faults().arm(name, times, arguments=arguments)


def test_every_fault_says_what_it_does_under_its_own_name() -> None:
    """The registry is the documentation."""
    assert all(kind.says and name == kind.name for name, kind in KINDS.items())


@given(files=st.dictionaries(st.sampled_from(["a.csv", "业务明细.csv", "业务明细(汇总).csv"]), st.binary(max_size=300)))
@settings(max_examples=30)
def test_an_archive_is_read_back_by_a_reader_that_knows_gbk(files: dict[str, bytes]) -> None:
    """Names are GBK without the UTF-8 flag; the content is whole."""
    archive = zipfile.ZipFile(io.BytesIO(gbk_zip(files, NOW)), metadata_encoding="gbk")
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == files
    assert not any(entry.flag_bits & 0x800 for entry in archive.infolist())


@pytest.mark.parametrize(
    ("period", "sub_code"),
    [("2026-11-24", "isv.invalid_arguments"), ("2026-12-01", "isv.invalid_arguments"), ("x", "isv.invalid_arguments"),
     ("2026-11-31", "isv.invalid_arguments"), ("2026-11", "isv.invalid_arguments"), ("2026-11-23", "isp.bill_not_exist"),
     ("2026-10", "isp.bill_not_exist")],
)  # fmt: skip
def test_a_bill_is_for_a_finished_period_with_trades_in_it(period: str, sub_code: str) -> None:
    """Today, the future and nonsense are wrong arguments; an empty day has no bill."""
    with pytest.raises(Refused) as caught:
        Bills("2088000000000001").offer([], "trade", period, NOW)
    assert caught.value.sub_code == sub_code


def test_a_bill_is_ready_the_next_morning_and_its_address_dies_after_half_a_minute() -> None:
    """Not at midnight; the month's one on the fourth."""
    book, bills = Book(), Bills("2088000000000001")
    trade = book.open(read_order(Product.APP, "a", "2088000000000001", dict(BIZ), {}), Buyer(), NOW)
    book.pay(trade, NOW)
    with pytest.raises(Refused):
        bills.offer(book, "trade", "2026-11-24", parse_stamp("2026-11-25 09:59:59"))
    ready = ready_at(NOW)
    assert stamp(ready) == "2026-11-25 10:00:00"
    token, _ = bills.offer(book, "trade", "2026-11-24", ready)
    assert bills.fetch(token, ready + timedelta(seconds=29))
    assert bills.fetch(token, ready + timedelta(seconds=30)) is None
    assert bills.fetch("another", ready) is None
    with pytest.raises(Refused):
        bills.offer(book, "trade", "2026-11", parse_stamp("2026-12-03 12:00:00"))
    assert bills.offer(book, "signcustomer", "2026-11", parse_stamp("2026-12-04 10:00:00"))


def test_a_login_code_works_once_in_its_time_and_for_its_own_app() -> None:
    """Wrong, used, expired, another app's: one and the same error."""
    logins = Logins()

    def invalid(app_id: str, code: str, now: datetime) -> bool:
        with pytest.raises(Refused) as caught:
            logins.exchange(app_id, code, now)
        return caught.value.sub_code == "isv.code-invalid"

    code = logins.agree("app", Person(), "auth_user", NOW)
    assert invalid("other", code, NOW)
    assert invalid("app", "x", NOW)
    assert invalid("app", code, NOW + CODE_LIFE)
    logins.exchange("app", code, NOW)
    assert invalid("app", code, NOW)


def test_tokens_expire_and_die_with_the_bond_between_a_person_and_an_app() -> None:
    """A neighbour's token lives on."""
    logins = Logins()

    def tokens(open_id: str, app_id: str = "app") -> str:
        person = Person(user_id="", open_id=open_id)
        return logins.exchange(app_id, logins.agree(app_id, person, "auth_user", NOW), NOW)[0]

    mine, theirs, elsewhere = tokens("me"), tokens("them"), tokens("me", "other")
    assert logins.person("app", mine, NOW).person.open_id == "me"
    with pytest.raises(Refused, match=r"aop\.auth-token-time-out"):
        logins.person("app", mine, NOW + ACCESS_LIFE)
    assert logins.cut("app", open_id="me") is True
    assert logins.cut("app", open_id="me") is False
    with pytest.raises(Refused, match=r"aop\.invalid-auth-token"):
        logins.person("app", mine, NOW)
    assert logins.person("app", theirs, NOW).person.open_id == "them"
    assert logins.person("other", elsewhere, NOW).person.open_id == "me"


def test_the_schedule_never_gets_faster_with_time() -> None:
    """Each gap is at least as long as the one before."""
    assert all(early <= late for early, late in pairwise(GAPS))


def test_the_page_about_the_stand_in_knows_every_setting_fault_and_forgery() -> None:
    """Each in a table's first column, faults and forgeries with the very sentence of the registry."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "alipay-standin.md").read_text("utf-8")
    told = {(kind.name, kind.says) for kind in KINDS.values()} | {(name, says) for name, (says, _) in FORGERIES.items()}
    assert not [name for name, says in told if f"| `{name}` | {says} |" not in page]
    assert not [name for name in StandinSettings.model_fields if f"| `{name.upper()}` |" not in page]
