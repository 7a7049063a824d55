"""Sends notices: the real schedule divided by a speed, the same bytes each time, until the answer is ``success``."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count
from urllib.parse import parse_qsl

import httpx

from standins.alipay.clock import StandinClock, stamp
from standins.alipay.schedule import gap_after

SUCCESS = b"success"


class State(StrEnum):
    """Of one notice."""

    WAITING = "waiting"
    SENDING = "sending"
    HELD = "held"
    DONE = "done"
    GIVEN_UP = "given up"
    DROPPED = "dropped"


@dataclass
class Notice:
    """One event on its way; ``answers`` has one entry a send."""

    number: int
    notify_id: str
    kind: str
    out_trade_no: str
    url: str
    body: bytes
    due: datetime
    state: State = State.WAITING
    once: bool = False
    behind: Notice | None = None
    answers: list[dict[str, object]] = field(default_factory=list)

    def shown(self) -> dict[str, object]:
        """As the control interface lists it."""
        told = {"id": self.number, "notify_id": self.notify_id, "kind": self.kind, "out_trade_no": self.out_trade_no}
        form = self.body.decode("ascii")
        return {
            **told,
            "url": self.url,
            "state": self.state,
            "due": stamp(self.due),
            "answers": self.answers,
            "body": form,
        }


class Notifier:
    """The queue and the loop that works it off; all in one event loop."""

    def __init__(self, clock: StandinClock, speed: float, timeout_seconds: float) -> None:
        self.speed = speed
        self.notices: list[Notice] = []
        self._clock = clock
        self._timeout = timeout_seconds
        self._numbers = count(1)
        self._woken = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, notice_of: str, kind: str, out_trade_no: str, url: str, body: bytes, due: datetime) -> Notice:
        """Queue one; it is sent when ``due``."""
        notice = Notice(next(self._numbers), notice_of, kind, out_trade_no, url, body, due)
        self.notices.append(notice)
        self.wake()
        return notice

    def release(self, *, newest_first: bool = False, number: int | None = None) -> int:
        """Send what is held now, one after the other; how many."""
        held = [one for one in self.notices if one.state is State.HELD and number in (None, one.number)]
        if newest_first:
            held.reverse()
        before: Notice | None = None
        for notice in held:
            notice.state, notice.due, notice.behind, before = State.WAITING, self._clock.now(), before, notice
        self.wake()
        return len(held)

    def wake(self) -> None:
        """Something changed: look again."""
        self._woken.set()

    def next_due(self) -> datetime | None:
        """When the next send is due."""
        return min((one.due for one in self.notices if one.state is State.WAITING and not _blocked(one)), default=None)

    async def send_due(self) -> None:
        """Start every send that is due; they run side by side."""
        now = self._clock.now()
        waiting = [one for one in self.notices if one.state is State.WAITING and one.due <= now and not _blocked(one)]
        for notice in sorted(waiting, key=lambda one: (one.due, one.number)):
            notice.state = State.SENDING
            task = asyncio.create_task(self._send(notice))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def sleep(self, until: datetime | None) -> None:
        """Until then on the stand-in's clock, or until woken."""
        seconds = (until - self._clock.now()).total_seconds() if until else None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), None if seconds is None else max(seconds, 0.0))
        self._woken.clear()

    async def post(self, url: str, body: bytes) -> dict[str, object]:
        """One send, outside of any schedule: the status and the beginning of the answer, or the kind of error."""
        headers = {"Content-Type": f"application/x-www-form-urlencoded; charset={_charset_of(body)}"}
        try:
            async with httpx.AsyncClient(timeout=self._timeout, trust_env=False) as client:
                answer = await client.post(url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return {"at": stamp(self._clock.now()), "error": type(error).__name__, "success": False}
        good = answer.status_code == 200 and answer.content == SUCCESS
        told = answer.content[:200].decode("utf-8", errors="replace")
        return {"at": stamp(self._clock.now()), "status": answer.status_code, "answer": told, "success": good}

    async def stop(self) -> None:
        """End the sends under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, notice: Notice) -> None:
        answer = await self.post(notice.url, notice.body)
        notice.answers.append(answer)
        gap: timedelta | None = None if notice.once else gap_after(len(notice.answers), self.speed)
        if answer["success"]:
            notice.state = State.DONE
        elif gap is None:
            notice.state = State.GIVEN_UP
        else:
            notice.state, notice.due = State.WAITING, self._clock.now() + gap
        self.wake()


def _blocked(notice: Notice) -> bool:
    """Behind another one that was not sent once."""
    return bool(notice.behind and not notice.behind.answers and notice.behind.state is not State.DROPPED)


def _charset_of(body: bytes) -> str:
    return dict(parse_qsl(body.decode("ascii"), errors="replace")).get("charset", "utf-8")
