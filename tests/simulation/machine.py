"""Processes that take turns: each thing somebody does is a greenlet that stops between any two of its steps.

A *process* is a name (``auth``, ``worker-1``); its tasks live in it and die with it. One die says at which step something
happens, and what: another task goes on, the port fails, the process dies.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from greenlet import getcurrent, greenlet

from shared.kernel.errors import TimedOut, Unavailable
from shared.storage import StoreUnavailable
from shared.testing.faults import Killed

Action = Callable[[], Any]
PACES = (2.5, 5.0, 5.0, 10.0)
"""Mean number of steps until the die is asked again: one for each run."""
OTHERS, FAILURE = 0.90, 0.96
"""Of what happens at a step: others go on, else the port fails, else the process dies."""
FAILS_AS: dict[str, tuple[type[Exception], ...]] = {
    "store": (StoreUnavailable,),
    "line": (TimedOut, Unavailable),
    "studio": (RuntimeError,),
    "work": (Unavailable,),
    "dead": (Unavailable,),
}


class LawBroken(BaseException):
    """A rule does not hold; says which, and how it was seen. No handler of the code under test takes it."""


class Deadlock(AssertionError):
    """Everybody waits for somebody."""


@dataclass(eq=False, slots=True)
class Task:
    """Something that a process is doing."""

    process: str
    name: str
    greenlet: greenlet = field(repr=False)
    waits: Callable[[], bool] | None = field(default=None, repr=False)
    killed: bool = False
    done: bool = False
    result: Any = field(default=None, repr=False)
    error: BaseException | None = None
    handling: str = ""
    notes: dict[str, Any] = field(default_factory=dict, repr=False)


class Machine:
    """Runs tasks by turns."""

    def __init__(self, die: random.Random) -> None:
        self.die = die
        self.hub = getcurrent()
        self.tasks: list[Task] = []
        self.current: Task | None = None
        self.calm = True
        self.steps = 0
        self.pace = die.choice(PACES)
        self.fuse = 1
        self.trace: list[str] | None = None
        self.broken: LawBroken | None = None
        self.on_kill: Callable[[str], None] = lambda process: None

    # ---- inside of tasks

    def step(self, name: str) -> None:
        """The hook: every step of every process passes here."""
        task = self.current
        if task is None:
            return
        if task.killed:
            raise Killed(name)
        self.steps += 1
        self.fuse -= 1
        if self.fuse <= 0 and not self.calm:
            self._happens(task, name)

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Let others go on until something holds."""
        task = self.current
        if task is None:
            raise Deadlock("only tasks can wait")
        while not holds():
            task.waits = holds
            self._let_others(task)

    def _happens(self, task: Task, name: str) -> None:
        self.fuse = 1 + int(self.die.expovariate(1 / self.pace))
        chance = self.die.random()
        errors = FAILS_AS.get(name.split(".", 1)[0], ())
        if chance < OTHERS or (chance < FAILURE and not errors):
            self._let_others(task)
        elif chance < FAILURE:
            error = self.die.choice(errors)
            self.say(f"    {name} fails: {error.__name__}")
            raise error(f"{name} does not answer")
        else:
            self.say(f"    {task.process} dies in {task.name} at {name}")
            self.kill(task.process)
            raise Killed(name)

    def _let_others(self, task: Task) -> None:
        self.hub.switch()
        if task.killed:
            raise Killed(task.name)

    # ---- outside of them

    def spawn(self, process: str, name: str, action: Action, on_end: Callable[[Task], None] | None = None) -> Task:
        """A new task, which takes its first step when its turn comes."""

        def run() -> None:
            try:
                if task.killed:
                    raise Killed(name)
                task.result = action()
            except Exception as error:
                task.error = error
            except Killed as death:
                task.error = death
            except LawBroken as broken:
                self.broken = self.broken or broken
                return
            task.done = True
            if on_end is not None:
                on_end(task)

        task = Task(process, name, greenlet(run, parent=self.hub))
        self.tasks.append(task)
        return task

    def go_on(self, task: Task) -> None:
        """Let a task go on until it stops somewhere."""
        before, self.current = self.current, task
        task.waits = None
        try:
            task.greenlet.switch()
        finally:
            self.current = before
        if task.greenlet.dead and task in self.tasks:
            self.tasks.remove(task)
        if self.broken is not None:
            raise self.broken

    def ready(self) -> list[Task]:
        """Tasks that can go on."""
        return [task for task in self.tasks if task.waits is None or task.killed or task.waits()]

    def run_all(self) -> None:
        """Let every task come to its end."""
        while self.tasks:
            ready = self.ready()
            if not ready:
                raise Deadlock(f"all wait: {self.tasks}")
            self.go_on(ready[0] if self.calm else self.die.choice(ready))

    def give_up(self) -> None:
        """The run is over: whoever is still at it ends here."""
        self.calm = True
        for task in list(self.tasks):
            task.killed = True
            while not task.greenlet.dead:
                self.current = task
                task.greenlet.switch()
        self.current = None
        self.tasks.clear()

    def kill(self, process: str) -> None:
        """The process dies: its tasks end where they are, what it had in memory is lost."""
        for task in self.tasks:
            if task.process == process:
                task.killed = True
        self.on_kill(process)

    def say(self, line: str) -> None:
        """For the trace of a replay."""
        if self.trace is not None:
            self.trace.append(line)
