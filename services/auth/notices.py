"""What providers tell us unasked: a person withdrew a login there, or closed the account there. We forget it here too."""

from __future__ import annotations

from base64 import b64decode, b64encode

from services.auth.domain.identities import NONCE_LIFE, Identity
from services.auth.fencing import fence
from services.auth.ports import AuthParts, AuthTransaction
from services.auth.proofs import provider_of
from services.auth.providers.port import Granted, LoginProvider, NoticeKind, ProviderNotice
from services.auth.sealed import external_hash, identity_bound, key_of, opened, revocation_of, union_hash
from shared.contracts import accounts as contract
from shared.contracts import auth
from shared.crypto import token_hash, unseal
from shared.kernel import log

logger = log.get_logger("auth")
ENDS = (NoticeKind.AUTHORIZATION_REVOKED, NoticeKind.ACCOUNT_CLOSED)
REFUSED = contract.NoticeTaken(status=403, content_type="text/plain; charset=utf-8", body="")


def take_notice(request: contract.TakeNotice, parts: AuthParts) -> contract.NoticeTaken:
    """Act on a provider's push (once, however often it comes), and say what the provider waits for.

    A login that ended at the provider is unlinked here; was it the account's last one, nobody could ever log in again:
    the account is fenced and goes. One that is not genuine is answered 403 and changes nothing.
    """
    provider = provider_of(request.provider, parts)
    pushed = opened(request.sealed_notice, contract.NOTICE, parts)
    notice = provider.read_notice(pushed["headers"], pushed["query"], b64decode(pushed["body"]))
    if notice is None:
        logger.warning("provider notice refused", provider=provider.name)
        return REFUSED
    if notice.kind in ENDS and (notice.external_id is not None or notice.union_id is not None):
        _end(notice, provider, parts)
    answer = notice.answer
    return contract.NoticeTaken(
        status=answer.status, content_type=answer.content_type, body=b64encode(answer.body).decode()
    )


def _end(notice: ProviderNotice, provider: LoginProvider, parts: AuthParts) -> None:
    with parts.work.begin() as tx:
        held = _identity_of(notice, parts, tx)
    if held is None or (not notice.proven and not _confirmed(held, provider, parts)):
        return
    with parts.work.begin() as tx:
        seen = token_hash(f"notice:{notice.provider}:{notice.dedup_id}") if notice.dedup_id else None
        held = _identity_of(notice, parts, tx)
        if held is None:
            return
        tx.hold_subject(held.subject_id)
        linked = tx.identities(held.subject_id)
        still = any(one.identity_id == held.identity_id for one in linked)
        if tx.is_fenced(held.subject_id) or not still:
            return  # erased, or unlinked by its owner, before we held its subject
        if seen is not None and not tx.burn(seen, parts.clock() + NONCE_LIFE):
            return
        if len(linked) > 1:
            tx.remove_identity(held.identity_id)
        else:
            fence(held.subject_id, None, parts, tx)
            tx.publish(auth.AccountAbandoned(subject_id=held.subject_id))
    logger.info("login ended at its provider", provider=notice.provider, status=notice.kind)


def _identity_of(notice: ProviderNotice, parts: AuthParts, tx: AuthTransaction) -> Identity | None:
    if notice.external_id is not None:
        hashed = external_hash(notice.provider, notice.app_id, notice.external_id.reveal(), parts)
        found = tx.identity_by(notice.provider, hashed)
        if found is not None:
            return found
    if notice.union_id is not None:
        return tx.identity_by_union(notice.provider, union_hash(notice.provider, notice.union_id.reveal(), parts))
    return None


def _confirmed(held: Identity, provider: LoginProvider, parts: AuthParts) -> bool:
    """Whether the provider itself says that the grant is gone: a push that anybody could send is only a hint."""
    with parts.work.begin() as tx:
        subject = tx.subject(held.subject_id)
    if held.revocable is None or subject is None or subject.wrapped_key is None:
        return False
    bound = identity_bound(held.subject_id, held.provider, "token")
    return provider.still_granted(revocation_of(unseal(key_of(subject, parts), held.revocable, bound))) is Granted.NO
