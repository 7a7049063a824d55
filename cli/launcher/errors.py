"""What may go wrong while the local system starts or stops, said in one clear line."""

from __future__ import annotations


class LauncherError(Exception):
    """The message says what is wrong, and the command that mends it; the command line prints it and exits with 1."""


class NotUp(LauncherError):
    """The command needs a running system and there is none."""

    def __init__(self) -> None:
        super().__init__("the system is not up; start it with: pocketid up")
