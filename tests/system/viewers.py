"""Other people's programs that files of ours are opened with: Debian's Chromium and libvips, which ``make test`` installs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def program(name: str) -> str:
    """The program's path; without it a test run by hand is skipped, and one for CI fails."""
    found = shutil.which(name)
    if found is None:
        missing = f"no {name} here: sh scripts/setup.sh tests"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    return found


def browse(page: Path, scratch: Path, *wanted: str) -> str:
    """What a headless browser, without a network, prints for a page (with ``--dump-dom``) or draws (``--screenshot=``)."""
    command = [
        program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
        f"--user-data-dir={scratch / 'profile'}", *wanted, page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True, timeout=120, text=True).stdout
