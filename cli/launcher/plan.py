"""What one start will run: which infrastructure is ours, on which ports, with which settings, as which processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cli.launcher import alipay, broker, logins, postgres, store
from cli.launcher.databases import service_dsns
from cli.launcher.errors import LauncherError
from cli.launcher.parts import Part, Site
from cli.launcher.ports import assign, is_free
from cli.launcher.processes import DATABASES, Service, health_port_name, program_of
from cli.launcher.program import Program
from cli.launcher.run_folder import RunFolder
from cli.launcher.settings import assemble


@dataclass(frozen=True)
class Plan:
    """Everything a start needs to know."""

    parts: tuple[Part, ...]
    services: tuple[Program, ...]
    settings: Mapping[str, str]
    admin_dsn: str | None
    """``None``: the user gave every service's DSN, and we create no database."""

    @property
    def programs(self) -> list[Program]:
        """Every process, infrastructure first."""
        return [program for part in self.parts for program in part.programs()] + list(self.services)


def make_plan(folder: RunFolder, environ: Mapping[str, str], table: tuple[Service, ...]) -> Plan:
    """Choose parts, ports and settings for a start; raises when the user's own port is taken."""
    _require_known_model(environ.get("POCKETID_MATTING_MODEL"))
    health = [health_port_name(service) for service in table if not service.own_port]
    sells = any(service.name == "payments" for service in table)
    admits = any(service.name == "auth" for service in table)
    own_ports = [*_ports_of_parts(environ), *(alipay.PORTS if sells else ()), *(logins.PORTS if admits else ())]
    ports = assign(folder, [*own_ports, *health])
    site = Site(folder, ports)
    parts = _parts(site, environ) + ((alipay.alipay_part(site, environ),) if sells else ())
    parts += logins.login_parts(site, environ) if admits else ()
    found = {name: value for part in parts for name, value in part.settings().items()}
    admin_dsn = (
        None if _gives_every_database(environ) else environ.get("POCKETID_ADMIN_DSN") or found["POCKETID_ADMIN_DSN"]
    )
    if admin_dsn is not None:
        found |= service_dsns(folder, admin_dsn, DATABASES)
    settings = assemble(folder, found, environ)
    for service in table:
        if service.own_port and not is_free(int(settings[service.own_port])):
            port = settings[service.own_port]
            raise LauncherError(
                f"port {port} is taken; choose another one: {service.own_port}={int(port) + 1} pocketid up"
            )
    services = tuple(program_of(service, settings, ports) for service in table)
    return Plan(parts, services, settings, admin_dsn)


def _require_known_model(name: str | None) -> None:
    """Refuse before anything starts what every worker would refuse."""
    if not name:
        return
    from services.imaging.pipeline.registry import WeightsMissing, matting_model

    try:
        matting_model(name)
    except WeightsMissing as error:
        raise LauncherError(f"POCKETID_MATTING_MODEL: {error.detail}") from error


def own_parts(folder: RunFolder) -> tuple[Part, ...]:
    """Our own servers as they ran last, for cleaning up after them."""
    return _parts(Site(folder, folder.recall("ports") or {}), {})


def _parts(site: Site, environ: Mapping[str, str]) -> tuple[Part, ...]:
    has_database = environ.get("POCKETID_ADMIN_DSN") or _gives_every_database(environ)
    amqp_url = environ.get("POCKETID_AMQP_URL")
    return (
        postgres.GivenPostgres(environ.get("POCKETID_ADMIN_DSN")) if has_database else postgres.OwnPostgres(site),
        store.GivenStore(environ) if environ.get("POCKETID_S3_ENDPOINT") else store.OwnStore(site),
        broker.GivenBroker(amqp_url) if amqp_url else broker.OwnBroker(site),
    )


def _ports_of_parts(environ: Mapping[str, str]) -> list[str]:
    names: list[str] = []
    if not environ.get("POCKETID_ADMIN_DSN") and not _gives_every_database(environ):
        names += postgres.PORTS
    if not environ.get("POCKETID_S3_ENDPOINT"):
        names += store.PORTS
    if not environ.get("POCKETID_AMQP_URL"):
        names += broker.PORTS
    return names


def _gives_every_database(environ: Mapping[str, str]) -> bool:
    return all(environ.get(f"POCKETID_{service.upper()}_DSN") for service in DATABASES)
