"""Trouble on demand: watch every call of a port, fail it, kill the process in it, or let something else happen just then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar, cast

P = TypeVar("P")

Hook = Callable[[str], None]
"""Told of each step by name before it is taken (``store.put``) and after it (``store.put done``); may raise."""


class Killed(BaseException):
    """The process died here: no handler runs, only what the operating system and the database do by themselves."""


def calm(step: str) -> None:
    """The hook under which nothing goes wrong."""


@dataclass
class Trouble:
    """A hook that writes down every step and does what was planned for it."""

    steps: list[str] = field(default_factory=list)
    _plans: list[tuple[str, int, Callable[[], object]]] = field(default_factory=list)

    def on(self, step: str, action: Callable[[], object], *, skip: int = 0) -> None:
        """Run ``action`` once, when ``step`` is reached for the (``skip`` + 1)-th time from now."""
        self._plans.append((step, self.steps.count(step) + skip + 1, action))

    def fail(self, step: str, error: BaseException, *, skip: int = 0) -> None:
        """Raise ``error`` once when ``step`` is reached."""

        def action() -> None:
            raise error

        self.on(step, action, skip=skip)

    def kill(self, step: str, *, skip: int = 0) -> None:
        """Let the process die when ``step`` is reached."""
        self.fail(step, Killed(step), skip=skip)

    def __call__(self, step: str) -> None:
        """The hook itself."""
        self.steps.append(step)
        reached = self.steps.count(step)
        due = [plan for plan in self._plans if plan[:2] == (step, reached)]
        self._plans = [plan for plan in self._plans if plan not in due]
        for _, _, action in due:
            action()

    @property
    def all_happened(self) -> bool:
        """Whether every planned action was reached: a test of trouble that met none proves nothing."""
        return not self._plans


class _Watched:
    """Stands in for a port; each call passes the hook on its way in and on its way out."""

    def __init__(self, port: object, name: str, hook: Hook) -> None:
        self._port = port
        self._name = name
        self._hook = hook

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._port, attribute)
        if not callable(found):
            return found
        step = f"{self._name}.{attribute}"

        @wraps(found)
        def call(*args: Any, **kwargs: Any) -> Any:
            self._hook(step)
            answer = found(*args, **kwargs)
            self._hook(f"{step} done")
            return answer

        return call


def watched(port: P, name: str, hook: Hook) -> P:
    """``port`` with every call announced to ``hook`` as ``name.method``."""
    return cast("P", _Watched(port, name, hook))
