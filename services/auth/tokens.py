"""Making access and refresh tokens, and sealing an answer that holds them (for a repeated idempotent call)."""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode
from typing import Any
from uuid import UUID

from services.auth.domain.sessions import RefreshToken, Session
from services.auth.domain.subjects import Subject
from services.auth.ports import AuthParts, AuthTransaction
from shared.contracts import auth as contract
from shared.crypto import DataKey, seal, token_hash, unseal
from shared.kernel.errors import SubjectErased
from shared.kernel.ids import new_id

TOKEN_ISSUER = "pocketid"
TOKEN_KIND = "at+jwt"
"""``typ`` of our access tokens (RFC 9068)."""


def new_secret() -> str:
    """256 random bits, as text."""
    return secrets.token_urlsafe(32)


def issue_tokens(
    subject: Subject, session_id: UUID, parts: AuthParts, tx: AuthTransaction, *, label: bytes | None = None
) -> contract.Tokens:
    """An access token and a fresh refresh token in the session, which is opened (with its label) when it is new."""
    now = parts.clock()
    if tx.session(session_id) is None:
        tx.add_session(Session(session_id, subject.subject_id, now, now, label=label))
    refresh = new_secret()
    tx.add_refresh_token(RefreshToken(token_hash(refresh), session_id, now + parts.tokens.refresh_life))
    life = int(parts.tokens.access_life.total_seconds())
    claims = {
        "iss": TOKEN_ISSUER,
        "sub": str(subject.subject_id),
        "sid": str(session_id),
        "jti": str(new_id()),
        "kind": subject.kind,
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + life,
    }
    return contract.Tokens(
        subject_id=subject.subject_id,
        kind=subject.kind,
        session_id=session_id,
        access_token=parts.tokens.signer.sign(claims, kind=TOKEN_KIND),
        expires_in=life,
        refresh_token=refresh,
    )


def seal_tokens(answer: contract.Tokens, parts: AuthParts, tx: AuthTransaction) -> dict[str, Any]:
    """The answer, readable only while the subject's key exists."""
    plain = answer.model_dump_json().encode()
    sealed = seal(_key_of(answer.subject_id, parts, tx), plain, _bound_to(answer.subject_id))
    return {"subject_id": str(answer.subject_id), "sealed": b64encode(sealed).decode()}


def open_tokens(kept: dict[str, Any], parts: AuthParts, tx: AuthTransaction) -> contract.Tokens:
    """The answer that :func:`seal_tokens` kept; raises ``subject_erased`` once the key is gone."""
    subject_id = UUID(kept["subject_id"])
    plain = unseal(_key_of(subject_id, parts, tx), b64decode(kept["sealed"]), _bound_to(subject_id))
    return contract.Tokens.model_validate(json.loads(plain))


def _key_of(subject_id: UUID, parts: AuthParts, tx: AuthTransaction) -> DataKey:
    subject = tx.subject(subject_id)
    if subject is None or subject.wrapped_key is None:
        raise SubjectErased("no key")
    return parts.keyring.unwrap(subject.wrapped_key, subject_id)


def _bound_to(subject_id: UUID) -> str:
    return f"{subject_id}/idempotency/tokens"
