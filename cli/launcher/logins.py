"""Login providers: stand-ins of our own for all of them, unless the user names an app of his. Never in production."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cli.launcher.parts import Part, Site
from cli.launcher.ports import LOOPBACK
from cli.launcher.program import INFRASTRUCTURE, Program
from cli.launcher.readiness import is_ready
from cli.launcher.run_folder import write_private

STANDIN = "login-standins"
PORTS = (STANDIN,)
PREFIX = "POCKETID_LOGIN_"


@dataclass(frozen=True)
class OwnLogins:
    """One process that is WeChat, QQ, Alipay, Apple, Weibo, Huawei and an OIDC provider, with apps made on the first start."""

    site: Site
    title: str = "login stand-ins"

    def programs(self) -> list[Program]:
        """One process."""
        port = str(self.site.ports[STANDIN])
        command = (sys.executable, "-m", "standins.logins", "--host", LOOPBACK, "--port", port, "--apps", self._apps)
        environment = {"POCKETID_PROFILE": "local", "PYTHONUNBUFFERED": "1"}
        return [Program(STANDIN, command, INFRASTRUCTURE, environment, ready_url=self._health)]

    def prepare(self) -> None:
        """Register fresh apps, unless there are some for this address."""
        if self._kept().get("base_url") == self._base_url:
            return
        port = str(self.site.ports[STANDIN])
        command = [sys.executable, "-m", "standins.logins", "--port", port, "--make-apps", self._apps]
        made = subprocess.run(command, capture_output=True, text=True, check=True)
        settings = dict(line.split("=", 1) for line in made.stdout.splitlines())
        kept = {"base_url": self._base_url, "settings": settings}
        write_private(self.site.folder.secrets / "login_settings.json", json.dumps(kept, indent=2))

    def settings(self) -> dict[str, str]:
        """What auth is told: it knows of no difference to the real ones."""
        self.prepare()
        found: dict[str, str] = self._kept()["settings"]
        return found

    def is_ready(self) -> bool:
        """Whether it answers."""
        return is_ready(self._health)

    def clean_up(self) -> None:
        """It leaves nothing behind."""

    @property
    def _base_url(self) -> str:
        return f"http://{LOOPBACK}:{self.site.ports[STANDIN]}"

    @property
    def _health(self) -> str:
        return f"{self._base_url}/_standin/health"

    @property
    def _apps(self) -> str:
        return str(self.site.folder.secrets / "login_apps.json")

    def _kept(self) -> dict[str, Any]:
        try:
            kept: dict[str, Any] = json.loads((self.site.folder.secrets / "login_settings.json").read_text())
        except FileNotFoundError:
            return {}
        return kept


def login_parts(site: Site, environ: Mapping[str, str]) -> tuple[Part, ...]:
    """The stand-ins; none when the user named an app of his own, or in production."""
    given = any(name.startswith(PREFIX) and value for name, value in environ.items())
    return () if given or environ.get("POCKETID_PROFILE") == "production" else (OwnLogins(site),)
