"""What login providers are told of a subject's, for its disclosure ledger."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.auth.domain.identities import Identity
from services.auth.ports import AuthTransaction
from shared.contracts.auth import SubjectDisclosed
from shared.contracts.disclosure_codes import NECESSARY, Told


def told_by_login(subject_id: UUID, provider: str, handed: dict[str, Any], tx: AuthTransaction) -> None:
    """A code was exchanged, or a token shown, at the provider. An identity token alone is verified here: nobody is told."""
    if handed.get("code"):
        _tell(subject_id, provider, "login_code", tx)
    elif handed.get("access_token"):
        _tell(subject_id, provider, "login_token", tx)


def told_by_unlinking(identity: Identity, tx: AuthTransaction) -> None:
    """The provider gets its own token back, to withdraw it; without a token nobody is told."""
    if identity.revocable is not None:
        _tell(identity.subject_id, identity.provider, "provider_token", tx)


def _tell(subject_id: UUID, provider: str, what: Told, tx: AuthTransaction) -> None:
    tx.publish(SubjectDisclosed(subject_id=subject_id, recipient=provider, what=[what], ground=NECESSARY))
