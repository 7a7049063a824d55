"""Which ``POCKETID_*`` names mean something; for one that does not, the name that was perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from cli.launcher.processes import OF_THE_LAUNCHER
from shared.kernel.settings import ALL_SETTINGS

OF_TOOLS = ("POCKETID_WEIGHTS_URL", "POCKETID_SIMULATION_SEEDS")
"""Read by set-up and by the tests."""

STANDIN_ALIPAY = tuple(
    f"POCKETID_STANDIN_ALIPAY_{name}"
    for name in (
        "HOST", "PORT", "PUBLIC_URL", "APP_ID", "SELLER_ID", "SELLER_EMAIL", "APP_PUBLIC_KEY", "KEY", "MODE", "SPEED",
        "NOTICE_TIMEOUT_SECONDS", "TIMESTAMP_TOLERANCE_SECONDS", "REFUND_PAUSE_SECONDS", "REFUND_WINDOW_DAYS",
        "SELLER_BALANCE", "BUYER",
    )
)  # fmt: skip
"""Read by Alipay's stand-in, of which the product knows only that it runs."""


def strangers(environ: Iterable[str]) -> list[str]:
    """A line for every ``POCKETID_*`` name that nothing reads."""
    known = _known()
    return [_line(name, known) for name in sorted(environ) if name.startswith("POCKETID_") and name not in known]


def _known() -> set[str]:
    own = {f"POCKETID_{name.upper()}" for kind in ALL_SETTINGS for name in kind.model_fields}
    return own | {*OF_THE_LAUNCHER, *OF_TOOLS, *STANDIN_ALIPAY}


def _line(name: str, known: set[str]) -> str:
    nearest = difflib.get_close_matches(name, sorted(known), 1, cutoff=0.8)
    return f"{name} is no setting" + (f"; did you mean {nearest[0]}?" if nearest else "; see docs/settings.md")
