"""What auth keeps or receives sealed, and what each is bound to."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any
from uuid import UUID

from services.auth.domain.subjects import Subject
from services.auth.ports import AuthParts
from services.auth.providers.port import Platform, ProviderIdentity, Revocation
from shared.crypto import DataKey, Tampered, UnknownMasterKey, keyed_hash, seal
from shared.kernel.errors import BadRequest, SubjectErased
from shared.kernel.personal import Secret

ATTEMPT = "login attempt"
REVOCATION = "revocation"


def key_of(subject: Subject | None, parts: AuthParts) -> DataKey:
    """The subject's data key; raises ``subject_erased`` when it is gone."""
    if subject is None or subject.wrapped_key is None:
        raise SubjectErased("no key")
    return parts.keyring.unwrap(subject.wrapped_key, subject.subject_id)


def identity_bound(subject_id: UUID, provider: str, part: str) -> str:
    """What an identity's sealed parts (``names``, ``token``) are bound to."""
    return f"{subject_id}/identity/{provider}/{part}"


def profile_bound(subject_id: UUID) -> str:
    """What a sealed profile is bound to."""
    return f"{subject_id}/profile"


def label_bound(subject_id: UUID) -> str:
    """What a session's sealed label is bound to."""
    return f"{subject_id}/session-label"


def opened(sealed: str, purpose: str, parts: AuthParts) -> dict[str, Any]:
    """What the gateway sealed for auth; raises ``bad_request`` when it is anything else."""
    try:
        value: dict[str, Any] = json.loads(parts.keyring.open_for(purpose, b64decode(sealed, validate=True)))
    except (ValueError, Tampered, UnknownMasterKey) as error:
        raise BadRequest("sealed by nobody we know") from error
    return value


def sealed_names(identity: ProviderIdentity, key: DataKey, subject_id: UUID) -> bytes:
    """Who the provider says this is, under the subject's key."""
    names = {
        "external_id": identity.external_id.reveal(),
        "union_id": identity.union_id.reveal() if identity.union_id else None,
        "nickname": identity.nickname.reveal() if identity.nickname else None,
        "email": identity.email.reveal() if identity.email else None,
        "app_id": identity.app_id,
    }
    return seal(key, json.dumps(names).encode(), identity_bound(subject_id, identity.provider, "names"))


def sealed_token(identity: ProviderIdentity, key: DataKey, subject_id: UUID) -> bytes | None:
    """What withdraws the grant, under the subject's key; None when the provider gave nothing for it."""
    if identity.revocation is None:
        return None
    token = json.dumps(
        {
            "token": identity.revocation.token.reveal(),
            "hint": identity.revocation.token_type_hint,
            "client_id": identity.revocation.client_id,
        }
    )
    return seal(key, token.encode(), identity_bound(subject_id, identity.provider, "token"))


def revocation_of(content: bytes) -> Revocation:
    """What :func:`sealed_token` holds, once opened."""
    held = json.loads(content)
    return Revocation(Secret(held["token"]), held["hint"], held["client_id"])


def external_hash(provider: str, app_id: str, external_id: str, parts: AuthParts) -> str:
    """What an identity is recognised by: a keyed hash; the id itself is only kept sealed."""
    value = "\x00".join([provider, app_id, external_id]).encode()
    return keyed_hash(parts.identity_pepper, "identity", value).hex()


def union_hash(provider: str, union_id: str, parts: AuthParts) -> str:
    """The same for the id that all our apps at one provider share."""
    return keyed_hash(parts.identity_pepper, "union", f"{provider}\x00{union_id}".encode()).hex()


def as_text(sealed: bytes | None) -> str | None:
    """Sealed bytes as they travel in a call."""
    return b64encode(sealed).decode() if sealed is not None else None


def platform_of(text: str) -> Platform:
    """A platform by name; raises ``bad_request``."""
    if text not in ("android", "ios", "web"):
        raise BadRequest.at("platform", reason="unknown")
    return text  # type: ignore[return-value]  # narrowed above
