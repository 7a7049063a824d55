"""The object store, in memory and as a real S3 server's plain and versioned buckets."""

from __future__ import annotations

import os
from typing import Any

import pytest

from shared.kernel.ids import new_id
from shared.kernel.settings import StoreSettings
from shared.storage import ObjectMissing, S3Store, StoreUnavailable, object_key, subject_prefix
from tests.contract.conftest import Bucket

SECRET = "hunter2hunter2"


def place() -> str:
    """A prefix that no other test uses."""
    return f"{new_id()}/"


@pytest.mark.parametrize("size", [0, 1, 65_556, 6 * 1024 * 1024])
def test_what_was_put_is_got(store: Any, size: int) -> None:
    """Byte for byte, whatever the size."""
    key, content = place() + "a", os.urandom(size)
    store.put(key, content)
    assert store.get(key) == content


def test_putting_again_replaces_what_was_there(store: Any) -> None:
    """A redelivered job writes the same key."""
    key = place() + "a"
    store.put(key, b"one")
    store.put(key, b"two")
    assert store.get(key) == b"two"
    assert set(store.keys(key)) == {key}


def test_what_is_not_there_is_missing(store: Any) -> None:
    """And nothing else: not empty, not unavailable."""
    with pytest.raises(ObjectMissing):
        store.get(place() + "a")
    key = place() + "a"
    store.put(key, b"x")
    store.delete([key])
    with pytest.raises(ObjectMissing):
        store.get(key)


def test_deleting_takes_the_keys_named_and_no_key_that_only_begins_alike(store: Any) -> None:
    """Keys that do not exist are fine."""
    prefix = place()
    for name in ("a", "ab", "a/b", "b"):
        store.put(prefix + name, b"x")
    store.delete([prefix + "a", prefix + "never"])
    assert sorted(store.keys(prefix)) == [prefix + "a/b", prefix + "ab", prefix + "b"]
    store.delete([])


def test_deleting_a_prefix_takes_everything_below_and_nothing_of_the_neighbour(store: Any) -> None:
    """How many objects: once each, however often they were written."""
    subject, neighbour = new_id(), new_id()
    for owner in (subject, neighbour):
        for kind in ("original", "cutout", "render-1"):
            key = object_key(owner, new_id(), kind)
            store.put(key, b"1")
            store.put(key, b"2")
    assert store.delete_prefix(subject_prefix(subject)) == 3
    assert list(store.keys(subject_prefix(subject))) == []
    assert len(set(store.keys(subject_prefix(neighbour)))) == 3
    assert store.delete_prefix(subject_prefix(subject)) == 0


def test_keys_come_in_byte_order(store: Any) -> None:
    """A walk beside a database's sorted keys depends on it."""
    names = ["b/2", "a/1", "b/10", "a-1", "a/0"]
    for name in names:
        store.put(f"order/{name}", b"x")
    assert list(store.keys("order/")) == sorted(f"order/{name}" for name in names)


def test_many_objects_are_listed_and_deleted_completely(store: Any) -> None:
    """More than one page of a listing (1,000)."""
    prefix = place()
    for number in range(1100):
        store.put(f"{prefix}{number:04}", b"x")
    assert len(list(store.keys(prefix))) == 1100
    assert store.delete_prefix(prefix) == 1100
    assert list(store.keys(prefix)) == []


@pytest.mark.integration
def test_all_versions_go_not_only_the_last(versioned_bucket: Bucket) -> None:
    """A versioned bucket keeps what was overwritten and what was deleted: the promise covers those too."""
    store, client, name = versioned_bucket.store, versioned_bucket.client, versioned_bucket.name
    subject, neighbour = place(), place()
    for prefix in (subject, neighbour):
        for content in (b"1", b"2", b"3"):
            store.put(prefix + "a", content)
    client.remove_object(bucket_name=name, object_name=subject + "a")  # leaves a marker over three versions
    assert versions(versioned_bucket, subject) == 4
    assert subject + "a" in set(store.keys(subject)), "a proof of absence must see what a plain listing hides"
    store.delete_prefix(subject)
    assert versions(versioned_bucket, subject) == 0
    assert list(store.keys(subject)) == []
    assert versions(versioned_bucket, neighbour) == 3


@pytest.mark.integration
def test_deleting_one_key_takes_all_its_versions(versioned_bucket: Bucket) -> None:
    """The same for a single object."""
    prefix = place()
    for content in (b"1", b"2"):
        versioned_bucket.store.put(prefix + "a", content)
        versioned_bucket.store.put(prefix + "ab", content)
    versioned_bucket.store.delete([prefix + "a"])
    assert versions(versioned_bucket, prefix) == 2
    assert versioned_bucket.store.get(prefix + "ab") == b"2"


def versions(bucket: Bucket, prefix: str) -> int:
    listed = bucket.client.list_objects(bucket_name=bucket.name, prefix=prefix, recursive=True, include_version=True)
    return len(list(listed))


@pytest.mark.integration
def test_unfinished_multipart_uploads_are_aborted_with_their_prefix(plain_bucket: Bucket) -> None:
    """Their parts are bytes of a face that no listing of objects shows; the neighbour's upload goes on."""
    client, name = plain_bucket.client, plain_bucket.name
    subject, neighbour = place(), place()
    for prefix in (subject, neighbour):
        upload_id = client._create_multipart_upload(bucket_name=name, object_name=prefix + "a", headers={})
        client._upload_part(
            bucket_name=name,
            object_name=prefix + "a",
            data=b"x" * 1024,
            headers=None,
            upload_id=upload_id,
            part_number=1,
        )
    assert uploads(plain_bucket, subject) == 1
    plain_bucket.store.delete_prefix(subject)
    assert uploads(plain_bucket, subject) == 0
    assert uploads(plain_bucket, neighbour) == 1
    plain_bucket.store.delete_prefix(neighbour)


def uploads(bucket: Bucket, prefix: str) -> int:
    listed = bucket.client._list_multipart_uploads(bucket_name=bucket.name, prefix=prefix)
    return len(listed.uploads)


@pytest.mark.integration
def test_what_we_store_goes_in_one_piece(plain_bucket: Bucket) -> None:
    """So that no unfinished upload is ever ours: no part, no upload id, whatever the size we allow."""
    key = place() + "a"
    plain_bucket.store.put(key, bytes(21 * 1024 * 1024))
    etag = plain_bucket.client.stat_object(bucket_name=plain_bucket.name, object_name=key).etag
    assert "-" not in etag, "an S3 server marks multipart objects so"


@pytest.mark.integration
def test_a_stranger_without_keys_gets_nothing(plain_bucket: Bucket, store_settings: dict[str, str]) -> None:
    """Nor one with wrong keys: unavailable, and the secret is not in the error."""
    key = place() + "a"
    plain_bucket.store.put(key, b"x")
    stranger = S3Store(
        StoreSettings(
            s3_endpoint=store_settings["POCKETID_S3_ENDPOINT"],
            s3_access_key="stranger",  # type: ignore[arg-type]
            s3_secret_key=SECRET,  # type: ignore[arg-type]
            s3_bucket=plain_bucket.name,
        )
    )
    for attempt in (lambda: stranger.get(key), lambda: list(stranger.keys("")), lambda: stranger.put(key, b"y")):
        with pytest.raises(StoreUnavailable) as refusal:
            attempt()
        assert SECRET not in str(refusal.value)
    assert plain_bucket.store.get(key) == b"x"


def test_a_store_that_is_not_there_is_unavailable() -> None:
    """A retryable error of ours, for every call; connecting happens at the first one."""
    gone = S3Store(
        StoreSettings(
            s3_endpoint="http://127.0.0.1:1",
            s3_access_key="a",  # type: ignore[arg-type]
            s3_secret_key=SECRET,  # type: ignore[arg-type]
        )
    )
    for attempt in (gone.ping, lambda: gone.get("a"), lambda: gone.put("a", b""), lambda: gone.delete_prefix("a")):
        with pytest.raises(StoreUnavailable) as refusal:
            attempt()
        assert refusal.value.retryable


@pytest.mark.integration
def test_ping_says_when_the_bucket_is_missing(store_settings: dict[str, str], plain_bucket: Bucket) -> None:
    """Ready means: the bucket is there."""
    plain_bucket.store.ping()
    settings = StoreSettings(
        s3_endpoint=store_settings["POCKETID_S3_ENDPOINT"],
        s3_access_key=store_settings["POCKETID_S3_ACCESS_KEY"],  # type: ignore[arg-type]
        s3_secret_key=store_settings["POCKETID_S3_SECRET_KEY"],  # type: ignore[arg-type]
        s3_bucket="nowhere",
    )
    with pytest.raises(StoreUnavailable):
        S3Store(settings).ping()
