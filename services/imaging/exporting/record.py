"""What the services answered, opened under the subject's key: the machine-readable half of an export."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from typing import Any
from uuid import UUID

from services.imaging.domain.photos import analysis_identity, facts_identity
from shared.contracts import bookkeeping, consents, feedback, imaging, rights
from shared.crypto import DataKey, unseal
from shared.kernel.clock import rfc3339
from shared.kernel.personal import Secret

FORMAT = "pocketid.export.v1"

KeyOf = Callable[[], DataKey]
"""The subject's key, asked for anew each time: it may be gone by now."""


def account_record(portion: consents.AuthPortion, key_of: KeyOf) -> dict[str, Any]:
    """Account or guest, profile, logins with the names the providers gave, sessions, consents with their chain, guardians."""
    subject_id = portion.me.subject_id
    profile = _opened(portion.profile.sealed_profile, f"{subject_id}/profile", key_of)
    return {
        "record": portion.me.model_dump(mode="json", exclude={"consents"}),
        "profile": json.loads(profile) if profile is not None else None,
        "logins": [_login(subject_id, login, key_of) for login in portion.identities.items],
        "sessions": [
            {
                **session.model_dump(mode="json", exclude={"sealed_label"}),
                "device": _text(session.sealed_label, f"{subject_id}/session-label", key_of),
            }
            for session in portion.sessions.items
        ],
        "consents": [line.model_dump(mode="json") for line in portion.consents.items],
        "guardianships": [held.model_dump(mode="json") for held in portion.guardianships.items],
    }


def photo_record(portion: imaging.PhotoPortion, key_of: KeyOf) -> dict[str, Any]:
    """A photo with its analysis and its renders' facts."""
    photo = portion.photo
    analysis = _opened(photo.analysis, analysis_identity(photo.photo_id), key_of)
    return {
        **photo.model_dump(mode="json", exclude={"analysis", "event_id"}),
        "analysis": json.loads(analysis) if analysis is not None else None,
        "renders": [_render(render, key_of) for render in portion.renders],
    }


def payments_record(portion: bookkeeping.PaymentsPortion) -> dict[str, Any]:
    """Orders, refunds, what is unlocked, what may still be unlocked; amounts in fen."""
    return {
        "currency": "CNY",
        "orders": [order.model_dump(mode="json", exclude={"pay", "event_id"}) for order in portion.orders],
        "unlocked": [unlocked.model_dump(mode="json") for unlocked in portion.unlocked],
        "entitlements": portion.entitlements.model_dump(mode="json"),
    }


def rights_record(portion: rights.RightsPortion, key_of: KeyOf) -> dict[str, Any]:
    """The disclosure ledger with its chain, feedback with answers, exports."""
    return {
        "disclosures": [line.model_dump(mode="json") for line in portion.disclosures],
        "feedback": [_ticket(ticket, key_of) for ticket in portion.tickets],
        "exports": [
            export.model_dump(mode="json", include={"export_id", "requested_at"}) for export in portion.exports
        ],
        "deletions": [],
    }


def _login(subject_id: UUID, login: Any, key_of: KeyOf) -> dict[str, Any]:
    names = _opened(login.sealed, f"{subject_id}/identity/{login.provider}/names", key_of)
    shown = {"provider": login.provider, "linked_at": rfc3339(login.linked_at)}
    return {**shown, "given_by_provider": json.loads(names) if names is not None else None}


def _render(render: imaging.RenderState, key_of: KeyOf) -> dict[str, Any]:
    facts = _opened(render.facts, facts_identity(render.render_id), key_of)
    kept = render.model_dump(mode="json", include={"render_id", "unlocked", "created_at", "sheet"})
    return {**kept, "facts": json.loads(facts or b"{}")}


def _ticket(ticket: feedback.TicketState, key_of: KeyOf) -> dict[str, Any]:
    if ticket.subject_id is None:
        raise ValueError("a ticket without a sender is in nobody's export")
    own = Secret(
        unseal(key_of(), b64decode(ticket.sealed_key), feedback.key_bound(ticket.subject_id, ticket.ticket_id))
    )
    parts = {
        part: _text(sealed, feedback.ticket_bound(ticket.ticket_id, part), lambda: own)
        for part, sealed in (
            ("text", ticket.sealed_text),
            ("contact", ticket.sealed_contact),
            ("answer", ticket.sealed_answer),
        )
    }
    facts = {"ticket_id", "kind", "status", "created_at", "deadline", "answered_at"}
    return {**ticket.model_dump(mode="json", include=facts), **parts}


def _opened(sealed: str | None, bound: str, key_of: KeyOf) -> bytes | None:
    return unseal(key_of(), b64decode(sealed), bound) if sealed else None


def _text(sealed: str | None, bound: str, key_of: KeyOf) -> str | None:
    opened = _opened(sealed, bound, key_of)
    return opened.decode() if opened is not None else None
