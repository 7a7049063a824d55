"""The stand-in's trades: every move, every refusal, and money that never appears from nowhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from standins.alipay.orders import Order, Product
from standins.alipay.refusals import Refused
from standins.alipay.trades import MOVES, Book, Buyer, Money, Status, Trade

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def an_order(number: str = "T1", total: int = 990, product: Product = Product.APP, **more: object) -> Order:
    known = {"app_id": "9021000000000001", "seller_id": "2088000000000001", "subject": "x"}
    return Order(**{**known, "product": product, "out_trade_no": number, "total": total, **more})  # type: ignore[arg-type]


def paid(book: Book, total: int = 990) -> Trade:
    trade = book.open(an_order(total=total), Buyer(), NOW)
    book.pay(trade, NOW)
    return trade


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.sub_code


@pytest.mark.parametrize("to", Status)
@pytest.mark.parametrize("at", Status)
def test_a_trade_moves_along_the_table_only(at: Status, to: Status) -> None:
    """Every pair of states: what the table does not name is refused, and the state stays."""
    trade = Trade(an_order(), "1", Buyer(), NOW, LATER, at)
    if to in MOVES[at]:
        trade.move(to)
        assert trade.status is to
    else:
        with pytest.raises(ValueError, match="does not become"):
            trade.move(to)
        assert trade.status is at


def test_there_is_no_trade_before_a_buyer_proceeds() -> None:
    """An order alone is nothing that could be asked for or closed."""
    book = Book()
    assert refused(lambda: book.find(out_trade_no="T1")) == "ACQ.TRADE_NOT_EXIST"
    assert refused(lambda: book.find(trade_no="1")) == "ACQ.TRADE_NOT_EXIST"
    assert refused(lambda: book.find()) == "ACQ.INVALID_PARAMETER"
    trade = book.open(an_order(), Buyer(), NOW)
    assert book.find(out_trade_no="T1") is trade
    assert book.find(trade_no=trade.trade_no, out_trade_no="another") is trade


def test_opening_the_same_order_again_goes_on_with_the_same_trade() -> None:
    """The amount and the subject must be the same; a paid or closed trade is over."""
    book = Book()
    trade = book.open(an_order(), Buyer(), NOW)
    assert book.open(an_order(), Buyer(), LATER) is trade
    assert refused(lambda: book.open(an_order(total=1), Buyer(), NOW)) == "ACQ.CONTEXT_INCONSISTENT"
    book.pay(trade, NOW)
    assert refused(lambda: book.open(an_order(), Buyer(), NOW)) == "ACQ.TRADE_HAS_SUCCESS"
    assert refused(lambda: book.pay(trade, NOW)) == "ACQ.TRADE_HAS_SUCCESS"
    other = book.open(an_order("T2"), Buyer(), NOW)
    book.close(other, NOW)
    assert refused(lambda: book.open(an_order("T2"), Buyer(), NOW)) == "ACQ.TRADE_HAS_CLOSE"
    assert refused(lambda: book.pay(other, NOW)) == "ACQ.TRADE_HAS_CLOSE"


def test_an_absolute_expiry_wins_over_a_timeout_that_starts_with_the_trade() -> None:
    """And an order that is past it opens no trade at all."""
    both = an_order(time_expire=LATER, timeout="1d")
    assert Book().open(both, Buyer(), NOW).expires == LATER
    far = NOW + timedelta(days=40)
    assert Book().open(an_order(time_expire=far), Buyer(), NOW).expires == far
    assert Book().open(an_order(timeout="90m"), Buyer(), LATER).expires == LATER + timedelta(minutes=90)
    assert refused(lambda: Book().open(both, Buyer(), LATER)) == "ACQ.TRADE_HAS_CLOSE"


def test_an_unpaid_trade_closes_when_its_time_is_over() -> None:
    """It closes at its own time, and a payment after that comes too late."""
    book = Book()
    trade = book.open(an_order(time_expire=LATER), Buyer(), NOW)
    assert book.next_change() == LATER
    assert refused(lambda: book.pay(trade, LATER + timedelta(days=1))) == "ACQ.TRADE_HAS_CLOSE"
    assert (trade.status, trade.closed, trade.paid) == (Status.CLOSED, LATER, None)
    assert book.next_change() is None
    [event] = book.events()
    assert (event.status, event.at) == (Status.CLOSED, LATER)


def test_the_last_moment_of_an_unpaid_trade_is_already_too_late() -> None:
    """At its expiry it is closed."""
    book = Book()
    trade = book.open(an_order(time_expire=LATER), Buyer(), NOW)
    book.tick(LATER - timedelta(microseconds=1))
    assert trade.status is Status.WAIT
    book.tick(LATER)
    assert trade.status is Status.CLOSED


def test_a_discount_lowers_what_was_received_and_the_seller_gets_the_total() -> None:
    """Somebody else pays the discount, so that a full refund is always possible."""
    book = Book()
    trade = book.open(an_order(), Buyer(), NOW)
    assert refused(lambda: book.pay(trade, NOW, discount=990)) == "ACQ.INVALID_PARAMETER"
    book.pay(trade, NOW, discount=100)
    assert (book.balance, trade.discount) == (990, 100)
    assert book.refund(trade, "r", 990, "", NOW) is True


def test_a_paid_trade_finishes_when_the_refund_window_is_over() -> None:
    """Then no refund is possible any more."""
    book = Book(window=timedelta(days=90))
    trade = paid(book)
    after = NOW + timedelta(days=90)
    assert refused(lambda: book.refund(trade, "r", 1, "", after)) == "ACQ.TRADE_HAS_FINISHED"
    assert [event.status for event in book.events()] == [Status.SUCCESS, Status.FINISHED]


def test_a_product_without_refunds_finishes_at_once() -> None:
    """``WAIT_BUYER_PAY`` to ``TRADE_FINISHED``: paid, and over."""
    book = Book()
    trade = book.open(an_order(), Buyer(), NOW)
    book.pay(trade, NOW, final=True)
    assert trade.status is Status.FINISHED
    assert book.balance == 990


def test_only_an_unpaid_trade_can_be_closed() -> None:
    """Paid and closed ones are refused with codes of their own."""
    book = Book()
    trade = paid(book)
    assert refused(lambda: book.close(trade, NOW)) == "ACQ.TRADE_STATUS_ERROR"
    book.refund(trade, "r", 990, "", NOW)
    assert refused(lambda: book.close(trade, NOW)) == "ACQ.REASON_TRADE_STATUS_INVALID"


def test_a_partial_refund_leaves_the_trade_paid_and_the_last_one_closes_it() -> None:
    """``refunded`` counts all so far."""
    book = Book()
    trade = paid(book)
    assert book.refund(trade, "a", 400, "", NOW) is True
    assert (trade.status, trade.refunded) == (Status.SUCCESS, 400)
    assert book.refund(trade, "b", 590, "", NOW) is True
    assert (trade.status, trade.refunded, book.balance) == (Status.CLOSED, 990, 0)
    assert [event.status for event in book.events()] == [Status.SUCCESS, Status.SUCCESS, Status.CLOSED]


def test_the_same_refund_again_moves_no_money_and_another_amount_is_refused() -> None:
    """The key is the trade with its ``out_request_no``; it holds after the trade has closed, too."""
    book = Book()
    trade = paid(book)
    book.refund(trade, "a", 990, "", NOW)
    assert book.refund(trade, "a", 990, "", LATER) is False
    assert refused(lambda: book.refund(trade, "a", 1, "", LATER)) == "ACQ.DISCORDANT_REPEAT_REQUEST"
    assert refused(lambda: book.refund(trade, "b", 1, "", LATER)) == "ACQ.REASON_TRADE_REFUND_FEE_ERR"
    assert book.balance == 0


def test_a_refund_without_a_key_is_for_the_whole_amount() -> None:
    """Its key is then the order's number."""
    book = Book()
    trade = paid(book)
    assert refused(lambda: book.refund(trade, "", 400, "", NOW)) == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    assert book.refund(trade, "", 990, "", NOW) is True
    assert list(trade.refunds) == ["T1"]


def test_an_unpaid_trade_has_nothing_to_refund() -> None:
    """Waiting or closed without money: refused."""
    book = Book()
    trade = book.open(an_order(), Buyer(), NOW)
    assert refused(lambda: book.refund(trade, "r", 990, "", NOW)) == "ACQ.TRADE_STATUS_ERROR"
    book.close(trade, NOW)
    assert refused(lambda: book.refund(trade, "r", 990, "", NOW)) == "ACQ.TRADE_STATUS_ERROR"


def test_a_seller_without_money_cannot_refund_until_it_has_some() -> None:
    """Refused without a trace, so that the same key works later; what is pending counts as spent."""
    book = Book()
    trade = paid(book)
    book.balance = 500
    assert refused(lambda: book.refund(trade, "r", 990, "", NOW)) == "ACQ.SELLER_BALANCE_NOT_ENOUGH"
    assert trade.refunds == {}
    book.refund(trade, "p", 300, "", NOW, pending=True)
    assert refused(lambda: book.refund(trade, "r", 300, "", NOW)) == "ACQ.SELLER_BALANCE_NOT_ENOUGH"
    book.balance = 990
    assert book.refund(trade, "r", 300, "", NOW) is True


def test_two_refunds_of_a_trade_need_a_pause_when_one_is_asked_for() -> None:
    """The early one may come again later with the same key."""
    book = Book(pause=timedelta(seconds=3))
    trade = paid(book)
    book.refund(trade, "a", 100, "", NOW)
    assert refused(lambda: book.refund(trade, "b", 100, "", NOW)) == "isv.method-call-limited"
    assert book.refund(trade, "b", 100, "", NOW + timedelta(seconds=3)) is True


def test_a_pending_refund_moves_or_fails_and_a_failed_one_can_be_tried_again() -> None:
    """Accepted is not refunded; only settled money is told of."""
    book = Book()
    trade = paid(book)
    book.events()
    assert book.refund(trade, "p", 990, "", NOW, pending=True) is False
    assert (trade.refunded, trade.promised, trade.status) == (0, 990, Status.SUCCESS)
    assert book.refund(trade, "p", 990, "", NOW) is False
    book.settle(trade, trade.refunds["p"], NOW, fail=True)
    assert book.events() == []
    assert book.refund(trade, "p", 990, "", NOW) is True
    assert (trade.refunded, trade.status) == (990, Status.CLOSED)
    book.settle(trade, trade.refunds["p"], NOW)
    assert len(book.events()) == 1


class AnyRefunds(RuleBasedStateMachine):
    """Refunds in any order, of any amount, accepted, pending, failed: money is kept and never made."""

    def __init__(self) -> None:
        super().__init__()
        self.book, self.now = Book(balance=50), NOW
        self.trade = paid(self.book, total=100)

    @rule(key=st.sampled_from(["", "a", "b", "c", "d"]), amount=st.integers(1, 120), pending=st.booleans())
    def refund(self, key: str, amount: int, *, pending: bool) -> None:
        before = self.trade.refunded
        try:
            moved = self.book.refund(self.trade, key, amount, "", self.now, pending=pending)
        except Refused:
            moved = False
        assert self.trade.refunded == before + (amount if moved else 0)

    @precondition(lambda self: self.trade.refunds)
    @rule(pick=st.integers(0, 9), fail=st.booleans())
    def settle(self, pick: int, *, fail: bool) -> None:
        refunds = list(self.trade.refunds.values())
        self.book.settle(self.trade, refunds[pick % len(refunds)], self.now, fail=fail)

    @rule(days=st.integers(0, 60))
    def wait(self, days: int) -> None:
        self.now += timedelta(days=days)
        self.book.tick(self.now)

    @invariant()
    def money_is_kept(self) -> None:
        moved = [refund.amount for refund in self.trade.refunds.values() if refund.money is Money.MOVED]
        assert sum(moved) == self.trade.refunded <= self.trade.promised <= 100
        assert self.book.balance == 150 - self.trade.refunded
        assert (self.trade.refunded == 100) == (self.trade.status is Status.CLOSED)

    @invariant()
    def every_event_has_its_cause(self) -> None:
        for event in self.book.events():
            assert event.trade is self.trade
            assert event.refund is None or event.refund.money is Money.MOVED


AnyRefunds.TestCase.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
TestAnyRefunds = AnyRefunds.TestCase
