"""The object store on any S3 API (MinIO in production), through the ``minio`` SDK: plain S3 calls only."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any
from urllib.parse import urlparse

import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import HTTPError

from shared.kernel.settings import StoreSettings
from shared.storage.port import ObjectMissing, StoreUnavailable

SINGLE_PUT_BYTES = 128 * 1024 * 1024
"""Everything we store is smaller: one plain PUT each, so that no unfinished multipart upload is ever left behind."""

_MISSING = {"NoSuchKey", "NoSuchObject", "NoSuchVersion"}


class S3Store:
    """One bucket of an S3 store. Thread-safe; connects at the first call, not before."""

    def __init__(self, settings: StoreSettings, *, connections: int = 16) -> None:
        url = urlparse(settings.s3_endpoint)
        self._bucket = settings.s3_bucket
        self._client = Minio(
            endpoint=url.netloc,
            access_key=settings.s3_access_key.get_secret_value(),
            secret_key=settings.s3_secret_key.get_secret_value(),
            region=settings.s3_region,
            secure=url.scheme == "https",
            http_client=urllib3.PoolManager(
                num_pools=4,
                maxsize=connections,
                timeout=urllib3.Timeout(connect=3, read=20),
                retries=urllib3.Retry(total=2, backoff_factor=0.1, status_forcelist=[502, 503, 504]),
            ),
        )

    def put(self, key: str, sealed: bytes) -> None:
        """Write (or write again) one object."""
        with _errors():
            self._client.put_object(
                bucket_name=self._bucket,
                object_name=key,
                data=io.BytesIO(sealed),
                length=len(sealed),
                content_type="application/octet-stream",
                part_size=SINGLE_PUT_BYTES,
                num_parallel_uploads=1,
            )

    def get(self, key: str) -> bytes:
        """One object's bytes; raises :class:`ObjectMissing`."""
        with _errors():
            response = self._client.get_object(bucket_name=self._bucket, object_name=key)
            try:
                return bytes(response.data)
            finally:
                response.close()
                response.release_conn()

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, all their versions; keys that do not exist are fine."""
        for key in keys:
            self._delete_versions(self._versions(key, exact=True))

    def delete_prefix(self, prefix: str) -> int:
        """Delete everything under ``prefix``, all versions, and abort unfinished multipart uploads."""
        self._abort_uploads(prefix)
        return self._delete_versions(self._versions(prefix))

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys of all versions of all objects under ``prefix``."""
        for key, _ in self._versions(prefix):
            yield key

    def ping(self) -> None:
        """Raises :class:`StoreUnavailable` unless the bucket can be reached."""
        with _errors():
            if not self._client.bucket_exists(bucket_name=self._bucket):
                raise StoreUnavailable("the bucket does not exist")

    def _versions(self, prefix: str, *, exact: bool = False) -> Iterator[tuple[str, str | None]]:
        with _errors():
            for found in self._client.list_objects(
                bucket_name=self._bucket, prefix=prefix, recursive=True, include_version=True
            ):
                name = found.object_name or ""
                if not exact or name == prefix:
                    yield name, found.version_id

    def _delete_versions(self, versions: Iterable[tuple[str, str | None]]) -> int:
        names: set[str] = set()
        with _errors():
            pending = iter(versions)
            while batch := list(islice(pending, 1000)):
                doomed = [DeleteObject(name=key, version_id=_real(version)) for key, version in batch]
                names.update(key for key, _ in batch)
                failures = list(self._client.remove_objects(bucket_name=self._bucket, delete_object_list=doomed))
                if failures:
                    raise StoreUnavailable(f"{len(failures)} objects were not deleted: {failures[0].code}")
        return len(names)

    def _abort_uploads(self, prefix: str) -> None:
        with _errors():
            client: Any = self._client  # the SDK keeps these two calls underscored; the S3 calls behind them are plain
            # Aborting shortens the list: ask again until it is empty, rather than page through it.
            while uploads := client._list_multipart_uploads(bucket_name=self._bucket, prefix=prefix).uploads:
                for upload in uploads:
                    client._abort_multipart_upload(
                        bucket_name=self._bucket, object_name=upload.object_name, upload_id=upload.upload_id
                    )


def _real(version: str | None) -> str | None:
    """An unversioned store calls its only version ``null`` or nothing."""
    return version if version and version != "null" else None


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except S3Error as error:
        if error.code in _MISSING:
            raise ObjectMissing(str(error.code)) from error
        raise StoreUnavailable(f"S3 {error.code}") from error
    except (ServerError, InvalidResponseError, HTTPError, OSError) as error:
        raise StoreUnavailable(type(error).__name__) from error
