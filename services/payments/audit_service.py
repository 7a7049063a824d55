"""Payments' entry points for audits: what is left of a subject, and whom anything here names."""

from __future__ import annotations

from services.payments import erasure_cases, use_cases
from services.payments.ports import PaymentsParts
from shared.contracts import auth, bookkeeping, payments
from shared.host.answering import answers


class AuditEntryPoints:
    """What retention asks to prove absence, and an export to be whole."""

    parts: PaymentsParts

    @answers(payments.ListSubjects)
    def list_subjects(self, request: payments.ListSubjects) -> auth.SubjectPage:
        """Whom anything here names."""
        return erasure_cases.list_subjects(request, self.parts)

    @answers(payments.CountSubject)
    def count_subject(self, request: payments.CountSubject) -> auth.Count:
        """What still names a subject here."""
        return erasure_cases.count_subject(request, self.parts)

    @answers(bookkeeping.ExportSubject)
    def export_subject(self, request: bookkeeping.ExportSubject) -> bookkeeping.PaymentsPortion:
        """Payments' part of an export."""
        return use_cases.export_subject(request, self.parts)
