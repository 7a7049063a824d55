"""``pocketid up, down, status, logs, env, run``: what a person types about the local system."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from cli.launcher.errors import LauncherError
from cli.launcher.known import strangers
from cli.launcher.overview import overview
from cli.launcher.progress import Steps
from cli.launcher.run_folder import RunFolder
from cli.launcher.system import System

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
T = TypeVar("T")


def up(as_json: JsonOption = False) -> None:
    """Starts the local system in the background and returns when it is ready; at once when it already is."""
    for line in strangers(os.environ):
        typer.echo(f"pocketid: {line}", err=True)
    system, started = _system(), time.monotonic()
    was_started = _or_exit(lambda: system.up(Steps()))
    seconds = round(time.monotonic() - started, 2)
    gateway = _or_exit(lambda: overview(system))["gateway"]
    if as_json:
        typer.echo(
            json.dumps(
                {"gateway": gateway, "started": was_started, "seconds": seconds, "run_dir": str(system.folder.root)}
            )
        )
    else:
        typer.echo(f"{'up' if was_started else 'already up'} at {gateway} ({seconds} s)")


def down() -> None:
    """Stops the local system; nothing is left running, and the data stays."""
    system, started = _system(), time.monotonic()
    if _or_exit(lambda: system.down(Steps())):
        typer.echo(f"down ({time.monotonic() - started:.1f} s); the data stays in {system.folder.root}")
    else:
        typer.echo("nothing was running")


def status(as_json: JsonOption = False) -> None:
    """Shows every process: state, readiness, process id, age; exit 1 when one is not well."""
    health = _or_exit(_system().health)
    if as_json:
        rows = [{"name": h.name, "state": h.state.state, "pid": h.state.pid, "ready": h.ready} for h in health]
        typer.echo(json.dumps(rows, indent=2))
    else:
        table = Table("process", "state", "ready", "pid", "since", box=None)
        for one in health:
            since = (
                datetime.fromtimestamp(one.state.started, UTC).astimezone().strftime("%H:%M:%S")
                if one.state.pid
                else ""
            )
            ready = {None: "", True: "yes", False: "[red]no[/]"}[one.ready]
            table.add_row(one.name, one.state.state.lower(), ready, str(one.state.pid or ""), since)
        Console().print(table)
    if any(one.state.state != "RUNNING" or one.ready is False for one in health):
        raise typer.Exit(1)


def logs(
    name: Annotated[str, typer.Argument(help="A process, as in 'pocketid status'; all when left out.")] = "",
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Keep printing new lines.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", help="How many of the last lines of each log.")] = 40,
) -> None:
    """Shows the processes' logs."""
    folder = _system().folder.logs
    files = sorted(folder.glob(f"{name or '*'}.log"))
    if not files:
        known = ", ".join(sorted(path.stem for path in folder.glob("*.log"))) or "none yet"
        raise _fail(f"there is no log of {name or 'any process'}; logs: {known}")
    os.execvp("tail", ["tail", "-n", str(lines), *(["-F"] if follow else []), *map(str, files)])  # noqa: S606  # tail is the viewer


def env(as_json: JsonOption = False) -> None:
    """Says where the running system is. Prints its passwords too: only this command does."""
    view = _or_exit(lambda: overview(_system()))
    typer.echo(json.dumps(view, indent=2) if as_json else _as_lines(view))


def run(
    photo: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="The portrait to use.")] = None,
) -> None:
    """Starts the system, takes a portrait through the whole journey, then serves until Ctrl-C."""
    from cli.journey import PhotoRefused, take_journey

    system = _system()
    for interrupt in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(interrupt, signal.default_int_handler)
    was_up = system.is_up()
    try:
        _or_exit(lambda: system.up(Steps()))
        view = overview(system)
        gateway, standin = str(view["gateway"]), view["alipay_standin"]
        try:
            _or_exit(lambda: take_journey(gateway, photo, system.folder.journey, standin=standin), PhotoRefused)
        except PhotoRefused as refused:
            typer.echo(f"pocketid: {refused}", err=True)
        typer.echo(f"\nServing {gateway} (API: {gateway}/docs). Ctrl-C stops it.")
        _wait_while_up(system)
    except KeyboardInterrupt:
        typer.echo("")
    finally:
        if not was_up:
            _or_exit(lambda: system.down(Steps()))


def _wait_while_up(system: System) -> None:
    while system.is_up():
        time.sleep(1)
    raise _fail(f"the system was stopped; see {system.folder.logs / 'supervisord.log'}")


def _system() -> System:
    return System(RunFolder.from_environment(os.environ))


def _or_exit(act: Callable[[], T], *passed_on: type[LauncherError]) -> T:
    """What ``act`` returns; ends the command with one clear line when it fails, unless the caller handles that failure."""
    try:
        return act()
    except passed_on:
        raise
    except LauncherError as error:
        raise _fail(str(error)) from error


def _fail(message: str) -> SystemExit:
    typer.echo(f"pocketid: {message}", err=True)
    return SystemExit(1)


def _as_lines(view: dict[str, Any], prefix: str = "") -> str:
    lines = []
    for name, value in view.items():
        if isinstance(value, dict):
            lines.append(_as_lines(value, f"{prefix}{name}."))
        else:
            lines.append(f"{prefix}{name} = {', '.join(map(str, value)) if isinstance(value, list) else value}")
    return "\n".join(lines)
