"""Every event, command and call, declared once and grouped by who says it: ids and facts, never a face or a name."""

from shared.contracts import (
    accounts,
    auth,
    bookkeeping,
    consents,
    feedback,
    imaging,
    payments,
    retention,
    rights,
)
from shared.contracts.base import Call, Command, Event, Message, decode, encode, known_types
from shared.contracts.queues import LISTENERS, Listener

__all__ = [
    "LISTENERS",
    "Call",
    "Command",
    "Event",
    "Listener",
    "Message",
    "accounts",
    "auth",
    "bookkeeping",
    "consents",
    "decode",
    "encode",
    "feedback",
    "imaging",
    "known_types",
    "payments",
    "retention",
    "rights",
]
