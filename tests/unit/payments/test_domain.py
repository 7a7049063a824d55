"""Amounts, products, states, books, entitlements, bills: what is true about money without anything around it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.payments.adapters.catalogue import PRODUCTS, products
from services.payments.adapters.memory_alipay import GbkName, MemoryAlipay
from services.payments.domain import ledger, money, orders, reconciliation, refunds
from services.payments.domain.bills import BillLine, BrokenBill, parse_bill
from services.payments.domain.entitlements import Grant, GrantKind, chosen, grant_of, taken_back
from services.payments.domain.orders import Order, OrderState
from services.payments.domain.products import catalogue_from, product_from, row_of
from services.payments.domain.reconciliation import DifferenceKind, Movement
from services.payments.domain.refunds import Next, RefundState
from services.payments.domain.trades import Failure, RefundAnswer, Unknown
from shared.kernel.errors import BadRequest, Conflict, PocketError
from shared.kernel.ids import new_id
from shared.testing.held_clock import HeldClock
from tests.unit.worlds import MERCHANT

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def an_order(product: str = "hd-photo", state: OrderState = OrderState.OPEN) -> Order:
    made = orders.new_order(new_id(), new_id(), products()[product], "app", new_id(), NOW, timedelta(minutes=15))
    return replace(made, state=state)


# ---- amounts


@given(st.integers(-(10**10), 10**10))
def test_fen_and_yuan_are_the_same_amount(amount: int) -> None:
    """Whatever is written is read as it was."""
    assert money.fen(money.yuan(amount)) == amount


@pytest.mark.parametrize(("text", "fen"), [("6.90", 690), ("6.9", 690), ("6", 600), ("0.01", 1), ("-9.90", -990)])
def test_amounts_are_read_to_the_fen(text: str, fen: int) -> None:
    """With or without decimals."""
    assert money.fen(text) == fen


@pytest.mark.parametrize("text", ["", "6.900", "6,90", "1e2", "６.90", "0x1", "NaN", "--1", ".5", "6."])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """A guess could be off by a factor of ten."""
    with pytest.raises(BadRequest):
        money.fen(text)


# ---- products


def test_the_four_products_are_on_offer_with_sensible_prices() -> None:
    """Data, checked when it is read; what an order keeps is what is read back."""
    offered = products()
    assert list(offered) == ["hd-photo", "print-sheet", "pack-ten", "month-pass"]
    for product in offered.values():
        assert product_from(row_of(product)) == product


def test_the_highest_version_is_on_offer_and_none_is_there_twice() -> None:
    """Old versions stay in the file."""
    text = PRODUCTS.read_text("utf-8")
    newer = text + text[text.index("[[product]]") : text.index('product = "print-sheet"') - 13].replace(
        "version = 1", "version = 2"
    ).replace("690", "790")
    assert catalogue_from(newer)["hd-photo"].price == 790
    with pytest.raises(ValueError, match="twice"):
        catalogue_from(text + text[text.index("[[product]]") :])


@pytest.mark.parametrize(
    "change",
    [
        {"price": 0},
        {"price": 6.9},
        {"unlocks": []},
        {"unlocks": ["x"]},
        {"credits": 1},
        {"name_zh": "a=b"},
        {"version": 0},
    ],
)
def test_a_product_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    """When it is read, not when it is bought."""
    with pytest.raises(ValueError, match="hd-photo"):
        product_from({**row_of(products()["hd-photo"]), **change})


# ---- states


def test_orders_and_refunds_move_by_their_tables_and_by_nothing_else() -> None:
    """Every pair: the same again is a no-op, what the table allows goes, the rest is a conflict."""
    for now in OrderState:
        for to in OrderState:
            if to is now or to in orders.MOVES[now]:
                assert orders.move(an_order(state=now), to).state is to
            else:
                with pytest.raises(Conflict):
                    orders.move(an_order(state=now), to)
    refund = refunds.new_refund(new_id(), new_id(), 1, "owner", NOW)
    for state in RefundState:
        for end in RefundState:
            if end is state or end in refunds.MOVES[state]:
                assert refunds.settled(replace(refund, state=state), end, NOW).state is end
            else:
                with pytest.raises(Conflict):
                    refunds.settled(replace(refund, state=state), end, NOW)


def test_an_order_is_looked_at_less_and_less_often_until_it_expires_and_is_then_closed() -> None:
    """A notice may be lost; Alipay is not asked every second."""
    order, looks = an_order(), []
    while order.state is OrderState.OPEN:
        assert order.next_look_at is not None
        looks.append((order.next_look_at - NOW).total_seconds())
        order = orders.claimed(order, order.next_look_at)
    assert order.state is OrderState.CLOSING
    assert looks == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 620.0, 905.0]


def test_an_orders_number_at_alipay_is_letters_and_digits_and_leads_back() -> None:
    """At most 64 of them."""
    order = an_order()
    assert order.out_trade_no.isalnum()
    assert len(order.out_trade_no) <= 64
    assert orders.order_of_trade_no(order.out_trade_no) == order.order_id
    for other in ("", "P", "Pzz" + "0" * 30, order.out_trade_no[1:], "P" + str(order.order_id)):
        assert orders.order_of_trade_no(other) is None


# ---- refunds


@pytest.mark.parametrize(
    ("answer", "step"),
    [
        (RefundAnswer(True), Next.SUCCEEDED),
        (RefundAnswer(False), Next.ASK),
        (Unknown("ReadTimeout"), Next.WAIT),
        (Failure("40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH"), Next.WAIT),
        (Failure("40005", "isv.app-call-limited"), Next.WAIT),
        (Failure("40004", "ACQ.TRADE_NOT_ALLOW_REFUND"), Next.ASK),
    ],
)
def test_only_moved_money_is_a_refund_and_a_refusal_is_asked_about(answer: object, step: Next) -> None:
    """10000 means accepted; N may mean that it was done before."""
    assert refunds.after_refund(answer) is step  # type: ignore[arg-type]


def test_a_refund_has_failed_only_when_it_was_refused_and_is_known_not_to_be_done() -> None:
    """Unknown is never assumed, either way."""
    refused, unknown = Failure("40004", "ACQ.TRADE_NOT_ALLOW_REFUND"), Unknown("x")
    assert refunds.after_query(refused, RefundAnswer(True)) is Next.SUCCEEDED
    assert refunds.after_query(refused, RefundAnswer(False)) is Next.FAILED
    assert refunds.after_query(refused, unknown) is Next.WAIT
    assert refunds.after_query(RefundAnswer(False), RefundAnswer(False)) is Next.WAIT
    assert refunds.after_query(RefundAnswer(False), RefundAnswer(True)) is Next.SUCCEEDED


# ---- the books


@given(st.integers(1, 10**9), st.booleans())
def test_every_entry_sums_to_zero_or_cannot_be_made(amount: int, served: bool) -> None:
    """Double entry by construction."""
    refund = refunds.new_refund(new_id(), new_id(), amount, "owner", NOW)
    entries = [
        ledger.payment(new_id(), amount, NOW, served=served),
        ledger.refund_promised(refund, NOW),
        ledger.refund_paid(refund, NOW),
        ledger.refund_withdrawn(refund, NOW),
    ]
    assert all(sum(fen for _, fen in entry.lines) == 0 for entry in entries)
    with pytest.raises(ValueError, match="sum to zero"):
        ledger.Entry("f", new_id(), NOW, ((ledger.Account.ALIPAY, amount), (ledger.Account.SALES, -amount - 1)))


def test_wrong_books_are_found_out() -> None:
    """Each kind of fault by itself."""
    good = ledger.Balances({"alipay": 690, "sales": -690}, 0, held=690, received=690, returned=0)
    assert ledger.faults_of(good) == []
    assert ledger.faults_of(replace(good, accounts={"alipay": 690, "sales": -600}))
    assert ledger.faults_of(replace(good, unbalanced=1))
    assert ledger.faults_of(replace(good, received=1380))
    assert ledger.faults_of(replace(good, accounts={"alipay": 690, "sales": -700, "owed": 10}))


# ---- entitlements


def test_the_cheapest_thing_that_fits_unlocks_a_photo() -> None:
    """A pass before a credit, a narrow credit before a wide one, the older before the newer."""
    subject = new_id()
    narrow = grant_of(an_order("pack-ten"), subject, new_id(), [], NOW)
    wide = Grant(new_id(), subject, None, GrantKind.CREDITS, ("photo", "sheet"), 1, NOW - timedelta(days=9))
    month = grant_of(an_order("month-pass"), subject, new_id(), [], NOW)
    assert chosen([wide, narrow], "photo", NOW) == narrow
    assert chosen([wide, narrow], "sheet", NOW) == wide
    assert chosen([wide, narrow, month], "photo", NOW) == month
    assert chosen([month], "photo", NOW + timedelta(days=30)) is None
    assert chosen([replace(narrow, used=10)], "photo", NOW) is None
    assert chosen([replace(month, taken_back=1)], "photo", NOW) is None


def test_passes_follow_one_another() -> None:
    """Who buys two has two months."""
    first = grant_of(an_order("month-pass"), new_id(), new_id(), [], NOW)
    second = grant_of(an_order("month-pass"), new_id(), new_id(), [first], NOW + timedelta(days=3))
    assert second.starts_at == first.ends_at


def test_what_was_used_is_not_taken_back() -> None:
    """Credits by number, a pass as a whole; a part of a pack's price is that part of its credits, rounded up."""
    order = an_order("pack-ten")
    pack = grant_of(order, new_id(), new_id(), [], NOW)
    assert taken_back(pack, order, 4900, whole=True)[1] == 10
    assert taken_back(pack, order, 500, whole=False)[1] == 2
    with pytest.raises(PocketError, match="credit_used"):
        taken_back(replace(pack, used=1), order, 4900, whole=True)
    with pytest.raises(PocketError, match="credit_used"):
        taken_back(replace(pack, used=9), order, 500, whole=False)
    month = grant_of(an_order("month-pass"), new_id(), new_id(), [], NOW)
    assert taken_back(month, order, 100, whole=False) == (month, 0)
    with pytest.raises(PocketError, match="credit_used"):
        taken_back(replace(month, used=1), order, 2900, whole=True)


# ---- bills


def a_bill(day_of_payment: datetime = NOW) -> tuple[bytes, MemoryAlipay, Order]:
    alipay = MemoryAlipay(HeldClock(day_of_payment), MERCHANT)
    order = an_order()
    alipay.pay(order)
    alipay.buyer_pays(order.out_trade_no)
    alipay.pay_back(order.out_trade_no, 100, "r1")
    archive = alipay.bill(reconciliation.day_of(day_of_payment))
    assert isinstance(archive, bytes)
    return archive, alipay, order


def test_a_bill_is_read_from_gbk_in_a_zip_with_tabs_and_quoted_commas() -> None:
    """Payments positive, refunds negative with their request number."""
    archive, alipay, order = a_bill()
    number = alipay.trades[order.out_trade_no].trade_no
    assert parse_bill(archive) == [
        BillLine(number, order.out_trade_no, 690, 690, ""),
        BillLine(number, order.out_trade_no, -100, -100, "r1"),
    ]


def altered(archive: bytes, old: str, new: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive), metadata_encoding="gbk") as files, zipfile.ZipFile(out, "w") as made:
        for entry in files.infolist():
            text = files.read(entry).decode("gb18030").replace(old, new)
            made.writestr(GbkName(entry.filename), text.encode("gb18030"))
    return out.getvalue()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("交易合计：1笔", "交易合计：2笔"),
        ("实收共6.90", "实收共6.80"),
        ("业务类型", "种类"),
        ("\t,退款\t", "\t,其他\t"),
        ("-1.00", "1.00"),
    ],
)
def test_a_bill_whose_lines_are_not_what_its_footer_counts_is_broken(old: str, new: str) -> None:
    """As is one that lacks a column, or holds what is neither a payment nor a refund."""
    with pytest.raises(BrokenBill):
        parse_bill(altered(a_bill()[0], old, new))


@given(st.binary(max_size=200))
def test_garbage_is_a_broken_bill_and_never_another_error(content: bytes) -> None:
    """It comes from outside."""
    with pytest.raises(BrokenBill):
        parse_bill(content)


# ---- reconciliation


def test_a_bill_and_the_books_are_compared_both_ways() -> None:
    """Missing here, missing there, another amount; what is another day's is known and not missed."""
    day = date(2026, 11, 24)
    lines = [BillLine("t", "A", 690, 690), BillLine("t", "B", 990, 990), BillLine("t", "A", -100, -100, "r1")]
    ours = {"A": Movement("A", 700, True), "C": Movement("C", 1, True), "D": Movement("D", 1, False)}
    found = reconciliation.compared(day, lines, ours, {"r2": Movement("r2", 5, True)})
    assert {(each.kind, each.reference) for each in found} == {
        (DifferenceKind.PAYMENT_AMOUNT, "A"),
        (DifferenceKind.PAYMENT_NOT_OURS, "B"),
        (DifferenceKind.PAYMENT_NOT_THEIRS, "C"),
        (DifferenceKind.REFUND_NOT_OURS, "r1"),
        (DifferenceKind.REFUND_NOT_THEIRS, "r2"),
    }
    assert reconciliation.compared(day, lines[:1], {"A": Movement("A", 690, True)}, {}) == []


def test_a_bills_day_is_beijings_and_ready_on_the_next_morning() -> None:
    """Alipay counts in GMT+8, whatever our machines do."""
    assert reconciliation.day_of(datetime(2026, 11, 23, 16, 0, tzinfo=UTC)) == date(2026, 11, 24)
    begin, end = reconciliation.bounds_of(date(2026, 11, 24))
    assert (begin, end - begin) == (datetime(2026, 11, 23, 16, 0, tzinfo=UTC), timedelta(days=1))
    assert reconciliation.day_to_fetch(datetime(2026, 11, 24, 1, 59, tzinfo=UTC)) == date(2026, 11, 22)
    assert reconciliation.day_to_fetch(datetime(2026, 11, 24, 2, 0, tzinfo=UTC)) == date(2026, 11, 23)
