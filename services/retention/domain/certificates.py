"""What a purge certificate says: what, where, how many, when, who looked; what is kept and why. Nothing personal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.retention.domain.purges import PROVIDER, Purge, PurgeState
from shared.kernel.clock import rfc3339

CERTIFICATE_KIND = "purge-certificate+jwt"
"""``typ`` of the signed certificate."""

STATEMENT = {
    "zh": "该主体的数据密钥已销毁，其照片、抠图、成品照、会话、同意记录、可用次数和身份标识已从所有服务和对象存储中删除，订单已与其分离，并经独立清点确认无残留。",
    "en": (
        "The subject's data key was destroyed. Its photos, cutouts, renders, sessions, consents, credits and identity were"
        " deleted from every service and from the object store, its orders no longer name it, and an"
        " independent count found nothing left."
    ),
}

KEPT = [
    {
        "what": "of each paid order: its number, Alipay's trade number, amounts, times and refunds, without the person",
        "why": "transaction records (E-Commerce Law 31) and accounts",
        "until": "at least 3 years after the payment",
    },
    {
        "what": "a keyed hash of the subject's random id (the fence), in each service",
        "why": "late or repeated messages must not bring the data back",
        "until": "as long as the service runs",
    },
    {
        "what": "this certificate and its timeline, without the subject's id",
        "why": "proof that the deletion took place",
        "until": "at least 3 years (PIPL 56)",
    },
    {
        "what": "a tally by month of what third parties were told, without the person",
        "why": "records of processing (PIPL 56)",
        "until": "3 years",
    },
]


WAITING = {
    "what": "the login provider's token, encrypted, only to have the grant withdrawn there; it names nobody",
    "why": "the provider could not be told yet",
    "until": "the provider was told, and 7 days at most",
}
"""Kept besides, while a provider is still being told."""


def certificate_of(purge: Purge, absence: Mapping[str, Mapping[str, int]], now: datetime) -> dict[str, Any]:
    """The certificate's content; ``absence`` is what each proof counted (all zero, or there is no certificate)."""
    deleted: dict[str, dict[str, int]] = {}
    providers: dict[str, dict[str, int]] = {}
    for name, number in purge.counts.items():
        participant, _, kind = name.partition(".")
        if kind.startswith(PROVIDER):
            provider, _, status = kind.removeprefix(PROVIDER).partition(".")
            providers.setdefault(provider, {})[status] = number
        else:
            deleted.setdefault(participant, {})[kind] = number
    waiting = any("pending" in how for how in providers.values())
    fenced_at = purge.at(PurgeState.FENCED)
    return {
        "certificate": "pocketid.purge.v1",
        "iss": "pocketid",
        "purge_id": str(purge.purge_id),
        "reason": purge.reason,
        "requested_at": rfc3339(purge.requested_at),
        "key_destroyed_at": rfc3339(fenced_at) if fenced_at else None,
        "certified_at": rfc3339(now),
        "deleted": deleted,
        "providers": providers,
        "left": {who: dict(counts) for who, counts in absence.items()},
        "attempts": purge.attempts,
        "kept": [*KEPT, WAITING] if waiting else KEPT,
        "statement": STATEMENT,
    }
