"""Retention's entry points: a table of contents."""

from __future__ import annotations

from nameko.timer import timer

from services.retention import use_cases
from services.retention.audit_service import AuditEntryPoints
from services.retention.ports import RetentionParts
from services.retention.rights_service import RightsEntryPoints
from shared.contracts import auth, imaging, payments, retention
from shared.contracts.queues import RETENTION_PURGES
from shared.host.answering import answers
from shared.host.listening import listens_to
from shared.host.running import Part, quietly


class RetentionService(AuditEntryPoints, RightsEntryPoints):
    """Makes data go away, and proves that it is gone."""

    name = "retention"
    parts: RetentionParts = Part("retention")

    @answers(retention.OpenPurge)
    def open_purge(self, request: retention.OpenPurge) -> retention.PurgeOpened:
        """Start a subject's purge."""
        return use_cases.open_purge(request, self.parts)

    @answers(retention.FindPurge)
    def find_purge(self, request: retention.FindPurge) -> retention.PurgeOpened:
        """The purge of a call that is repeated."""
        return use_cases.find_purge(request, self.parts)

    @answers(retention.PurgeByReceipt)
    def purge_by_receipt(self, request: retention.PurgeByReceipt) -> retention.PurgeState:
        """A purge's progress, for whoever holds its receipt."""
        return use_cases.purge_by_receipt(request, self.parts)

    @answers(retention.CertificateKeys)
    def certificate_keys(self, request: retention.CertificateKeys) -> retention.CertificateKeySet:
        """The public keys of certificates."""
        return use_cases.certificate_keys(self.parts)

    @listens_to(RETENTION_PURGES, auth.GuestReplaced)
    def hear_replaced(self, event: auth.GuestReplaced) -> None:
        """A guest was replaced: its stash goes."""
        use_cases.hear_ending(event, self.parts)

    @listens_to(RETENTION_PURGES, auth.GuestSignedIn)
    def hear_signed_in(self, event: auth.GuestSignedIn) -> None:
        """A guest signed in: its stash goes."""
        use_cases.hear_ending(event, self.parts)

    @listens_to(RETENTION_PURGES, auth.GuestExpired)
    def hear_expired(self, event: auth.GuestExpired) -> None:
        """A guest was not seen for long: its stash goes."""
        use_cases.hear_ending(event, self.parts)

    @listens_to(RETENTION_PURGES, auth.AccountAbandoned)
    def hear_abandoned(self, event: auth.AccountAbandoned) -> None:
        """An account lost its last login: it goes."""
        use_cases.hear_ending(event, self.parts)

    @listens_to(RETENTION_PURGES, auth.ConsentWithdrawn)
    def hear_withdrawn(self, event: auth.ConsentWithdrawn) -> None:
        """A guest no longer agrees: its stash goes."""
        use_cases.hear_ending(event, self.parts)

    @listens_to(RETENTION_PURGES, auth.SubjectFenced)
    def hear_fence(self, event: auth.SubjectFenced) -> None:
        """A subject's data is unreadable from here on."""
        use_cases.hear_fence(event, self.parts)

    @listens_to(RETENTION_PURGES, imaging.SubjectPurged)
    def hear_imaging(self, event: imaging.SubjectPurged) -> None:
        """Imaging has deleted what it had."""
        use_cases.hear_report(event, self.parts)

    @listens_to(RETENTION_PURGES, payments.SubjectPurged)
    def hear_payments(self, event: payments.SubjectPurged) -> None:
        """Payments no longer knows whose the orders were."""
        use_cases.hear_report(event, self.parts)

    @listens_to(RETENTION_PURGES, retention.SubjectPurged)
    def hear_rights(self, event: retention.SubjectPurged) -> None:
        """Retention itself has deleted exports, disclosures and tickets."""
        use_cases.hear_report(event, self.parts)

    @listens_to(RETENTION_PURGES, auth.SubjectPurged)
    def hear_auth(self, event: auth.SubjectPurged) -> None:
        """Auth has deleted the identity: prove absence and certify."""
        use_cases.hear_report(event, self.parts)

    @timer(interval=1)
    @quietly
    def look_after_purges(self) -> None:
        """Every second: no purge ends silently."""
        use_cases.look_after_purges(self.parts)
