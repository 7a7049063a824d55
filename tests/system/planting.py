"""Puts things where they could be: objects of photos, letters among the dead; many at once, without any service."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import pika
import psycopg

from shared.contracts import Message, payments
from shared.contracts.base import encode
from shared.contracts.queues import LISTENERS
from shared.kernel.ids import new_id
from tests.system.local import LocalSystem

KINDS = ("original", "cutout", "render-a", "preview-a")
AT_ONCE = 8


def plant_photos(system: LocalSystem, subject_id: str, photos: int, content: bytes = bytes(2000)) -> list[UUID]:
    """Photos that are ready, of four objects each with this content; their ids."""
    subject, made = UUID(subject_id), [new_id() for _ in range(photos)]
    rows = [(photo_id, subject, "ready", datetime.now(UTC)) for photo_id in made]
    keys = [(f"{subject}/{photo_id}/{kind}", subject, photo_id) for photo_id in made for kind in KINDS]
    with psycopg.connect(system.env["databases"]["imaging"]) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO photos (photo_id, subject_id, state, created_at) VALUES (%s, %s, %s, %s)", rows)
        cursor.executemany("INSERT INTO objects (key, subject_id, photo_id) VALUES (%s, %s, %s)", keys)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda row: plant_object(system, row[0], content), keys))
    return made


def plant_object(system: LocalSystem, key: str, content: bytes) -> None:
    """One object, as if a service had written it."""
    bucket = system.env["s3"]["bucket"]
    system.store.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(content), length=len(content))


def plant_dead_letters(system: LocalSystem, subject_id: str) -> None:
    """Messages about the subject that failed for good: in every dead queue that a photo is unlocked, and in the last one
    besides something of a type that nobody here knows."""
    letter = payments.PhotoUnlocked(subject_id=UUID(subject_id), photo_id=new_id(), revision=1, scopes=["photo"])
    for listener in LISTENERS:
        publish(system, "", listener.dead_queue, letter)
    publish(system, "", LISTENERS[-1].dead_queue, encode(letter).replace(b"unlocked.v1", b"unlocked.v9"))


def publish(system: LocalSystem, exchange: str, routing_key: str, message: Message | bytes) -> None:
    """Put a message (or any bytes) on the broker, whoever would have."""
    body = message if isinstance(message, bytes) else encode(message)
    connection = pika.BlockingConnection(pika.URLParameters(system.env["amqp"]))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish(exchange, routing_key, body, pika.BasicProperties(delivery_mode=2), mandatory=True)
    connection.close()
