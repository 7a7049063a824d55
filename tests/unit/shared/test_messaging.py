"""Queues by name, the broker's topology, and the one judgement on a message that failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import Command, Event, known_types
from shared.contracts.base import UndecodableMessage
from shared.contracts.queues import LISTENERS, RENDER_QUEUE, RETRY_DELAYS_SECONDS, rpc_queue
from shared.kernel.errors import (
    BadRequest,
    Code,
    Conflict,
    NotFound,
    NotReady,
    PhotoRejected,
    PocketError,
    SubjectErased,
    TimedOut,
    Unavailable,
)
from shared.messaging.delivery import DeliveryPolicy, Judgement, Verdict
from shared.messaging.topology import queues_of

POLICY = DeliveryPolicy()
ACK, BURY = Judgement(Verdict.ACK), Judgement(Verdict.BURY)


# ---- names are contracts


def test_the_queues_are_these_and_bound_to_these_messages() -> None:
    """A renamed queue leaves its predecessor bound and filling for ever: changing this list takes a migration."""
    assert {each.queue: sorted(kind.type for kind in (*each.events, *each.commands)) for each in LISTENERS} == {
        "auth.purges": ["retention.data.removed.v1", "retention.purge.requested.v1"],
        "imaging.purges": ["auth.consent.withdrawn.v1", "retention.purge.requested.v1"],
        "imaging.unlocks": ["payments.photo.locked.v1", "payments.photo.unlocked.v1"],
        "payments.purges": ["retention.purge.requested.v1"],
        "payments.photos": ["imaging.photo.deleted.v1", "imaging.photo.failed.v1", "imaging.photo.rejected.v1"],
        "retention.purges": [
            "auth.account.abandoned.v1",
            "auth.consent.withdrawn.v1",
            "auth.guest.expired.v1",
            "auth.guest.replaced.v1",
            "auth.guest.signed_in.v1",
            "auth.subject.fenced.v1",
            "auth.subject.purged.v1",
            "imaging.subject.purged.v1",
            "payments.subject.purged.v1",
            "retention.subject.purged.v1",
        ],
        "retention.rights": [
            "auth.subject.disclosed.v1",
            "payments.subject.disclosed.v1",
            "retention.purge.requested.v1",
        ],
        "imaging.exports": ["retention.export.build.v1"],
        "imaging.matte.paid": ["imaging.photo.matte.v1"],
        "imaging.matte.free": ["imaging.photo.matte.v1"],
    }
    assert RENDER_QUEUE == "imaging.render"
    assert {service: rpc_queue(service) for service in ("auth", "imaging", "retention", "imaging-worker")} == {
        "auth": "rpc-auth",
        "imaging": "rpc-imaging",
        "retention": "rpc-retention",
        "imaging-worker": "imaging.render",
    }


def test_every_event_that_must_be_heard_has_a_listener() -> None:
    """``mandatory`` would keep it in the outbox for ever otherwise."""
    heard = {kind for listener in LISTENERS for kind in listener.events}
    durable = {kind for kind in known_types().values() if issubclass(kind, Event) and kind.must_be_heard}
    assert durable <= heard
    commanded = {kind for listener in LISTENERS for kind in listener.commands}
    assert {kind for kind in known_types().values() if issubclass(kind, Command)} == commanded


def test_a_failed_message_waits_in_its_own_consumers_queues_and_comes_back_to_that_consumer_alone() -> None:
    """Never through the exchange: the other listeners have handled it long ago."""
    for listener in LISTENERS:
        specs = {spec.name: spec for spec in queues_of(listener)}
        assert list(specs) == [
            f"{listener.queue}.dead",
            *(f"{listener.queue}.retry.{delay}s" for delay in (1, 10, 60)),
            listener.queue,
        ], "what a queue points to is declared before it"
        for delay in RETRY_DELAYS_SECONDS:
            waiting = specs[listener.retry_queue(delay)]
            assert waiting.arguments["x-message-ttl"] == delay * 1000
            assert waiting.arguments["x-dead-letter-exchange"] == ""
            assert waiting.arguments["x-dead-letter-routing-key"] == listener.queue
            assert not waiting.bindings
        own = specs[listener.queue]
        assert own.arguments["x-delivery-limit"] == 5
        assert own.arguments["x-dead-letter-routing-key"] == listener.dead_queue
        assert [key for _, key in own.bindings] == [event.type for event in listener.events]
        assert all(spec.arguments["x-queue-type"] == "quorum" for spec in specs.values())
        assert "x-message-ttl" not in specs[listener.dead_queue].arguments, "the dead rest until an operator comes"


# ---- the judgement


@pytest.mark.parametrize(
    ("error", "attempt", "judgement"),
    [
        (None, 1, ACK),
        (None, 99, ACK),
        (SubjectErased("fenced"), 1, ACK),
        (UndecodableMessage("?"), 1, BURY),
        (BadRequest("?"), 1, BURY),
        (NotFound("?"), 1, BURY),
        (Conflict("?"), 1, BURY),
        (PhotoRejected(Code.NO_FACE), 1, BURY),
        (Unavailable("?"), 1, Judgement(Verdict.RETRY, 1)),
        (TimedOut("?"), 2, Judgement(Verdict.RETRY, 10)),
        (NotReady("?"), 3, Judgement(Verdict.RETRY, 60)),
        (Unavailable("?"), 4, Judgement(Verdict.RETRY, 60)),
        (TimedOut("?"), 60, Judgement(Verdict.RETRY, 60)),
        (Unavailable("?"), 61, BURY),
        (PocketError("ours, unexpected"), 1, Judgement(Verdict.RETRY, 1)),
        (ValueError("a bug"), 1, Judgement(Verdict.RETRY, 1)),
        (KeyError("a bug"), 2, Judgement(Verdict.RETRY, 10)),
        (KeyError("a bug"), 4, BURY),
        (MemoryError(), 3, Judgement(Verdict.RETRY, 60)),
    ],
)
def test_what_becomes_of_a_message(error: BaseException | None, attempt: int, judgement: Judgement) -> None:
    """Done, later, or to the dead; a void message is done."""
    assert POLICY.judge(error, attempt) == judgement


@given(st.sampled_from([(ValueError("x"), 4), (PocketError("x"), 4), (Unavailable("x"), 61), (TimedOut("x"), 61)]))
def test_no_message_is_tried_for_ever(case: tuple[Exception, int]) -> None:
    """Each retry waits at least as long as the one before, and then it is buried: never lost, never spinning.

    Our own failures are buried after the last delay; an outage of something else is waited out for about an hour.
    """
    error, buried_at = case
    judgements = [POLICY.judge(error, attempt) for attempt in range(1, 70)]
    delays = [j.delay_seconds for j in judgements if j.verdict is Verdict.RETRY]
    assert delays == [1, 10, 60] + [60] * (buried_at - 4)
    assert {j.verdict for j in judgements[buried_at - 1 :]} == {Verdict.BURY}
