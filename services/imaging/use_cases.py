"""What the imaging service does without touching a pixel: registers, tells, deletes, sweeps. Plain functions."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from services.imaging.domain.photos import ORIGINAL, VISIBLE, Photo, PhotoState, Render, is_unlocked, move
from services.imaging.ports import ImagingParts, ImagingTransaction
from services.imaging.specs import catalogue
from shared.contracts import auth, payments, retention
from shared.contracts import imaging as contract
from shared.contracts.base import Done
from shared.contracts.queues import IMAGING_PURGES, IMAGING_UNLOCKS, MATTE_FREE
from shared.kernel.errors import NotFound, NotReady
from shared.messaging.repeats import of_subject
from shared.storage import subject_prefix
from shared.storage.port import photo_prefix

PAGE_LIMIT = 200
ALL_PHOTOS = 100_000
"""More than anybody has."""
EXPORT_PAGE = 50
CLOCKS_DIFFER = timedelta(seconds=5)
"""At most, between two services."""


def register_photo(request: contract.RegisterPhoto, parts: ImagingParts) -> contract.Registered:
    """Commit a photo and its object key, before the first byte is stored. Repeated with one key: the same photo."""
    scope = f"photo:{request.subject_id}"
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        if request.idempotency_key:
            before = tx.recall(scope, request.idempotency_key, request.fingerprint)
            if before is not None:
                return _registered_before(UUID(before["photo_id"]), tx)
        photo = Photo(request.photo_id, request.subject_id, PhotoState.UPLOADING, parts.clock(), people=request.people)
        tx.add_photo(photo)
        tx.register_object(photo.key_of(ORIGINAL), photo)
        if request.idempotency_key:
            answer = {"photo_id": str(photo.photo_id)}
            tx.remember(scope, request.idempotency_key, request.fingerprint, request.subject_id, answer)
        return _registered(photo)


def photo_stored(request: contract.PhotoStored, parts: ImagingParts) -> contract.PhotoState:
    """The sealed bytes are in the store: queue the matting job. Again is fine; behind a fence it is refused."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        photo = _owned(tx.photo(request.photo_id), request.subject_id, frozenset(PhotoState) - {PhotoState.DELETING})
        if photo.state is PhotoState.UPLOADING:
            photo = replace(photo, state=move(photo.state, PhotoState.QUEUED))
            tx.save_photo(photo)
            tx.send(contract.MattePhoto(subject_id=photo.subject_id, photo_id=photo.photo_id), MATTE_FREE.queue)
        return shown(photo)


def get_photo(request: contract.GetPhoto, parts: ImagingParts) -> contract.PhotoState:
    """One photo of the subject; somebody else's is not found."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        return shown(_owned(tx.photo(request.photo_id), request.subject_id))


def list_photos(request: contract.ListPhotos, parts: ImagingParts) -> contract.PhotoPage:
    """The subject's photos, newest first, a page at a time."""
    limit = max(1, min(request.limit, PAGE_LIMIT))
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        photos = tx.photos_of(request.subject_id, limit + 1, request.cursor)
    more = photos[limit - 1].photo_id if len(photos) > limit else None
    return contract.PhotoPage(items=[shown(photo) for photo in photos[:limit]], next_cursor=more)


def export_subject(request: contract.ExportSubject, parts: ImagingParts) -> contract.ImagingPortion:
    """Imaging's part of an export, a page of photos with their renders at a time."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        photos = tx.photos_of(request.subject_id, EXPORT_PAGE + 1, request.cursor)
        items = [
            contract.PhotoPortion(
                photo=shown(photo),
                renders=[shown_render(r, photo, parts.unlock_policy) for r in tx.renders_of(photo.photo_id)],
            )
            for photo in photos[:EXPORT_PAGE]
        ]
    more = photos[EXPORT_PAGE - 1].photo_id if len(photos) > EXPORT_PAGE else None
    return contract.ImagingPortion(items=items, next_cursor=more)


def photo_news(request: contract.PhotoNews, parts: ImagingParts) -> contract.News:
    """The photos whose last event an interrupted stream has missed."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        return contract.News(items=[shown(p) for p in tx.photos_with_news(request.subject_id, request.after)])


def delete_photo(request: contract.DeletePhoto, parts: ImagingParts) -> Done:
    """Delete one photo: gone for its owner at once, then its objects, then its rows. A crash between is swept up."""
    answers = of_subject(request.subject_id)
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        if answers.recall(request, tx) is not None:
            return Done()
        photo = _owned(tx.photo(request.photo_id), request.subject_id)
        _mark_deleted(photo, tx)
        answers.keep(request, Done(), tx)
    finish_deleting(photo, parts)
    return Done()


def stop_processing(event: auth.ConsentWithdrawn, parts: ImagingParts) -> None:
    """An account withdrew what processing rests on: its photos go, the account stays. (A guest goes whole, by a purge.)

    What cannot be deleted now is marked, and swept up. An event that comes late spares what was uploaded since: for that
    there was a consent again.
    """
    until = event.at + CLOCKS_DIFFER
    doomed: list[Photo] = []
    with parts.work.begin() as tx:
        if not tx.first_time(IMAGING_PURGES.queue, event.message_id) or event.subject_kind == "guest":
            return
        for photo in tx.photos_of(event.subject_id, ALL_PHOTOS, None):
            if photo.state is not PhotoState.DELETING and photo.created_at <= until:
                _mark_deleted(photo, tx)
                doomed.append(photo)
    for photo in doomed:
        finish_deleting(photo, parts)


def _mark_deleted(photo: Photo, tx: ImagingTransaction) -> None:
    """Gone for its owner from now on; payments is told, once."""
    if photo.state is not PhotoState.DELETING:
        tx.publish(
            contract.PhotoDeleted(
                subject_id=photo.subject_id, photo_id=photo.photo_id, was_ready=photo.state is PhotoState.READY
            )
        )
    tx.save_photo(replace(photo, state=move(photo.state, PhotoState.DELETING)))


def get_render(request: contract.GetRender, parts: ImagingParts) -> contract.RenderState:
    """One render of the subject; somebody else's is not found."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(request.subject_id)
        render = tx.render(request.render_id)
        if render is None or render.subject_id != request.subject_id:
            raise NotFound("render")
        return shown_render(render, tx.photo_seen(render.photo_id), parts.unlock_policy)


def hear_unlock(event: payments.PhotoUnlocked | payments.PhotoLocked, parts: ImagingParts) -> None:
    """Payments says what of a photo may be downloaded; what is older than what is known, or about no photo, is nothing."""
    with parts.work.begin() as tx:
        tx.refuse_fenced(event.subject_id)
        photo = tx.photo(event.photo_id)
        if not tx.first_time(IMAGING_UNLOCKS.queue, event.message_id) or photo is None:
            return
        if photo.subject_id == event.subject_id and photo.unlock_revision < event.revision:
            scopes = tuple(sorted(event.scopes))
            unlocked_at = parts.clock() if scopes else None
            tx.save_unlock(
                replace(photo, unlock_revision=event.revision, unlocked_scopes=scopes, unlocked_at=unlocked_at)
            )


def find_specs(request: contract.FindSpecs) -> contract.SpecList:
    """The catalogue's entries that match."""
    if request.spec_id is not None:
        found = [spec for spec in catalogue.search() if spec.id == request.spec_id]
    else:
        found = catalogue.search(request.text, request.category)
    return contract.SpecList(items=[spec.to_dict() for spec in found])


def purge_subject(event: retention.PurgeRequested, parts: ImagingParts) -> None:
    """Fence the subject here, delete all its objects, then its rows, and report: in that order, so that a crash anywhere
    leaves the fence up and rows to start again from."""
    with parts.work.begin() as tx:
        tx.fence(event.subject_id)
    parts.store.delete_prefix(subject_prefix(event.subject_id))
    with parts.work.begin() as tx:
        if tx.first_time(IMAGING_PURGES.queue, event.message_id):
            counts = tx.delete_subject(event.subject_id)
            tx.publish(contract.SubjectPurged(subject_id=event.subject_id, purge_id=event.purge_id, counts=counts))


def list_subjects(request: contract.ListSubjects, parts: ImagingParts) -> auth.SubjectPage:
    """For audits: whom does this service hold anything of? One page."""
    with parts.work.begin() as tx:
        return auth.SubjectPage(subject_ids=tx.subjects_held(request.after, min(request.limit, 10_000)))


def count_subject(request: contract.CountSubject, parts: ImagingParts) -> auth.Count:
    """How much of the subject is left here: rows only; the store is listed by somebody else's code."""
    with parts.work.begin() as tx:
        return auth.Count(counts=tx.count_subject(request.subject_id))


def shown(photo: Photo) -> contract.PhotoState:
    """A photo as the contract tells it."""
    return contract.PhotoState(
        photo_id=photo.photo_id,
        status=photo.state,
        created_at=photo.created_at,
        reasons=photo.reasons,
        analysis=b64encode(photo.analysis).decode() if photo.analysis else None,
        event_id=photo.event_id,
        people=photo.people,
    )


def shown_render(render: Render, photo: Photo | None, unlock_policy: str) -> contract.RenderState:
    """A render as the contract tells it; raises ``not_ready`` while it is being made."""
    if not render.ready or render.facts is None:
        raise NotReady("render")
    return contract.RenderState(
        render_id=render.render_id,
        photo_id=render.photo_id,
        unlocked=is_unlocked(render, photo, unlock_policy),
        file_key=render.file_key,
        preview_key=render.preview_key,
        facts=b64encode(render.facts).decode(),
        created_at=render.created_at,
        sheet=render.sheet,
    )


def _registered(photo: Photo) -> contract.Registered:
    return contract.Registered(photo_id=photo.photo_id, object_key=photo.key_of(ORIGINAL), status=photo.state)


def _registered_before(photo_id: UUID, tx: ImagingTransaction) -> contract.Registered:
    photo = tx.photo(photo_id)
    if photo is None or photo.state is PhotoState.DELETING:
        raise NotFound("the photo of this idempotency key is deleted")
    return _registered(photo)


def _owned(photo: Photo | None, subject_id: UUID, states: frozenset[PhotoState] = VISIBLE) -> Photo:
    if photo is None or photo.subject_id != subject_id or photo.state not in states:
        raise NotFound("photo")
    return photo


def delete_found(find: Callable[[ImagingTransaction], list[Photo]], parts: ImagingParts) -> int:
    """Mark the photos that a timer finds, as their owners might, then delete them; how many. A crash between is swept up."""
    with parts.work.begin() as tx:
        found = find(tx)
        for photo in found:
            _mark_deleted(photo, tx)
    for photo in found:
        finish_deleting(photo, parts)
    return len(found)


def finish_deleting(photo: Photo, parts: ImagingParts) -> None:
    """The objects of a photo that is marked as deleting go, then its rows."""
    parts.store.delete_prefix(photo_prefix(photo.subject_id, photo.photo_id))
    with parts.work.begin() as tx:
        tx.delete_photo(photo.photo_id)
