"""Logging in: a proven identity becomes an account's session; identities are linked and unlinked; the guest ends."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import Any
from uuid import UUID

from services.auth.answers import remembered
from services.auth.disclosing import told_by_login, told_by_unlinking
from services.auth.domain.consents import AgeBand, ConsentKind, Purpose
from services.auth.domain.identities import Identity
from services.auth.domain.subjects import Subject, SubjectState
from services.auth.fencing import fence, withdraw
from services.auth.ledger import add_line, age_of, agreed_version, grant_at_start, require
from services.auth.ports import AuthParts, AuthTransaction
from services.auth.proofs import proven
from services.auth.providers.port import ProviderIdentity
from services.auth.sealed import (
    external_hash,
    key_of,
    label_bound,
    opened,
    platform_of,
    sealed_names,
    sealed_token,
    union_hash,
)
from services.auth.tokens import issue_tokens, open_tokens, seal_tokens
from shared.contracts import accounts as contract
from shared.contracts import auth
from shared.contracts.base import Done
from shared.crypto import new_data_key, seal
from shared.kernel.errors import Code, NotFound, PocketError, SubjectErased
from shared.kernel.ids import new_id

SCOPE = "login"


def sign_in(request: contract.SignIn, parts: AuthParts) -> contract.SignedIn:
    """The account of whoever the proof proves, made if there is none. The guest, if given, is fenced; its stash goes.

    Raises a login or provider code, ``consent_required`` or ``policy_outdated``. Repeated with its idempotency key it
    gives the same answer; the proof is spent once either way.
    """
    age = age_of(request.age_band)
    with parts.work.begin() as tx:
        version = agreed_version(request.policy_version, parts, tx)
        before = _recalled(request, parts, tx)
    if before is not None:
        return before
    handed = opened(request.sealed_proof, contract.PROOF, parts)
    identity = proven(request.provider, request.platform, handed, parts)
    hashed = external_hash(identity.provider, identity.app_id, identity.external_id.reveal(), parts)
    with parts.work.begin() as tx:
        _hold_login(identity, hashed, parts, tx)
        known = _known(identity, hashed, parts, tx)
        subject = _welcome_back(known, identity, version, parts, tx) if known else None
        created = subject is None
        if subject is None:
            age = age or _guests_age(request.guest_id, tx)
            subject = _new_account(identity, hashed, version, age, parts, tx)
        told_by_login(subject.subject_id, identity.provider, handed, tx)
        tokens = issue_tokens(subject, new_id(), parts, tx, label=_label(handed, subject, parts))
        purge_id = _end_guest(request.guest_id, subject.subject_id, parts, tx) if request.guest_id else None
        answer = contract.SignedIn(**{**tokens.model_dump(), "created": created, "purge_id": purge_id})
        if request.idempotency_key:
            kept = {
                **seal_tokens(tokens.model_copy(update={"created": created}), parts, tx),
                "purge_id": str(purge_id or ""),
            }
            tx.remember(SCOPE, request.idempotency_key, request.fingerprint, subject.subject_id, kept)
        return answer


def link_identity(request: contract.LinkIdentity, parts: AuthParts) -> contract.IdentityList:
    """One more login for the account. Raises ``identity_taken`` when it is somebody else's, ``account_required``.

    What the provider tells is taken into the profile: without that consent it is not asked.
    """
    with parts.work.begin() as tx:
        account = _account(request.subject_id, tx)
        before = remembered(request, request.subject_id, parts, tx).recall(request, tx)
        if before is not None:
            return before
        require(account, Purpose.KEEP_PROFILE, parts, tx)
    handed = opened(request.sealed_proof, contract.PROOF, parts)
    identity = proven(request.provider, request.platform, handed, parts)
    hashed = external_hash(identity.provider, identity.app_id, identity.external_id.reveal(), parts)
    with parts.work.begin() as tx:
        _hold_login(identity, hashed, parts, tx)
        subject = _account(request.subject_id, tx)
        answers = remembered(request, request.subject_id, parts, tx)
        return answers.once(request, lambda: _linked(identity, hashed, handed, subject, parts, tx), tx)


def unlink_identity(request: contract.UnlinkIdentity, parts: AuthParts) -> Done:
    """Unlink a login and have its provider told; never the last one."""
    with parts.work.begin() as tx:
        subject = _account(request.subject_id, tx)
        answers = remembered(request, request.subject_id, parts, tx)
        return answers.once(request, lambda: _unlinked(request.provider, subject, parts, tx), tx)


def identities(request: contract.Identities, parts: AuthParts) -> contract.IdentityList:
    """The account's logins."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        return _listed(request.subject_id, tx)


def list_login_methods(request: contract.ListLoginMethods, parts: AuthParts) -> contract.LoginMethods:
    """The logins that can be done on a platform: one in a browser needs an address that leads back there."""
    wanted = platform_of(request.platform)
    comes_back = parts.redirects.lead_to(wanted)
    offered = [
        name
        for name, provider in parts.providers.items()
        if wanted in provider.platforms and (comes_back or wanted not in provider.in_browser)
    ]
    return contract.LoginMethods(providers=offered)


def _linked(
    identity: ProviderIdentity,
    hashed: str,
    handed: dict[str, Any],
    subject: Subject,
    parts: AuthParts,
    tx: AuthTransaction,
) -> contract.IdentityList:
    known = _known(identity, hashed, parts, tx)
    if known is not None and known.subject_id != subject.subject_id:
        raise PocketError("somebody else's", code=Code.IDENTITY_TAKEN)
    if known is None:
        if any(held.provider == identity.provider for held in tx.identities(subject.subject_id)):
            raise PocketError("one a provider", code=Code.IDENTITY_EXISTS)
        _link(identity, hashed, subject, parts, tx)
    told_by_login(subject.subject_id, identity.provider, handed, tx)
    return _listed(subject.subject_id, tx)


def _unlinked(provider: str, subject: Subject, parts: AuthParts, tx: AuthTransaction) -> Done:
    linked = tx.identities(subject.subject_id)
    own = next((held for held in linked if held.provider == provider), None)
    if own is None:
        raise NotFound("identity")
    if len(linked) == 1:
        raise PocketError("nobody could log in any more", code=Code.LAST_IDENTITY)
    withdraw(own, subject, parts, tx)
    told_by_unlinking(own, tx)
    tx.remove_identity(own.identity_id)
    return Done()


def _recalled(request: contract.SignIn, parts: AuthParts, tx: AuthTransaction) -> contract.SignedIn | None:
    if not request.idempotency_key:
        return None
    before = tx.recall(SCOPE, request.idempotency_key, request.fingerprint)
    if before is None:
        return None
    tokens = open_tokens(before, parts, tx)
    purge_id = UUID(before["purge_id"]) if before["purge_id"] else None
    return contract.SignedIn(**{**tokens.model_dump(), "purge_id": purge_id})


def _hold_login(identity: ProviderIdentity, hashed: str, parts: AuthParts, tx: AuthTransaction) -> None:
    """Logins of one person wait for each other: first for the login, then for the account, whoever asks."""
    tx.hold_identity(_union(identity, parts) or hashed)


def _union(identity: ProviderIdentity, parts: AuthParts) -> str | None:
    return union_hash(identity.provider, identity.union_id.reveal(), parts) if identity.union_id else None


def _known(identity: ProviderIdentity, hashed: str, parts: AuthParts, tx: AuthTransaction) -> Identity | None:
    """The identity as it is linked: by its own id, or by the one that the same person has in all our apps there."""
    union = _union(identity, parts)
    found = tx.identity_by(identity.provider, hashed)
    return found or (tx.identity_by_union(identity.provider, union) if union else None)


def _welcome_back(
    known: Identity, identity: ProviderIdentity, version: str, parts: AuthParts, tx: AuthTransaction
) -> Subject:
    tx.hold_unfenced(known.subject_id)
    subject = tx.subject(known.subject_id)
    key = key_of(subject, parts)
    if subject is None or subject.state is not SubjectState.ACTIVE:
        raise SubjectErased("account without subject")
    names, token = (make(identity, key, subject.subject_id) for make in (sealed_names, sealed_token))
    tx.renew_identity(known.identity_id, names or b"", token)
    _agree(subject, version, parts.clock(), tx)
    return subject


def _new_account(
    identity: ProviderIdentity, hashed: str, version: str, age: AgeBand | None, parts: AuthParts, tx: AuthTransaction
) -> Subject:
    now = parts.clock()
    subject_id = new_id()
    wrapped = parts.keyring.wrap(new_data_key(), subject_id)
    subject = Subject(subject_id, "account", SubjectState.ACTIVE, wrapped, now, age)
    tx.add_subject(subject)
    _link(identity, hashed, subject, parts, tx)
    grant_at_start(subject, version, parts, tx)
    return subject


def _guests_age(guest_id: UUID | None, tx: AuthTransaction) -> AgeBand | None:
    """What the guest had declared: a child that logs in without saying so again is still a child."""
    guest = tx.subject(guest_id) if guest_id else None
    return guest.age_band if guest and guest.kind == "guest" else None


def _link(identity: ProviderIdentity, hashed: str, subject: Subject, parts: AuthParts, tx: AuthTransaction) -> None:
    key = key_of(subject, parts)
    tx.add_identity(
        Identity(
            identity_id=new_id(),
            subject_id=subject.subject_id,
            provider=identity.provider,
            external_hash=hashed,
            union_hash=_union(identity, parts),
            sealed=sealed_names(identity, key, subject.subject_id),
            revocable=sealed_token(identity, key, subject.subject_id),
            linked_at=parts.clock(),
        )
    )


def _agree(subject: Subject, version: str, now: datetime, tx: AuthTransaction) -> None:
    """Logging in with a version agrees to it, unless that stands already."""
    lines = [line for line in tx.consents(subject.subject_id) if line.document == "privacy"]
    if not lines or (lines[-1].action, lines[-1].version) != ("grant", version):
        add_line(subject.subject_id, ConsentKind.DOCUMENT, "privacy", version, "grant", now, tx)


def _end_guest(guest_id: UUID, account_id: UUID, parts: AuthParts, tx: AuthTransaction) -> UUID | None:
    """Fence the guest in the same transaction; None when it has ended already."""
    tx.hold_subject(guest_id)
    guest = tx.subject(guest_id)
    if guest is None or guest.kind != "guest" or tx.is_fenced(guest_id):
        return None
    purge_id = new_id()
    tx.forget_device(guest_id)
    fence(guest_id, None, parts, tx)
    tx.publish(auth.GuestSignedIn(subject_id=guest_id, account_id=account_id, purge_id=purge_id))
    return purge_id


def _account(subject_id: UUID, tx: AuthTransaction) -> Subject:
    tx.hold_unfenced(subject_id)
    subject = tx.subject(subject_id)
    if subject is None:
        raise SubjectErased("no such subject")
    if subject.kind != "account":
        raise PocketError("guests have no logins", code=Code.ACCOUNT_REQUIRED)
    return subject


def _listed(subject_id: UUID, tx: AuthTransaction) -> contract.IdentityList:
    return contract.IdentityList(
        items=[
            contract.LinkedIdentity(
                provider=held.provider, linked_at=held.linked_at, sealed=b64encode(held.sealed).decode()
            )
            for held in tx.identities(subject_id)
        ]
    )


def _label(handed: dict[str, Any], subject: Subject, parts: AuthParts) -> bytes | None:
    text = str(handed.get("device_label") or "")[:100]
    return seal(key_of(subject, parts), text.encode(), label_bound(subject.subject_id)) if text else None
