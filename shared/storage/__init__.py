"""The object store as a port: any S3 API behind it, a memory twin for tests."""

from shared.storage.port import ObjectMissing, ObjectStore, StoreUnavailable, object_key, subject_prefix
from shared.storage.s3 import S3Store

__all__ = ["ObjectMissing", "ObjectStore", "S3Store", "StoreUnavailable", "object_key", "subject_prefix"]
