"""What time takes: originals that are no longer needed, photos past their rule; and rows whose object is missing."""

from __future__ import annotations

from collections.abc import Iterator

from services.imaging.domain.photos import ORIGINAL
from services.imaging.ports import ImagingParts
from services.imaging.use_cases import delete_found
from shared.kernel import log
from shared.telemetry import metrics

logger = log.get_logger("imaging")
BATCH = 200
PAGE = 1000


def expire_originals(parts: ImagingParts) -> int:
    """Delete originals of photos that are ready and older than the rule says; how many. First the object, then its row."""
    before = parts.clock() - parts.keep_originals
    with parts.work.begin() as tx:
        due = tx.originals_before(before, BATCH)
    for photo in due:
        parts.store.delete([photo.key_of(ORIGINAL)])
        with parts.work.begin() as tx:
            tx.forget_object(photo.key_of(ORIGINAL))
    return len(due)


def expire_photos(parts: ImagingParts) -> int:
    """Delete photos older than the rule says, with all that was made of them; how many."""
    before = parts.clock() - parts.keep_photos
    return delete_found(lambda tx: tx.photos_before(before, BATCH), parts)


def find_missing(parts: ImagingParts) -> int:
    """Count rows whose object is not in the store: a finding for an operator. Rows and store are walked side by side.

    Young rows are passed over: an object is registered before it is written.
    """
    missing = 0
    there = parts.store.keys("")
    key = next(there, None)
    for registered in _registered(parts):
        while key is not None and key < registered:
            key = next(there, None)
        if key != registered:
            missing += 1
            logger.error("object missing", photo_id=registered.split("/")[1])
    metrics.MISSING_OBJECTS.set(missing)
    return missing


def _registered(parts: ImagingParts) -> Iterator[str]:
    before = parts.clock() - parts.upload_grace
    after = ""
    while True:
        with parts.work.begin() as tx:
            page = tx.registered_keys(after, before, PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1]
