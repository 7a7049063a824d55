"""Anything may happen in any order, and die between any two steps: money is conserved, and whoever pays is served or paid back.

Hypothesis plays buyers, owners, forgers, the post, time and death; payments and imaging run as they are. Alipay is the
twin in memory, with real signatures. At the end everything is let come to rest, and the promises are looked at.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.imaging.domain.photos import is_unlocked
from services.payments import entitlement_cases, erasure_cases, refund_cases
from services.payments.adapters.memory_alipay import LATE, LOST
from services.payments.domain.entitlements import GrantKind
from services.payments.domain.orders import OrderState
from shared.contracts import bookkeeping, payments, retention
from shared.kernel.errors import PocketError
from shared.kernel.ids import new_id
from shared.testing.faults import Killed, watched
from tests.unit.worlds import Owned, World

PRODUCTS = ("hd-photo", "print-sheet", "pack-ten", "month-pass")
CHANNELS = ("app", "wap", "page", "qr")
pick = st.integers(0, 10**6)

FORGERIES: tuple[dict[str, Any], ...] = (
    {"key": 1},
    {"total_amount": "0.01"},
    {"seller_id": "2088999999999999"},
    {"app_id": "2021999999999999"},
    {"out_trade_no": "P" + "0" * 32},
    {"out_trade_no": "somebody-elses"},
    {"trade_no": ""},
    {"trade_no": None},
    {"sign_type": "RSA"},
    {"total_amount": "6.9e0"},
    {"total_amount": None},
    {"trade_status": None},
    {"notify_type": None},
)


class Money(RuleBasedStateMachine):
    """Two guests and an account, their photos and orders."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.pay = self.world.payments
        self.countdown = 0
        self.armed = False
        self.pay.alipay.behind = timedelta(seconds=20)
        self.pay.work.hook = self.hook
        self.pay.parts = replace(self.pay.parts, alipay=watched(self.pay.alipay, "alipay", self.hook))
        self.subjects = [self.world.imaging.subject() for _ in range(2)]
        self.heir = self.world.imaging.subject()
        self.photos: dict[UUID, list[Owned]] = {
            subject: [self.world.imaging.ready(subject) for _ in range(2)] for subject in (*self.subjects, self.heir)
        }
        self.orders: list[tuple[UUID, payments.OrderState]] = []
        self.erased: set[UUID] = set()
        self.post: list[bytes] = []

    # ---- death: the process ends between any two steps

    def hook(self, step: str) -> None:
        """Each step of the service passes here."""
        if self.armed and self.countdown:
            self.countdown -= 1
            if not self.countdown:
                raise Killed(step)

    @rule(steps=st.integers(1, 45))
    def will_die(self, steps: int) -> None:
        """The process dies so many steps from now."""
        self.countdown = steps

    @contextlib.contextmanager
    def dying(self) -> Iterator[None]:
        """The service does something, dies in it, or refuses."""
        self.armed = True
        try:
            with contextlib.suppress(Killed, PocketError):
                yield
        finally:
            self.armed = False

    def one(self, number: int) -> tuple[UUID, payments.OrderState]:
        return self.orders[number % len(self.orders)]

    # ---- owners

    @rule(who=st.integers(0, 2), product=st.sampled_from(PRODUCTS), channel=st.sampled_from(CHANNELS), photo=pick)
    def open(self, who: int, product: str, channel: str, photo: int) -> None:
        """Somebody opens an order, perhaps for a photo that has one already; the call is repeated after a death."""
        subject = [*self.subjects, self.heir][who]
        mine = self.photos[subject]
        key, photo_id = str(new_id()), mine[photo % len(mine)].photo_id
        for _ in range(2):
            with self.dying():
                order = self.pay.open(subject, product, channel=channel, photo_id=photo_id, idempotency_key=key)
                self.orders.append((subject, order))
                return

    @precondition(lambda self: self.orders)
    @rule(which=pick)
    def look(self, which: int) -> None:
        """The owner looks at an order."""
        subject, order = self.one(which)
        with self.dying():
            self.pay.get(subject, order.order_id)

    @precondition(lambda self: self.orders)
    @rule(which=pick, key=st.sampled_from(["a", "b"]))
    def refund(self, which: int, key: str) -> None:
        """The owner wants the money back."""
        subject, order = self.one(which)
        with self.dying():
            self.pay.refund(subject, order.order_id, idempotency_key=f"{order.order_id}{key}", fingerprint="f")

    @precondition(lambda self: self.orders)
    @rule(which=pick, amount=st.integers(1, 5000))
    def refund_by_an_operator(self, which: int, amount: int) -> None:
        """An operator pays a part back."""
        request = bookkeeping.RefundForOperators(
            order_id=self.one(which)[1].order_id, amount=amount, key=str(amount % 3)
        )
        with self.dying():
            refund_cases.refund_for_operators(request, self.pay.parts)

    @rule(who=st.integers(0, 2), photo=pick, scope=st.sampled_from(["photo", "sheet"]))
    def unlock(self, who: int, photo: int, scope: str) -> None:
        """A credit is spent, or the pass used."""
        subject = [*self.subjects, self.heir][who]
        photo_id = self.photos[subject][photo % 2].photo_id
        with self.dying():
            request = payments.UnlockPhoto(subject_id=subject, photo_id=photo_id, scope=scope)
            entitlement_cases.unlock_photo(request, self.pay.parts)

    @precondition(lambda self: len(self.orders) > 2)
    @rule(who=st.integers(0, 1), with_heir=st.booleans(), odds=st.integers(0, 3))
    def erase(self, who: int, with_heir: bool, odds: int) -> None:
        """A guest wipes its stash, or signs in to the account; a purge is asked again until it is through."""
        subject = self.subjects[who]
        if subject in self.erased or odds:
            return
        self.erased.add(subject)
        heir_id = self.heir if with_heir else None
        event = retention.PurgeRequested(subject_id=subject, purge_id=new_id(), reason="r", heir_id=heir_id)
        for _ in range(2):
            with self.dying():
                erasure_cases.purge_subject(event, self.pay.parts)
        self.world.imaging.purge(subject)

    # ---- buyers, the console, the post

    @precondition(lambda self: self.orders)
    @rule(which=pick)
    def open_cashier(self, which: int) -> None:
        """The buyer gets as far as the cashier."""
        number = f"P{self.one(which)[1].order_id.hex}"
        if number in self.pay.alipay.offers:
            self.pay.alipay.open_cashier(number)

    @precondition(lambda self: self.orders)
    @rule(which=pick, times=st.integers(1, 2))
    def buyer_pays(self, which: int, times: int) -> None:
        """The buyer pays; trying again is up to Alipay."""
        number = f"P{self.one(which)[1].order_id.hex}"
        for _ in range(times):
            if number in self.pay.alipay.offers:
                self.pay.alipay.buyer_pays(number)
        self.collect()

    @rule(who=st.integers(0, 2), product=st.sampled_from(PRODUCTS), photo=pick, told=st.booleans())
    def buy(self, who: int, product: str, photo: int, told: bool) -> None:
        """The usual way: opened, paid, and told (or not)."""
        self.open(who, product, "app", photo)
        if self.orders:
            self.buyer_pays(len(self.orders) - 1, 1)
        if told and self.post:
            self.deliver(len(self.post) - 1, False)

    @precondition(lambda self: self.orders)
    @rule(which=pick)
    def pays_at_the_last_moment(self, which: int) -> None:
        """The order has expired by our clock, and not yet by Alipay's."""
        _, order = self.one(which)
        rest = (order.expires_at - self.world.clock()).total_seconds()
        if rest > 0:
            with self.dying():
                self.pay.tick(rest + 6)
            for _ in range(3):
                with self.dying():
                    self.pay.tick(3)
            self.buyer_pays(which, 1)

    @precondition(lambda self: self.pay.alipay.trades)
    @rule(which=pick, amount=st.integers(1, 700))
    def refund_at_the_console(self, which: int, amount: int) -> None:
        """Somebody pays back at Alipay's console, without us (of an order that is served; others are an operator's case)."""
        state = self.pay.work.state
        served = {o.out_trade_no for o in state.orders.values() if o.state is OrderState.PAID}
        busy = {state.orders[r.order_id].out_trade_no for r in state.refunds.values() if r.next_look_at}
        trades = [t for t in self.pay.alipay.trades.values() if t.held and t.out_trade_no in served - busy]
        if trades:
            trade = trades[which % len(trades)]
            self.pay.alipay.pay_back(trade.out_trade_no, min(amount, trade.held), f"console{new_id().hex}")
        self.collect()

    @precondition(lambda self: self.post)
    @rule(which=pick, again=st.booleans())
    def deliver(self, which: int, again: bool) -> None:
        """A notice comes: any one that was sent, perhaps not for the first time, perhaps much too late."""
        notice = self.post[which % len(self.post)]
        with self.dying():
            assert self.pay.hear(notice) or not again

    @precondition(lambda self: self.post)
    @rule(which=pick)
    def lose(self, which: int) -> None:
        """A notice is lost."""
        self.post.pop(which % len(self.post))

    @precondition(lambda self: self.pay.alipay.trades)
    @rule(which=pick, forgery=st.sampled_from(FORGERIES))
    def forge(self, which: int, forgery: dict[str, Any]) -> None:
        """A forged notice, every field in turn: refused, and it changes nothing."""
        numbers = list(self.pay.alipay.trades)
        number = numbers[which % len(numbers)]
        before = self.pay.work.state
        forged = self.pay.alipay.notice(number, **{"trade_status": "TRADE_SUCCESS", **forgery})
        if forgery == {"total_amount": "0.01"} and self.pay.alipay.trades[number].total == 1:
            return
        with self.dying():
            assert not self.pay.hear(forged)
        assert self.pay.work.state.orders == before.orders
        assert self.pay.work.state.ledger == before.ledger

    @rule(noise=st.binary(max_size=80))
    def noise(self, noise: bytes) -> None:
        """Anything at all."""
        with self.dying():
            assert not self.pay.hear(noise)

    @rule(moods=st.lists(st.sampled_from([LOST, LATE, ""]), min_size=1, max_size=3))
    def outage(self, moods: list[str]) -> None:
        """The next calls to Alipay end in not knowing: done or not done."""
        self.pay.alipay.moods.extend(moods)

    @rule(seconds=st.sampled_from([1, 4, 15, 60, 400, 1000]))
    def time_passes(self, seconds: int) -> None:
        """And the timers go off."""
        with self.dying():
            self.pay.tick(seconds)
        self.collect()

    @rule()
    def relay(self) -> None:
        """What is committed goes out; imaging hears of it, in any order."""
        self.carry()

    # ---- what always holds

    @invariant()
    def the_books_hold(self) -> None:
        """Sum zero, and Alipay's account is what orders and refunds say."""
        self.pay.check_books()

    @invariant()
    def nobody_is_served_unpaid(self) -> None:
        """Every unlocked photo, credit and pass stands on a payment that was not paid back in full."""
        held = {trade.out_trade_no: trade for trade in self.pay.alipay.trades.values()}
        state = self.pay.work.state
        for order_id in {u.order_id for u in state.unlocks.values() if u.ended_at is None and u.order_id}:
            assert held[f"P{order_id.hex}"].paid_at
            assert state.orders[order_id].state is OrderState.PAID
        for grant in state.grants.values():
            if grant.order_id is not None and grant.left > 0 and grant.kind is GrantKind.CREDITS:
                assert held[f"P{grant.order_id.hex}"].paid_at
                assert state.orders[grant.order_id].state is OrderState.PAID

    @invariant()
    def nothing_of_the_erased_is_left(self) -> None:
        """Once its purge is through."""
        for subject in self.erased:
            assert not any(self.pay.count(subject).values())

    # ---- the end

    def collect(self) -> None:
        self.post.extend(self.pay.alipay.post)
        self.pay.alipay.post.clear()

    def carry(self) -> None:
        for outgoing in self.pay.work.take_outbox():
            self.world.deliver(outgoing.message)

    def teardown(self) -> None:
        """All comes to rest: no more deaths or outages, every timer, no notice."""
        self.countdown = 0
        self.pay.alipay.moods.clear()
        for _ in range(60):
            self.pay.tick(120)
            self.carry()
        self.collect()
        state = self.pay.work.state
        self.pay.check_books()
        assert {order.state for order in state.orders.values()} <= {
            OrderState.CLOSED,
            OrderState.PAID,
            OrderState.REFUNDED,
        }
        for refund in state.refunds.values():
            # Only what the console has half paid back can be refused for good while nothing can be given again.
            trade = self.pay.alipay.trades[state.orders[refund.order_id].out_trade_no]
            stuck = refund.trouble and any(number.startswith("console") for number in trade.refunds)
            assert refund.next_look_at is None or stuck, "no refund is left in the middle"
        for trade in self.pay.alipay.trades.values():
            self.settled_rightly(trade)
        self.nobody_is_served_unpaid()
        self.nobody_paid_twice()
        self.imaging_agrees()

    def settled_rightly(self, trade: Any) -> None:
        """Paid and kept means served (or its owner is gone, or it was used up); everything else went back."""
        order = self.pay.work.state.orders[UUID(hex=trade.out_trade_no[1:])]
        if trade.paid_at is None:
            assert order.state is OrderState.CLOSED
            return
        outside = sum(amount for number, (amount, _) in trade.refunds.items() if number.startswith("console"))
        if not outside:
            assert order.refunded == trade.refunded, "our books say what Alipay says"
            assert order.amount - order.refunded == trade.held
        if trade.held and not outside:
            assert order.state is OrderState.PAID
        if order.state is OrderState.PAID and order.subject_id is not None and trade.held and not outside:
            served = [
                u for u in self.pay.work.state.unlocks.values() if u.order_id == order.order_id and not u.ended_at
            ]
            grants = [g for g in self.pay.work.state.grants.values() if g.order_id == order.order_id]
            assert served or grants, "paid, kept, and not served"

    def nobody_paid_twice(self) -> None:
        """Of one photo, each order that was kept bought something that the ones before it had not."""
        state = self.pay.work.state
        booked = {entry.order_id: n for n, entry in enumerate(state.ledger.values()) if entry.fact.startswith("paid:")}
        kept = [u for u in state.unlocks.values() if u.order_id in booked and not u.ended_at]
        has: dict[UUID, set[str]] = {}
        for unlock in sorted(kept, key=lambda u: booked[u.order_id]):  # type: ignore[index]
            before = has.setdefault(unlock.photo_id, set())
            assert not set(unlock.scopes) <= before, "paid for what was there"
            before |= set(unlock.scopes)

    def imaging_agrees(self) -> None:
        """Imaging unlocks what payments says, and nothing else."""
        for subject, owned in self.photos.items():
            for photo in owned if subject not in self.erased else []:
                told = self.world.imaging.work.state.photos[photo.photo_id]
                request = payments.PhotoAccess(subject_id=subject, photo_id=photo.photo_id)
                access = entitlement_cases.photo_access(request, self.pay.parts)
                assert list(told.unlocked_scopes) == access.scopes
                made = self.world.imaging.render(photo)
                render = self.world.imaging.work.state.renders[made.render_id]
                assert is_unlocked(render, told, "paid") == ("photo" in access.scopes)


Money.TestCase.settings = settings(
    max_examples=300, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
TestMoney = Money.TestCase
