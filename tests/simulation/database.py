"""A service's database in memory, as tasks see it: who wants a transaction waits until the one before has ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from types import TracebackType
from typing import Any

from shared.testing.memory_work import MemoryWork
from tests.simulation.machine import Machine, Task

OnCommit = Callable[[str, Any, Any, Task | None], None]


class Database(MemoryWork[Any, Any]):
    """A :class:`MemoryWork` whose transactions queue up, and whose commits are looked at."""

    def __init__(self, name: str, twin: MemoryWork[Any, Any], machine: Machine, on_commit: OnCommit) -> None:
        super().__init__(twin.state, twin._kind, twin._tombstone_key, clock=twin.clock, hook=machine.step)
        self.name = name
        self.machine = machine
        self.on_commit = on_commit
        self._columns = [each.name for each in fields(twin.state)]

    @property
    def busy(self) -> bool:
        """Whether a transaction is open."""
        return self._open

    def free(self) -> bool:
        """Whether none is."""
        return not self._open

    def copied(self) -> Any:
        """The state, for a transaction to change."""
        state = self.state
        return type(state)(**{name: getattr(state, name).copy() for name in self._columns})

    def begin(self) -> Any:
        """A transaction; whoever comes second waits."""
        return _Open(self)

    def look(self, ask: Callable[[Any], Any]) -> Any:
        """Read what is committed, without a transaction: nobody is disturbed."""
        return ask(self._kind(self.state, self._tombstone_key, self.clock))


class _Open:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.holds = False

    def __enter__(self) -> Any:
        database = self.database
        database.machine.step("work.begin")
        if database._open:
            database.machine.wait_until(database.free)
        database._open = self.holds = True
        self.tx = database._kind(database.copied(), database._tombstone_key, database.clock)
        return _Seen(self.tx, database.machine.step)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        database = self.database
        try:
            if kind is None:
                database.machine.step("work.commit")
                before, database.state = database.state, self.tx.state
                database.on_commit(database.name, before, database.state, database.machine.current)
        finally:
            database._open = False
        if kind is None:
            database.machine.step("work.committed")


class _Seen:
    """A transaction whose every call is a step."""

    __slots__ = ("_step", "_tx")

    def __init__(self, tx: Any, step: Callable[[str], None]) -> None:
        self._tx = tx
        self._step = step

    def __getattr__(self, name: str) -> Any:
        self._step("tx." + name)
        return getattr(self._tx, name)
