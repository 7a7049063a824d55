"""What may be consented to, the chain that keeps it, and which processing needs which consent.

A subject's data key is handed out for a purpose, and for no purpose without its consent: who cannot get the key cannot
process. So the table below is not advice, it is the lock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.kernel.clock import rfc3339
from shared.kernel.errors import Code


class Purpose(StrEnum):
    """What somebody wants a subject's data key for."""

    PROCESS_PHOTO = "process_photo"
    """Taking a photo in, matting it, rendering from it."""
    READ_OWN = "read_own"
    """Giving a person's own data back to that person: needs no consent, and nothing takes this right away."""
    KEEP_PROFILE = "keep_profile"
    """Nickname and device labels, which the person enters."""


class ConsentKind(StrEnum):
    """What kind of thing is consented to."""

    DOCUMENT = "document"
    PERMISSION = "permission"
    PURPOSE = "purpose"
    GUARDIAN = "guardian"


DOCUMENTS = ("privacy", "terms", "sdk-list", "permissions")
PERMISSIONS = ("device_id", "camera", "storage", "installed_apps")
PURPOSES = ("personalised_messages", "partner_sharing")
NAMES: Mapping[ConsentKind, tuple[str, ...]] = {
    ConsentKind.DOCUMENT: DOCUMENTS,
    ConsentKind.PERMISSION: PERMISSIONS,
    ConsentKind.PURPOSE: PURPOSES,
    ConsentKind.GUARDIAN: ("guardian",),
}


def document_of(kind: ConsentKind, name: str) -> str:
    """The document whose versions a consent is given to: its own, or the one that describes what is consented to."""
    if kind is ConsentKind.DOCUMENT:
        return name
    return "permissions" if kind is ConsentKind.PERMISSION else "privacy"


class AgeBand(StrEnum):
    """The age a person declares."""

    UNDER_14 = "under_14"
    UNDER_18 = "14_to_17"
    ADULT = "adult"


@dataclass(frozen=True, slots=True)
class Consent:
    """One line of a subject's ledger: a grant or a withdrawal. ``chain`` covers it and every line before it."""

    subject_id: UUID
    document: str
    version: str
    action: str
    at: datetime
    kind: str = ConsentKind.DOCUMENT
    chain: str = ""


def chained(consent: Consent, before: str) -> str:
    """The chain value of a line: SHA-256 over the chain before it and the line's content, subject included (hex)."""
    content = [
        str(consent.subject_id),
        consent.kind,
        consent.document,
        consent.version,
        consent.action,
        rfc3339(consent.at),
    ]
    return hashlib.sha256((before + json.dumps(content)).encode()).hexdigest()


def broken_at(ledger: Iterable[Consent]) -> int | None:
    """The number of the first line whose chain does not fit, or None when the ledger is whole.

    Lines without a chain are from before there was one: they can only come first.
    """
    before = ""
    for number, consent in enumerate(ledger):
        if (consent.chain or before) and consent.chain != chained(consent, before):
            return number
        before = consent.chain
    return None


def standing(ledger: Iterable[Consent]) -> dict[tuple[str, str], Consent]:
    """What holds now: the last line about each thing."""
    return {(consent.kind, consent.document): consent for consent in ledger}


def is_granted(ledger: Iterable[Consent], kind: ConsentKind, name: str) -> bool:
    """Whether the last line about it is a grant."""
    last = standing(ledger).get((kind, name))
    return last is not None and last.action == "grant"


def refusal(purpose: Purpose, ledger: Iterable[Consent], current: Collection[str], age: AgeBand | None) -> Code | None:
    """Why the purpose is not covered, or None when it is.

    ``current`` are the privacy policy's versions whose consent still counts: the one in force, and what is to come.
    """
    if purpose is Purpose.READ_OWN:
        return None
    held = standing(ledger)
    agreed = held.get((ConsentKind.DOCUMENT, "privacy"))
    if agreed is None or agreed.action != "grant":
        return Code.CONSENT_REQUIRED
    if agreed.version not in current:
        return Code.POLICY_OUTDATED
    if age is AgeBand.UNDER_14:
        guardian = held.get((ConsentKind.GUARDIAN, "guardian"))
        if guardian is None or guardian.action != "grant":
            return Code.GUARDIAN_CONSENT_REQUIRED
    return None
