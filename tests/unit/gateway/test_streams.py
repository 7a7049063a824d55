"""Event streams: each gets its own subject's events, and none outlives its session or its access token."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.gateway import stream
from services.gateway.access import Caller
from services.gateway.stream import BACKLOG, Hub, ServerEvent, SessionEnded
from shared.contracts import Message, auth, encode, imaging, payments, retention
from shared.crypto import token_hash
from shared.kernel.errors import Code
from shared.kernel.ids import new_id
from tests.unit.gateway.phones import DEVICE, Phone, code

Told = ServerEvent | SessionEnded


def names(told: list[Told]) -> list[str]:
    return [event.to_sse()["event"] for event in told]


async def hear(hub: Hub, message: Message | bytes) -> None:
    body = message if isinstance(message, bytes) else encode(message)
    await hub._on_message(SimpleNamespace(body=body))  # type: ignore[arg-type]


def somebody(subject_id: UUID, seconds: float = 600.0) -> Caller:
    """A caller with a session of its own, whose token lives so long."""
    return Caller(subject_id, new_id(), "guest", time.time() + seconds)


async def collect(hub: Hub, caller: Caller) -> tuple[asyncio.Task[list[Told]], list[Told]]:
    seen: list[Told] = []

    async def read() -> list[Told]:
        with hub.reading(caller) as reader:
            async for event in reader.events():
                seen.append(event)  # noqa: PERF401 - what was seen before the end counts too
        return seen

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    return task, seen


async def test_a_stream_gets_the_events_of_its_own_subject_and_of_no_other() -> None:
    """Two open streams of the one hear both; the neighbour hears nothing."""
    hub, mine, neighbours = Hub(), new_id(), new_id()
    (one, seen), (two, seen_too), (other, strange) = [await collect(hub, somebody(s)) for s in (mine, mine, neighbours)]
    await hear(hub, imaging.PhotoReady(subject_id=mine, photo_id=new_id()))
    await hear(hub, b"garbage on the queue")
    await hear(hub, retention.PurgeCompleted(subject_id=mine, purge_id=new_id()))
    assert names(await one) == ["photo.ready", "purge.completed"]
    assert seen == await two == seen_too
    assert strange == []
    assert set(hub._readers) == {neighbours}, "a closed stream leaves nothing behind"
    assert len(hub._sessions) == 1
    other.cancel()


@pytest.mark.parametrize(("behind", "told"), [(BACKLOG, BACKLOG), (BACKLOG + 1, 0)])
async def test_a_reader_that_lags_too_far_behind_is_closed_and_comes_back_for_the_rest(behind: int, told: int) -> None:
    """It has its Last-Event-ID; our memory has an end. Up to there nothing is lost, beyond it nothing is skipped."""
    hub, subject = Hub(), new_id()
    task, seen = await collect(hub, somebody(subject))
    for _ in range(behind):
        await hear(hub, imaging.PhotoReady(subject_id=subject, photo_id=new_id()))
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(seen) == told
    assert task.done() == (told == 0)
    assert (subject in hub._readers) == (told != 0)
    task.cancel()


async def test_what_the_gateway_hears_reaches_its_ears_before_its_readers() -> None:
    """A fence takes effect at once; nobody is told of an event whose subject could still pass the door."""
    heard: list[Message] = []
    hub = Hub([heard.append])
    fence = auth.SubjectFenced(subject_id=new_id())
    await hear(hub, fence)
    assert [message.message_id for message in heard] == [fence.message_id]
    assert stream.HEARD[:2] == (auth.SubjectFenced, auth.SessionRevoked)


async def test_a_denied_session_ends_its_streams_at_once_and_tells_nothing_that_still_waited() -> None:
    """The same subject's other session goes on; the last event has no id, so that nothing missed is skipped later."""
    hub, subject = Hub(), new_id()
    doomed, other = somebody(subject), somebody(subject)
    (task, _), (twin, _), (going_on, seen) = [await collect(hub, caller) for caller in (doomed, doomed, other)]
    await hear(hub, imaging.PhotoReady(subject_id=subject, photo_id=new_id()))
    hub.deny(token_hash(str(doomed.session_id)))
    await hear(hub, imaging.PhotoReady(subject_id=subject, photo_id=new_id()))
    for ended in (task, twin):
        [last] = await asyncio.wait_for(ended, 1)
        assert last.to_sse() == {"event": "session.ended", "data": '{"code": "session_revoked"}'}
    assert names(seen) == ["photo.ready", "photo.ready"]
    assert not going_on.done()
    going_on.cancel()


async def test_a_stream_ends_when_its_access_token_expires() -> None:
    """It says so, once; whatever still waited then is told on the next stream."""
    hub, subject = Hub(), new_id()
    (short, _), (long, _) = [await collect(hub, somebody(subject, seconds)) for seconds in (0.05, 600)]
    assert names(await asyncio.wait_for(short, 1)) == ["session.ended"]
    assert short.result() == [SessionEnded(Code.TOKEN_EXPIRED)]
    assert not long.done()
    long.cancel()
    with hub.reading(somebody(subject, -1)) as late:
        late.offer(ServerEvent(new_id(), "photo.ready", {}))
        assert [event async for event in late.events()] == [SessionEnded(Code.TOKEN_EXPIRED)]


async def test_a_fenced_subjects_stream_stays_open_for_the_end_of_its_purge() -> None:
    """Its own session was not denied; `purge.completed` is what the phone waits for."""
    hub, caller = Hub(), somebody(new_id())
    task, _ = await collect(hub, caller)
    hub.deny(token_hash(str(caller.subject_id)))
    await hear(hub, retention.PurgeCompleted(subject_id=caller.subject_id, purge_id=new_id()))
    assert names(await asyncio.wait_for(task, 1)) == ["purge.completed"]


# ---- over HTTP


async def log_out(phone: Phone, tokens: dict[str, Any]) -> None:
    await phone.call("DELETE", "/v1/sessions/current", tokens)


async def log_out_by_id(phone: Phone, tokens: dict[str, Any]) -> None:
    [session] = (await phone.call("GET", "/v1/me/sessions", tokens)).json()["items"]
    await phone.call("DELETE", f"/v1/me/sessions/{session['session_id']}", tokens)


async def log_out_everywhere(phone: Phone, tokens: dict[str, Any]) -> None:
    await phone.call("DELETE", "/v1/me/sessions", tokens)


async def use_a_refresh_token_twice(phone: Phone, tokens: dict[str, Any]) -> None:
    for _ in range(2):
        await phone.client.post("/v1/sessions/refresh", json={"refresh_token": tokens["refresh_token"]})
    phone.hear()


async def elsewhere(phone: Phone, tokens: dict[str, Any]) -> None:
    """Another gateway process took the call: this one only hears of it."""
    [session] = (await phone.call("GET", "/v1/me/sessions", tokens)).json()["items"]
    end = auth.EndSession(subject_id=UUID(tokens["subject_id"]), session_id=UUID(session["session_id"]))
    await phone.board.ask(end)
    phone.hear()


async def while_nobody_listened(phone: Phone, tokens: dict[str, Any]) -> None:
    """The broker was away when it was said: this gateway asks for it when it is back."""
    [session] = (await phone.call("GET", "/v1/me/sessions", tokens)).json()["items"]
    end = auth.EndSession(subject_id=UUID(tokens["subject_id"]), session_id=UUID(session["session_id"]))
    await phone.board.ask(end)
    await phone.parts.access.load()


def told_on(answer: httpx.Response) -> list[tuple[str, Any]]:
    """Name and content of each event on a stream that has ended."""
    lines = [line.partition(": ") for line in answer.text.splitlines()]
    events = [value for field, _, value in lines if field == "event"]
    return list(zip(events, [json.loads(value) for field, _, value in lines if field == "data"], strict=True))


WAYS = [log_out, log_out_by_id, log_out_everywhere, use_a_refresh_token_twice, elsewhere, while_nobody_listened]


@pytest.mark.parametrize("end", WAYS)
async def test_an_open_stream_ends_with_its_session_whatever_ended_it(phone: Phone, end: Callable[..., Any]) -> None:
    """Here, on another device, by a thief, at another gateway, or unheard: it says why, and a new one is refused."""
    tokens = await phone.start()
    opened = asyncio.create_task(phone.call("GET", "/v1/events", tokens))
    await until_read(phone, tokens)
    await end(phone, tokens)
    answer = await asyncio.wait_for(opened, 1)
    assert (answer.status_code, told_on(answer)) == (200, [("session.ended", {"code": "session_revoked"})])
    assert phone.parts.hub._readers == {}
    refused = await phone.call("GET", "/v1/events", tokens)
    assert (refused.status_code, code(refused)) == (401, "session_revoked")


async def test_a_session_that_ends_while_its_stream_looks_back_is_told_nothing(phone: Phone) -> None:
    """What was missed is asked of the services, which takes a while; the denial may come first."""
    tokens = await phone.start()
    await phone.upload(tokens)
    phone.hear()
    [session] = (await phone.call("GET", "/v1/me/sessions", tokens)).json()["items"]
    phone.board.after[payments.OrderNews] = lambda: phone.parts.access.deny(UUID(session["session_id"]))
    answer = await asyncio.wait_for(phone.call("GET", "/v1/events", tokens), 1)
    assert told_on(answer) == [("session.ended", {"code": "session_revoked"})]


async def test_a_stream_says_that_its_token_expired(phone: Phone) -> None:
    """The phone refreshes and comes back with its Last-Event-ID."""
    phone.world.clock.forward(-598)
    tokens = await phone.start(DEVICE)
    answer = await asyncio.wait_for(phone.call("GET", "/v1/events", tokens), 3)
    assert told_on(answer) == [("session.ended", {"code": "token_expired"})]


async def until_read(phone: Phone, tokens: dict[str, Any]) -> None:
    """The stream is open."""
    for _ in range(1000):
        if UUID(tokens["subject_id"]) in phone.parts.hub._readers:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("no stream was opened")
