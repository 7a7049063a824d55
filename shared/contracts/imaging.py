"""What imaging says, and what it can be asked: photos and renders."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from shared.contracts.auth import Count, SubjectPage
from shared.contracts.base import Answer, Call, Command, Done, Event, RepeatableCall

# ---- events


class PhotoReady(Event):
    """Said by imaging when a photo's cutout is stored and renders can be made."""

    type: ClassVar[str] = "imaging.photo.ready.v1"
    must_be_heard: ClassVar[bool] = False
    photo_id: UUID


class PhotoRejected(Event):
    """Said by imaging when a photo cannot be used; reasons are error codes."""

    type: ClassVar[str] = "imaging.photo.rejected.v1"
    photo_id: UUID
    reasons: list[str]


class PhotoFailed(Event):
    """Said by imaging when we could not work on a photo, through no fault of the person."""

    type: ClassVar[str] = "imaging.photo.failed.v1"
    photo_id: UUID


class PhotoDeleted(Event):
    """Said by imaging when a photo goes by itself, not with its subject; ``was_ready``: renders of it could be made."""

    type: ClassVar[str] = "imaging.photo.deleted.v1"
    photo_id: UUID
    was_ready: bool


class SubjectPurged(Event):
    """Said by imaging when all objects and rows of a subject are deleted; counts say how many of each."""

    type: ClassVar[str] = "imaging.subject.purged.v1"
    purge_id: UUID
    counts: dict[str, int]


# ---- commands


class MattePhoto(Command):
    """Cut the person out of an uploaded photo. Goes to ``imaging.matte.paid`` or ``imaging.matte.free``."""

    type: ClassVar[str] = "imaging.photo.matte.v1"
    photo_id: UUID


# ---- calls


class Registered(Answer):
    """A photo's row exists; its sealed bytes may now be written under ``object_key``."""

    photo_id: UUID
    object_key: str
    status: str


class RegisterPhoto(Call[Registered]):
    """Commit a photo's object key before its first byte is stored. The id is the gateway's: it seals the bytes for it.

    ``people`` says how many are meant to be in it: 2 for a marriage registration's photo, else 1.
    """

    service: ClassVar[str] = "imaging"
    method: ClassVar[str] = "register_photo"
    answer: ClassVar[type[Answer]] = Registered
    subject_id: UUID
    photo_id: UUID
    idempotency_key: str | None = None
    fingerprint: str = ""
    people: int = 1


class PhotoState(Answer):
    """A photo as its owner may see it; ``analysis`` is sealed (base64) under the subject's key."""

    photo_id: UUID
    status: str
    created_at: datetime
    reasons: tuple[str, ...] = ()
    analysis: str | None = None
    event_id: UUID | None = None
    people: int = 1


class PhotoStored(Call[PhotoState]):
    """The sealed bytes are in the store: queue the matting job."""

    service: ClassVar[str] = "imaging"
    method: ClassVar[str] = "photo_stored"
    answer: ClassVar[type[Answer]] = PhotoState
    subject_id: UUID
    photo_id: UUID


class GetPhoto(Call[PhotoState]):
    """One photo of the subject."""

    service: ClassVar[str] = "imaging"
    method: ClassVar[str] = "get_photo"
    answer: ClassVar[type[Answer]] = PhotoState
    subject_id: UUID
    photo_id: UUID


class PhotoPage(Answer):
    """Some of a subject's photos, newest first, and where the next ones start."""

    items: list[PhotoState]
    next_cursor: UUID | None = None


class ListPhotos(Call[PhotoPage]):
    """The subject's photos."""

    service: ClassVar[str] = "imaging"
    method: ClassVar[str] = "list_photos"
    answer: ClassVar[type[Answer]] = PhotoPage
    subject_id: UUID
    limit: int = 50
    cursor: UUID | None = None


class DeletePhoto(RepeatableCall[Done]):
    """Delete one photo with its cutout and renders."""

    service: ClassVar[str] = "imaging"
    method: ClassVar[str] = "delete_photo"
    answer: ClassVar[type[Answer]] = Done
    subject_id: UUID
    photo_id: UUID


class News(Answer):
    """Photos whose last event came after a given one, oldest first."""

    items: list[PhotoState]


class PhotoNews(Call[News]):
    """What an event stream that was cut off has missed."""

    service: ClassVar[str] = "imaging"
    method: ClassVar[str] = "photo_news"
    answer: ClassVar[type[Answer]] = News
    subject_id: UUID
    after: UUID


class RenderState(Answer):
    """A finished render: where its sealed bytes lie, and its facts (base64, sealed under the subject's key).

    The facts are JSON: width, height (px), kb, media_type, spec, compliance.
    """

    render_id: UUID
    photo_id: UUID
    unlocked: bool
    file_key: str
    preview_key: str
    facts: str
    created_at: datetime
    sheet: bool = False
    """Whether it is a sheet of several photos, which is unlocked apart."""


class GetRender(Call[RenderState]):
    """One render of the subject."""

    service: ClassVar[str] = "imaging"
    method: ClassVar[str] = "get_render"
    answer: ClassVar[type[Answer]] = RenderState
    subject_id: UUID
    render_id: UUID


class MakeRender(Call[RenderState]):
    """Make a render from a ready cutout. Answered by a worker (queue ``imaging.render``), not by the service."""

    service: ClassVar[str] = "imaging-worker"
    method: ClassVar[str] = "render"
    answer: ClassVar[type[Answer]] = RenderState
    subject_id: UUID
    photo_id: UUID
    order: dict[str, Any]
    idempotency_key: str | None = None
    fingerprint: str = ""


class PhotoPortion(Answer):
    """One photo in an export, and its finished renders."""

    photo: PhotoState
    renders: list[RenderState]


class ImagingPortion(Answer):
    """Imaging's part of an export, a page of it; analysis and facts are sealed under the subject's key."""

    items: list[PhotoPortion]
    next_cursor: UUID | None = None


class ExportSubject(Call[ImagingPortion]):
    """All that imaging has of a subject, newest photo first."""

    service: ClassVar[str] = "imaging"
    method: ClassVar[str] = "export_subject"
    answer: ClassVar[type[Answer]] = ImagingPortion
    subject_id: UUID
    cursor: UUID | None = None


class SpecList(Answer):
    """Entries of the spec catalogue, each as the HTTP interface shows it."""

    items: list[dict[str, Any]]


class FindSpecs(Call[SpecList]):
    """Search the catalogue; ``spec_id`` asks for one entry (none: an empty list)."""

    service: ClassVar[str] = "imaging"
    method: ClassVar[str] = "find_specs"
    answer: ClassVar[type[Answer]] = SpecList
    text: str = ""
    category: str | None = None
    spec_id: str | None = None


class ListSubjects(Call[SubjectPage]):
    """For audits: whom does the service hold anything of? One page, after a subject."""

    service: ClassVar[str] = "imaging"
    method: ClassVar[str] = "list_subjects"
    answer: ClassVar[type[Answer]] = SubjectPage
    after: UUID | None = None
    limit: int = 1000


class CountSubject(Call[Count]):
    """Prove absence: count what is left of a subject here."""

    service: ClassVar[str] = "imaging"
    method: ClassVar[str] = "count_subject"
    answer: ClassVar[type[Answer]] = Count
    subject_id: UUID
