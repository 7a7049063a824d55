"""Orders, notices, refunds and purges on memory twins; the books are looked at after every test."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.payments import bill_cases, entitlement_cases, erasure_cases, refund_cases, use_cases
from services.payments.adapters.memory_alipay import LATE, LOST, REFUSED
from services.payments.domain import reconciliation
from services.payments.domain.orders import OrderState
from shared.contracts import bookkeeping, payments
from shared.kernel.errors import (
    BadRequest,
    Conflict,
    IdempotencyConflict,
    NotFound,
    PocketError,
    SubjectErased,
    Unavailable,
)
from shared.kernel.ids import new_id
from shared.testing.faults import Killed
from tests.unit.worlds import PaymentsWorld, number_of


def scopes(world: PaymentsWorld, subject: Any, photo: Any) -> list[str]:
    request = payments.PhotoAccess(subject_id=subject, photo_id=photo)
    return entitlement_cases.photo_access(request, world.parts).scopes


def unlock(world: PaymentsWorld, subject: Any, photo: Any, scope: str = "photo") -> list[str]:
    request = payments.UnlockPhoto(subject_id=subject, photo_id=photo, scope=scope)
    return entitlement_cases.unlock_photo(request, world.parts).scopes


def owns(world: PaymentsWorld, subject: Any) -> payments.EntitlementList:
    return entitlement_cases.entitlements(payments.Entitlements(subject_id=subject), world.parts)


# ---- opening


@pytest.mark.parametrize(("channel", "kind"), [("app", "order_string"), ("wap", "url"), ("page", "url"), ("qr", "qr")])
def test_every_channel_gives_one_thing_to_pay_by(world: PaymentsWorld, channel: str, kind: str) -> None:
    """And the order keeps the name, version and price it was opened with."""
    order = world.open(new_id(), channel=channel)
    assert list(order.pay or {}) == [kind]
    assert (order.amount, order.product_version, order.status) == (690, 1, "open")


def test_an_order_opened_again_with_its_key_is_the_same_and_another_body_is_refused(world: PaymentsWorld) -> None:
    """Same key, same body, same answer."""
    subject, photo = new_id(), new_id()
    first = world.open(subject, photo_id=photo, idempotency_key="k", fingerprint="f")
    assert world.open(subject, photo_id=photo, idempotency_key="k", fingerprint="f") == first
    with pytest.raises(IdempotencyConflict):
        world.open(subject, photo_id=photo, idempotency_key="k", fingerprint="g")
    assert len(world.work.state.orders) == 1


def test_a_code_that_alipay_does_not_give_is_asked_for_again_with_the_key(world: PaymentsWorld) -> None:
    """The order is committed before; no second one is made."""
    subject, photo = new_id(), new_id()
    world.alipay.moods = [LOST]
    with pytest.raises(Unavailable):
        world.open(subject, photo_id=photo, channel="qr", idempotency_key="k")
    assert world.open(subject, photo_id=photo, channel="qr", idempotency_key="k").pay
    assert len(world.work.state.orders) == 1


def test_nobody_buys_what_is_unlocked_nor_what_there_is_not(world: PaymentsWorld) -> None:
    """A code each."""
    subject, photo = new_id(), new_id()
    world.bought(subject, photo_id=photo)
    with pytest.raises(PocketError, match="already_unlocked"):
        world.open(subject, photo_id=photo)
    assert world.open(subject, "print-sheet", photo_id=photo).amount == 990
    for product, photo_id in (("gold", photo), ("hd-photo", None)):
        request = payments.OpenOrder(subject_id=subject, product=product, channel="app", photo_id=photo_id)
        with pytest.raises(BadRequest):
            use_cases.open_order(request, world.parts)


def test_somebody_elses_order_is_not_found(world: PaymentsWorld) -> None:
    """Neither looked at nor refunded."""
    order = world.bought(new_id())
    for call in (lambda: world.get(new_id(), order.order_id), lambda: world.refund(new_id(), order.order_id)):
        with pytest.raises(NotFound):
            call()


def test_orders_are_listed_newest_first_from_a_cursor_on(world: PaymentsWorld) -> None:
    """The neighbour's are not among them."""
    subject = new_id()
    opened = [world.open(subject).order_id for _ in range(3)][::-1]
    world.open(new_id())
    first = use_cases.list_orders(payments.ListOrders(subject_id=subject, limit=2), world.parts)
    assert [order.order_id for order in first.items] == opened[:2]
    rest = use_cases.list_orders(payments.ListOrders(subject_id=subject, cursor=first.next_cursor), world.parts)
    assert ([order.order_id for order in rest.items], rest.next_cursor) == (opened[2:], None)


# ---- paying


def test_a_true_notice_unlocks_the_photo_once_however_often_it_comes(world: PaymentsWorld) -> None:
    """The fact is booked once; the answer is success each time."""
    subject, photo = new_id(), new_id()
    order = world.open(subject, photo_id=photo)
    notice = world.pay(order)
    assert [world.hear(notice) for _ in range(3)] == [True] * 3
    assert scopes(world, subject, photo) == ["photo"]
    assert len(world.said(payments.OrderPaid)) == len(world.said(payments.PhotoUnlocked)) == 1
    assert len(world.work.state.ledger) == 1


@pytest.mark.parametrize(
    "forged",
    [
        {"key": 1}, {"total_amount": "0.01"}, {"total_amount": "6.91"}, {"seller_id": "2088999999999999"},
        {"seller_id": None}, {"app_id": "2021999999999999"}, {"out_trade_no": "P" + "1" * 32}, {"trade_no": ""},
        {"sign_type": "RSA"}, {"sign": None, "sign_type": "RSA"}, {"notify_type": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_notice_that_is_forged_in_any_field_changes_nothing(world: PaymentsWorld, forged: dict[str, Any]) -> None:
    """Signed with another key, for another amount, seller, app or order."""
    order = world.open(new_id())
    world.pay(order)
    assert not world.hear(world.alipay.notice(number_of(order), **forged))
    assert world.order(order.order_id).state is OrderState.OPEN


def test_a_field_added_or_changed_after_signing_breaks_a_notice(world: PaymentsWorld) -> None:
    """Every byte counts."""
    order = world.open(new_id())
    notice = world.pay(order)
    assert not world.hear(notice + b"&extra=1")
    assert not world.hear(notice.replace(b"TRADE_SUCCESS", b"TRADE_FINISHED"))
    assert not world.hear(notice + b"&trade_no=2")
    assert not world.hear(b"\xff" + notice)
    assert world.hear(notice)


def test_a_lost_notice_is_made_up_for_by_a_query(world: PaymentsWorld) -> None:
    """Soon, and sooner when the owner looks."""
    subject = new_id()
    order = world.open(subject)
    world.pay(order)
    world.get(subject, order.order_id)
    world.tick()
    assert world.get(subject, order.order_id).status == "paid"


def test_a_query_that_ends_in_not_knowing_changes_nothing_and_is_made_again(world: PaymentsWorld) -> None:
    """Unknown is never assumed."""
    order = world.open(new_id())
    world.pay(order)
    world.alipay.moods = [LOST, LATE]
    for seconds, state in ((5, "open"), (10, "open"), (20, "paid")):
        world.tick(seconds)
        assert world.order(order.order_id).state == state


def test_an_expired_order_is_queried_closed_at_alipay_and_then_closed_here(world: PaymentsWorld) -> None:
    """In this order; closing ends in not knowing first, and is made good at the next look."""
    order = world.open(new_id())
    world.alipay.open_cashier(number_of(order))
    world.alipay.behind = timedelta(minutes=5)
    world.clock.forward(15 * 60 + 5)
    world.alipay.calls.clear()
    world.alipay.moods = ["", LATE]
    world.tick()
    assert world.alipay.calls == ["query", "close"]
    assert world.order(order.order_id).state is OrderState.CLOSING
    world.tick(2)
    assert world.order(order.order_id).state is OrderState.CLOSED
    assert world.alipay.trades[number_of(order)].status == "TRADE_CLOSED"


def test_who_pays_while_the_order_is_being_closed_is_served(world: PaymentsWorld) -> None:
    """The query before closing finds the payment."""
    subject = new_id()
    order = world.open(subject)
    world.pay(order)
    world.tick(15 * 60 + 5)
    assert world.get(subject, order.order_id).status == "paid"


def test_a_payment_for_a_closed_order_goes_back_by_itself(world: PaymentsWorld) -> None:
    """Nobody is served, nobody loses money."""
    subject, photo = new_id(), new_id()
    order = world.open(subject, photo_id=photo)
    world.tick(15 * 60 + 5)
    world.alipay.behind = timedelta(minutes=5)
    assert world.hear(world.pay(order))
    assert world.order(order.order_id).state is OrderState.RETURNING
    world.tick(1)
    assert world.order(order.order_id).state is OrderState.REFUNDED
    assert world.alipay.trades[number_of(order)].held == 0
    assert scopes(world, subject, photo) == []


def test_a_late_payment_whose_notice_is_lost_is_found_by_the_last_look(world: PaymentsWorld) -> None:
    """Closed early, its old string used after all: looked at once more when the string is void."""
    order = world.open(new_id())
    world.purge(world.order(order.order_id).subject_id)  # type: ignore[arg-type]
    world.tick()
    assert world.order(order.order_id).state is OrderState.CLOSED
    world.pay(order)
    world.tick(15 * 60 + 61)
    world.tick(1)
    assert world.order(order.order_id).state is OrderState.REFUNDED


def test_who_pays_twice_for_one_photo_gets_the_second_payment_back(world: PaymentsWorld) -> None:
    """Two orders, one of them by an old string."""
    subject, photo = new_id(), new_id()
    first, second = (world.open(subject, photo_id=photo, channel=channel) for channel in ("app", "qr"))
    assert world.hear(world.pay(first))
    assert world.hear(world.pay(second))
    world.tick(1)
    assert world.order(first.order_id).state is OrderState.PAID
    assert world.order(second.order_id).state is OrderState.REFUNDED
    assert scopes(world, subject, photo) == ["photo"]


# ---- refunds


def test_a_refund_locks_the_photo_before_the_money_goes_and_is_one_however_often_it_is_asked(
    world: PaymentsWorld,
) -> None:
    """Same key, same refund."""
    subject, photo = new_id(), new_id()
    order = world.bought(subject, photo_id=photo)
    for _ in range(2):
        state = world.refund(subject, order.order_id, idempotency_key="k", fingerprint="f")
    assert (state.status, state.refunded, len(state.refunds)) == ("refunded", 690, 1)
    assert scopes(world, subject, photo) == []
    assert [event.scopes for event in world.said(payments.PhotoLocked)] == [[]]
    assert [event.refunded for event in world.said(payments.OrderRefunded)] == [690]
    with pytest.raises(Conflict):
        world.refund(subject, order.order_id)


def test_trade_finished_and_a_late_trade_success_after_a_refund_are_no_payment(world: PaymentsWorld) -> None:
    """Never backwards."""
    subject, photo = new_id(), new_id()
    order = world.open(subject, photo_id=photo)
    late = world.pay(order)
    world.hear(late)
    world.refund(subject, order.order_id)
    finished = world.alipay.notice(number_of(order), trade_status="TRADE_FINISHED")
    for notice in (late, finished, world.alipay.notice(number_of(order))):
        assert world.hear(notice)
    assert world.order(order.order_id).state is OrderState.REFUNDED
    assert scopes(world, subject, photo) == []


@pytest.mark.parametrize("mood", [LOST, LATE])
def test_a_refund_whose_answer_is_lost_is_asked_again_with_its_number_and_paid_once(
    world: PaymentsWorld, mood: str
) -> None:
    """Done or not done: the same request number pays nothing twice."""
    subject = new_id()
    order = world.bought(subject)
    world.alipay.moods = [mood]
    assert world.refund(subject, order.order_id).status == "paid"
    world.tick(10)
    assert world.get(subject, order.order_id).status == "refunded"
    assert world.alipay.trades[number_of(order)].refunded == 690


def test_a_refund_that_alipay_refuses_for_good_gives_again_what_it_took(world: PaymentsWorld) -> None:
    """A definite no, and known not to be done."""
    subject, photo = new_id(), new_id()
    order = world.bought(subject, photo_id=photo)
    world.alipay.moods = [REFUSED]
    state = world.refund(subject, order.order_id)
    assert (state.status, state.refunded, state.refunds[0].status) == ("paid", 0, "failed")
    assert scopes(world, subject, photo) == ["photo"]
    assert world.refund(subject, order.order_id).status == "refunded"


def test_a_used_credit_is_not_refunded(world: PaymentsWorld) -> None:
    """With a code; unused ones go with the money."""
    subject = new_id()
    order = world.bought(subject, "pack-ten")
    assert unlock(world, subject, new_id()) == ["photo"]
    with pytest.raises(PocketError, match="credit_used"):
        world.refund(subject, order.order_id)
    assert owns(world, subject).credits == 9
    second = world.bought(subject, "pack-ten")
    assert world.refund(subject, second.order_id).status == "refunded"
    assert owns(world, subject).credits == 9


def test_an_operator_pays_a_part_back_and_its_credits_go(world: PaymentsWorld) -> None:
    """The order stays paid; the same key is the same refund; never more than was paid."""
    subject = new_id()
    order = world.bought(subject, "pack-ten")
    request = bookkeeping.RefundForOperators(order_id=order.order_id, amount=980, key="ticket-7")
    for _ in range(2):
        state = refund_cases.refund_for_operators(request, world.parts)
    assert (state.status, state.refunded, len(state.refunds)) == ("paid", 980, 1)
    assert owns(world, subject).credits == 8
    with pytest.raises(BadRequest):
        refund_cases.refund_for_operators(request.model_copy(update={"amount": 4000, "key": None}), world.parts)
    with pytest.raises(Conflict):
        refund_cases.refund_for_operators(request.model_copy(update={"amount": 981}), world.parts)


def test_a_refund_made_at_alipays_console_is_booked_and_locks_the_photo(world: PaymentsWorld) -> None:
    """A part changes nothing but the books; the rest takes the photo back."""
    subject, photo = new_id(), new_id()
    order = world.bought(subject, photo_id=photo)
    world.alipay.pay_back(number_of(order), 90, "c1")
    assert world.hear(world.alipay.post[-1])
    assert (world.get(subject, order.order_id).refunded, scopes(world, subject, photo)) == (90, ["photo"])
    world.alipay.pay_back(number_of(order), 600, "c2")
    assert world.hear(world.alipay.post[-1])
    assert (world.get(subject, order.order_id).status, scopes(world, subject, photo)) == ("refunded", [])


# ---- entitlements


def test_a_credit_is_spent_once_a_photo_and_a_pass_never(world: PaymentsWorld) -> None:
    """Again is fine; without either it is 402 no_credit."""
    subject, photo = new_id(), new_id()
    with pytest.raises(PocketError, match="no_credit"):
        unlock(world, subject, photo)
    world.bought(subject, "pack-ten")
    assert [unlock(world, subject, photo) for _ in range(2)] == [["photo"]] * 2
    assert owns(world, subject).credits == 9
    with pytest.raises(PocketError, match="no_credit"):
        unlock(world, subject, photo, "sheet")
    world.bought(subject, "month-pass")
    assert unlock(world, subject, photo, "sheet") == ["photo", "sheet"]
    assert owns(world, subject).credits == 9
    assert owns(world, subject).pass_until == world.clock() + timedelta(days=30)


# ---- purges


def test_an_erased_persons_orders_lose_the_person_and_keep_what_the_law_wants(world: PaymentsWorld) -> None:
    """The neighbour keeps everything; open orders are closed; the books stay."""
    subject, neighbour = new_id(), new_id()
    paid, still_open = world.bought(subject), world.open(subject)
    others = world.bought(neighbour, "pack-ten")
    event = world.purge(subject)
    [report] = world.said(payments.SubjectPurged)
    assert report.counts == {"orders": 2, "unlocks": 1, "grants": 0, "lost_photos": 0, "idempotency": 0}
    assert (report.kept, report.purge_id) == ({"orders": 1}, event.purge_id)
    assert not any(world.count(subject).values())
    kept = world.order(paid.order_id)
    assert (kept.subject_id, kept.photo_id, kept.trade_no is None, kept.amount) == (None, None, False, 690)
    assert kept.keep_until
    assert kept.keep_until - kept.paid_at >= timedelta(days=3 * 365)  # type: ignore[operator]
    world.tick()
    assert world.order(still_open.order_id).state is OrderState.CLOSED
    assert owns(world, neighbour).credits == 10
    assert world.get(neighbour, others.order_id).status == "paid"
    with pytest.raises(SubjectErased):
        world.open(subject)


def test_a_payment_for_an_erased_persons_order_goes_back(world: PaymentsWorld) -> None:
    """It was open when the person left."""
    subject = new_id()
    order = world.open(subject)
    world.purge(subject)
    assert world.hear(world.pay(order))
    world.tick(1)
    assert world.order(order.order_id).state is OrderState.REFUNDED
    assert not any(world.count(subject).values())
    assert not world.said(payments.OrderPaid)


def test_what_a_guest_paid_for_passes_to_its_heir(world: PaymentsWorld) -> None:
    """Orders and credits move, an unlocked photo becomes a credit, a spent credit is good again, a later payment gives one."""
    guest, heir, photo = new_id(), new_id(), new_id()
    bought = world.bought(guest, "print-sheet", photo_id=photo)
    world.bought(guest, "pack-ten")
    unlock(world, guest, new_id())
    later = world.open(guest)
    world.purge(guest, heir)
    assert not any(world.count(guest).values())
    assert owns(world, heir).credits == 11
    assert world.get(heir, bought.order_id).status == "paid"
    assert world.hear(world.pay(later))
    assert owns(world, heir).credits == 12
    assert unlock(world, heir, new_id(), "sheet") == ["photo", "sheet"]
    with pytest.raises(PocketError, match="credit_used"):
        world.refund(heir, bought.order_id)
    assert world.refund(heir, later.order_id).status == "refunded"
    assert owns(world, heir).credits == 10


def test_an_heir_that_is_itself_erased_inherits_nothing(world: PaymentsWorld) -> None:
    """Nothing is written behind a fence."""
    guest, heir = new_id(), new_id()
    order = world.bought(guest)
    world.purge(heir)
    world.purge(guest, heir)
    assert not any(world.count(heir).values())
    assert world.order(order.order_id).subject_id is None


def test_a_purge_that_is_asked_again_reports_again_and_strips_once(world: PaymentsWorld) -> None:
    """The same message is nothing new; another one finds nothing left."""
    subject = new_id()
    world.bought(subject)
    event = world.purge(subject)
    erasure_cases.purge_subject(event, world.parts)
    world.purge(subject)
    assert [report.counts["orders"] for report in world.said(payments.SubjectPurged)] == [1, 0]


def test_orders_of_nobody_are_deleted_when_their_time_is_over(world: PaymentsWorld) -> None:
    """Three years for a paid one, a month for one that was never paid; a living person's stay."""
    gone, living = new_id(), new_id()
    paid, unpaid, kept = world.bought(gone), world.open(gone), world.bought(living)
    world.purge(gone)
    world.tick()
    world.tick(15 * 60 + 61)
    world.clock.forward(31 * 86400)
    assert erasure_cases.forget_old_orders(world.parts) == 1
    assert unpaid.order_id not in world.work.state.orders
    world.clock.forward(3 * 366 * 86400)
    assert erasure_cases.forget_old_orders(world.parts) == 1
    assert set(world.work.state.orders) == {kept.order_id}
    assert paid.order_id not in world.work.state.orders


# ---- deaths


def flow(world: PaymentsWorld, subject: Any, photo: Any) -> None:
    """Open, pay, hear, refund, erase: everything once, each call repeated as its caller would after a death."""
    order = world.open(subject, photo_id=photo, idempotency_key="k")
    if number_of(order) not in world.alipay.trades:
        world.pay(order)
    world.hear(world.alipay.notice(number_of(order)))
    if not world.order(order.order_id).refunded:
        world.refund(subject, order.order_id, idempotency_key="r", fingerprint="f")


def steps_of_the_flow() -> list[tuple[str, int]]:
    world = PaymentsWorld()
    flow(world, new_id(), new_id())
    seen: dict[str, int] = {}
    found = []
    for step in world.trouble.steps:
        found.append((step, seen.get(step, 0)))
        seen[step] = seen.get(step, 0) + 1
    return found


@pytest.mark.parametrize(("step", "skip"), steps_of_the_flow())
def test_a_death_at_any_step_of_buying_and_refunding_loses_and_doubles_nothing(
    world: PaymentsWorld, step: str, skip: int
) -> None:
    """Calls are repeated, timers go on: in the end it is bought once and paid back once."""
    subject, photo = new_id(), new_id()
    world.trouble.kill(step, skip=skip)
    with pytest.raises(Killed):
        flow(world, subject, photo)
    assert world.trouble.all_happened
    flow(world, subject, photo)
    for _ in range(3):
        world.tick(20)
    [order] = world.work.state.orders.values()
    assert (order.state, order.refunded) == (OrderState.REFUNDED, 690)
    assert world.alipay.trades[order.out_trade_no].held == 0
    assert scopes(world, subject, photo) == []
    assert len(world.said(payments.OrderPaid)) == len(world.said(payments.OrderRefunded)) == 1


# ---- reconciliation


def yesterday(world: PaymentsWorld) -> Any:
    day = reconciliation.day_of(world.clock())
    world.clock.forward(86400)
    return bookkeeping.ReconcileDay(day=day)


def test_a_day_that_agrees_has_no_difference(world: PaymentsWorld) -> None:
    """Payments and refunds, both ways."""
    subject = new_id()
    world.bought(subject)
    world.refund(subject, world.bought(subject).order_id)
    told = bill_cases.reconcile_day(yesterday(world), world.parts)
    assert (told.status, told.payments, told.refunds, told.amount, told.differences) == ("compared", 2, 1, 690, [])


def test_a_payment_that_nobody_told_us_of_is_found_in_the_bill_and_made_good(world: PaymentsWorld) -> None:
    """Notice and queries lost: it is asked about, returned (it came too late), and the difference is gone on the next look."""
    subject = new_id()
    order = world.open(subject)
    world.tick(15 * 60 + 5)
    world.alipay.behind = timedelta(minutes=30)
    world.pay(order)
    world.alipay.moods = [LOST]
    world.tick(60)
    request = yesterday(world)
    bill_cases.reconcile_day(request, world.parts)
    world.tick(1)
    assert world.order(order.order_id).state is OrderState.REFUNDED
    assert bill_cases.reconcile_day(request, world.parts).differences == []
    assert world.look(lambda tx: tx.count_open_differences()) == 0


def test_differences_are_records_that_stay_open_until_both_sides_agree(world: PaymentsWorld) -> None:
    """A payment that the bill lacks, and one that is not ours."""
    order = world.bought(new_id())
    trade = world.alipay.trades.pop(number_of(order))
    world.alipay.trades["OTHER"] = trade.__class__("OTHER", "t", 5, "TRADE_SUCCESS", trade.paid_at)
    request = yesterday(world)
    told = bill_cases.reconcile_day(request, world.parts)
    kinds = {(each.kind, each.reference) for each in told.differences}
    assert kinds == {("payment_not_ours", "OTHER"), ("payment_not_theirs", number_of(order))}
    assert bill_cases.reconcile_day(request, world.parts).differences == told.differences
    assert world.look(lambda tx: tx.count_open_differences()) == 2
    world.alipay.trades[number_of(order)] = trade
    del world.alipay.trades["OTHER"]
    assert bill_cases.reconcile_day(request, world.parts).differences == []
    assert world.look(lambda tx: tx.count_open_differences()) == 0


def test_only_a_day_that_is_over_is_compared_and_a_lost_bill_is_no_empty_one(world: PaymentsWorld) -> None:
    """Not knowing is not nothing; a day without trades is."""
    with pytest.raises(BadRequest):
        bill_cases.reconcile_day(bookkeeping.ReconcileDay(day=reconciliation.day_of(world.clock())), world.parts)
    request = yesterday(world)
    world.alipay.moods = [LOST]
    with pytest.raises(Unavailable):
        bill_cases.reconcile_day(request, world.parts)
    assert bill_cases.reconcile_day(request, world.parts).status == "empty"


def test_a_bill_that_is_not_there_yet_is_waited_for_a_day_and_then_missed(world: PaymentsWorld) -> None:
    """Alipay says the same of a day without trades and of a bill that is late."""
    order = world.bought(new_id())
    world.alipay.trades.clear()
    request = yesterday(world)
    while reconciliation.day_to_fetch(world.clock()) < request.day:
        world.clock.forward(3600)
    told = bill_cases.reconcile_day(request, world.parts)
    assert (told.status, told.differences, world.work.state.days) == ("not_ready", [], {})
    world.clock.forward(86400)
    told = bill_cases.reconcile_day(request, world.parts)
    assert [each.reference for each in told.differences] == [number_of(order)]


def test_the_timer_compares_the_days_that_are_ready_once(world: PaymentsWorld) -> None:
    """Seven days back at most; what was compared is not fetched again."""
    bill_cases.reconcile_yesterday(world.parts)
    bill_cases.reconcile_yesterday(world.parts)
    assert world.alipay.calls == ["bill"] * 7
    assert bill_cases.check_ledger(world.parts) == []


def test_operators_see_orders_without_their_owners(world: PaymentsWorld) -> None:
    """Neither the subject nor the photo, nor what could be paid by."""
    order = world.open(new_id())
    [listed] = use_cases.orders_for_operators(bookkeeping.OrdersForOperators(status="open"), world.parts).items
    assert listed == use_cases.order_for_operators(order.order_id, world.parts)
    assert (listed.photo_id, listed.pay) == (None, None)
    with pytest.raises(BadRequest):
        use_cases.orders_for_operators(bookkeeping.OrdersForOperators(status="rich"), world.parts)
