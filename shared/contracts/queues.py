"""Every queue, its name a contract: who listens to what, and the topology RabbitMQ is told to hold.

A consumer's queue is durable and quorum, with retry queues behind it (a message waits there by TTL and comes back to
that queue alone) and ``<queue>.dead`` at the end. The relay declares all of it before it publishes, so that an event
waits for a listener that has not started yet.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts import auth, imaging, payments, retention
from shared.contracts.base import Command, Event

EVENTS_EXCHANGE = "pocketid.events"
DEAD_EXCHANGE = "pocketid.dead"
RPC_EXCHANGE = "nameko-rpc"

DELIVERY_LIMIT = 5
"""Times the broker itself hands out a message whose consumer dies before it buries the message."""

RETRY_DELAYS_SECONDS = (1, 10, 60)
"""How long a failed message waits before its second, third and fourth attempt."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One consumer queue and the messages that reach it."""

    queue: str
    events: tuple[type[Event], ...] = ()
    commands: tuple[type[Command], ...] = ()
    delays_seconds: tuple[int, ...] = RETRY_DELAYS_SECONDS

    @property
    def dead_queue(self) -> str:
        """Where its messages rest when they have failed for good."""
        return f"{self.queue}.dead"

    def retry_queue(self, delay_seconds: int) -> str:
        """Where its messages wait ``delay_seconds`` before the next attempt."""
        return f"{self.queue}.retry.{delay_seconds}s"


AUTH_PURGES = Listener("auth.purges", (retention.PurgeRequested, retention.DataRemoved))
IMAGING_PURGES = Listener("imaging.purges", (retention.PurgeRequested, auth.ConsentWithdrawn))
IMAGING_UNLOCKS = Listener("imaging.unlocks", (payments.PhotoUnlocked, payments.PhotoLocked))
PAYMENTS_PURGES = Listener("payments.purges", (retention.PurgeRequested,))
PAYMENTS_PHOTOS = Listener("payments.photos", (imaging.PhotoRejected, imaging.PhotoFailed, imaging.PhotoDeleted))
RETENTION_PURGES = Listener(
    "retention.purges",
    (
        auth.SubjectFenced,
        auth.SubjectPurged,
        auth.GuestReplaced,
        auth.GuestSignedIn,
        auth.GuestExpired,
        auth.AccountAbandoned,
        auth.ConsentWithdrawn,
        imaging.SubjectPurged,
        payments.SubjectPurged,
        retention.SubjectPurged,
    ),
)
RETENTION_RIGHTS = Listener(
    "retention.rights", (retention.PurgeRequested, auth.SubjectDisclosed, payments.SubjectDisclosed)
)
EXPORTS = Listener("imaging.exports", commands=(retention.BuildExport,))
MATTE_PAID = Listener("imaging.matte.paid", commands=(imaging.MattePhoto,))
MATTE_FREE = Listener("imaging.matte.free", commands=(imaging.MattePhoto,))

LISTENERS: tuple[Listener, ...] = (
    AUTH_PURGES,
    IMAGING_PURGES,
    IMAGING_UNLOCKS,
    PAYMENTS_PURGES,
    PAYMENTS_PHOTOS,
    RETENTION_PURGES,
    RETENTION_RIGHTS,
    EXPORTS,
    MATTE_PAID,
    MATTE_FREE,
)

RENDER_QUEUE = "imaging.render"
"""Render requests for any worker; transient messages that expire with their caller's patience."""


def rpc_queue(service: str) -> str:
    """The queue on which a service answers calls (nameko's name for it); workers answer on their own."""
    return RENDER_QUEUE if service == imaging.MakeRender.service else f"rpc-{service}"
