"""What becomes of a message whose handler failed: one pure judgement, the same for every consumer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.contracts.base import UndecodableMessage
from shared.contracts.queues import RETRY_DELAYS_SECONDS
from shared.kernel.errors import PocketError, SubjectErased, TimedOut, Unavailable

OUTAGE_ATTEMPTS = 60
"""Tries while something we need is out of service: about an hour at the last delay, so that no outage buries work."""


class Verdict(StrEnum):
    """ack: done with it; retry: later, on the same queue; bury: to the dead, where an operator finds it."""

    ACK = "ack"
    RETRY = "retry"
    BURY = "bury"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and for a retry how long the message waits."""

    verdict: Verdict
    delay_seconds: int = 0


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """Judges (error, attempt). Attempts count from 1; after the last delay is used up, a message is buried.

    Only an outage is waited out: what failed because something else is down goes on waiting at the last delay.
    """

    delays_seconds: tuple[int, ...] = RETRY_DELAYS_SECONDS

    def judge(self, error: BaseException | None, attempt: int) -> Judgement:
        """The fate of a message after its ``attempt``-th try ended with ``error`` (None: it went well)."""
        if error is None or isinstance(error, SubjectErased):
            # Behind a fence there is nothing left to do: whatever the message wanted, it is void.
            return Judgement(Verdict.ACK)
        if isinstance(error, UndecodableMessage) or (isinstance(error, PocketError) and not error.retryable):
            return Judgement(Verdict.BURY)
        if attempt > (OUTAGE_ATTEMPTS if isinstance(error, (Unavailable, TimedOut)) else len(self.delays_seconds)):
            return Judgement(Verdict.BURY)
        return Judgement(Verdict.RETRY, self.delays_seconds[min(attempt, len(self.delays_seconds)) - 1])
