"""RabbitMQ: our own private node of the installed RabbitMQ, unless the user gives an AMQP URL.

The node shares nothing with a default node of the same machine: its name, folders, cookie, users, and its AMQP,
management, distribution and epmd ports are its own, and all of them are on loopback.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from cli.launcher.errors import LauncherError
from cli.launcher.parts import Site
from cli.launcher.ports import LOOPBACK
from cli.launcher.program import FOUNDATION, INFRASTRUCTURE, Program
from cli.launcher.run_folder import write_private
from cli.launcher.secrets import secret
from cli.launcher.users import as_user, hand_over, is_root

PORTS = ("amqp", "amqp-management", "amqp-distribution", "epmd")
SERVERS = (Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), Path("/opt/rabbitmq/sbin/rabbitmq-server"))
BROKER_USER = "rabbitmq"
LOGIN = "pocketid"
INSTALL = "sudo apt-get install rabbitmq-server (or give POCKETID_AMQP_URL)"


@dataclass(frozen=True)
class OwnBroker:
    """A private RabbitMQ node and its own epmd (Erlang's name server, which would otherwise outlive the node)."""

    site: Site
    title: str = "RabbitMQ"

    def programs(self) -> list[Program]:
        """First epmd, then the node, both as the rabbitmq user when the launcher is root."""
        server = find_server()
        run_as = as_user(BROKER_USER, (self._folder, server))
        epmd = (*run_as, find_epmd(), "-port", str(self.site.ports["epmd"]), "-address", LOOPBACK)
        return [
            Program("epmd", epmd, FOUNDATION, folder=self._folder, environment={"HOME": str(self._folder / "home")}),
            Program(
                "rabbitmq",
                (*run_as, str(server)),
                INFRASTRUCTURE,
                folder=self._folder,
                environment=self._environment(),
                stop_seconds=30,
            ),
        ]

    def prepare(self) -> None:
        """Write the node's configuration and cookie."""
        folders = [self._folder, *(self._folder / name for name in ("home", "mnesia", "log", "conf.d"))]
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
        cookie = self._folder / "home" / ".erlang.cookie"
        files = {
            self._folder / "rabbitmq.conf": self._configuration(),
            self._folder / "enabled_plugins": "[rabbitmq_management].\n",
            self._folder / "rabbitmq-env.conf": "",
            cookie: secret(self.site.folder, "erlang_cookie"),
        }
        for path, text in files.items():
            write_private(path, text)
        cookie.chmod(0o400)
        if is_root():
            hand_over(BROKER_USER, *folders, *files)

    def settings(self) -> dict[str, str]:
        """The AMQP URL: own user, own virtual host."""
        return {"POCKETID_AMQP_URL": f"amqp://{LOGIN}:{self._password()}@{LOOPBACK}:{self.site.ports['amqp']}/{LOGIN}"}

    def is_ready(self) -> bool:
        """Whether our user can log in."""
        return can_log_in(self.settings()["POCKETID_AMQP_URL"])

    def clean_up(self) -> None:
        """Remove the node's pid file, which a killed node leaves."""
        (self._folder / "node.pid").unlink(missing_ok=True)

    @property
    def _folder(self) -> Path:
        return self.site.folder.root / "rabbitmq"

    def _password(self) -> str:
        return secret(self.site.folder, "rabbitmq_password")

    def _environment(self) -> dict[str, str]:
        folder = self._folder
        return {
            "HOME": str(folder / "home"),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(self.site.ports["epmd"]),
            "RABBITMQ_NODENAME": "pocketid@localhost",
            "RABBITMQ_DIST_PORT": str(self.site.ports["amqp-distribution"]),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(folder / "conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(folder / "node.pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false",
            # Makes the start script become the node, instead of a shell that waits beside it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _configuration(self) -> str:
        ports = self.site.ports
        return f"""\
listeners.tcp.1 = {LOOPBACK}:{ports["amqp"]}
management.tcp.ip = {LOOPBACK}
management.tcp.port = {ports["amqp-management"]}
default_vhost = {LOGIN}
default_user = {LOGIN}
default_pass = {self._password()}
default_user_tags.administrator = true
default_permissions.configure = .*
default_permissions.read = .*
default_permissions.write = .*
loopback_users.{LOGIN} = true
log.file = false
log.console = true
log.console.level = warning
disk_free_limit.absolute = 200MB
"""


@dataclass(frozen=True)
class GivenBroker:
    """The user's RabbitMQ."""

    url: str
    title: str = "RabbitMQ (given)"

    def programs(self) -> list[Program]:
        """None: the server is not ours."""
        return []

    def prepare(self) -> None:
        """Nothing to make."""

    def settings(self) -> dict[str, str]:
        """The user's environment already says it."""
        return {}

    def is_ready(self) -> bool:
        """Whether the user's login works."""
        return can_log_in(self.url)

    def clean_up(self) -> None:
        """Nothing of it is ours."""


def can_log_in(url: str) -> bool:
    """Whether an AMQP connection can be opened with this URL."""
    import pika
    from pika.exceptions import AMQPError

    logging.getLogger("pika").setLevel(logging.CRITICAL)
    parameters = pika.URLParameters(url)
    parameters.connection_attempts, parameters.socket_timeout, parameters.blocked_connection_timeout = 1, 3, 3
    try:
        pika.BlockingConnection(parameters).close()
    except (AMQPError, OSError):
        return False
    return True


def find_server() -> Path:
    """RabbitMQ's own start script (not Debian's wrapper, which knows the default node only)."""
    for path in SERVERS:
        if path.exists():
            return path
    raise LauncherError(f"RabbitMQ is not installed; run: {INSTALL}")


def find_epmd() -> str:
    """Erlang's name server."""
    installed = sorted(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))
    found = shutil.which("epmd") or (str(installed[-1]) if installed else None)
    if found is None:
        raise LauncherError(f"Erlang is not installed; run: {INSTALL}")
    return found
