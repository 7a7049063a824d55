"""The local system as a whole: brought up in order, taken down in the reverse, and asked how it is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

from cli.launcher import orphans
from cli.launcher.databases import provision
from cli.launcher.errors import LauncherError, NotUp
from cli.launcher.parts import Part
from cli.launcher.parts import wait_until_ready as wait_for_part
from cli.launcher.plan import Plan, make_plan, own_parts
from cli.launcher.processes import DATABASES, TABLE, Service
from cli.launcher.program import DOOR, SERVICES
from cli.launcher.progress import Steps
from cli.launcher.readiness import Watch, is_ready, last_lines, wait_until_ready
from cli.launcher.run_folder import REPOSITORY, RunFolder
from cli.launcher.supervisor import State, Supervisor

STOP_MARGIN_SECONDS = 10
UP_STATES = frozenset({"RUNNING", "STARTING"})
"""Supervisord says STARTING for the first second; readiness is asked for separately."""


@dataclass(frozen=True, slots=True)
class Running:
    """What is remembered of a process that was started: enough to watch it and to end it."""

    name: str
    stage: int
    stop_signal: str
    stop_seconds: int
    ready_url: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """How one process is."""

    name: str
    state: State
    ready: bool | None
    """``None`` for a process that has no ``/readyz``: infrastructure."""


class System:
    """One local system: its run folder says which. ``table`` and ``databases`` are the product's own, unless a test says so."""

    def __init__(
        self,
        folder: RunFolder,
        environ: Mapping[str, str] | None = None,
        table: tuple[Service, ...] = TABLE,
        databases: tuple[str, ...] = DATABASES,
    ) -> None:
        self.folder = folder
        self._environ = os.environ if environ is None else environ
        self._table = table
        self._databases = databases

    def is_up(self) -> bool:
        """Whether the process manager lives and the last start went through."""
        return bool(self.folder.recall("complete")) and Supervisor(self.folder).is_alive()

    def up(self, steps: Steps) -> bool:
        """Bring everything up and return when it is ready; ``False`` when it already was. Raises :class:`LauncherError`."""
        self.folder.make()
        with self.folder.locked():
            if self.is_up():
                return self._mend(steps)
            self._take_down(steps)
            with steps.step("process manager"):
                plan = self._launch()
            self._start_parts(plan, steps)
            self._provision(plan, steps)
            self._start_services(steps)
            self.folder.remember("complete", True)
        return True

    def down(self, steps: Steps) -> bool:
        """Stop everything and leave no process, socket or pid file; ``False`` when nothing ran. The data stays."""
        if not self.folder.root.exists():
            return False
        self.folder.make()
        with self.folder.locked():
            return self._take_down(steps)

    def health(self) -> list[Health]:
        """How each process is, infrastructure first; raises :class:`NotUp`."""
        supervisor = Supervisor(self.folder)
        if not supervisor.is_alive():
            raise NotUp
        states = supervisor.states()
        remembered = self._remembered()
        with ThreadPoolExecutor(len(remembered)) as threads:
            ready = list(threads.map(lambda one: is_ready(one.ready_url) if one.ready_url else None, remembered))
        return [Health(one.name, states[one.name], is_it) for one, is_it in zip(remembered, ready, strict=True)]

    def _mend(self, steps: Steps) -> bool:
        health = self.health()
        if all(one.state.state in UP_STATES and one.ready is not False for one in health):
            return False
        supervisor = Supervisor(self.folder)
        for one in health:
            supervisor.start(one.name)
        wait_until_ready(self._ready_urls(SERVICES, DOOR), Watch(self.folder, supervisor), steps)
        return True

    def _launch(self) -> Plan:
        plan = make_plan(self.folder, self._environ, self._table)
        programs = plan.programs
        remembered = [[p.name, p.stage, p.stop_signal, p.stop_seconds, p.ready_url] for p in programs]
        self.folder.remember("programs", remembered)
        for part in plan.parts:
            part.prepare()
        supervisor = Supervisor(self.folder)
        supervisor.configure(programs)
        supervisor.launch()
        return plan

    def _start_parts(self, plan: Plan, steps: Steps) -> None:
        supervisor = Supervisor(self.folder)

        def start(part: Part) -> None:
            with steps.step(part.title):
                names = [program.name for program in part.programs()]
                for name in names:
                    supervisor.start(name)
                watch = Watch(self.folder, supervisor)
                wait_for_part(part, lambda: watch.failure_of(names))

        with ThreadPoolExecutor(len(plan.parts)) as threads:
            list(threads.map(start, plan.parts))

    def _provision(self, plan: Plan, steps: Steps) -> None:
        dsns = {service: plan.settings[f"POCKETID_{service.upper()}_DSN"] for service in self._databases}
        if plan.admin_dsn is not None:
            with steps.step("databases and roles"):
                provision(plan.admin_dsn, dsns)
        with steps.step("migrations"), ThreadPoolExecutor(max(1, len(dsns))) as threads:
            list(threads.map(self._migrate, dsns, dsns.values()))

    def _migrate(self, service: str, dsn: str) -> None:
        log = self.folder.logs / f"migrate-{service}.log"
        environment = {"PATH": os.environ.get("PATH", ""), f"POCKETID_{service.upper()}_DSN": dsn}
        command = [sys.executable, "-m", "shared.db.migrate", service]
        with log.open("w") as output:
            done = subprocess.run(command, cwd=REPOSITORY, env=environment, stdout=output, stderr=output, check=False)
        if done.returncode:
            raise LauncherError(f"the migrations of {service} failed. The end of {log}:\n{last_lines(log)}")

    def _start_services(self, steps: Steps) -> None:
        supervisor = Supervisor(self.folder)
        for one in self._remembered():
            if one.stage >= SERVICES:
                supervisor.start(one.name)
        wait_until_ready(self._ready_urls(SERVICES, DOOR), Watch(self.folder, supervisor), steps)

    def _take_down(self, steps: Steps) -> bool:
        self.folder.remember("complete", False)
        supervisor = Supervisor(self.folder)
        was_alive = supervisor.is_alive()
        if was_alive:
            for _, stage in groupby(sorted(self._remembered(), key=lambda one: -one.stage), key=lambda one: one.stage):
                stopping = list(stage)
                with steps.step(f"stopping {_listed(one.name for one in stopping)}"):
                    seconds = max(one.stop_seconds for one in stopping) + STOP_MARGIN_SECONDS
                    supervisor.stop([one.name for one in stopping], seconds)
            supervisor.shut_down()
        return self._clear_away(steps) or was_alive

    def _clear_away(self, steps: Steps) -> bool:
        """End what a killed process manager left, services first, and remove its traces."""
        left = orphans.find(self.folder)
        if left:
            with steps.step(f"ending what a crash left: {_listed(orphan.name for orphan in left)}"):
                stages = {one.name: one.stage for one in self._remembered()} | {"supervisord": DOOR + 1}
                endings = {one.name: orphans.Ending(one.stop_signal, one.stop_seconds) for one in self._remembered()}
                for stage in sorted(set(stages.values()), reverse=True):
                    orphans.end([orphan for orphan in left if stages.get(orphan.name, DOOR) == stage], endings)
        for part in own_parts(self.folder):
            part.clean_up()
        orphans.forget(self.folder)
        self.folder.forget_socket()
        (self.folder.root / "supervisord.pid").unlink(missing_ok=True)
        return bool(left)

    def _remembered(self) -> list[Running]:
        return [Running(*one) for one in self.folder.recall("programs") or []]

    def _ready_urls(self, *stages: int) -> dict[str, str]:
        return {one.name: one.ready_url for one in self._remembered() if one.ready_url and one.stage in stages}


def _listed(names: Iterable[str]) -> str:
    """``a, b, c``, shortened when long."""
    text = ", ".join(names)
    return text if len(text) < 60 else text[:57] + "..."
