"""Imaging's entry points: a table of contents. No pixel passes here; the workers (worker.py) do that."""

from __future__ import annotations

from nameko.timer import timer

from services.imaging import expiry, sweeping, use_cases
from services.imaging.ports import ImagingParts
from shared.contracts import auth, imaging, payments, retention
from shared.contracts.base import Done
from shared.contracts.queues import IMAGING_PURGES, IMAGING_UNLOCKS
from shared.host.answering import answers
from shared.host.listening import listens_to
from shared.host.running import Part, quietly


class ImagingService:
    """Keeps track of photos and renders, and deletes them."""

    name = "imaging"
    parts: ImagingParts = Part("imaging")

    @answers(imaging.RegisterPhoto)
    def register_photo(self, request: imaging.RegisterPhoto) -> imaging.Registered:
        """Commit a photo's object key before it is stored."""
        return use_cases.register_photo(request, self.parts)

    @answers(imaging.PhotoStored)
    def photo_stored(self, request: imaging.PhotoStored) -> imaging.PhotoState:
        """The sealed bytes are there: queue the work."""
        return use_cases.photo_stored(request, self.parts)

    @answers(imaging.GetPhoto)
    def get_photo(self, request: imaging.GetPhoto) -> imaging.PhotoState:
        """One photo."""
        return use_cases.get_photo(request, self.parts)

    @answers(imaging.ListPhotos)
    def list_photos(self, request: imaging.ListPhotos) -> imaging.PhotoPage:
        """The subject's photos."""
        return use_cases.list_photos(request, self.parts)

    @answers(imaging.PhotoNews)
    def photo_news(self, request: imaging.PhotoNews) -> imaging.News:
        """What an interrupted event stream has missed."""
        return use_cases.photo_news(request, self.parts)

    @answers(imaging.DeletePhoto)
    def delete_photo(self, request: imaging.DeletePhoto) -> Done:
        """Delete one photo."""
        return use_cases.delete_photo(request, self.parts)

    @answers(imaging.GetRender)
    def get_render(self, request: imaging.GetRender) -> imaging.RenderState:
        """One render."""
        return use_cases.get_render(request, self.parts)

    @answers(imaging.ExportSubject)
    def export_subject(self, request: imaging.ExportSubject) -> imaging.ImagingPortion:
        """Imaging's part of an export."""
        return use_cases.export_subject(request, self.parts)

    @answers(imaging.FindSpecs)
    def find_specs(self, request: imaging.FindSpecs) -> imaging.SpecList:
        """The spec catalogue."""
        return use_cases.find_specs(request)

    @answers(imaging.ListSubjects)
    def list_subjects(self, request: imaging.ListSubjects) -> auth.SubjectPage:
        """Whom anything here names."""
        return use_cases.list_subjects(request, self.parts)

    @answers(imaging.CountSubject)
    def count_subject(self, request: imaging.CountSubject) -> auth.Count:
        """What is left of a subject here."""
        return use_cases.count_subject(request, self.parts)

    @listens_to(IMAGING_PURGES, retention.PurgeRequested)
    def purge_subject(self, event: retention.PurgeRequested) -> None:
        """A purge begins: fence, delete, report."""
        use_cases.purge_subject(event, self.parts)

    @listens_to(IMAGING_PURGES, auth.ConsentWithdrawn)
    def stop_processing(self, event: auth.ConsentWithdrawn) -> None:
        """An account no longer agrees: its photos go."""
        use_cases.stop_processing(event, self.parts)

    @listens_to(IMAGING_UNLOCKS, payments.PhotoUnlocked)
    def hear_unlocked(self, event: payments.PhotoUnlocked) -> None:
        """A photo's files may be downloaded."""
        use_cases.hear_unlock(event, self.parts)

    @listens_to(IMAGING_UNLOCKS, payments.PhotoLocked)
    def hear_locked(self, event: payments.PhotoLocked) -> None:
        """A refund took that back."""
        use_cases.hear_unlock(event, self.parts)

    @timer(interval=60)
    @quietly
    def sweep_uploads(self) -> None:
        """Every minute: uploads and renders that never finished, deletions cut short."""
        sweeping.sweep_uploads(self.parts)
        sweeping.sweep_renders(self.parts)

    @timer(interval=60)
    @quietly
    def expire(self) -> None:
        """Every minute: what the retention rules no longer let us keep."""
        expiry.expire_originals(self.parts)
        expiry.expire_photos(self.parts)

    @timer(interval=3600)
    @quietly
    def sweep_store(self) -> None:
        """Every hour: objects that no row knows, rows whose object is missing."""
        sweeping.sweep_store(self.parts)
        expiry.find_missing(self.parts)
