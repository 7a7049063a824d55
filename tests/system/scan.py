"""The canary scan: looks for planted bytes in everything that is at rest anywhere in the system."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import httpx
import psycopg

from tests.system.local import LocalSystem

CHUNK = 8 * 1024 * 1024


def of_device(device_id: str) -> dict[str, bytes]:
    """A device id in every spelling it could have leaked in."""
    uuid = UUID(device_id)
    return {"device id": str(uuid).encode(), "device id, hex": uuid.hex.encode(), "device id, raw": uuid.bytes}


def of_file(content: bytes, samples: int = 12, length: int = 24) -> dict[str, bytes]:
    """Pieces from all over a file, raw and in base64 (at one alignment)."""
    found: dict[str, bytes] = {}
    for number in range(samples):
        at = (len(content) - length) * number // (samples - 1)
        piece = content[at : at + length]
        if len(set(piece)) > 8:  # not a run of padding that anything could hold
            found[f"file bytes at {at}"] = piece
            aligned = at - at % 3
            found[f"file bytes at {aligned}, base64"] = b64encode(content[aligned : aligned + length])
    return found


def everything(system: LocalSystem) -> Iterator[tuple[str, bytes]]:
    """Every place where something can rest, with its bytes: dumps, objects, queues, the whole run folder with all logs."""
    yield from dumps(system)
    yield from objects(system)
    yield from queues(system)
    yield from files(system.run_dir)


def hits(system: LocalSystem, canaries: dict[str, bytes]) -> list[str]:
    """Where which canary was found."""
    return [
        f"{name} in {place}" for place, content in everything(system) for name, c in canaries.items() if c in content
    ]


def dumps(system: LocalSystem) -> Iterator[tuple[str, bytes]]:
    """Every table of every database, in COPY text format, with bytea also raw."""
    for service, dsn in system.env["databases"].items():
        with psycopg.connect(dsn) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            for (table,) in tables:
                for style in ("text", "binary"):
                    with connection.cursor().copy(f"COPY {table} TO STDOUT (FORMAT {style})") as copy:  # type: ignore[arg-type]
                        yield f"database {service}.{table} ({style})", b"".join(map(bytes, copy))


def objects(system: LocalSystem) -> Iterator[tuple[str, bytes]]:
    """Every version of every object, and its name."""
    bucket = system.env["s3"]["bucket"]
    for found in system.store.list_objects(bucket_name=bucket, recursive=True, include_version=True):
        name = str(found.object_name)
        response = system.store.get_object(bucket_name=bucket, object_name=name)
        try:
            yield f"object {name}", name.encode() + b"\x00" + response.data
        finally:
            response.close()
            response.release_conn()


def queues(system: LocalSystem) -> Iterator[tuple[str, bytes]]:
    """Every message that lies in any queue (looked at through the management interface, and put back)."""
    base = str(system.env["amqp_management"]).rstrip("/")
    with httpx.Client(timeout=30) as client:
        for queue in client.get(f"{base}/api/queues").json():
            path = f"{base}/api/queues/{quote(queue['vhost'], safe='')}/{quote(queue['name'], safe='')}/get"
            wish = {"count": 10_000, "ackmode": "ack_requeue_true", "encoding": "base64"}
            for message in client.post(path, content=json.dumps(wish)).json() if queue.get("messages") else []:
                body = message["payload"]
                raw = b64decode(body) if message["payload_encoding"] == "base64" else body.encode()
                yield f"queue {queue['name']}", raw + json.dumps(message["properties"]).encode()


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, in overlapping pieces: data files, write-ahead logs, logs, everything."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        try:
            with path.open("rb") as file:
                tail = b""
                while piece := file.read(CHUNK):
                    yield f"file {path.relative_to(folder)}", tail + piece
                    tail = piece[-64:]
        except FileNotFoundError:
            continue
