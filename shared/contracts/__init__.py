"""Every event, command and call, declared once and grouped by who says it: ids and facts, never a face or a name."""

from shared.contracts import accounts, auth, bookkeeping, consents, imaging, payments, retention
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
    "imaging",
    "known_types",
    "payments",
    "retention",
]
