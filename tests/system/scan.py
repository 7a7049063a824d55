"""The canary scan: looks for planted bytes in everything that is at rest anywhere in the system."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import httpx
import pika
import psycopg

from tests.system.local import LocalSystem

ID_ALONE = re.compile(rb"[0-9a-f/-]+")
"""A piece of an id: the page of an export tells photos' ids, which databases hold too."""
CHUNK = 8 * 1024 * 1024


def of_device(device_id: str) -> dict[str, bytes]:
    """A device id in every spelling it could have leaked in."""
    return of_id("device id", device_id)


def of_id(name: str, value: str | UUID) -> dict[str, bytes]:
    """An id in every spelling it could rest in: as text, as bare hex, as the bytes that a database keeps."""
    uuid = UUID(str(value))
    return {name: str(uuid).encode(), f"{name}, hex": uuid.hex.encode(), f"{name}, raw": uuid.bytes}


def of_file(content: bytes, samples: int = 12, length: int = 24) -> dict[str, bytes]:
    """Pieces from all over a file, raw and in base64 (at one alignment)."""
    pieces: dict[str, bytes] = {}
    for number in range(samples):
        at = (len(content) - length) * number // (samples - 1)
        piece = content[at : at + length]
        if len(set(piece)) > 8 and not ID_ALONE.fullmatch(piece):  # not a run of padding that anything could hold
            pieces[f"file bytes at {at}"] = piece
            aligned = at - at % 3
            pieces[f"file bytes at {aligned}, base64"] = b64encode(content[aligned : aligned + length])
    return pieces


def everything(system: LocalSystem) -> Iterator[tuple[str, bytes]]:
    """Every place where something can rest, with its bytes: dumps, objects, queues, the whole run folder with all logs."""
    yield from ours(system)
    yield from files(system.run_dir)


def ours(system: LocalSystem) -> Iterator[tuple[str, bytes]]:
    """What the services keep, as they see it; without the files that databases, broker and store keep it in."""
    yield from dumps(system)
    yield from objects(system)
    yield from queues(system)


def found(places: Iterable[tuple[str, bytes]], canaries: dict[str, bytes]) -> list[tuple[str, str]]:
    """Which canary was found where."""
    return [(name, place) for place, content in places for name, c in canaries.items() if c in content]


def hits(system: LocalSystem, canaries: dict[str, bytes]) -> list[str]:
    """Where which canary was found, anywhere at all."""
    return [f"{name} in {place}" for name, place in found(everything(system), canaries)]


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
    for listed in system.store.list_objects(bucket_name=bucket, recursive=True, include_version=True):
        name = str(listed.object_name)
        response = system.store.get_object(bucket_name=bucket, object_name=name)
        try:
            yield f"object {name}", name.encode() + b"\x00" + response.data
        finally:
            response.close()
            response.release_conn()


def queues(system: LocalSystem) -> Iterator[tuple[str, bytes]]:
    """Every message that lies in any queue (looked at through the management interface, and put back).

    The interface's own figures are seconds old: how much lies in a queue, the broker is asked itself.
    """
    base = str(system.env["amqp_management"]).rstrip("/")
    with httpx.Client(timeout=30) as client:
        listed = client.get(f"{base}/api/queues").json()
        depths = _depths(system, [queue["name"] for queue in listed if not queue.get("exclusive")])
        for queue in listed:
            path = f"{base}/api/queues/{quote(queue['vhost'], safe='')}/{quote(queue['name'], safe='')}/get"
            wish = {"count": 10_000, "ackmode": "ack_requeue_true", "encoding": "base64"}
            lies = depths.get(queue["name"], queue.get("messages"))
            for message in client.post(path, content=json.dumps(wish)).json() if lies else []:
                body = message["payload"]
                raw = b64decode(body) if message["payload_encoding"] == "base64" else body.encode()
                yield f"queue {queue['name']}", raw + json.dumps(message["properties"]).encode()


def _depths(system: LocalSystem, names: list[str]) -> dict[str, int]:
    connection = pika.BlockingConnection(pika.URLParameters(system.env["amqp"]))
    channel = connection.channel()
    try:
        return {name: channel.queue_declare(name, passive=True).method.message_count for name in names}
    finally:
        connection.close()


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
