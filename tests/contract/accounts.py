"""Rows of accounts, made in one line each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.auth.domain.identities import Identity, RevocationJob, RevocationState
from services.auth.domain.subjects import Subject, SubjectState
from shared.kernel.clock import utc_now
from shared.kernel.ids import new_id

NOW = utc_now()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def account(tx: Any, **changes: Any) -> UUID:
    """An account without anything."""
    subject = Subject(new_id(), "account", SubjectState.ACTIVE, b"\x02m1wrapped", NOW)
    subject = replace(subject, **changes)
    tx.add_subject(subject)
    return subject.subject_id


def identity(subject_id: UUID, provider: str = "wechat", **changes: Any) -> Identity:
    held = Identity(new_id(), subject_id, provider, str(new_id()), str(new_id()), b"names", b"token", NOW)
    return replace(held, **changes)


def job(**changes: Any) -> RevocationJob:
    due = RevocationJob(
        new_id(), b"tombstone", "wechat", b"\x02m1sealed", RevocationState.PENDING, 0, NOW, NOW + 7 * DAY
    )
    return replace(due, **changes)
