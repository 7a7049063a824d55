"""Where a login in a browser may lead back to: exactly the addresses that the operators listed.

Providers compare the address with what is registered there, but some compare only its host (or nothing): whoever can have
a code sent elsewhere can log in as somebody else (RFC 9700, section 2.1: exact string matching). An app on a phone may be
led back to by a claimed ``https`` address, or by a private-use scheme, reverse domain (RFC 8252, section 7.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.kernel.errors import BadRequest

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
PRIVATE_USE = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:/[^\s]*")


@dataclass(frozen=True, slots=True)
class Redirects:
    """The listed addresses; ``loopback`` allows this machine's own as well (never in production)."""

    listed: frozenset[str] = frozenset()
    loopback: bool = False

    def check(self, address: str | None, platform: str = "web") -> None:
        """Raises ``bad_request`` for an address that does not lead to the platform; no address is fine."""
        if not address or (self.loopback and _is_loopback(address)):
            return
        if address not in self.listed or not _opens_on(address, platform):
            raise BadRequest.at("redirect_uri", reason="not_listed")

    def lead_to(self, platform: str) -> bool:
        """Whether a login in a browser can come back there at all."""
        return self.loopback or any(_opens_on(address, platform) for address in self.listed)


def _opens_on(address: str, platform: str) -> bool:
    """A browser's page is led back to by the web only; an app by a private-use scheme, too."""
    return platform != "web" or not PRIVATE_USE.fullmatch(address)


def _is_loopback(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return (
            parts.scheme in ("http", "https") and parts.hostname in LOOPBACK and not (parts.username or parts.password)
        )
    except ValueError:
        return False
