"""All the ways in which somebody's data comes to its end, each as one step of a world of dice."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from services.auth import fencing, notices, use_cases
from services.retention import use_cases as retention_cases
from shared.contracts import accounts, auth, retention
from shared.crypto import token_hash
from tests.unit.auth.logins import LoginWorld
from tests.unit.auth.providers.fake import SIGNATURE
from tests.unit.worlds import World

DEVICE = "d" * 64
Ending = Callable[[World, LoginWorld, UUID], None]


def wiped(world: World, logins: LoginWorld, doomed: UUID) -> None:
    """清空暂存."""
    world.retention.open(doomed)


def replaced(world: World, logins: LoginWorld, doomed: UUID) -> None:
    """The device starts anew without its secret."""
    logins.admit(DEVICE)


def signed_in(world: World, logins: LoginWorld, doomed: UUID) -> None:
    """The guest logs in."""
    logins.sign_in("Ada", guest_id=doomed)


def withdrawn(world: World, logins: LoginWorld, doomed: UUID) -> None:
    """The guest no longer agrees to the policy."""
    logins.record(doomed, "withdraw")


def expired(world: World, logins: LoginWorld, doomed: UUID) -> None:
    """The guest was not seen for too long."""
    fencing.expire_guests(replace(logins.parts, guest_idle=timedelta(seconds=0.5)))


def deleted(world: World, logins: LoginWorld, doomed: UUID) -> None:
    """注销账户."""
    request = retention.OpenPurge(subject_id=doomed, reason="account_deleted")
    retention_cases.open_purge(request, world.retention.parts)


def abandoned(world: World, logins: LoginWorld, doomed: UUID) -> None:
    """The account's last login ended at its provider."""
    told = {"kind": "account_closed", "external_id": "Ada@app-one", "dedup_id": "n"}
    pushed = {
        "headers": {"x-signature": SIGNATURE}, "query": {}, "body": b64encode(json.dumps(told).encode()).decode(),
    }  # fmt: skip
    sealed = b64encode(logins.keyring.seal_for(accounts.NOTICE, json.dumps(pushed).encode())).decode()
    notices.take_notice(accounts.TakeNotice(provider="wechat", sealed_notice=sealed), logins.parts)


OF_GUESTS: tuple[Ending, ...] = (wiped, replaced, signed_in, withdrawn, expired)
OF_ACCOUNTS: tuple[Ending, ...] = (deleted, abandoned)


def seen_again(logins: LoginWorld, tokens: auth.Tokens) -> auth.Tokens:
    """Somebody comes back just now: whoever does is not idle."""
    logins.clock.forward(1)
    return use_cases.refresh_session(auth.RefreshSession(refresh_hash=token_hash(tokens.refresh_token)), logins.parts)
