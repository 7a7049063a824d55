"""Layers you can see: what may import what."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.sources import ROOT, SERVICES, Source, sources

FRAMEWORKS = {
    "nameko",
    "kombu",
    "amqp",
    "pika",
    "aio_pika",
    "psycopg",
    "psycopg_pool",
    "minio",
    "fastapi",
    "starlette",
    "httpx",
    "eventlet",
    "requests",
    "urllib3",
    "socket",
    "sqlite3",
    "uvicorn",
}
CLOCKS = {"now", "utcnow", "today", "time_ns", "monotonic", "perf_counter", "utc_now"}
PURE = [source for source in sources("services") if "/domain/" in source.name or "/pipeline/" in source.name]
USE_CASES = [
    source
    for source in sources("services")
    if source.name.endswith(("use_cases.py", "_cases.py", "ports.py", "tokens.py"))
]


def tops(source: Source) -> set[str]:
    return {name.split(".")[0] for name in source.imports()}


def by_name(source: Source) -> str:
    return source.name


@pytest.mark.parametrize("source", PURE, ids=by_name)
def test_the_core_is_pure(source: Source) -> None:
    """Domain and pipeline import no framework, no driver, no network: they run in a REPL."""
    assert not tops(source) & FRAMEWORKS
    assert not {
        name
        for name in source.imports()
        if name.startswith(("shared.db", "shared.rpc", "shared.messaging", "shared.host", "shared.telemetry"))
    }


@pytest.mark.parametrize("source", PURE, ids=by_name)
def test_the_core_does_not_read_the_clock(source: Source) -> None:
    """Time is a parameter."""
    assert "time" not in source.imports()
    assert "shared.kernel.clock.utc_now" not in source.imports()
    read = [node.lineno for node in ast.walk(source.tree) if isinstance(node, ast.Attribute) and node.attr in CLOCKS]
    assert not read, f"{source.name}, lines {read}"


@pytest.mark.parametrize("source", USE_CASES, ids=by_name)
def test_use_cases_know_no_framework_no_sql_and_no_clock(source: Source) -> None:
    """Plain functions; what they need is a parameter."""
    assert not tops(source) & FRAMEWORKS
    assert not {
        name
        for name in source.imports()
        if ".adapters" in name or name.startswith(("shared.db", "shared.host", "shared.rpc"))
    }
    assert "shared.kernel.clock.utc_now" not in source.imports()
    assert "shared.testing" not in {".".join(name.split(".")[:2]) for name in source.imports()}


@pytest.mark.parametrize("source", sources("services"), ids=by_name)
def test_no_service_imports_another(source: Source) -> None:
    """They speak by contracts only; what two need lies in shared."""
    own = source.name.split("/")[1]
    others = {f"services.{service}" for service in SERVICES if service != own}
    assert not {name for name in source.imports() if any(name == o or name.startswith(o + ".") for o in others)}


@pytest.mark.parametrize("source", sources("shared"), ids=by_name)
def test_shared_imports_no_service_and_no_command_line(source: Source) -> None:
    """The ground does not stand on the house."""
    assert not tops(source) & {"services", "cli", "tests", "bench", "scripts"}


@pytest.mark.parametrize("source", sources("shared", "services", "cli"), ids=by_name)
def test_nothing_of_the_product_imports_tests(source: Source) -> None:
    """And memory twins are used by tests and by other twins alone."""
    assert not tops(source) & {"tests", "pytest", "hypothesis"}
    twin = source.name.startswith("shared/testing/") or source.name.endswith("adapters/memory.py")
    if not twin:
        assert not {
            name for name in source.imports() if name.startswith("shared.testing") or name.endswith("adapters.memory")
        }


@pytest.mark.parametrize("source", sources("shared", "services", "cli"), ids=by_name)
def test_nothing_of_the_product_imports_a_stand_in(source: Source) -> None:
    """The two meet on the wire only: a shared mistake would not be seen."""
    assert "standins" not in tops(source)


@pytest.mark.parametrize("source", sources("standins"), ids=by_name)
def test_a_stand_in_imports_nothing_of_the_product(source: Source) -> None:
    """Written from the protocol's facts alone."""
    assert not tops(source) & {"shared", "services", "cli", "tests", "pytest", "hypothesis"}


@pytest.mark.parametrize("source", sources("shared", "services", "cli"), ids=by_name)
def test_nameko_and_eventlet_stay_at_the_rim(source: Source) -> None:
    """So that the rim could be replaced in a day."""
    rim = source.name.startswith("shared/host/") or source.name.endswith(("/service.py", "/__main__.py"))
    if not rim:
        assert not tops(source) & {"nameko", "eventlet"}
        assert not {name for name in source.imports() if name.startswith("shared.host")}


@pytest.mark.parametrize("service", [s for s in SERVICES if s != "gateway"])
def test_every_nameko_service_has_the_same_rooms(service: str) -> None:
    """service.py, use_cases.py, ports.py, domain, adapters with a memory twin, migrations."""
    folder = ROOT / "services" / service
    for room in (
        "service.py",
        "use_cases.py",
        "ports.py",
        "domain/__init__.py",
        "adapters/postgres.py",
        "adapters/memory.py",
    ):
        assert (folder / room).is_file(), room
    assert list((folder / "migrations").glob("[0-9][0-9][0-9][0-9]_*.sql"))


@pytest.mark.parametrize("service", [s for s in SERVICES if s != "gateway"])
def test_a_process_patches_the_standard_library_before_it_imports_anything(service: str) -> None:
    """``import shared.host`` is the first statement of every nameko process: psycopg reads its setting at import."""
    [main] = [s for s in sources("services") if s.name == f"services/{service}/__main__.py"]
    first = next(node for node in main.tree.body if not isinstance(node, ast.Expr))
    assert isinstance(first, ast.Import)
    assert [alias.name for alias in first.names] == ["shared.host"]


@pytest.mark.parametrize("service", [s for s in SERVICES if s != "gateway"])
def test_an_entry_point_is_an_entry_point(service: str) -> None:
    """service.py: decode, call the use case, encode. No loop, no ``if``, no ``try``, no SQL."""
    [source] = [s for s in sources("services") if s.name == f"services/{service}/service.py"]
    assert not [n for n in ast.walk(source.tree) if isinstance(n, ast.If | ast.For | ast.While | ast.Try)]
    assert all(len(function.body) <= 3 for function in source.functions())


# ---- the databases


def migrations() -> list[tuple[str, str]]:
    files = [ROOT / "shared" / "db" / "every_service.sql", *sorted((ROOT / "services").glob("*/migrations/*.sql"))]
    return [(file.relative_to(ROOT).as_posix(), file.read_text().upper()) for file in files]


@pytest.mark.parametrize(("name", "text"), migrations(), ids=lambda value: value if value.endswith(".sql") else "")
def test_a_migration_grants_nothing_and_reaches_no_other_database(name: str, text: str) -> None:
    """One database and one role a service, no cross grants; forward only."""
    for word in (
        "GRANT ",
        "REVOKE ",
        "PUBLIC",
        "CREATE ROLE",
        "SECURITY DEFINER",
        "DBLINK",
        "POSTGRES_FDW",
        "FOREIGN SERVER",
        "CREATE EXTENSION",
        "DROP TABLE",
    ):
        assert word not in text, f"{name}: {word}"


@pytest.mark.parametrize("service", [s for s in SERVICES if s != "gateway"])
def test_migrations_are_numbered_without_a_gap(service: str) -> None:
    """Two with one number would race."""
    numbers = sorted(int(file.name[:4]) for file in (ROOT / "services" / service / "migrations").glob("*.sql"))
    assert numbers == list(range(1, len(numbers) + 1))
