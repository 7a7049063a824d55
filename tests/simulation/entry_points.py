"""The services' own tables of contents, read without nameko: who answers which call, hears which message, when timers go.

``service.py`` is run as it stands, with the rim's decorators replaced by ones that only take notes. So a method that is
missing there is missing here, too.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RIM = ("nameko", "shared.host")


@dataclass
class Table:
    """What one service's class declares; methods by name."""

    kind: type
    answers: dict[type, str] = field(default_factory=dict)
    listens: dict[tuple[str, type], str] = field(default_factory=dict)
    timers: dict[str, float] = field(default_factory=dict)

    def bound(self, parts: Any) -> Any:
        """An instance with its parts."""
        service = self.kind()
        service.parts = parts
        return service


@cache
def table_of(service: str) -> Table:
    """The table of contents of ``services/<service>/service.py``."""
    namespace = _run(f"services.{service}.service")
    kind = next(k for k in namespace.values() if isinstance(k, type) and getattr(k, "name", None) == service)
    table = Table(kind)
    for name in dir(kind):
        method = getattr(kind, name)
        for what, value in getattr(method, "notes", ()):
            if what == "answers":
                table.answers[value] = name
            elif what == "listens":
                table.listens[value] = name
            else:
                table.timers[name] = value
    return table


def _note(what: str, value: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(method: Any) -> Any:
        method.notes = (*getattr(method, "notes", ()), (what, value))
        return method

    return decorate


_STAND_INS: dict[str, Any] = {
    "answers": lambda kind: _note("answers", kind),
    "listens_to": lambda listener, kind: _note("listens", (listener.queue, kind)),
    "timer": lambda interval: _note("timer", float(interval)),
    "quietly": lambda method: method,
    "Part": lambda name: SimpleNamespace(name=name),
}


def _run(module: str) -> dict[str, Any]:
    tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text("utf-8"))
    namespace: dict[str, Any] = {"__name__": f"simulated.{module}", **_STAND_INS}
    kept = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(RIM):
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.endswith("_service"):
            others = _run(node.module)
            namespace.update({name.name: others[name.name] for name in node.names})
            continue
        kept.append(node)
    tree.body = kept
    exec(compile(tree, module, "exec"), namespace)
    return namespace
