"""Where a local system keeps its state: every path under the run folder, and what is remembered between two starts."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
LONGEST_SOCKET_PATH = 90
"""Bytes; the kernel allows 107, and supervisord adds a dot and a process id while it binds."""

PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class RunFolder:
    """All state of one local system lies under ``root``."""

    root: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> RunFolder:
        """The folder named by ``POCKETID_RUN_DIR``, by default ``.run`` beside the code."""
        return cls(Path(environ.get("POCKETID_RUN_DIR") or REPOSITORY / ".run").expanduser().absolute())

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        """Generated keys and passwords, one a file."""
        return self.root / "secrets"

    @property
    def programs(self) -> Path:
        """One start script a process, and the process manager's configuration."""
        return self.root / "programs"

    @property
    def pids(self) -> Path:
        """One record a process: its id, start time and boot."""
        return self.root / "pids"

    @property
    def journey(self) -> Path:
        """What the sample journey brought home."""
        return self.root / "journey"

    def make(self) -> None:
        """Create the folder and its private parts; other users may pass through it but read nothing."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o711)
        for path in (self.logs, self.secrets, self.programs, self.pids):
            path.mkdir(mode=PRIVATE, exist_ok=True)
            path.chmod(PRIVATE)

    def recall(self, what: str) -> Any:
        """What :meth:`remember` stored under this name; ``None`` when nothing."""
        return self._memory().get(what)

    def remember(self, what: str, value: Any) -> None:
        """Keep a JSON value (no secret) under this name until the folder is removed."""
        write_private(self._memory_file, json.dumps(self._memory() | {what: value}, indent=2))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Only one command at a time starts or stops this system; the others wait."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @property
    def socket(self) -> Path:
        """The process manager's socket: in the folder, or where :meth:`make_socket_folder` found a shorter path for it."""
        return Path(self.recall("socket_folder") or self.root) / "supervisor.sock"

    def make_socket_folder(self) -> None:
        """Where the folder's own path is too long for a socket, make a private folder under /tmp for it, and remember it."""
        if len(os.fsencode(self.root / "supervisor.sock")) > LONGEST_SOCKET_PATH:
            self.remember("socket_folder", tempfile.mkdtemp(prefix="pocketid-", dir="/tmp"))

    def forget_socket(self) -> None:
        """Remove the socket, and its private folder when it has one."""
        self.socket.unlink(missing_ok=True)
        if self.recall("socket_folder"):
            with contextlib.suppress(FileNotFoundError):
                self.socket.parent.rmdir()
            self.remember("socket_folder", None)

    @property
    def _memory_file(self) -> Path:
        return self.root / "state.json"

    def _memory(self) -> dict[str, Any]:
        try:
            remembered: dict[str, Any] = json.loads(self._memory_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return remembered


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
