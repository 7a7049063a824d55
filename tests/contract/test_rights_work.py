"""Exports, disclosures and tickets, in memory and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from services.retention.domain import exports as export_rules
from services.retention.domain import feedback as feedback_rules
from services.retention.domain.disclosures import Disclosure, Tally, chained, tally_of
from services.retention.domain.exports import Export, ExportState
from services.retention.domain.feedback import Ticket, TicketState
from shared.kernel.ids import new_id
from shared.testing.memory_work import ConstraintBroken
from tests.contract.conftest import Subject as Both
from tests.contract.test_every_work import waits

REFUSED = (psycopg.IntegrityError, ConstraintBroken)
NOW = datetime(2026, 11, 24, 8, 0, 0, 123000, tzinfo=UTC)
ONE_DAY = timedelta(days=1)


def export(subject_id: UUID | None = None, *, minutes: int = 0, **changes: Any) -> Export:
    at = NOW + timedelta(minutes=minutes)
    return replace(Export(new_id(), subject_id or new_id(), ExportState.QUEUED, at, at), **changes)


def ready(one: Export, now: datetime = NOW) -> Export:
    return export_rules.finished(export_rules.begun(one, now), 1234, now, ONE_DAY)


def line(subject_id: UUID, position: int, **changes: Any) -> Disclosure:
    plain = Disclosure(
        new_id(),
        subject_id,
        position,
        "alipay",
        ("order_number", "amount"),
        "necessary_service",
        NOW,
        new_id(),
        "payments",
    )
    return replace(plain, chain=chained(plain, ""), **changes)


def ticket(subject_id: UUID | None = None, *, days: int = 15, **changes: Any) -> Ticket:
    due = NOW + days * ONE_DAY
    plain = Ticket(new_id(), subject_id, "complaint", TicketState.OPEN, NOW, due, b"key", b"text", b"contact")
    return replace(plain, **changes)


def plant(work: Any, *rows: Any) -> None:
    with work.begin() as tx:
        for row in rows:
            add = {Export: tx.add_export, Disclosure: tx.add_disclosure, Ticket: tx.add_ticket}[type(row)]
            add(row)


def look(work: Any, ask: Any) -> Any:
    with work.begin() as tx:
        return ask(tx)


# ---- exports


def test_an_export_is_what_was_saved_last(retention: Both) -> None:
    """Every field comes back; saving one that is not there makes none."""
    one = export()
    plant(retention.work, one)
    assert look(retention.work, lambda tx: tx.export(one.export_id)) == one
    done = replace(export_rules.expired(ready(one), NOW), parts=7, cleared=True)
    with retention.work.begin() as tx:
        tx.save_export(done)
        tx.save_export(export())
    assert look(retention.work, lambda tx: tx.export(one.export_id)) == done
    assert look(retention.work, lambda tx: tx.export(new_id())) is None


def test_two_exports_of_one_subject_cannot_be_under_way_and_a_ready_one_has_a_size(retention: Both) -> None:
    """The database itself says so."""
    one = export()
    plant(retention.work, one)
    wrong = replace(one, state=ExportState.READY)
    for row in (export(one.subject_id), one):
        with pytest.raises(REFUSED):
            plant(retention.work, row)
    with pytest.raises(REFUSED), retention.work.begin() as tx:
        tx.save_export(wrong)
    with retention.work.begin() as tx:
        tx.save_export(ready(one))
    plant(retention.work, export(one.subject_id, minutes=1))


def test_a_subjects_exports_come_newest_first_and_nobody_elses(retention: Both) -> None:
    """The neighbour has its own list."""
    old = ready(export())
    new = export(old.subject_id, minutes=5)
    plant(retention.work, old, new, export())
    assert look(retention.work, lambda tx: tx.exports_of(old.subject_id)) == [new, old]


def test_what_stands_still_is_past_or_to_be_cleared_is_found_and_nothing_else(retention: Both) -> None:
    """Each timer's list, with its limit."""
    queued, building = export(minutes=1), export_rules.begun(export(), NOW)
    fresh = export(minutes=60)
    over, running = ready(export()), ready(export(), NOW + ONE_DAY)
    failed = export_rules.failed(export(), NOW)
    gone = replace(export_rules.failed(export(), NOW), cleared=True)
    plant(retention.work, queued, building, fresh, over, running, failed, gone)
    with retention.work.begin() as tx:
        assert tx.exports_stalled(NOW + timedelta(minutes=30), 10) == [building, queued]
        assert tx.exports_stalled(NOW + timedelta(minutes=30), 1) == [building]
        assert tx.exports_past(NOW + ONE_DAY, 10) == [over]
        assert tx.exports_to_clear(10) == [failed]
        ids = [each.export_id for each in (queued, over, gone)]
        assert tx.known_exports([*ids, new_id()]) == {queued.export_id, over.export_id}
        assert tx.delete_exports_ended(NOW, 10) == 0
        assert tx.delete_exports_ended(NOW + timedelta(seconds=1), 10) == 1
        assert tx.export(gone.export_id) is None


# ---- disclosures


def test_a_ledger_comes_back_line_by_line_in_its_order(retention: Both) -> None:
    """With kinds, reference and chain; the neighbour's is another one."""
    ada, eve = new_id(), new_id()
    lines = [line(ada, 1), line(ada, 2, reference=None, who="某市公安局", ground="law_or_authority")]
    plant(retention.work, lines[1], line(eve, 1), lines[0])
    assert look(retention.work, lambda tx: tx.disclosures_of(ada)) == lines
    for wrong in (line(ada, 2), replace(lines[0], position=3)):
        with pytest.raises(REFUSED):
            plant(retention.work, wrong)


def test_tallies_count_by_month_recipient_things_and_ground(retention: Both) -> None:
    """And go by month."""
    ada = new_id()
    with retention.work.begin() as tx:
        for each in (line(ada, 1), line(ada, 2), line(ada, 3, at=NOW - 60 * ONE_DAY)):
            tx.count_disclosure(tally_of(each))
    tallied = look(retention.work, lambda tx: tx.tallies())
    now, before = (Tally(m, "alipay", ("order_number", "amount"), "necessary_service") for m in ("2026-11", "2026-09"))
    assert tallied == {now: 2, before: 1}
    assert look(retention.work, lambda tx: tx.delete_tallies("2026-11")) == 1
    assert look(retention.work, lambda tx: tx.tallies()) == {now: 2}


# ---- tickets


def test_a_ticket_is_what_was_saved_last(retention: Both) -> None:
    """Sealed bytes and all; one with an answer is not open, and the other way round."""
    one = ticket(new_id(), sealed_contact=None)
    plant(retention.work, one)
    assert look(retention.work, lambda tx: tx.ticket(one.ticket_id)) == one
    done = feedback_rules.answered(replace(one, alarmed=True), b"answer", NOW)
    with retention.work.begin() as tx:
        tx.save_ticket(done)
        tx.save_ticket(ticket())
    assert look(retention.work, lambda tx: tx.ticket(one.ticket_id)) == done
    for wrong in (
        replace(done, sealed_answer=None),
        replace(done, state=TicketState.OPEN),
        replace(done, answered_at=None),
    ):
        with pytest.raises(REFUSED), retention.work.begin() as tx:
            tx.save_ticket(wrong)
    with pytest.raises(REFUSED):
        plant(retention.work, one)


def test_tickets_are_listed_by_deadline_and_found_when_late_or_long_answered(retention: Both) -> None:
    """Each list with its neighbour left out."""
    late, soon, later = ticket(days=-1), ticket(days=1), ticket(days=15)
    done = feedback_rules.answered(ticket(days=-2), b"a", NOW)
    over = feedback_rules.closed(feedback_rules.answered(ticket(days=-3), b"a", NOW))
    plant(retention.work, later, done, soon, over, late)
    with retention.work.begin() as tx:
        assert tx.tickets_listed("open", 10) == [late, soon, later]
        assert tx.tickets_listed(None, 2) == [over, done]
        assert tx.tickets_overdue(NOW) == [late]
        nobodys = sorted((late, soon, later, done, over), key=lambda one: one.ticket_id)
        assert tx.tickets_without_login(None, 10) == nobodys
        assert tx.tickets_without_login(nobodys[1].ticket_id, 2) == nobodys[2:4]
        assert tx.tickets_answered(NOW, 10) == []
        assert tx.tickets_answered(NOW + ONE_DAY, 10) == [done]
        assert tx.delete_tickets_closed(NOW, 10) == 0
        assert tx.delete_tickets_closed(NOW + ONE_DAY, 10) == 1
        assert tx.ticket(over.ticket_id) is None


# ---- the subject as a whole


def test_deleting_a_subject_takes_all_of_its_rows_and_no_other(retention: Both) -> None:
    """Counted before, said while deleting, none left; the neighbour and the ticket of nobody stay."""
    ada, eve = new_id(), new_id()
    for someone in (ada, eve):
        plant(retention.work, export(someone), ready(export(someone)), line(someone, 1), ticket(someone))
        with retention.work.begin() as tx:
            tx.remember(f"export:{someone}", "k", "", someone, {"export_id": "x"})
    plant(retention.work, ticket(None))
    whole = {"exports": 2, "disclosures": 1, "tickets": 1, "idempotency": 1}
    with retention.work.begin() as tx:
        assert tx.count_rights(ada) == whole
        assert tx.delete_rights(ada) == whole
    with retention.work.begin() as tx:
        assert tx.count_rights(ada) == dict.fromkeys(whole, 0)
        assert tx.count_rights(eve) == whole
        assert len(tx.tickets_listed("open", 10)) == 2


@pytest.mark.integration
def test_a_held_export_is_waited_for_and_passed_over_by_the_timer(real_retention: Both) -> None:
    """Two builders that begin at once get two numbers; the timer does not wait for a handler."""
    one = export()
    plant(real_retention.work, one)
    hold = lambda tx: tx.export(one.export_id)  # noqa: E731 - a short look
    assert waits(real_retention.work, hold, hold)
    stalled: list[int] = []
    later = NOW + ONE_DAY
    assert not waits(real_retention.work, hold, lambda tx: stalled.append(len(tx.exports_stalled(later, 10))))
    assert stalled == [0]
