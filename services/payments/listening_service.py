"""What payments hears from others: purges, and photos that are lost."""

from __future__ import annotations

from services.payments import erasure_cases, photo_cases
from services.payments.ports import PaymentsParts
from shared.contracts import imaging, retention
from shared.contracts.queues import PAYMENTS_PHOTOS, PAYMENTS_PURGES
from shared.host.listening import listens_to


class ListeningEntryPoints:
    """Each event is one transaction."""

    parts: PaymentsParts

    @listens_to(PAYMENTS_PURGES, retention.PurgeRequested)
    def purge_subject(self, event: retention.PurgeRequested) -> None:
        """A purge begins: fence, strip or pass on, report."""
        erasure_cases.purge_subject(event, self.parts)

    @listens_to(PAYMENTS_PHOTOS, imaging.PhotoRejected)
    def hear_rejection(self, event: imaging.PhotoRejected) -> None:
        """A photo cannot be used."""
        photo_cases.hear_loss(event, self.parts)

    @listens_to(PAYMENTS_PHOTOS, imaging.PhotoFailed)
    def hear_failure(self, event: imaging.PhotoFailed) -> None:
        """We could not work on a photo."""
        photo_cases.hear_loss(event, self.parts)

    @listens_to(PAYMENTS_PHOTOS, imaging.PhotoDeleted)
    def hear_deletion(self, event: imaging.PhotoDeleted) -> None:
        """A photo is deleted, its owner stays."""
        photo_cases.hear_loss(event, self.parts)
