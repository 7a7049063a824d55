"""Guardians: a child passes a link on, an adult's account consents by it, and may withdraw at any time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.auth.answers import remembered
from services.auth.domain.consents import AgeBand, ConsentKind
from services.auth.domain.guardians import LINK_LIFE, LINKS_AT_ONCE, Guardianship, may_guard
from services.auth.domain.policies import in_force
from services.auth.ledger import add_line, documents
from services.auth.ports import AuthParts, AuthTransaction
from services.auth.tokens import new_secret
from shared.contracts import auth
from shared.contracts import consents as contract
from shared.crypto import token_hash
from shared.kernel.errors import BadRequest, Conflict, NotFound, SubjectErased
from shared.kernel.ids import new_id
from shared.kernel.limits import too_many_requests


def ask_guardian(request: contract.AskGuardian, parts: AuthParts) -> contract.GuardianLink:
    """A child's request. Raises ``conflict`` for somebody who has not declared to be under 14, ``too_many_requests``."""
    with parts.work.begin() as tx:
        tx.hold_unfenced(request.subject_id)
        answers = remembered(request, request.subject_id, parts, tx)
        return answers.once(request, lambda: _asked(request.subject_id, parts.clock(), tx), tx)


def answer_guardian(request: contract.AnswerGuardian, parts: AuthParts) -> contract.GuardianshipState:
    """An adult's account grants by a link (which works once), or withdraws what it granted."""
    with parts.work.begin() as tx:
        tx.hold_unfenced(request.subject_id)
        answers = remembered(request, request.subject_id, parts, tx)
        return answers.once(request, lambda: _answered(request, parts.clock(), parts, tx), tx)


def guardianships(request: contract.Guardianships, parts: AuthParts) -> contract.GuardianshipList:
    """Those in which the subject is the child or the guardian."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        found = tx.guardianships(request.subject_id)
    return contract.GuardianshipList(items=[_shown(held, request.subject_id) for held in found])


def withdraw_guardianship(held: Guardianship, now: datetime, parts: AuthParts, tx: AuthTransaction) -> Guardianship:
    """The guardian's consent ends: the child's photos are no longer processed, and go. Again is a no-op.

    Two guardians who withdraw at once wait for each other, so that the second one sees that it was the last.
    """
    tx.hold_subject(held.child_id)
    of_child = [g for g in tx.guardianships(held.child_id) if g.child_id == held.child_id]
    held = next((g for g in of_child if g.guardianship_id == held.guardianship_id), held)
    if not held.stands:
        return held
    ended = replace(held, withdrawn_at=now)
    tx.save_guardianship(ended)
    child = tx.subject(held.child_id)
    others = [g for g in of_child if g.stands and g.guardianship_id != held.guardianship_id]
    if child is not None and not tx.is_fenced(held.child_id) and not others:
        _write(held.child_id, "withdraw", now, parts, tx)
        tx.publish(
            auth.ConsentWithdrawn(
                at=now, subject_id=held.child_id, kind=ConsentKind.GUARDIAN, name="guardian", subject_kind=child.kind
            )
        )
    return ended


def _asked(child_id: UUID, now: datetime, tx: AuthTransaction) -> contract.GuardianLink:
    subject = tx.subject(child_id)
    if subject is None or subject.age_band is not AgeBand.UNDER_14:
        raise Conflict("no child")
    waiting = [g for g in tx.guardianships(child_id) if g.link_hash and now < g.expires_at]
    if len(waiting) >= LINKS_AT_ONCE:
        free_at = sorted(g.expires_at for g in waiting)[-LINKS_AT_ONCE]
        raise too_many_requests("so many links wait already", now, free_at)
    link = new_secret()
    asked = Guardianship(new_id(), child_id, None, token_hash(link), now + LINK_LIFE)
    tx.add_guardianship(asked)
    return contract.GuardianLink(guardianship_id=asked.guardianship_id, link_token=link, expires_at=asked.expires_at)


def _answered(
    request: contract.AnswerGuardian, now: datetime, parts: AuthParts, tx: AuthTransaction
) -> contract.GuardianshipState:
    if request.action == "grant" and request.link_token:
        held = _grant(request.subject_id, request.link_token, now, parts, tx)
    elif request.action == "withdraw" and request.guardianship_id:
        own = {g.guardianship_id: g for g in tx.guardianships(request.subject_id)}
        found = own.get(request.guardianship_id)
        if found is None or found.guardian_id != request.subject_id:
            raise NotFound("guardianship")
        held = withdraw_guardianship(found, now, parts, tx)
    else:
        raise BadRequest("grant by link_token, or withdraw a guardianship_id")
    return _shown(held, request.subject_id)


def _grant(guardian_id: UUID, link: str, now: datetime, parts: AuthParts, tx: AuthTransaction) -> Guardianship:
    hashed = token_hash(link)
    held = tx.guardianship_by_link(hashed)
    if held is not None:
        tx.hold_subject(held.child_id)
        held = tx.guardianship_by_link(hashed)  # as it is now that nobody else uses it
    if held is None or now >= held.expires_at or tx.is_fenced(held.child_id):
        raise NotFound("link")
    guardian = tx.subject(guardian_id)
    if guardian is None:
        raise SubjectErased("no such subject")
    may_guard(guardian.kind, guardian.age_band, guardian_id, held.child_id)
    granted = replace(held, guardian_id=guardian_id, link_hash=None, granted_at=now)
    tx.save_guardianship(granted)
    _write(held.child_id, "grant", now, parts, tx)
    return granted


def _write(child_id: UUID, action: str, now: datetime, parts: AuthParts, tx: AuthTransaction) -> None:
    current = in_force(documents("privacy", "zh", parts, tx), now)
    add_line(child_id, ConsentKind.GUARDIAN, "guardian", current.version if current else "", action, now, tx)


def _shown(held: Guardianship, whose: UUID) -> contract.GuardianshipState:
    return contract.GuardianshipState(
        guardianship_id=held.guardianship_id,
        role="guardian" if held.guardian_id == whose else "child",
        granted_at=held.granted_at,
        withdrawn_at=held.withdrawn_at,
    )
