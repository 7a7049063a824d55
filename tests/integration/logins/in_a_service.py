"""A service process as far as eventlet goes: many logins at once, each against a slow provider."""

# ruff: noqa: I001, F401 - shared.host comes first: it patches the standard library
import shared.host

import json
import sys
import time

import eventlet

from services.auth.providers.build import build_providers
from services.auth.providers.port import LoginProof
from shared.kernel.clock import utc_now
from shared.kernel.personal import Secret
from shared.kernel.settings import LoginSettings


def main() -> None:
    """Log in with every code on standard input at once; print how many logins there were, and the seconds."""
    asked = json.load(sys.stdin)
    wechat = build_providers(LoginSettings(**asked["settings"]), utc_now)["wechat"]
    began = time.monotonic()
    proofs = [LoginProof("wechat", "android", code=Secret(code)) for code in asked["codes"]]
    identities = list(eventlet.GreenPool().imap(wechat.authenticate, proofs))
    print(json.dumps({"logins": len(identities), "seconds": time.monotonic() - began}))


if __name__ == "__main__":
    main()
