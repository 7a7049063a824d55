"""The check of a PKCE verifier (RFC 7636, S256)."""

from __future__ import annotations

import hashlib

from standins.logins.keys import b64


def fits(challenge: str | None, verifier: str) -> bool:
    """Whether a verifier belongs to a challenge; without a challenge, only none does."""
    if challenge is None:
        return not verifier
    return 43 <= len(verifier) <= 128 and b64(hashlib.sha256(verifier.encode()).digest()) == challenge
