"""Forward-only migrations: ``python -m shared.db.migrate SERVICE``, safe when several run at once.

``shared/db/every_service.sql`` comes first, then ``services/<service>/migrations/NNNN_name.sql`` in order, each in one
transaction, each once; an applied file that was changed afterwards is refused.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import psycopg

LOCK = 7_046_111_001
"""Advisory lock number of the migrations ("pocketid" has no number; this one is used nowhere else)."""

_ROOT = Path(__file__).resolve().parents[2]


class ChangedMigration(Exception):
    """A migration that was applied is no longer the same file."""


def migrations_of(service: str) -> list[Path]:
    """The SQL files of a service's database, in order."""
    own = sorted((_ROOT / "services" / service / "migrations").glob("[0-9]*.sql"))
    return [_ROOT / "shared" / "db" / "every_service.sql", *own]


def migrate(dsn: str, files: list[Path]) -> list[str]:
    """Apply the files that the database has not seen; their names. Raises :class:`ChangedMigration`."""
    applied: list[str] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations"
            " (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        seen: dict[str, str] = dict(connection.execute("SELECT name, sha256 FROM migrations").fetchall())
        for file in files:
            text = file.read_bytes()
            digest = hashlib.sha256(text).hexdigest()
            if seen.get(file.name, digest) != digest:
                raise ChangedMigration(f"{file.name} was changed after it was applied")
            if file.name not in seen:
                with connection.transaction():
                    connection.execute(text)
                    connection.execute("INSERT INTO migrations (name, sha256) VALUES (%s, %s)", (file.name, digest))
                applied.append(file.name)
    return applied


def main() -> None:
    """Migrate the database of the service named on the command line."""
    service = sys.argv[1]
    dsn = os.environ[f"POCKETID_{service.upper()}_DSN"]
    for name in migrate(dsn, migrations_of(service)):
        print(f"{service}: {name}", flush=True)


if __name__ == "__main__":
    main()
