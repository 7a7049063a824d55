"""Running a server as an unprivileged user when the launcher is root; servers refuse, or should not have, root's rights."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from cli.launcher.errors import LauncherError

STORAGE_USER = "pocketid"
"""Runs PostgreSQL and the S3 store when the launcher is root; a system user without home, shell or password."""

_DAC_READ_SEARCH = 1 << 2


def is_root() -> bool:
    """Whether this process is root."""
    return os.geteuid() == 0


def ensure_user(name: str) -> None:
    """Create the system user when the launcher is root and the user is missing."""
    if not is_root():
        return
    try:
        pwd.getpwnam(name)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
        if subprocess.run(command, capture_output=True, check=False).returncode and not _exists(name):
            raise LauncherError(f"the system user {name} could not be created; try: {' '.join(command)}") from None


def hand_over(user: str, *paths: Path) -> None:
    """Make the user own these paths, when the launcher is root."""
    if is_root():
        for path in paths:
            shutil.chown(path, user, pwd.getpwnam(user).pw_gid)


def as_user(user: str, reached: Iterable[Path]) -> tuple[str, ...]:
    """The command prefix that runs a server as ``user``; empty when the launcher is not root.

    ``reached`` are the paths the server must get to. Folders above them may be closed to others (``/root`` is): the
    server then keeps the one capability to pass through folders, or, where root lacks it (containers), the folders are
    opened for passing.
    """
    if not is_root():
        return ()
    prefix = ("setpriv", "--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--clear-groups")
    closed = sorted(
        {folder for path in reached for folder in path.resolve().parents if not folder.stat().st_mode & 0o001}
    )
    if closed and _may_pass_everywhere():
        # Without the securebit, access(2) ignores the capability, and Mnesia asks access(2) whether it may write.
        keep = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
        return (*prefix, *keep, "--securebits", "+no_setuid_fixup")
    for folder in closed:
        folder.chmod(folder.stat().st_mode | 0o001)
    return prefix


def _exists(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


def _may_pass_everywhere() -> bool:
    status = Path("/proc/self/status").read_text()
    rights = {
        name: int(value, 16) for name, value in (line.split(":\t") for line in status.splitlines() if "Cap" in line)
    }
    return bool(rights["CapEff"] & rights["CapBnd"] & _DAC_READ_SEARCH)
