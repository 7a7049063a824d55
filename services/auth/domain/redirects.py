"""Where a login in a browser may lead back to: exactly the addresses that the operators listed.

Providers compare the address with what is registered there, but some compare only its host (or nothing): whoever can have
a code sent elsewhere can log in as somebody else (RFC 9700, section 2.1: exact string matching).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.kernel.errors import BadRequest

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Redirects:
    """The listed addresses; ``loopback`` allows this machine's own as well (never in production)."""

    listed: frozenset[str] = frozenset()
    loopback: bool = False

    def check(self, address: str | None) -> None:
        """Raises ``bad_request`` for an address that is not listed; no address is fine."""
        if address and address not in self.listed and not (self.loopback and _is_loopback(address)):
            raise BadRequest("this redirect_uri is not one of ours")


def _is_loopback(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return (
            parts.scheme in ("http", "https") and parts.hostname in LOOPBACK and not (parts.username or parts.password)
        )
    except ValueError:
        return False
