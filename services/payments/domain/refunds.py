"""Refunds: their states, and what an answer of Alipay's makes of one.

A refund is committed as ``requested``, with its request number, before Alipay is asked; what was left in the middle is
asked again with the same number, which Alipay pays out once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.payments.domain.trades import Failure, RefundAnswer, Unknown
from shared.kernel.states import moved


class RefundState(StrEnum):
    """Failed: Alipay refuses for good, nothing was paid out, and what was taken back is given again."""

    REQUESTED = "requested"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


MOVES: dict[RefundState, frozenset[RefundState]] = {
    RefundState.REQUESTED: frozenset({RefundState.SUCCEEDED, RefundState.FAILED}),
    RefundState.SUCCEEDED: frozenset(),
    RefundState.FAILED: frozenset(),
}

ASK_SECONDS = (10, 10, 20, 40, 80, 160, 300, 600)
PAUSE = timedelta(seconds=3)
"""Alipay wants this between two refunds of one trade."""

OWNER, OPERATOR, LATE, TWICE, ERASED, OUTSIDE = "owner", "operator", "late", "twice", "erased", "outside"
UNUSABLE = "unusable"
"""Why: asked for, or paid after closing, paid for what was unlocked already, paid after erasure, made outside of us, or
paid for a photo that could not be used."""


class Next(StrEnum):
    """What to do with a refund after an answer."""

    SUCCEEDED = "succeeded"
    ASK = "ask"
    """Ask whether it was done: the answer to the refund itself does not say."""
    WAIT = "wait"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund of an order, in fen; ``taken`` credits were taken back for it."""

    refund_id: UUID
    order_id: UUID
    amount: int
    cause: str
    state: RefundState
    created_at: datetime
    next_look_at: datetime | None
    out_request_no: str
    attempts: int = 0
    taken: int = 0
    done_at: datetime | None = None
    trouble: str | None = None


def new_refund(
    refund_id: UUID, order_id: UUID, amount: int, cause: str, now: datetime, *, taken: int = 0, request_no: str = ""
) -> Refund:
    """A refund still to be asked of Alipay, at once."""
    return Refund(
        refund_id,
        order_id,
        amount,
        cause,
        RefundState.REQUESTED,
        now,
        now,
        request_no or f"R{refund_id.hex}",
        taken=taken,
    )


def is_under_way(refunds: Iterable[Refund]) -> bool:
    """Whether one of an order's refunds is not done: there is one at a time."""
    return any(refund.state is RefundState.REQUESTED for refund in refunds)


def claimed(refund: Refund, now: datetime) -> Refund:
    """A due refund while somebody asks Alipay: the next time is set already, should this one die."""
    wait = ASK_SECONDS[min(refund.attempts, len(ASK_SECONDS) - 1)]
    return replace(refund, attempts=refund.attempts + 1, next_look_at=now + timedelta(seconds=wait))


def settled(refund: Refund, to: RefundState, now: datetime, trouble: str | None = None) -> Refund:
    """The refund at its end; raises :class:`Conflict` when it has another already."""
    state = moved(MOVES, refund.state, to, "refund")
    return replace(refund, state=state, done_at=now, next_look_at=None, trouble=trouble)


def after_refund(answer: RefundAnswer | Failure | Unknown) -> Next:
    """What the answer to a refund means: only moved money is success, only asking tells whether a refusal is the end."""
    if isinstance(answer, RefundAnswer):
        return Next.SUCCEEDED if answer.moved else Next.ASK
    if isinstance(answer, Failure):
        return Next.WAIT if answer.passing else Next.ASK
    return Next.WAIT


def after_query(first: RefundAnswer | Failure | Unknown, told: RefundAnswer | Failure | Unknown) -> Next:
    """What the answer to the question whether it was done means, after ``first`` left it open."""
    if isinstance(told, RefundAnswer) and told.moved:
        return Next.SUCCEEDED
    refused = isinstance(first, Failure) and not first.passing
    asked = isinstance(told, RefundAnswer) or (isinstance(told, Failure) and told.no_trade)
    return Next.FAILED if refused and asked else Next.WAIT
