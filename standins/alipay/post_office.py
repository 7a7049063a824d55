"""From an event to notices in the queue, bent by the armed faults."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from itertools import count

from standins.alipay import notices
from standins.alipay.clock import StandinClock
from standins.alipay.faults import NOTICE, Armed, Faults
from standins.alipay.notices import FORGERIES, WANTED, House
from standins.alipay.notifier import Notice, Notifier, State
from standins.alipay.trades import Event


class PostOffice:
    """Makes notices."""

    def __init__(self, notifier: Notifier, faults: Faults, clock: StandinClock) -> None:
        self._notifier = notifier
        self._faults = faults
        self._clock = clock
        self._numbers = count(1)
        self._series = secrets.token_hex(8)
        self._overtaken: list[Notice] = []
        self._last: dict[str, Notice] = {}
        self.told: dict[str, dict[str, str]] = {}
        self.sent: dict[str, bytes] = {}

    def tell(self, event: Event, house: House) -> None:
        """Queue the notice of an event, if this way of paying has one and the order named an address."""
        order = event.trade.order
        if not order.notify_url or event.status not in WANTED[order.product]:
            return
        number = order.out_trade_no
        armed = {one.kind.name: one for one in self._faults.take_all(NOTICE, order.product.value, number)}
        if "notice_gbk" in armed:
            event = replace(event, trade=replace(event.trade, order=replace(order, charset="gbk")))
        told = notices.fields(event, house, self.new_id(), self._clock.now())
        if "notice_forge" in armed:
            forgery = armed["notice_forge"]
            before = self._forged(forgery.text_of("kind"), told, order.notify_url, house)
            if forgery.arguments["instead"]:
                return
        else:
            before = None
        body = notices.body(told, house.key)
        self.told[number], self.sent[number] = told, body
        genuine = self._queue(told, order.notify_url, body, event.status.value)
        genuine.behind = before or self._under_way(number)
        self._last[number] = genuine
        self._bend(genuine, armed)

    def forge(self, kind: str, told: dict[str, str], house: House) -> bytes:
        """The bytes of a forged notice; raises ``ValueError`` for an unknown kind."""
        if kind not in FORGERIES:
            raise ValueError(f"no such forgery: {kind}")
        if kind == "replay" and told["out_trade_no"] in self.sent:
            return self.sent[told["out_trade_no"]]
        return FORGERIES[kind][1](told, house)

    def new_id(self) -> str:
        """A ``notify_id``."""
        return f"{self._clock.now():%Y%m%d}{self._series}{next(self._numbers):010d}"

    def _under_way(self, number: str) -> Notice | None:
        """The order's last notice when it leaves just now: two of a moment keep their order, unless a fault bends it."""
        last = self._last.get(number)
        leaves = last and (
            last.state is State.SENDING or (last.state is State.WAITING and last.due <= self._clock.now())
        )
        return last if leaves else None

    def _forged(self, kind: str, told: dict[str, str], url: str, house: House) -> Notice:
        notice = self._queue(told, url, self.forge(kind, told, house), f"forged: {kind}")
        notice.once = True
        return notice

    def _queue(self, told: dict[str, str], url: str, body: bytes, kind: str) -> Notice:
        return self._notifier.add(told["notify_id"], kind, told["out_trade_no"], url, body, self._clock.now())

    def _bend(self, notice: Notice, armed: dict[str, Armed]) -> None:
        if "notice_delay" in armed:
            notice.due += timedelta(seconds=armed["notice_delay"].number_of("seconds"))
        if "notice_drop" in armed:
            notice.state = State.DROPPED
            return
        if "notice_hold" in armed:
            notice.state = State.HELD
        elif "notice_reorder" in armed:
            notice.state = State.HELD
            self._overtaken.append(notice)
            return
        self._overtake(notice)
        if "notice_duplicate" in armed:
            self._repeat(notice, armed["notice_duplicate"])

    def _overtake(self, notice: Notice) -> None:
        for earlier in self._overtaken:
            earlier.state, earlier.due, earlier.behind = State.WAITING, self._clock.now(), notice
        self._overtaken.clear()

    def _repeat(self, notice: Notice, armed: Armed) -> None:
        before = notice
        for _ in range(int(armed.number_of("copies"))):
            copy = self._notifier.add(
                notice.notify_id, notice.kind, notice.out_trade_no, notice.url, notice.body, notice.due
            )
            copy.once = True
            if not armed.arguments["at_once"]:
                copy.behind = before
            before = copy
