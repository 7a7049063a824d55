"""Every service of the local system and what it is told: the table that keeps secrets away from who has no use for them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cli.launcher.ports import LOOPBACK
from cli.launcher.program import DOOR, SERVICES, Program
from shared.kernel.settings import LoginSettings

DATABASES = ("auth", "imaging", "payments", "retention")
"""Services with a database; database and role have the service's name."""

STORE = ("POCKETID_S3_ENDPOINT", "POCKETID_S3_ACCESS_KEY", "POCKETID_S3_SECRET_KEY", "POCKETID_S3_BUCKET")
EVERY_PROCESS = ("POCKETID_PROFILE", "POCKETID_AMQP_URL", "POCKETID_LOG_LEVEL")
LOGINS = tuple(f"POCKETID_{name.upper()}" for name in LoginSettings.model_fields if name.startswith("login_"))
AUTH = (
    *LOGINS,
    "POCKETID_GUEST_IDLE_DAYS",
    "POCKETID_AUTH_DSN",
    "POCKETID_MASTER_KEYS",
    "POCKETID_TOKEN_SIGNING_KEYS",
    "POCKETID_TOMBSTONE_KEY",
    "POCKETID_IDENTITY_PEPPER",
)
IMAGING = ("POCKETID_IMAGING_DSN", "POCKETID_TOMBSTONE_KEY", *STORE)
WORKER = (*IMAGING, "POCKETID_MASTER_KEYS", "POCKETID_WEIGHTS_DIR", "POCKETID_WORKER_THREADS")
RETENTION = (
    "POCKETID_RETENTION_DSN",
    "POCKETID_TOMBSTONE_KEY",
    "POCKETID_RECEIPT_KEY",
    "POCKETID_CERTIFICATE_SIGNING_KEYS",
    "POCKETID_EXPORT_HOURS",
    "POCKETID_EXPORTS_PER_DAY",
    *STORE,
)
PAYMENTS = (
    "POCKETID_PAYMENTS_DSN",
    "POCKETID_TOMBSTONE_KEY",
    "POCKETID_NOTICE_KEY",
    "POCKETID_ORDER_MINUTES",
    "POCKETID_ALIPAY_GATEWAY",
    "POCKETID_ALIPAY_APP_ID",
    "POCKETID_ALIPAY_SELLER_ID",
    "POCKETID_ALIPAY_PRIVATE_KEY_FILE",
    "POCKETID_ALIPAY_PUBLIC_KEY_FILE",
    "POCKETID_ALIPAY_APP_CERTIFICATE_FILE",
    "POCKETID_ALIPAY_CERTIFICATE_FILE",
    "POCKETID_ALIPAY_ROOT_CERTIFICATE_FILE",
    "POCKETID_ALIPAY_NOTIFY_URL",
    "POCKETID_ALIPAY_RETURN_URL",
)
GATEWAY = (
    "POCKETID_PORT",
    "POCKETID_PUBLIC_URL",
    "POCKETID_MASTER_KEYS",
    "POCKETID_DEVICE_PEPPER",
    "POCKETID_NOTICE_KEY",
    *STORE,
)

OF_THE_LAUNCHER = ("POCKETID_RUN_DIR", "POCKETID_ADMIN_DSN", "POCKETID_PROCESS", "POCKETID_HEALTH_PORT")
"""Settings that no process inherits: they are the launcher's own, or differ from process to process."""


@dataclass(frozen=True, slots=True)
class Service:
    """A process of ours: ``python -m module arguments``, told the settings it ``needs`` and those everybody gets."""

    name: str
    arguments: tuple[str, ...]
    needs: tuple[str, ...] = ()
    stage: int = SERVICES
    own_port: str = ""
    """The setting with the port it answers ``/readyz`` on; by default it gets a health port of its own."""

    niceness: int = 0
    fixed: Mapping[str, str] = field(default_factory=dict)


BEHIND = 10
"""Where processors are few, a purge's errands wait until everybody who wants to be gone is unreadable."""

TABLE = (
    Service("auth", ("services.auth",), AUTH),
    Service("imaging", ("services.imaging",), IMAGING, niceness=BEHIND),
    Service("payments", ("services.payments",), PAYMENTS),
    Service("retention", ("services.retention",), RETENTION, niceness=BEHIND),
    Service("worker-1", ("services.imaging.worker",), WORKER, niceness=BEHIND),
    Service("worker-2", ("services.imaging.worker",), WORKER, niceness=BEHIND),
    Service("auth-relay", ("shared.messaging.relay", "auth"), ("POCKETID_AUTH_DSN",), niceness=BEHIND),
    Service("imaging-relay", ("shared.messaging.relay", "imaging"), ("POCKETID_IMAGING_DSN",), niceness=BEHIND),
    Service("payments-relay", ("shared.messaging.relay", "payments"), ("POCKETID_PAYMENTS_DSN",), niceness=BEHIND),
    Service("retention-relay", ("shared.messaging.relay", "retention"), ("POCKETID_RETENTION_DSN",), niceness=BEHIND),
    Service("gateway", ("services.gateway",), GATEWAY, stage=DOOR, own_port="POCKETID_PORT"),
)
"""The local system's services, as the product runs them."""


def program_of(service: Service, settings: Mapping[str, str], ports: Mapping[str, int]) -> Program:
    """The supervised process of a service, with exactly the settings that are its business.

    ``settings`` holds every setting of the system; one that no row of any table names (the user's own, such as
    ``POCKETID_UNLOCK_POLICY``) goes to every process.
    """
    wanted = {*EVERY_PROCESS, *service.needs, *others(settings)}
    port = settings[service.own_port] if service.own_port else str(ports[health_port_name(service)])
    environment = {name: settings[name] for name in wanted if name in settings}
    environment |= {"POCKETID_PROCESS": service.name, "POCKETID_HEALTH_PORT": port, "PYTHONUNBUFFERED": "1"}
    return Program(
        name=service.name,
        command=(sys.executable, "-m", *service.arguments),
        stage=service.stage,
        environment=environment | dict(service.fixed),
        niceness=service.niceness,
        ready_url=f"http://{LOOPBACK}:{port}/readyz",
    )


def health_port_name(service: Service) -> str:
    """The name under which the service's health port is remembered."""
    return f"health-{service.name}"


def others(settings: Iterable[str]) -> set[str]:
    """The settings that no process was promised and no other must not see: everybody gets them."""
    named = {*EVERY_PROCESS, *AUTH, *WORKER, *RETENTION, *PAYMENTS, *GATEWAY, *OF_THE_LAUNCHER}
    return {name for name in settings if name.startswith("POCKETID_") and name not in named}
