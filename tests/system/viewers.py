"""Other people's programs that files of ours are opened with: Debian's Chromium and libvips, which ``make test`` installs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from cli.launcher.errors import LauncherError
from tests.infrastructure import missing_is_a_failure_under_ci


def program(name: str) -> str:
    """The program's path; without it a test run by hand is skipped, and one for CI fails."""
    with missing_is_a_failure_under_ci():
        found = shutil.which(name)
        if found is None:
            raise LauncherError(f"no {name} here: sh scripts/setup.sh tests")
        return found


def browse(page: Path, scratch: Path, *wanted: str) -> str:
    """What a headless browser, without a network, prints for a page (with ``--dump-dom``) or draws (``--screenshot=``)."""
    command = [
        program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
        f"--user-data-dir={scratch / 'profile'}", *wanted, page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True, timeout=120, text=True).stdout
