"""All settings of one local system: generated, found by the infrastructure, or given by the user, who has the last word."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from cli.launcher.errors import LauncherError
from cli.launcher.run_folder import RunFolder, write_private
from cli.launcher.secrets import generated_keys

DEFAULT_PORT = "8080"


def assemble(folder: RunFolder, from_parts: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Every ``POCKETID_*`` setting of the system, kept privately for ``pocketid env``."""
    settings = {
        "POCKETID_PROFILE": "local",
        "POCKETID_LOG_LEVEL": "INFO",
        "POCKETID_PORT": DEFAULT_PORT,
        "POCKETID_WEIGHTS_DIR": str(Path(sys.prefix) / "share" / "pocketid" / "weights"),
        "POCKETID_WORKER_THREADS": "1",
    }
    settings |= generated_keys(folder) | dict(from_parts) | given(environ)
    if not settings["POCKETID_PORT"].isdecimal() or not 0 < int(settings["POCKETID_PORT"]) < 65536:
        raise LauncherError(f"POCKETID_PORT must be a port number, not {settings['POCKETID_PORT']!r}")
    write_private(folder.secrets / "settings.json", json.dumps(settings, indent=2))
    return settings


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """The user's own settings."""
    return {name: value for name, value in environ.items() if name.startswith("POCKETID_") and value}


def last_used(folder: RunFolder) -> dict[str, str]:
    """The settings of the last start; empty when there was none."""
    try:
        settings: dict[str, str] = json.loads((folder.secrets / "settings.json").read_text())
    except FileNotFoundError:
        return {}
    return settings
