"""Sessions and rotating refresh tokens: each token works once, and one used again ends its whole family."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Session:
    """A login; its refresh tokens are one family."""

    session_id: UUID
    subject_id: UUID
    created_at: datetime
    last_used_at: datetime
    ended_at: datetime | None = None
    label: bytes | None = None
    """What the device calls itself, sealed under the subject's data key."""


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What is kept of a refresh token: its hash, its session, and whether it was already exchanged."""

    token_hash: str
    session_id: UUID
    expires_at: datetime
    rotated_at: datetime | None = None


class Refresh(StrEnum):
    """What a presented refresh token deserves."""

    ROTATE = "rotate"
    REFUSE = "refuse"
    ENDED = "ended"
    END_FAMILY = "end_family"


def judge_refresh(token: RefreshToken | None, session: Session | None, now: datetime) -> Refresh:
    """ROTATE a live token; END_FAMILY when it was used before (a thief or its victim is the other one); else REFUSE.

    ENDED: a token of ours whose session is over. Who has it knew the session already; a stranger's is REFUSEd.
    """
    if token is None or session is None:
        return Refresh.REFUSE
    if session.ended_at is not None:
        return Refresh.ENDED
    if token.rotated_at is not None:
        return Refresh.END_FAMILY
    return Refresh.ROTATE if now < token.expires_at else Refresh.REFUSE
