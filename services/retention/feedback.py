"""Feedback: tickets with a deadline, answered by operators, shown to whoever holds the ticket. All text stays sealed here."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.retention.disclosures import shown as shown_line
from services.retention.domain import feedback as rules
from services.retention.domain.feedback import Ticket, TicketState
from services.retention.domain.receipts import purge_of as id_of
from services.retention.domain.receipts import receipt_of
from services.retention.exports import shown as shown_export
from services.retention.rights_ports import RightsParts, RightsTransaction
from shared.contracts import feedback as contract
from shared.contracts import rights
from shared.contracts.base import Done
from shared.kernel import log
from shared.kernel.errors import BadRequest, NotFound
from shared.telemetry import metrics

logger = log.get_logger("retention")
TICKET = "ticket"
MAX_SEALED = 48 * 1024
SCOPE = "feedback"
AT_ONCE = 100
OPERATORS_LIMIT = 1000


def send_feedback(request: contract.SendFeedback, parts: RightsParts) -> contract.FeedbackSent:
    """A new ticket with its deadline; repeated with its key, the same one. Raises ``subject_erased`` behind a fence."""
    now = parts.clock()
    texts = (request.sealed_key, request.sealed_text, request.sealed_contact or "")
    if any(len(text) > MAX_SEALED for text in texts):
        raise BadRequest("too long")
    ticket = Ticket(
        ticket_id=request.ticket_id,
        subject_id=request.subject_id,
        kind=request.kind,
        state=TicketState.OPEN,
        created_at=now,
        deadline=rules.deadline_of(request.kind, now),
        sealed_key=b64decode(request.sealed_key),
        sealed_text=b64decode(request.sealed_text),
        sealed_contact=b64decode(request.sealed_contact) if request.sealed_contact else None,
    )
    scope = f"{SCOPE}:{request.subject_id or 'anyone'}"
    with parts.work.begin() as tx:
        if request.subject_id is not None:
            tx.refuse_fenced(request.subject_id)
        before = tx.recall(scope, request.idempotency_key, request.fingerprint) if request.idempotency_key else None
        if before is not None:
            return _sent(_existing(tx.ticket(UUID(before["ticket_id"])), tx), parts)
        tx.add_ticket(ticket)
        if request.idempotency_key:
            owner = request.subject_id or ticket.ticket_id
            answer = {"ticket_id": str(ticket.ticket_id)}
            tx.remember(scope, request.idempotency_key, request.fingerprint, owner, answer)
    metrics.FEEDBACK.labels(ticket.kind).inc()
    logger.info("feedback came in", ticket_id=ticket.ticket_id)
    return _sent(ticket, parts)


def feedback_by_ticket(request: contract.FeedbackByTicket, parts: RightsParts) -> contract.TicketState:
    """A ticket for whoever holds it; one whose sender is being erased is not found any more."""
    ticket_id = id_of(request.ticket, parts.receipt_key, TICKET)
    with parts.work.begin() as tx:
        return shown(_existing(tx.ticket(ticket_id), tx))


# ---- operators


def feedback_for_operators(request: contract.FeedbackForOperators, parts: RightsParts) -> contract.TicketState:
    """One ticket, sealed as it is: to read it takes its key, which auth hands over and writes down that it did."""
    with parts.work.begin() as tx:
        return shown(_existing(tx.ticket(request.ticket_id), tx))


def list_feedback(request: contract.ListFeedback, parts: RightsParts) -> contract.TicketList:
    """Tickets, the most urgent first. Raises ``bad_request`` for a status that does not exist."""
    if request.status is not None and request.status not in set(TicketState):
        raise BadRequest("no such status")
    now = parts.clock()
    with parts.work.begin() as tx:
        found = tx.tickets_listed(request.status, max(1, min(request.limit, OPERATORS_LIMIT)))
    return contract.TicketList(items=[_summary(ticket, now) for ticket in found])


def answer_feedback(request: contract.AnswerFeedback, parts: RightsParts) -> contract.TicketSummary:
    """The answer, once. Raises ``conflict`` when there is one already."""
    if len(request.sealed_answer) > MAX_SEALED:
        raise BadRequest("too long")
    now = parts.clock()
    with parts.work.begin() as tx:
        ticket = rules.answered(_existing(tx.ticket(request.ticket_id), tx), b64decode(request.sealed_answer), now)
        tx.save_ticket(ticket)
    logger.info("feedback answered", ticket_id=ticket.ticket_id)
    return _summary(ticket, now)


def keys_of_tickets(request: contract.KeysOfTickets, parts: RightsParts) -> contract.TicketKeys:
    """The keys that master keys seal, a page at a time."""
    with parts.work.begin() as tx:
        found = tx.tickets_without_login(request.after, max(1, min(request.limit, OPERATORS_LIMIT)))
    return contract.TicketKeys(
        items=[contract.TicketKey(ticket_id=t.ticket_id, sealed_key=b64encode(t.sealed_key).decode()) for t in found]
    )


def replace_ticket_keys(request: contract.ReplaceTicketKeys, parts: RightsParts) -> Done:
    """Each key in its own transaction: a ticket that was deleted or changed meanwhile stays as it is."""
    anew = {item.ticket_id: b64decode(item.sealed_key) for item in request.anew}
    for item in request.before:
        with parts.work.begin() as tx:
            ticket = tx.ticket(item.ticket_id)
            if ticket is not None and ticket.sealed_key == b64decode(item.sealed_key) and item.ticket_id in anew:
                tx.save_ticket(replace(ticket, sealed_key=anew[item.ticket_id]))
    return Done()


# ---- timers


def look_after_feedback(parts: RightsParts) -> None:
    """Say once, as an error, of each ticket that it is overdue; close and forget what is long answered."""
    now = parts.clock()
    with parts.work.begin() as tx:
        overdue = tx.tickets_overdue(now)
        late = [ticket for ticket in overdue if not ticket.alarmed]
        for ticket in late:
            tx.save_ticket(replace(ticket, alarmed=True))
        for ticket in tx.tickets_answered(now - rules.CLOSED_AFTER, AT_ONCE):
            tx.save_ticket(rules.closed(ticket))
        tx.delete_tickets_closed(now - rules.CLOSED_AFTER - rules.KEPT_AFTER_CLOSING, AT_ONCE)
    metrics.FEEDBACK_OVERDUE.set(len(overdue))
    for ticket in late:
        logger.error("feedback overdue", ticket_id=ticket.ticket_id)


# ---- what retention has of a subject


def export_subject(request: rights.ExportSubject, parts: RightsParts) -> rights.RightsPortion:
    """Retention's part of an export."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        return rights.RightsPortion(
            exports=[shown_export(export, parts) for export in tx.exports_of(request.subject_id)],
            disclosures=[shown_line(line) for line in tx.disclosures_of(request.subject_id)],
            tickets=[shown(ticket) for ticket in tx.tickets_of(request.subject_id)],
        )


def shown(ticket: Ticket) -> contract.TicketState:
    """A ticket as the contract tells it."""
    return contract.TicketState(
        ticket_id=ticket.ticket_id,
        subject_id=ticket.subject_id,
        kind=ticket.kind,
        status=ticket.state,
        created_at=ticket.created_at,
        deadline=ticket.deadline,
        answered_at=ticket.answered_at,
        sealed_key=b64encode(ticket.sealed_key).decode(),
        sealed_text=b64encode(ticket.sealed_text).decode(),
        sealed_contact=b64encode(ticket.sealed_contact).decode() if ticket.sealed_contact else None,
        sealed_answer=b64encode(ticket.sealed_answer).decode() if ticket.sealed_answer else None,
    )


def _existing(ticket: Ticket | None, tx: RightsTransaction) -> Ticket:
    if ticket is None or (ticket.subject_id is not None and tx.is_fenced(ticket.subject_id)):
        raise NotFound("ticket")
    return ticket


def _sent(ticket: Ticket, parts: RightsParts) -> contract.FeedbackSent:
    receipt = receipt_of(ticket.ticket_id, parts.receipt_key, TICKET)
    return contract.FeedbackSent(ticket=receipt, deadline=ticket.deadline, status=ticket.state)


def _summary(ticket: Ticket, now: datetime) -> contract.TicketSummary:
    return contract.TicketSummary(
        ticket_id=ticket.ticket_id,
        kind=ticket.kind,
        status=ticket.state,
        created_at=ticket.created_at,
        deadline=ticket.deadline,
        overdue=ticket.is_overdue(now),
        has_contact=ticket.sealed_contact is not None,
        with_login=ticket.subject_id is not None,
    )
