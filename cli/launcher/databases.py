"""One database and one login role a service, and a wall between them: no role can connect to another's database."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import SplitResult, quote, unquote, urlsplit

import psycopg
from psycopg import sql

from cli.launcher.run_folder import RunFolder
from cli.launcher.secrets import secret


def service_dsn(admin_dsn: str, service: str, password: str) -> str:
    """The DSN of a service's own role and database on the administrator's server."""
    address = urlsplit(admin_dsn)
    port = f":{address.port}" if address.port else ""
    query = f"?{address.query}" if address.query else ""
    return f"postgresql://{service}:{quote(password, safe='')}@{address.hostname or 'localhost'}{port}/{service}{query}"


def service_dsns(folder: RunFolder, admin_dsn: str, services: tuple[str, ...]) -> dict[str, str]:
    """``POCKETID_<SERVICE>_DSN`` for each service, with generated passwords."""
    return {
        f"POCKETID_{service.upper()}_DSN": service_dsn(admin_dsn, service, secret(folder, f"{service}_db_password"))
        for service in services
    }


def provision(admin_dsn: str, dsns: Mapping[str, str]) -> None:
    """Create what is missing of each DSN's role and database, set the password, and shut everybody else out."""
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        for database in ("postgres", "template1"):
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
        for dsn in dsns.values():
            _provision_one(connection, urlsplit(dsn))


def _provision_one(connection: psycopg.Connection[tuple[object, ...]], dsn: SplitResult) -> None:
    role, database = sql.Identifier(dsn.username or ""), sql.Identifier(dsn.path.strip("/"))
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (dsn.username,)).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {}").format(role))
    limits = sql.SQL("ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD {}")
    connection.execute(limits.format(role, sql.Literal(unquote(dsn.password or ""))))
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (dsn.path.strip("/"),)).fetchone():
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
