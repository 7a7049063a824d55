"""Each port twice: in memory, and on the real server (started once for the session)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from minio import Minio

from services.auth.adapters.memory import memory_auth
from services.auth.adapters.postgres import PostgresAuth
from services.imaging.adapters.memory import memory_imaging
from services.imaging.adapters.postgres import PostgresImaging
from services.payments.adapters.memory import memory_payments
from services.payments.adapters.postgres import PostgresPayments
from services.retention.adapters.memory import memory_retention
from services.retention.adapters.postgres import PostgresRetention
from shared.contracts import Message, decode
from shared.db import Database, UnitOfWork
from shared.kernel.personal import Secret
from shared.kernel.settings import StoreSettings
from shared.storage import S3Store
from shared.testing.memory_store import MemoryStore
from tests.infrastructure import SERVICES, missing_is_a_failure_under_ci, running_postgres, running_store

TOMBSTONE_KEY = Secret(b"t" * 32)
KINDS: dict[str, Any] = {
    "auth": PostgresAuth,
    "imaging": PostgresImaging,
    "payments": PostgresPayments,
    "retention": PostgresRetention,
}
TWINS: dict[str, Callable[..., Any]] = {
    "auth": memory_auth,
    "imaging": memory_imaging,
    "payments": memory_payments,
    "retention": memory_retention,
}
BOTH = ["memory", pytest.param("postgres", marks=pytest.mark.integration)]


@dataclass
class Subject:
    """A service's work, and a look into its outbox."""

    work: Any
    outbox: Callable[[], list[tuple[str, str, bool, Message]]]
    real: bool


@pytest.fixture(scope="session")
def dsns() -> Iterator[dict[str, str]]:
    with missing_is_a_failure_under_ci(), running_postgres() as found:
        yield found


@pytest.fixture(scope="session")
def databases(dsns: dict[str, str]) -> Iterator[dict[str, Database]]:
    opened = {service: Database(Secret(dsns[service])) for service in SERVICES}
    yield opened
    for database in opened.values():
        database.close()


@pytest.fixture(scope="session")
def store_settings() -> Iterator[dict[str, str]]:
    with missing_is_a_failure_under_ci(), running_store() as found:
        yield found


def subject_of(service: str, kind: str, request: pytest.FixtureRequest) -> Subject:
    if kind == "memory":
        twin = TWINS[service](TOMBSTONE_KEY)

        def kept() -> list[tuple[str, str, bool, Message]]:
            return [(o.exchange, o.routing_key, o.mandatory, o.message) for o in twin.state.outbox]

        return Subject(twin, kept, real=False)
    database: Database = request.getfixturevalue("databases")[service]
    with database.transaction() as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations'"
        )
        connection.execute(f"TRUNCATE {', '.join(row['tablename'] for row in tables)} CASCADE")

    def rows() -> list[tuple[str, str, bool, Message]]:
        with database.transaction() as connection:
            found = connection.execute("SELECT exchange, routing_key, mandatory, body FROM outbox ORDER BY position")
            return [(r["exchange"], r["routing_key"], r["mandatory"], decode(bytes(r["body"]))[0]) for r in found]

    return Subject(UnitOfWork(database, KINDS[service], TOMBSTONE_KEY), rows, real=True)


@pytest.fixture(params=BOTH)
def auth(request: pytest.FixtureRequest) -> Subject:
    return subject_of("auth", request.param, request)


@pytest.fixture(params=BOTH)
def imaging(request: pytest.FixtureRequest) -> Subject:
    return subject_of("imaging", request.param, request)


@pytest.fixture(params=BOTH)
def payments(request: pytest.FixtureRequest) -> Subject:
    return subject_of("payments", request.param, request)


@pytest.fixture(params=BOTH)
def retention(request: pytest.FixtureRequest) -> Subject:
    return subject_of("retention", request.param, request)


@pytest.fixture(
    params=[
        pytest.param((service, kind), id=f"{service}-{kind}", marks=[pytest.mark.integration] * (kind == "postgres"))
        for service in SERVICES
        for kind in ("memory", "postgres")
    ]
)
def any_service(request: pytest.FixtureRequest) -> Subject:
    return subject_of(*request.param, request)


@pytest.fixture
def real_auth(request: pytest.FixtureRequest) -> Subject:
    return subject_of("auth", "postgres", request)


@pytest.fixture
def real_imaging(request: pytest.FixtureRequest) -> Subject:
    return subject_of("imaging", "postgres", request)


@pytest.fixture
def real_payments(request: pytest.FixtureRequest) -> Subject:
    return subject_of("payments", "postgres", request)


@pytest.fixture
def real_retention(request: pytest.FixtureRequest) -> Subject:
    return subject_of("retention", "postgres", request)


@dataclass
class Bucket:
    """A bucket of the real store, as its owner and as an outsider with the SDK see it."""

    store: S3Store
    client: Any
    name: str


def bucket_of(found: dict[str, str], name: str, *, versioned: bool) -> Bucket:
    settings = StoreSettings(
        s3_endpoint=found["POCKETID_S3_ENDPOINT"],
        s3_access_key=found["POCKETID_S3_ACCESS_KEY"],  # type: ignore[arg-type]
        s3_secret_key=found["POCKETID_S3_SECRET_KEY"],  # type: ignore[arg-type]
        s3_bucket=name,
    )
    client = Minio(
        endpoint=found["POCKETID_S3_ENDPOINT"].split("://", 1)[1],
        access_key=found["POCKETID_S3_ACCESS_KEY"],
        secret_key=found["POCKETID_S3_SECRET_KEY"],
        secure=False,
    )
    if not client.bucket_exists(bucket_name=name):
        client.make_bucket(bucket_name=name)
    if versioned:
        from minio.versioningconfig import ENABLED, VersioningConfig

        client.set_bucket_versioning(bucket_name=name, config=VersioningConfig(ENABLED))
    return Bucket(S3Store(settings), client, name)


@pytest.fixture
def plain_bucket(store_settings: dict[str, str]) -> Bucket:
    return bucket_of(store_settings, "plain", versioned=False)


@pytest.fixture
def versioned_bucket(store_settings: dict[str, str]) -> Bucket:
    return bucket_of(store_settings, "versioned", versioned=True)


@pytest.fixture(params=["memory", *(pytest.param(n, marks=pytest.mark.integration) for n in ("plain", "versioned"))])
def store(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return MemoryStore()
    bucket: Bucket = request.getfixturevalue(f"{request.param}_bucket")
    return bucket.store


REFUSED = psycopg.IntegrityError
