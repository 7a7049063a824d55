"""Payments' transactions, in memory and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from services.payments.adapters.catalogue import products
from services.payments.domain import ledger
from services.payments.domain import orders as order_rules
from services.payments.domain import refunds as refund_rules
from services.payments.domain.entitlements import Grant, GrantKind, Unlock
from services.payments.domain.orders import Order, OrderState
from services.payments.domain.reconciliation import Difference, DifferenceKind, DifferenceState, Movement
from services.payments.domain.refunds import RefundState
from shared.kernel.ids import new_id
from shared.testing.memory_work import ConstraintBroken
from tests.contract.conftest import Subject as Both
from tests.contract.test_every_work import waits

REFUSED = (psycopg.IntegrityError, ConstraintBroken)
NOW = datetime(2026, 11, 24, 8, 0, 0, 123456, tzinfo=UTC)
LIFE = timedelta(minutes=15)


def plant(tx: Any, subject_id: UUID | None = None, **changes: Any) -> Order:
    order = order_rules.new_order(new_id(), subject_id or new_id(), products()["hd-photo"], "app", new_id(), NOW, LIFE)
    order = replace(order, **changes)
    tx.add_order(order)
    return order


def paid(tx: Any, subject_id: UUID | None = None) -> Order:
    order = order_rules.paid(plant(tx, subject_id), OrderState.PAID, "t1", NOW)
    tx.save_order(order)
    tx.add_entry(ledger.payment(order.order_id, order.amount, NOW, served=True))
    return order


def test_an_order_is_what_was_saved_last(payments: Both) -> None:
    """Every field comes back, the product as it was bought."""
    with payments.work.begin() as tx:
        order = plant(tx)
        assert tx.order_seen(order.order_id) == order
        changed = replace(
            order_rules.paid(order, OrderState.PAID, "t1", NOW), looks=3, looked_at=NOW, refunded=90, event_id=new_id(),
            pay={"qr": "x"},
        )  # fmt: skip
        tx.save_order(changed)
        tx.save_order(replace(changed, order_id=new_id()))
    with payments.work.begin() as tx:
        assert tx.order(order.order_id) == changed
        assert (tx.order(new_id()), tx.order_seen(new_id())) == (None, None)
    with pytest.raises(REFUSED), payments.work.begin() as tx:
        tx.add_order(order)


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": OrderState.PAID},
        {"trade_no": "t", "paid_at": NOW},
        {"refunded": 690},
        {"refunded": -1},
        {"subject_id": None},
        {"state": OrderState.REFUNDED, "trade_no": "t", "paid_at": NOW, "refunded": 1},
    ],
    ids=str,
)
def test_an_order_that_cannot_be_is_refused(payments: Both, wrong: dict[str, Any]) -> None:
    """Paid without a trade, refunded in part and called refunded, nobody's and still leading to somebody."""
    with pytest.raises(REFUSED), payments.work.begin() as tx:
        tx.save_order(replace(plant(tx), **wrong))


def test_orders_are_found_by_owner_news_time_and_state(payments: Both) -> None:
    """Newest first from a cursor on; news by their event; due ones first come first."""
    subject = new_id()
    early, late = new_id(), new_id()
    with payments.work.begin() as tx:
        first = plant(tx, subject, event_id=late, next_look_at=NOW + timedelta(seconds=2))
        second = plant(tx, subject, event_id=early, next_look_at=NOW + timedelta(seconds=1))
        third = plant(tx, subject, next_look_at=None)
        other = plant(tx, event_id=late, state=OrderState.CLOSED, next_look_at=NOW + timedelta(seconds=9))
    with payments.work.begin() as tx:
        assert tx.orders_of(subject, 2, None) == [third, second]
        assert tx.orders_of(subject, 2, second.order_id) == [first]
        assert tx.orders_with_news(subject, UUID(int=early.int - 1)) == [second, first]
        assert tx.orders_with_news(subject, early) == [first]
        assert tx.orders_due(NOW + timedelta(seconds=2), 10) == [second, first]
        assert tx.orders_due(NOW + timedelta(seconds=2), 1) == [second]
        assert tx.orders_listed(None, 2) == [other, third]
        assert tx.orders_listed("closed", 9) == [other]
        assert {order.order_id for order in tx.all_orders_of(subject)} == {o.order_id for o in (first, second, third)}


def test_orders_of_nobody_go_when_their_time_is_over_and_others_stay(payments: Both) -> None:
    """With their refunds; not one that is still to be looked at, not one with an owner, not one to be kept."""
    with payments.work.begin() as tx:
        bare = {"subject_id": None, "photo_id": None, "next_look_at": None}
        doomed, kept, looked, owned = (plant(tx) for _ in range(4))
        tx.save_order(replace(doomed, **bare, keep_until=NOW))
        tx.save_order(replace(kept, **bare, keep_until=NOW + timedelta(days=2)))
        tx.save_order(replace(looked, **{**bare, "next_look_at": NOW}, keep_until=NOW))
        tx.save_order(replace(owned, keep_until=NOW, next_look_at=None))
        tx.add_refund(refund_rules.new_refund(new_id(), doomed.order_id, 1, "owner", NOW))
    with payments.work.begin() as tx:
        assert tx.delete_orders_kept_until(NOW + timedelta(days=1), 10) == 1
        assert tx.order(doomed.order_id) is None
        assert tx.refunds_of(doomed.order_id) == []
        assert all(tx.order(order.order_id) for order in (kept, looked, owned))


def test_refunds_are_kept_found_and_one_at_a_time(payments: Both) -> None:
    """One request number, one refund; one refund of an order under way."""
    with payments.work.begin() as tx:
        order = paid(tx)
        refund = refund_rules.new_refund(new_id(), order.order_id, 100, "owner", NOW, taken=2)
        tx.add_refund(refund)
        assert tx.refund(refund.refund_id) == refund
        assert tx.refund_of_request(refund.out_request_no) == refund
        assert tx.refunds_due(NOW, 10) == [refund]
        assert tx.refund_figures(NOW + timedelta(seconds=9)) == (0, 9.0)
        tx.save_refund(replace(refund, trouble="no"))
        assert tx.refund_figures(NOW)[0] == 1
    with pytest.raises(REFUSED), payments.work.begin() as tx:
        tx.add_refund(refund_rules.new_refund(new_id(), order.order_id, 5, "owner", NOW))
    with payments.work.begin() as tx:
        done = refund_rules.settled(refund, RefundState.SUCCEEDED, NOW)
        tx.save_refund(done)
        second = refund_rules.new_refund(new_id(), order.order_id, 5, "owner", NOW)
        tx.add_refund(second)
        assert tx.refunds_of(order.order_id) == [done, second]
        assert (tx.refund(new_id()), tx.refund_of_request("x")) == (None, None)
    with pytest.raises(REFUSED), payments.work.begin() as tx:
        tx.add_refund(replace(second, refund_id=new_id(), state=RefundState.FAILED, done_at=NOW))


def test_the_books_take_a_fact_once_and_sum_to_what_orders_and_refunds_say(payments: Both) -> None:
    """And know which of it belongs to orders that are still kept."""
    with payments.work.begin() as tx:
        assert tx.balances() == ledger.Balances({}, 0, 0, 0, 0)
        order = paid(tx)
        assert not tx.add_entry(ledger.payment(order.order_id, order.amount, NOW, served=True))
        refund = refund_rules.new_refund(new_id(), order.order_id, 90, "owner", NOW)
        tx.add_refund(refund_rules.settled(refund, RefundState.SUCCEEDED, NOW))
        assert tx.add_entry(ledger.refund_promised(refund, NOW))
        assert tx.add_entry(ledger.refund_paid(refund, NOW))
        assert tx.add_entry(ledger.payment(new_id(), 5, NOW, served=False))
    with payments.work.begin() as tx:
        accounts = {"alipay": 605, "sales": -690, "refunds": 90, "owed": -5}
        assert tx.balances() == ledger.Balances(accounts, 0, held=600, received=690, returned=90)


@pytest.mark.integration
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_lines SET fen = 1",
        "DELETE FROM ledger_lines",
        "UPDATE ledger_entries SET fact = 'x'",
        "DELETE FROM ledger_entries",
        "INSERT INTO ledger_lines SELECT entry_id, 'sales', 1 FROM ledger_entries",
        "INSERT INTO ledger_entries (fact, order_id, at) SELECT 'f', order_id, at FROM ledger_entries",
    ],
)
def test_the_database_itself_refuses_to_change_the_books_or_to_unbalance_them(real_payments: Both, change: str) -> None:
    """Append-only, and every entry sums to zero when the transaction ends."""
    with real_payments.work.begin() as tx:
        paid(tx)
    with pytest.raises(psycopg.IntegrityError), real_payments.work.begin() as tx:
        tx.connection.execute(change)


def test_entitlements_are_kept_by_subject_and_by_order(payments: Both) -> None:
    """Credits, passes, and every reason why a photo is unlocked; a neighbour's stay when a subject's go."""
    subject, order_id, photo = new_id(), new_id(), new_id()
    pack = Grant(new_id(), subject, order_id, GrantKind.CREDITS, ("photo",), 10, NOW)
    month = Grant(
        new_id(), subject, None, GrantKind.PASS, ("photo", "sheet"), 1, NOW, starts_at=NOW, ends_at=NOW + LIFE
    )
    reason = Unlock(new_id(), subject, photo, ("photo",), NOW, order_id=order_id)
    by_credit = Unlock(new_id(), subject, new_id(), ("photo",), NOW, grant_id=pack.grant_id)
    neighbours = Unlock(new_id(), new_id(), photo, ("photo",), NOW, grant_id=pack.grant_id)
    with payments.work.begin() as tx:
        tx.add_grant(pack)
        tx.add_grant(month)
        for unlock in (reason, by_credit, neighbours):
            tx.add_unlock(unlock)
        tx.save_grant(replace(pack, used=3, taken_back=7))
        tx.end_unlock(reason.unlock_id, NOW)
        tx.remember("s", "k", "f", subject, {})
    with payments.work.begin() as tx:
        assert tx.grants_of(subject) == [replace(pack, used=3, taken_back=7), month]
        assert tx.grants_of_order(order_id) == [replace(pack, used=3, taken_back=7)]
        assert tx.unlocks_of(subject, photo) == tx.unlocks_of_order(order_id) == [replace(reason, ended_at=NOW)]
        assert tx.unlocks_of(subject) == [replace(reason, ended_at=NOW), by_credit]
        assert tx.count_subject(subject) == {"orders": 0, "grants": 2, "unlocks": 2, "lost_photos": 0, "idempotency": 1}
        assert (tx.delete_unlocks(subject), tx.delete_grants(subject), tx.forget_answers(subject)) == (2, 2, 1)
        assert not any(tx.count_subject(subject).values())
        assert tx.unlocks_of(neighbours.subject_id) == [neighbours]


@pytest.mark.parametrize("wrong", [{"used": 11}, {"used": 5, "taken_back": 6}, {"used": -1}], ids=str)
def test_no_more_credits_are_spent_than_there_are(payments: Both, wrong: dict[str, int]) -> None:
    """The database itself says so."""
    pack = Grant(new_id(), new_id(), None, GrantKind.CREDITS, ("photo",), 10, NOW)
    with pytest.raises(REFUSED), payments.work.begin() as tx:  # noqa: PT012 - the block is the transaction
        tx.add_grant(pack)
        tx.save_grant(replace(pack, **wrong))


def test_movements_of_a_day_and_those_that_are_named_are_found(payments: Both) -> None:
    """Whatever day the named ones were."""
    with payments.work.begin() as tx:
        order = paid(tx)
        refund = refund_rules.settled(
            refund_rules.new_refund(new_id(), order.order_id, 90, "owner", NOW), RefundState.SUCCEEDED, NOW
        )
        tx.add_refund(refund)
        plant(tx)
    day, later = (NOW, NOW + timedelta(days=1)), (NOW + timedelta(days=1), NOW + timedelta(days=2))
    with payments.work.begin() as tx:
        assert tx.payments_between(*day, []) == [Movement(order.out_trade_no, 690, True)]
        assert tx.payments_between(*later, []) == []
        assert tx.payments_between(*later, [order.order_id]) == [Movement(order.out_trade_no, 690, False)]
        assert tx.refunds_between(*day, []) == [Movement(refund.out_request_no, 90, True)]
        assert tx.refunds_between(*later, [refund.out_request_no]) == [Movement(refund.out_request_no, 90, False)]


def test_differences_are_recorded_once_and_resolved(payments: Both) -> None:
    """A day is compared as often as one likes."""
    day = date(2026, 11, 24)
    one = Difference(DifferenceKind.PAYMENT_NOT_OURS, "A", day, None, 690)
    with payments.work.begin() as tx:
        assert not tx.is_compared(day)
        tx.compared(day, NOW)
        tx.compared(day, NOW + LIFE)
        assert tx.is_compared(day)
        assert tx.add_difference(one)
        assert not tx.add_difference(one)
        assert tx.differences(day) == [one]
        assert (tx.differences(date(2026, 11, 23)), tx.count_open_differences()) == ([], 1)
        tx.resolve_difference(one)
        assert tx.differences(day) == [replace(one, state=DifferenceState.RESOLVED)]
        assert tx.count_open_differences() == 0


@pytest.mark.integration
def test_changes_of_one_subjects_money_wait_for_each_other_and_for_nobody_else(real_payments: Both) -> None:
    """Two notices of one order, two spendings of one credit; timers pass over what is held."""
    subject = new_id()
    work = real_payments.work
    with work.begin() as tx:
        order = plant(tx, subject)
    assert waits(work, lambda tx: tx.hold_subject(subject), lambda tx: tx.hold_subject(subject))
    assert not waits(work, lambda tx: tx.hold_subject(subject), lambda tx: tx.hold_subject(new_id()))
    assert waits(work, lambda tx: tx.order(order.order_id), lambda tx: tx.order(order.order_id))
    assert not waits(work, lambda tx: tx.order(order.order_id), lambda tx: tx.order_seen(order.order_id))
    due: list[int] = []
    later = NOW + timedelta(hours=1)
    assert not waits(work, lambda tx: tx.order(order.order_id), lambda tx: due.append(len(tx.orders_due(later, 9))))
    assert due == [0]


@pytest.mark.integration
def test_every_table_of_payments_is_known_to_the_one_who_deletes(real_payments: Both, dsns: dict[str, str]) -> None:
    """A table added later, with a subject in it, must be counted and stripped: this list is looked at then."""
    with psycopg.connect(dsns["payments"]) as connection:
        found = connection.execute(
            "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'subject_id'"
        ).fetchall()
    assert {name for (name,) in found} == {"orders", "grants", "unlocks", "lost_photos", "idempotency"}


def test_whoever_has_anything_here_is_named(payments: Both) -> None:
    """An order, a grant, a reason, a lost photo or a remembered answer alone is enough; an order without its person names nobody."""
    people = [new_id() for _ in range(5)]
    before = UUID(int=people[0].int - 1)
    with payments.work.begin() as tx:
        theirs, nobodys = plant(tx, people[0]), plant(tx, people[0])
        tx.save_order(replace(nobodys, subject_id=None, photo_id=None, keep_until=NOW))
        tx.add_grant(Grant(new_id(), people[1], new_id(), GrantKind.CREDITS, ("photo",), 10, NOW))
        tx.add_unlock(Unlock(new_id(), people[2], new_id(), ("photo",), NOW, order_id=theirs.order_id))
        tx.remember("s", str(people[3]), "f", people[3], {})
        tx.add_lost_photo(new_id(), people[4], NOW)
    with payments.work.begin() as tx:
        assert tx.subjects_held(before, 1000) == people
        assert tx.subjects_held(before, 1) == people[:1]
        assert tx.subjects_held(people[1], 1000) == people[2:]
        assert set(people) <= set(tx.subjects_held(None, 100_000))


def test_a_lost_photo_is_known_until_it_is_forgotten(payments: Both) -> None:
    """With its subject, or by age; told twice, the first time counts."""
    subject, photo, neighbours = new_id(), new_id(), new_id()
    with payments.work.begin() as tx:
        assert not tx.is_lost(photo)
        tx.add_lost_photo(photo, subject, NOW)
        tx.add_lost_photo(photo, subject, NOW + LIFE)
        tx.add_lost_photo(neighbours, new_id(), NOW + LIFE)
    with payments.work.begin() as tx:
        assert tx.is_lost(photo)
        assert tx.count_subject(subject)["lost_photos"] == 1
        assert tx.delete_lost_photos(NOW, 1000) == 0
        assert tx.delete_lost_photos(NOW + timedelta(seconds=1), 1000) >= 1
        assert not tx.is_lost(photo)
        tx.add_lost_photo(photo, subject, NOW)
        assert (tx.forget_lost_photos(subject), tx.is_lost(photo), tx.is_lost(neighbours)) == (1, False, True)
