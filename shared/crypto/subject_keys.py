"""Where a process gets a subject's data key from: fetched wrapped, unwrapped here, forgotten within two seconds.

The two seconds are a promise (architecture, rule 3): a fence takes effect everywhere within them, at once where it is
heard of.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from uuid import UUID

from shared.crypto.keys import DataKey
from shared.kernel.errors import TimedOut

KEY_LIFE_SECONDS = 2.0


class KeyCache:
    """Unwrapped keys for two seconds from when they were asked for, and none of a fenced subject.

    Thread-safe. ``monotonic`` is a parameter so that tests need not wait.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._keys: dict[tuple[UUID, str], tuple[float, DataKey]] = {}
        self._fenced: dict[UUID, float] = {}
        self._forgotten: dict[UUID, float] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def now(self) -> float:
        """The cache's clock: read it *before* asking auth, so that the two seconds include the asking."""
        return self._monotonic()

    def require_young(self, asked_at: float) -> None:
        """Raise ``timed_out`` when an answer took longer than a key lives: what auth said then may hold no more."""
        if self._monotonic() - asked_at > KEY_LIFE_SECONDS:
            raise TimedOut("the key was asked for too long ago")

    def get(self, subject_id: UUID, purpose: str) -> DataKey | None:
        """The subject's key for a purpose, unless it is too old or the subject is fenced."""
        with self._lock:
            self._forget_old()
            held = self._keys.get((subject_id, purpose))
            return held[1] if held else None

    def put(self, subject_id: UUID, purpose: str, key: DataKey, asked_at: float) -> None:
        """Keep a key that was asked for at ``asked_at`` for a purpose; a fence or change heard of since then wins."""
        with self._lock:
            if subject_id not in self._fenced and asked_at > self._forgotten.get(subject_id, asked_at - 1):
                self._keys[subject_id, purpose] = (asked_at, key)
            self._forget_old()
            self._forget_later()

    def fence(self, subject_id: UUID) -> None:
        """Forget the subject's key now, and refuse one that was asked for before this moment."""
        with self._lock:
            self._drop(subject_id)
            self._fenced[subject_id] = self._monotonic()

    def forget(self, subject_id: UUID) -> None:
        """Forget the subject's key now: whoever wants it asks anew (a consent has changed). What is on its way is not kept."""
        with self._lock:
            self._drop(subject_id)
            self._forgotten[subject_id] = self._monotonic()

    def _drop(self, subject_id: UUID) -> None:
        for held in [held for held in self._keys if held[0] == subject_id]:
            del self._keys[held]

    def __len__(self) -> int:
        with self._lock:
            self._forget_old()
            return len(self._keys)

    def _forget_later(self) -> None:
        """See to it that keys are forgotten on time even when nobody asks for one any more."""
        if self._timer is None and self._keys:
            self._timer = threading.Timer(KEY_LIFE_SECONDS, self._on_timer)
            self._timer.daemon = True
            self._timer.start()

    def _on_timer(self) -> None:
        with self._lock:
            self._timer = None
            self._forget_old()
            self._forget_later()

    def _forget_old(self) -> None:
        oldest = self._monotonic() - KEY_LIFE_SECONDS
        for held in [held for held, (asked_at, _) in self._keys.items() if asked_at < oldest]:
            del self._keys[held]
        for subject_id in [s for s, at in self._fenced.items() if at < oldest - 10 * KEY_LIFE_SECONDS]:
            del self._fenced[subject_id]
        for subject_id in [s for s, at in self._forgotten.items() if at < oldest - 10 * KEY_LIFE_SECONDS]:
            del self._forgotten[subject_id]
