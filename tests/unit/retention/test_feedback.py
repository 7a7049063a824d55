"""Feedback: tickets that cannot be guessed, deadlines in working days, answers, and what goes with its sender."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args
from uuid import UUID

import pytest

from services.auth import rights as auth_rights
from services.retention import feedback
from services.retention.domain.feedback import MOVES, WORKING_DAYS, TicketState, deadline_of
from services.retention.domain.receipts import purge_of, receipt_of
from shared.contracts import consents
from shared.contracts import feedback as tickets
from shared.crypto import Keyring, seal, unseal
from shared.crypto.handover import Taker
from shared.kernel.errors import BadRequest, Conflict, NotFound, SubjectErased
from shared.kernel.ids import new_id
from shared.kernel.personal import Secret
from tests.unit.rights_world import RightsWorld, text_of
from tests.unit.worlds import DEVICE, OTHER_DEVICE, RECEIPT_KEY, secret_bytes


@pytest.fixture
def world() -> RightsWorld:
    return RightsWorld()


def look(world: RightsWorld, ticket: str) -> tickets.TicketState:
    return feedback.feedback_by_ticket(tickets.FeedbackByTicket(ticket=ticket), world.retention.rights)


def read_as_operator(
    world: RightsWorld, ticket_id: UUID, **changes: object
) -> tuple[tickets.TicketState, Secret[bytes]]:
    """What ``pocketid feedback show`` does."""
    found = feedback.feedback_for_operators(tickets.FeedbackForOperators(ticket_id=ticket_id), world.retention.rights)
    taker = Taker()
    asked = {
        "ticket_id": ticket_id,
        "subject_id": found.subject_id,
        "sealed_key": found.sealed_key,
        "public_key": b64encode(taker.public).decode(),
        **changes,
    }
    handed = auth_rights.hand_over_ticket_key(consents.HandOverTicketKey.model_validate(asked), world.auth.parts)
    return found, Secret(taker.take(b64decode(handed.handed), str(ticket_id)))


def answer(world: RightsWorld, ticket_id: UUID, text: str = "we are sorry") -> tickets.TicketSummary:
    _, own = read_as_operator(world, ticket_id)
    sealed = b64encode(seal(own, text.encode(), tickets.ticket_bound(ticket_id, "answer"))).decode()
    call = tickets.AnswerFeedback(ticket_id=ticket_id, sealed_answer=sealed)
    return feedback.answer_feedback(call, world.retention.rights)


def listed(world: RightsWorld, status: str | None = "open") -> list[tickets.TicketSummary]:
    return feedback.list_feedback(tickets.ListFeedback(status=status), world.retention.rights).items


# ---- deadlines


@pytest.mark.parametrize(
    ("kind", "sent", "due"),
    [
        ("complaint", "2026-11-24T08:00:00", "2026-12-15T15:59:59"),  # a Tuesday; fifteen working days on
        ("complaint", "2026-11-27T20:00:00", "2026-12-18T15:59:59"),  # Friday in London, Saturday in China
        ("complaint", "2026-11-28T08:00:00", "2026-12-18T15:59:59"),  # Saturday
        ("other", "2026-11-29T08:00:00", "2026-12-18T15:59:59"),  # Sunday
        ("deletion", "2026-11-24T08:00:00", "2026-11-25T15:59:59"),
        ("security", "2026-11-27T08:00:00", "2026-11-30T15:59:59"),  # Friday: due on Monday
    ],
)
def test_a_deadline_is_the_end_of_a_working_day_in_china(kind: str, sent: str, due: str) -> None:
    """Weekends do not count; the day it came in does not either."""
    moment = datetime.fromisoformat(sent).replace(tzinfo=UTC)
    assert deadline_of(kind, moment) == datetime.fromisoformat(due).replace(tzinfo=UTC)  # type: ignore[arg-type]


def test_every_kind_has_its_deadline_and_none_is_later_than_the_law_allows() -> None:
    """Fifteen working days at most."""
    assert set(WORKING_DAYS) == set(get_args(tickets.FeedbackKind))
    assert max(WORKING_DAYS.values()) == 15


# ---- tickets


@pytest.mark.parametrize("with_login", [True, False])
def test_a_complaint_is_read_by_an_operator_and_answered_to_whoever_holds_the_ticket(
    world: RightsWorld, with_login: bool
) -> None:
    """With a login or without: sealed in between, and open to the two of them."""
    sender = world.person(DEVICE) if with_login else None
    sent = world.send(sender, "my photo came out green")
    waiting = look(world, sent.ticket)
    assert (waiting.status, waiting.sealed_answer, waiting.deadline) == ("open", None, sent.deadline)
    found, own = read_as_operator(world, waiting.ticket_id)
    assert text_of(found, own, "text") == "my photo came out green"
    assert answer(world, waiting.ticket_id).status == "answered"
    done = look(world, sent.ticket)
    assert done.answered_at is not None
    assert text_of(done, own, "answer") == "we are sorry"


def test_nothing_that_was_written_lies_readable_in_retention(world: RightsWorld) -> None:
    """Neither the text nor the ticket's key."""
    world.send(world.person(DEVICE), "canary in a complaint")
    world.send(None, "canary without login")
    assert "canary" not in repr(world.retention.work.state)


def test_a_ticket_is_answered_once(world: RightsWorld) -> None:
    """What a person was told does not change behind its back."""
    sent = world.send(None, "hello")
    ticket_id = look(world, sent.ticket).ticket_id
    answer(world, ticket_id)
    with pytest.raises(Conflict):
        answer(world, ticket_id, "on second thought")


def test_a_ticket_cannot_be_guessed_and_a_purges_receipt_is_none(world: RightsWorld) -> None:
    """The id alone opens nothing; receipts of another kind neither."""
    sent = world.send(None, "hello")
    ticket_id = look(world, sent.ticket).ticket_id
    assert purge_of(sent.ticket, RECEIPT_KEY, "ticket") == ticket_id
    for forged in (str(ticket_id), receipt_of(ticket_id, RECEIPT_KEY), receipt_of(new_id(), RECEIPT_KEY, "ticket"), ""):
        with pytest.raises(NotFound):
            look(world, forged)


def test_an_operators_call_gets_the_key_of_a_ticket_and_no_other(world: RightsWorld) -> None:
    """Another ticket's, another subject's, or the profile for a key: refused; of the erased there is none."""
    ada, eve = world.person(DEVICE), world.person(OTHER_DEVICE, "Eve")
    hers = look(world, world.send(ada, "one").ticket)
    other = look(world, world.send(eve, "two").ticket)
    profile = world.auth.work.state.subjects[ada].profile
    assert profile is not None
    for changes in (
        {"sealed_key": other.sealed_key},
        {"subject_id": eve},
        {"subject_id": None},
        {"sealed_key": b64encode(profile).decode()},
        {"public_key": b64encode(b"short").decode()},
    ):
        with pytest.raises(BadRequest):
            read_as_operator(world, hers.ticket_id, **changes)
    world.erase(ada)
    with pytest.raises(NotFound):
        read_as_operator(world, hers.ticket_id)
    asked = {
        **hers.model_dump(include={"ticket_id", "subject_id", "sealed_key"}),
        "public_key": b64encode(Taker().public).decode(),
    }
    with pytest.raises(SubjectErased):
        auth_rights.hand_over_ticket_key(consents.HandOverTicketKey.model_validate(asked), world.auth.parts)


def test_a_ticket_goes_with_its_sender_and_one_without_a_sender_stays(world: RightsWorld) -> None:
    """The certificate counts it; the ticket is not found from then on."""
    ada = world.person(DEVICE)
    hers, anyones = world.send(ada, "one"), world.send(None, "two")
    certificate = world.erase(ada)
    assert certificate["deleted"]["retention"]["tickets"] == 1
    with pytest.raises(NotFound):
        look(world, hers.ticket)
    with pytest.raises(SubjectErased):
        world.send(ada, "too late")
    assert look(world, anyones.ticket).status == "open"


def test_a_repeated_call_is_the_same_ticket_by_its_key(world: RightsWorld) -> None:
    """A lost answer costs no second ticket."""
    first = world.send(None, "hello", idempotency_key="k", fingerprint="f")
    again = world.send(None, "hello", idempotency_key="k", fingerprint="f")
    assert again == first
    assert len(world.retention.work.state.tickets) == 1


def test_a_text_that_is_too_long_is_refused(world: RightsWorld) -> None:
    """Retention keeps no novels."""
    with pytest.raises(BadRequest):
        world.send(None, "x" * 100_000)


# ---- operators and time


def test_operators_see_the_most_urgent_first_and_nothing_of_what_it_says(world: RightsWorld) -> None:
    """Kind, state, deadline, and whether there is somebody to write to."""
    world.send(None, "slow", "complaint")
    world.send(world.person(DEVICE), "fast", "deletion")
    found = listed(world)
    assert [(one.kind, one.with_login, one.overdue) for one in found] == [
        ("deletion", True, False),
        ("complaint", False, False),
    ]
    assert listed(world, "answered") == []
    assert len(listed(world, None)) == 2
    with pytest.raises(BadRequest):
        listed(world, "lost")


def test_an_overdue_ticket_is_one_error_in_the_log_however_often_it_is_looked_at(
    world: RightsWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and a figure that stays until it is answered."""
    from shared.telemetry import metrics

    sent = world.send(None, "hello", "security")
    world.clock.forward(20 * 24 * 3600)
    for _ in range(3):
        feedback.look_after_feedback(world.retention.rights)
    told = capsys.readouterr()
    assert (told.out + told.err).count("feedback overdue") == 1
    assert metrics.FEEDBACK_OVERDUE._value.get() == 1
    [late] = listed(world)
    assert late.overdue
    answer(world, look(world, sent.ticket).ticket_id)
    feedback.look_after_feedback(world.retention.rights)
    assert metrics.FEEDBACK_OVERDUE._value.get() == 0


def test_an_answered_ticket_is_closed_after_a_month_and_forgotten_half_a_year_later(world: RightsWorld) -> None:
    """An open one is never forgotten."""
    sent, waiting = world.send(None, "hello"), world.send(None, "still there?")
    answer(world, look(world, sent.ticket).ticket_id)
    world.clock.forward(31 * 24 * 3600)
    feedback.look_after_feedback(world.retention.rights)
    assert look(world, sent.ticket).status == "closed"
    world.clock.forward(180 * 24 * 3600)
    feedback.look_after_feedback(world.retention.rights)
    with pytest.raises(NotFound):
        look(world, sent.ticket)
    assert look(world, waiting.ticket).status == "open"


def test_tickets_move_along_their_table_only() -> None:
    """Open, answered, closed: no way back."""
    assert {
        TicketState.OPEN: frozenset({TicketState.ANSWERED}),
        TicketState.ANSWERED: frozenset({TicketState.CLOSED}),
        TicketState.CLOSED: frozenset(),
    } == MOVES


def test_no_subjects_key_is_handed_over_as_a_tickets(world: RightsWorld) -> None:
    """Somebody's wrapped data key is no ticket's key, not even of a ticket of that very id."""
    ada = world.person(DEVICE)
    wrapped = world.auth.work.state.subjects[ada].wrapped_key
    assert wrapped is not None
    key = b64encode(wrapped).decode()
    asked = consents.HandOverTicketKey(ticket_id=ada, sealed_key=key, public_key=b64encode(Taker().public).decode())
    with pytest.raises(BadRequest):
        auth_rights.hand_over_ticket_key(asked, world.auth.parts)
    with pytest.raises(BadRequest):
        auth_rights.rewrap_ticket_keys(
            consents.RewrapTicketKeys(items=[tickets.TicketKey(ticket_id=ada, sealed_key=key)]), world.auth.parts
        )
    one, another = (look(world, world.send(None, text).ticket) for text in ("one", "two"))
    with pytest.raises(BadRequest):
        read_as_operator(world, one.ticket_id, sealed_key=another.sealed_key)


def test_after_another_master_key_came_tickets_of_nobody_open_without_the_old_one(world: RightsWorld) -> None:
    """In pages; one that was answered or deleted meanwhile is passed over; those with a login are not listed."""
    sent = [world.send(None, f"text {number}") for number in range(3)]
    world.send(world.person(DEVICE), "hers")
    old = world.auth.keyring._keys
    ring = Keyring({"m2": secret_bytes(), **old})
    parts = replace(world.auth.parts, keyring=ring)
    own = world.retention.rights
    seen: list[tickets.TicketKey] = []
    while page := feedback.keys_of_tickets(
        tickets.KeysOfTickets(after=seen[-1].ticket_id if seen else None, limit=2), own
    ).items:
        anew = auth_rights.rewrap_ticket_keys(consents.RewrapTicketKeys(items=page), parts).items
        feedback.replace_ticket_keys(tickets.ReplaceTicketKeys(before=page, anew=anew), own)
        seen += page
    ids = [look(world, one.ticket).ticket_id for one in sent]
    assert [item.ticket_id for item in seen] == sorted(ids)
    stale = [tickets.TicketKey(ticket_id=ids[0], sealed_key=b64encode(b"not what is there").decode())]
    feedback.replace_ticket_keys(tickets.ReplaceTicketKeys(before=stale, anew=stale), own)
    world.auth.keyring = Keyring({"m2": ring._keys["m2"]})
    world.auth.parts = replace(world.auth.parts, keyring=world.auth.keyring)
    for number, ticket_id in enumerate(ids):
        found, key = read_as_operator(world, ticket_id)
        text = unseal(key, b64decode(found.sealed_text), tickets.ticket_bound(ticket_id, "text"))
        assert text == f"text {number}".encode()
