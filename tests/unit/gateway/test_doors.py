"""Who may pass: tokens checked without a call, denials that take effect at once, limits, languages, and events."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import Request

from services.gateway import limits
from services.gateway.access import Access
from services.gateway.keys import GatewayKeys
from services.gateway.limits import RateLimiter
from services.gateway.problems import language_of, problem
from services.gateway.stream import HEARD, from_order, from_state, shown
from shared.contracts import Message, auth, imaging, known_types, payments, retention
from shared.crypto import token_hash
from shared.crypto.subject_keys import KeyCache
from shared.kernel.clock import parse_rfc3339
from shared.kernel.errors import Code, PocketError, SubjectErased, Unauthenticated
from shared.kernel.ids import new_id
from shared.testing.held_clock import HeldClock
from tests.contract.write_golden import example_of
from tests.unit.worlds import OTHER_DEVICE, AuthWorld

# ---- tokens


@dataclass
class FakeAsker:
    """Answers as auth would."""

    world: AuthWorld
    asked: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)

    async def ask(self, call: Any, timeout: float | None = None) -> Any:
        from services.auth import use_cases

        self.asked.append(call.method)
        if isinstance(call, auth.TokenKeys):
            return use_cases.token_keys(self.world.parts)
        if isinstance(call, auth.Denials):
            return auth.Denied(hashes=self.denied)
        return use_cases.subject_key(call, self.world.parts)


@pytest.fixture
def world() -> AuthWorld:
    return AuthWorld()


@pytest.fixture
def asker(world: AuthWorld) -> FakeAsker:
    return FakeAsker(world)


@pytest.fixture
def access(asker: FakeAsker) -> Access:
    return Access(asker)  # type: ignore[arg-type]


async def test_a_token_of_auths_is_accepted_and_names_its_caller(world: AuthWorld, access: Access) -> None:
    """The keys are asked for once, whatever number of tokens comes."""
    tokens = world.admit()
    for _ in range(3):
        caller = await access.caller(f"Bearer {tokens.access_token}")
    assert (caller.subject_id, caller.session_id, caller.kind) == (tokens.subject_id, tokens.session_id, "guest")
    assert access._asker.asked == ["token_keys"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer x.y.z", "bearer \u00e9"])
async def test_no_token_or_a_strange_one_is_unauthenticated(access: Access, header: str | None) -> None:
    """The same answer for all."""
    with pytest.raises(Unauthenticated):
        await access.caller(header)


async def test_many_false_tokens_do_not_make_many_calls(access: Access, asker: FakeAsker) -> None:
    """A flood of nonsense at the door is not a flood at auth."""
    for _ in range(20):
        with pytest.raises(Unauthenticated):
            await access.caller("Bearer x.y.z")
    assert len(asker.asked) <= 2


async def test_an_expired_token_says_so(world: AuthWorld, access: Access) -> None:
    """The client then refreshes."""
    world.clock.forward(-700)
    tokens = world.admit()
    with pytest.raises(PocketError) as refusal:
        await access.caller(f"Bearer {tokens.access_token}")
    assert refusal.value.actual_code is Code.TOKEN_EXPIRED


async def test_a_fenced_subject_is_refused_from_the_moment_we_hear_of_it(world: AuthWorld, access: Access) -> None:
    """Its tokens have not expired; that does not matter. The neighbour's go on."""
    tokens, neighbour = world.admit(), world.admit(OTHER_DEVICE)
    access.deny(tokens.subject_id)
    with pytest.raises(SubjectErased):
        await access.caller(f"Bearer {tokens.access_token}")
    assert (await access.caller(f"Bearer {tokens.access_token}", even_fenced=True)).subject_id == tokens.subject_id
    assert await access.caller(f"Bearer {neighbour.access_token}")


async def test_an_ended_session_is_refused_even_where_a_fenced_subject_may_repeat_its_call(
    world: AuthWorld, access: Access
) -> None:
    """A thief's session, ended, opens nothing."""
    tokens = world.admit()
    access.deny(tokens.session_id)
    for even_fenced in (False, True):
        with pytest.raises(PocketError) as refusal:
            await access.caller(f"Bearer {tokens.access_token}", even_fenced=even_fenced)
        assert refusal.value.actual_code is Code.SESSION_REVOKED


async def test_what_was_said_while_we_were_not_listening_is_asked_for(
    world: AuthWorld, access: Access, asker: FakeAsker
) -> None:
    """A gateway that restarts does not let a revoked session back in."""
    tokens = world.admit()
    asker.denied = [token_hash(str(tokens.session_id))]
    assert not access.loaded
    await access.load()
    assert access.loaded
    with pytest.raises(PocketError):
        await access.caller(f"Bearer {tokens.access_token}")


async def test_the_gateway_holds_a_key_two_seconds_and_not_past_a_fence(world: AuthWorld, asker: FakeAsker) -> None:
    """Asked once within two seconds, again afterwards; after the fence there is none."""
    clock = HeldClock()
    keys = GatewayKeys(asker, world.keyring, KeyCache(clock.monotonic))  # type: ignore[arg-type]
    tokens = world.admit()
    first = await keys.key_of(tokens.subject_id, "read_own")
    assert await keys.key_of(tokens.subject_id, "read_own") == first
    assert asker.asked.count("subject_key") == 1
    clock.forward(2.1)
    assert await keys.key_of(tokens.subject_id, "read_own") == first
    assert asker.asked.count("subject_key") == 2
    from services.auth import use_cases

    use_cases.fence_subject(tokens.subject_id, new_id(), world.parts)
    keys.cache.fence(tokens.subject_id)
    with pytest.raises(SubjectErased):
        await keys.key_of(tokens.subject_id, "read_own")


# ---- limits


def test_so_many_an_hour_and_no_more_and_again_when_the_hour_has_passed() -> None:
    """A sliding hour, each name for itself."""
    clock = HeldClock()
    limiter = RateLimiter(clock.monotonic)
    for _ in range(3):
        limiter.use("device:a", 3)
        clock.forward(60)
    with pytest.raises(PocketError) as refusal:
        limiter.use("device:a", 3)
    assert refusal.value.actual_code is Code.TOO_MANY_REQUESTS
    limiter.use("device:b", 3)
    clock.forward(3600 - 179)
    limiter.use("device:a", 3)
    with pytest.raises(PocketError):
        limiter.use("device:a", 3)


def test_a_refused_use_does_not_count() -> None:
    """Knocking on does not prolong the wait."""
    clock = HeldClock()
    limiter = RateLimiter(clock.monotonic)
    limiter.use("a", 1)
    for _ in range(10):
        clock.forward(300)
        with pytest.raises(PocketError):
            limiter.use("a", 1)
    clock.forward(601)
    limiter.use("a", 1)


def test_names_that_are_long_past_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with every device that ever came."""
    monkeypatch.setattr(limits, "MAX_NAMES", 10)
    clock = HeldClock()
    limiter = RateLimiter(clock.monotonic)
    for number in range(11):
        limiter.use(str(number), 5)
    clock.forward(3601)
    limiter.use("new", 5)
    assert list(limiter._uses) == ["new"]


# ---- languages and problems


def request(language: str | None = None) -> Request:
    headers = [(b"accept-language", language.encode())] if language is not None else []
    return Request({"type": "http", "headers": headers, "method": "GET", "path": "/"})


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "zh"), ("", "zh"), ("en", "en"), ("zh", "zh"), ("en-US,en;q=0.9", "en"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en;q=0.5, zh;q=0.4", "en"), ("en; q=0.3, zh; q=0.8", "zh"), ("EN-gb", "en"), ("fr, en;q=0.1", "en"), ("fr", "zh"),
        ("*", "zh"), ("en;q=nonsense", "zh"), ("en;q=0", "zh"), ("zh;q=0.9,en;q=0.9", "zh"), (",,;;q=,", "zh"),
    ],
)  # fmt: skip
def test_the_language_is_the_persons_and_chinese_when_in_doubt(header: str | None, language: str) -> None:
    """By weight; what is not understood is passed over."""
    assert language_of(request(header)) == language


@pytest.mark.parametrize("code", list(Code))
def test_every_problem_has_a_stable_code_and_keeps_its_detail_to_itself(code: Code) -> None:
    """RFC 9457: type, title, status; and what a client needs to act."""
    answer = problem(request("en"), PocketError("DETAIL", code=code, public_extra={"policy_version": "1"}))
    body = json.loads(answer.body)
    assert body["code"] == str(code)
    assert body["type"] == f"urn:pocketid:problem:{code}"
    assert body["status"] == answer.status_code
    assert body["policy_version"] == "1"
    assert b"DETAIL" not in answer.body
    assert answer.media_type == "application/problem+json"
    assert ("retry-after" in answer.headers) == (answer.status_code in (429, 503))
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)


# ---- events


def example(kind: type[Message]) -> Message:
    return example_of(kind, bare=False)


def test_clients_see_these_kinds_of_events_and_never_the_subjects_id() -> None:
    """What is for the inside stays inside."""
    names = {}
    for kind in known_types().values():
        event = shown(example(kind))
        if event is not None:
            names[kind] = event.name
            assert set(event.fields) <= {
                "at",
                "photo_id",
                "reasons",
                "purge_id",
                "export_id",
                "order_id",
                "product",
                "refunded",
            }
            assert kind in HEARD
    assert names == {
        imaging.PhotoReady: "photo.ready",
        imaging.PhotoRejected: "photo.rejected",
        imaging.PhotoFailed: "photo.failed",
        payments.OrderPaid: "order.paid",
        payments.OrderRefunded: "order.refunded",
        retention.ExportReady: "export.ready",
        retention.PurgeCompleted: "purge.completed",
    }


def test_an_orders_event_told_late_is_the_same_event() -> None:
    """Whether it was paid, or refunded since."""
    subject, order_id = new_id(), new_id()
    paid = payments.OrderPaid(subject_id=subject, order_id=order_id, product="hd-photo")
    refunded = payments.OrderRefunded(subject_id=subject, order_id=order_id, refunded=690)
    for message, back in ((paid, 0), (refunded, 690)):
        state = payments.OrderState(
            order_id=order_id, product="hd-photo", product_version=1, name={}, amount=690, refunded=back, status="paid",
            channel="app", created_at=message.at, expires_at=message.at, event_id=message.message_id,
        )  # fmt: skip
        live, late = shown(message), from_order(state)
        assert live is not None
        assert late is not None
        assert (late.event_id, late.name) == (live.event_id, live.name)
        assert late.fields == live.fields
    assert from_order(state.model_copy(update={"event_id": None})) is None


def test_an_event_told_late_from_the_photos_state_is_the_same_event() -> None:
    """A client that reconnects cannot tell which way it came: the same id and name."""
    message = imaging.PhotoRejected(subject_id=new_id(), photo_id=new_id(), reasons=["no_face"])
    live = shown(message)
    state = imaging.PhotoState(
        photo_id=message.photo_id,
        status="rejected",
        created_at=message.at,
        reasons=("no_face",),
        event_id=message.message_id,
    )
    late = from_state(state)
    assert live is not None
    assert late is not None
    assert (late.event_id, late.name) == (live.event_id, live.name)
    assert late.fields == live.fields
    assert abs(parse_rfc3339(late.fields["at"]) - message.at) < timedelta(seconds=1)
    assert from_state(state.model_copy(update={"status": "processing"})) is None
    assert from_state(state.model_copy(update={"event_id": None})) is None
