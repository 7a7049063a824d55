"""A backup from before an erasure is restored: the person is back, and gone again by one command."""

from __future__ import annotations

import io

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cli.launcher.postgres import SUPERUSER
from shared.testing.eventually import eventually
from tests.portraits import builders
from tests.system import scan
from tests.system.client import Guest
from tests.system.local import LocalSystem

pytestmark = pytest.mark.journey
OFF = ("gateway", "auth-relay", "imaging-relay", "worker-1", "worker-2", "auth", "imaging")
"""What writes to the two databases, in the order in which it is stopped."""

Tables = dict[str, bytes]


@pytest.mark.timeout(300)
def test_a_restored_backup_does_not_bring_anybody_back(system: LocalSystem) -> None:
    """Both databases and the store's objects are set back to before the erasure, fences and keys included. `pocketid purge
    replay-tombstones` finds who came back; the neighbour, who was never erased, keeps everything."""
    guest, neighbour = Guest(system.gateway), Guest(system.gateway)
    photo_id, neighbours = (who.uploaded(builders.portrait("biden")) for who in (guest, neighbour))
    guest.settled(photo_id)
    neighbour.settled(neighbours)
    backup = {service: _tables(system.env["databases"][service]) for service in ("auth", "imaging")}
    objects = _objects(system, guest.subject_id)
    assert objects

    receipt = guest.wipe().json()["receipt"]
    certificate = neighbour.certified(receipt)["certificate"]
    assert _places(system, guest.subject_id) == set()

    system.stop(*OFF)
    for service, tables in backup.items():
        _restore(_as_superuser(system, service), tables)
    for key, content in objects.items():
        bucket = system.env["s3"]["bucket"]
        system.store.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(content), length=len(content))
    system.start(*reversed(OFF))
    assert {"auth", "imaging", "store"} <= _places(system, guest.subject_id), "the restore brought nobody back"

    assert "erased subjects were back" in system.pocketid("purge", "replay-tombstones")
    eventually(lambda: _places(system, guest.subject_id), lambda places: not places, within=60)
    assert guest.http.get("/v1/me").json()["code"] == "subject_erased"
    assert neighbour.photo(neighbours)["status"] == "ready"
    assert neighbour.purge(receipt)["certificate"] == certificate


def _tables(dsn: str) -> Tables:
    """Every table's rows, as a backup tool copies them."""
    with psycopg.connect(dsn) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        tables = {}
        for (name,) in names:
            with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(name))) as rows:
                tables[name] = b"".join(map(bytes, rows))
    return tables


def _restore(dsn: str, tables: Tables) -> None:
    """The rows of then and nothing else; without the triggers that refuse to forget, as restores are done."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        for name in tables:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
        for name, content in tables.items():
            with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))) as rows:
                rows.write(content)


def _as_superuser(system: LocalSystem, service: str) -> str:
    password = (system.run_dir / "secrets" / "postgres_password").read_text()
    return make_conninfo(system.env["databases"][service], user=SUPERUSER, password=password)


def _objects(system: LocalSystem, subject_id: str) -> dict[str, bytes]:
    marked = ((place.removeprefix("object "), content) for place, content in scan.objects(system))
    return {key: content.split(b"\x00", 1)[1] for key, content in marked if key.startswith(subject_id)}


def _places(system: LocalSystem, subject_id: str) -> set[str]:
    """Which databases name the subject, and whether the store holds anything of it."""
    named = {place.split(" ")[1].split(".")[0] for place, text in scan.dumps(system) if subject_id.encode() in text}
    return named | ({"store"} if system.keys(f"{subject_id}/") else set())
