"""Making access and refresh tokens, and sealing an answer that holds them (for a repeated idempotent call)."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from services.auth.answers import UnderSubjectsKey
from services.auth.domain.sessions import RefreshToken, Session
from services.auth.domain.subjects import Subject
from services.auth.ports import AuthParts, AuthTransaction
from shared.contracts import auth as contract
from shared.crypto import token_hash
from shared.kernel.ids import new_id

TOKEN_ISSUER = "pocketid"
TOKEN_KIND = "at+jwt"
"""``typ`` of our access tokens (RFC 9068)."""
KEPT = "tokens"
"""What remembered tokens are bound to, besides their subject."""


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
    return UnderSubjectsKey(answer.subject_id, KEPT, parts, tx).close(answer.model_dump_json().encode())


def open_tokens(kept: dict[str, Any], parts: AuthParts, tx: AuthTransaction) -> contract.Tokens:
    """The answer that :func:`seal_tokens` kept; raises ``subject_erased`` once the key is gone."""
    plain = UnderSubjectsKey(UUID(kept["subject_id"]), KEPT, parts, tx).open(kept)
    return contract.Tokens.model_validate_json(plain)
