"""Where the running system is, in the shape that other programs rely on."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from cli.launcher.alipay import STANDIN
from cli.launcher.errors import NotUp
from cli.launcher.logins import STANDIN as LOGINS
from cli.launcher.ports import LOOPBACK
from cli.launcher.processes import DATABASES
from cli.launcher.settings import last_used
from cli.launcher.supervisor import Supervisor
from cli.launcher.system import System


def overview(system: System) -> dict[str, Any]:
    """The answer of ``pocketid env``: addresses, passwords, process ids. Raises :class:`NotUp`."""
    supervisor = Supervisor(system.folder)
    if not supervisor.is_alive():
        raise NotUp
    settings, ports = last_used(system.folder), system.folder.recall("ports") or {}
    states = supervisor.states()
    return {
        "gateway": f"http://{LOOPBACK}:{settings['POCKETID_PORT']}",
        "amqp": settings["POCKETID_AMQP_URL"],
        "databases": {name: settings[f"POCKETID_{name.upper()}_DSN"] for name in DATABASES},
        "s3": {
            "endpoint": settings["POCKETID_S3_ENDPOINT"],
            "access_key": settings["POCKETID_S3_ACCESS_KEY"],
            "secret_key": settings["POCKETID_S3_SECRET_KEY"],
            "bucket": settings["POCKETID_S3_BUCKET"],
        },
        "logs": str(system.folder.logs),
        "alipay_standin": f"http://{LOOPBACK}:{ports[STANDIN]}" if STANDIN in states else None,
        "login_standins": f"http://{LOOPBACK}:{ports[LOGINS]}" if LOGINS in states else None,
        "pids": {name: [state.pid] for name, state in states.items() if state.pid},
        "run_dir": str(system.folder.root),
        "admin_dsn": settings.get("POCKETID_ADMIN_DSN"),
        "amqp_management": _management(settings["POCKETID_AMQP_URL"], ports) if "rabbitmq" in states else None,
        "health": {
            name.removeprefix("health-"): f"http://{LOOPBACK}:{port}"
            for name, port in ports.items()
            if name.startswith("health-")
        },
        "supervisor_pid": supervisor.pid(),
    }


def _management(amqp_url: str, ports: dict[str, int]) -> str:
    login = urlsplit(amqp_url)
    return f"http://{login.username}:{login.password}@{LOOPBACK}:{ports['amqp-management']}"
