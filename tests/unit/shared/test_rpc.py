"""Calls: the wire format, errors that travel by code and never by text, and the breaker that fails fast."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import auth
from shared.contracts.base import Done
from shared.kernel.errors import (
    BadRequest,
    Code,
    ConsentMissing,
    PocketError,
    SubjectErased,
    TimedOut,
    Unavailable,
    error_of,
)
from shared.kernel.ids import new_id
from shared.rpc import wire
from shared.rpc.breaker import CircuitBreaker
from shared.testing.held_clock import HeldClock


def test_a_call_and_its_answer_come_out_as_they_went_in() -> None:
    """nameko's format: args, kwargs, result, error."""
    call = auth.SubjectKey(subject_id=new_id())
    assert wire.decode_call(wire.encode_call(call), auth.SubjectKey) == call
    assert set(json.loads(wire.encode_call(call))) == {"args", "kwargs"}
    answer = auth.WrappedKey(wrapped="x")
    assert wire.decode_reply(wire.encode_reply(answer, None), auth.WrappedKey) == answer
    assert set(json.loads(wire.encode_reply(answer, None))) == {"result", "error"}


@pytest.mark.parametrize("code", list(Code))
def test_an_error_arrives_with_its_code_and_what_the_client_may_see(code: Code) -> None:
    """The caller decides by the code."""
    sent = PocketError("for the log", code=code, public_extra={"policy_version": "1"})
    with pytest.raises(PocketError) as arrived:
        wire.decode_reply(wire.encode_reply(None, sent), Done)
    assert arrived.value.actual_code is code
    assert arrived.value.public_extra == {"policy_version": "1"}


def test_the_text_of_an_unexpected_error_never_leaves_the_process() -> None:
    """It may quote a row or a face: only its class travels."""
    body = wire.encode_reply(None, ValueError("CANARY"))
    assert b"CANARY" not in body
    with pytest.raises(PocketError) as arrived:
        wire.decode_reply(body, Done)
    assert arrived.value.actual_code is Code.INTERNAL


@given(st.binary(max_size=100) | st.text(max_size=50))
def test_a_garbled_request_is_a_bad_request(body: bytes | str) -> None:
    """And nothing else."""
    with pytest.raises(BadRequest):
        wire.decode_call(body, auth.SubjectKey)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["result", "error", "exc_path", "exc_args", "exc_type"]), inner)
    ),
    max_leaves=10,
)


@given(json_values)
def test_a_garbled_reply_is_one_of_our_errors(value: Any) -> None:
    """A caller meets our errors only."""
    with pytest.raises(PocketError):
        wire.decode_reply(json.dumps(value), auth.WrappedKey)


def test_a_reply_that_is_no_json_is_unavailable() -> None:
    """Trying again may help."""
    for body in (b"", b"\xff", b"[" * 100_000):
        with pytest.raises(Unavailable):
            wire.decode_reply(body, Done)


def test_a_code_that_only_a_newer_service_knows_is_unavailable() -> None:
    """Better than a crash in the caller."""
    body = json.loads(wire.encode_reply(None, PocketError("x", code=Code.CONFLICT)))
    body["error"]["exc_args"][0] = "from_the_future"
    with pytest.raises(Unavailable):
        wire.decode_reply(json.dumps(body), Done)


# ---- the breaker


def breaker(clock: HeldClock) -> CircuitBreaker:
    return CircuitBreaker(failures=3, pause_seconds=2.0, monotonic=clock.monotonic)


def test_a_service_that_keeps_silent_is_not_asked_for_a_while() -> None:
    """Callers fail fast; after the pause one may try."""
    clock = HeldClock()
    circuit = breaker(clock)
    for _ in range(3):
        circuit.before()
        circuit.silent()
    with pytest.raises(Unavailable):
        circuit.before()
    clock.forward(1.99)
    with pytest.raises(Unavailable):
        circuit.before()
    clock.forward(0.02)
    circuit.before()
    with pytest.raises(Unavailable):
        circuit.before()


def test_an_answer_closes_the_circuit_whatever_it_says() -> None:
    """Half-open and answered: everybody may ask again."""
    clock = HeldClock()
    circuit = breaker(clock)
    for _ in range(3):
        circuit.silent()
    clock.forward(2.5)
    circuit.before()
    circuit.answered()
    for _ in range(5):
        circuit.before()


def test_a_try_that_is_met_by_silence_keeps_the_circuit_open() -> None:
    """Another pause."""
    clock = HeldClock()
    circuit = breaker(clock)
    for _ in range(3):
        circuit.silent()
    clock.forward(2.5)
    circuit.before()
    circuit.silent()
    with pytest.raises(Unavailable):
        circuit.before()


def test_silences_that_are_interrupted_by_answers_do_not_add_up() -> None:
    """In a row, or not at all."""
    circuit = breaker(HeldClock())
    for _ in range(10):
        circuit.silent()
        circuit.silent()
        circuit.answered()
        circuit.before()


@pytest.mark.parametrize("code", list(Code))
def test_an_error_of_another_process_is_caught_by_the_class_of_its_code(code: Code) -> None:
    """Whoever handles ``SubjectErased`` or ``ConsentMissing`` handles it also when it was raised elsewhere."""
    arrived = error_of(code, "detail", {"policy_version": "1"})
    assert (arrived.actual_code, arrived.detail, arrived.public_extra) == (code, "detail", {"policy_version": "1"})
    consents = (Code.CONSENT_REQUIRED, Code.POLICY_OUTDATED, Code.GUARDIAN_CONSENT_REQUIRED)
    assert isinstance(arrived, ConsentMissing) == (code in consents)
    assert isinstance(arrived, SubjectErased) == (code is Code.SUBJECT_ERASED)
    assert isinstance(arrived, (Unavailable, TimedOut)) == (code in (Code.UNAVAILABLE, Code.TIMED_OUT))
