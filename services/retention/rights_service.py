"""Retention's entry points about a person's rights: the second half of its table of contents."""

from __future__ import annotations

from nameko.timer import timer

from services.retention import disclosures, exports, feedback
from services.retention.rights_ports import RightsParts
from shared.contracts import auth, payments, retention, rights
from shared.contracts import feedback as tickets
from shared.contracts.base import Done
from shared.contracts.queues import RETENTION_RIGHTS
from shared.host.answering import answers
from shared.host.listening import listens_to
from shared.host.running import Part, quietly


class RightsEntryPoints:
    """Exports, the disclosure ledger, feedback."""

    own: RightsParts = Part("rights")

    @answers(rights.RequestExport)
    def request_export(self, request: rights.RequestExport) -> rights.ExportState:
        """Ask for an export."""
        return exports.request_export(request, self.own)

    @answers(rights.ListExports)
    def list_exports(self, request: rights.ListExports) -> rights.ExportList:
        """The subject's exports."""
        return exports.list_exports(request, self.own)

    @answers(rights.GetExport)
    def get_export(self, request: rights.GetExport) -> rights.ExportState:
        """One export."""
        return exports.get_export(request, self.own)

    @answers(rights.BeginExport)
    def begin_export(self, request: rights.BeginExport) -> rights.ExportBegun:
        """A builder begins."""
        return exports.begin_export(request, self.own)

    @answers(rights.RegisterPart)
    def register_part(self, request: rights.RegisterPart) -> Done:
        """A builder is about to write a part."""
        return exports.register_part(request, self.own)

    @answers(rights.FinishExport)
    def finish_export(self, request: rights.FinishExport) -> Done:
        """A builder is done."""
        return exports.finish_export(request, self.own)

    @answers(rights.FailExport)
    def fail_export(self, request: rights.FailExport) -> Done:
        """A builder gives up."""
        return exports.fail_export(request, self.own)

    @answers(rights.ExportSubject)
    def export_subject(self, request: rights.ExportSubject) -> rights.RightsPortion:
        """Retention's part of an export."""
        return feedback.export_subject(request, self.own)

    @answers(rights.Disclosures)
    def disclosures(self, request: rights.Disclosures) -> rights.DisclosureLedger:
        """The disclosure ledger."""
        return disclosures.disclosures(request, self.own)

    @answers(rights.RecordDisclosure)
    def record_disclosure(self, request: rights.RecordDisclosure) -> rights.DisclosureLedger:
        """Operators: an authority was told."""
        return disclosures.record_disclosure(request, self.own)

    @answers(tickets.SendFeedback)
    def send_feedback(self, request: tickets.SendFeedback) -> tickets.FeedbackSent:
        """A complaint or request."""
        return feedback.send_feedback(request, self.own)

    @answers(tickets.FeedbackByTicket)
    def feedback_by_ticket(self, request: tickets.FeedbackByTicket) -> tickets.TicketState:
        """How far it is."""
        return feedback.feedback_by_ticket(request, self.own)

    @answers(tickets.FeedbackForOperators)
    def feedback_for_operators(self, request: tickets.FeedbackForOperators) -> tickets.TicketState:
        """Operators: one ticket."""
        return feedback.feedback_for_operators(request, self.own)

    @answers(tickets.ListFeedback)
    def list_feedback(self, request: tickets.ListFeedback) -> tickets.TicketList:
        """Operators: tickets."""
        return feedback.list_feedback(request, self.own)

    @answers(tickets.AnswerFeedback)
    def answer_feedback(self, request: tickets.AnswerFeedback) -> tickets.TicketSummary:
        """Operators: the answer."""
        return feedback.answer_feedback(request, self.own)

    @answers(tickets.KeysOfTickets)
    def keys_of_tickets(self, request: tickets.KeysOfTickets) -> tickets.TicketKeys:
        """Operators: keys of tickets without a login."""
        return feedback.keys_of_tickets(request, self.own)

    @answers(tickets.ReplaceTicketKeys)
    def replace_ticket_keys(self, request: tickets.ReplaceTicketKeys) -> Done:
        """Operators: the same keys, sealed by another master key."""
        return feedback.replace_ticket_keys(request, self.own)

    @listens_to(RETENTION_RIGHTS, retention.PurgeRequested)
    def purge_rights(self, event: retention.PurgeRequested) -> None:
        """A purge begins: fence, delete, report."""
        exports.purge_subject(event, self.own)

    @listens_to(RETENTION_RIGHTS, auth.SubjectDisclosed)
    def hear_provider_told(self, event: auth.SubjectDisclosed) -> None:
        """A login provider was told something."""
        disclosures.hear_disclosed(event, self.own)

    @listens_to(RETENTION_RIGHTS, payments.SubjectDisclosed)
    def hear_alipay_told(self, event: payments.SubjectDisclosed) -> None:
        """Alipay was told something."""
        disclosures.hear_disclosed(event, self.own)

    @timer(interval=5)
    @quietly
    def look_after_exports(self) -> None:
        """Every five seconds: builds that have stopped, exports past their time."""
        exports.look_after_exports(self.own)

    @timer(interval=60)
    @quietly
    def look_after_feedback(self) -> None:
        """Every minute: tickets past their deadline."""
        feedback.look_after_feedback(self.own)

    @timer(interval=3600)
    @quietly
    def sweep_rights(self) -> None:
        """Every hour: objects of exports that no row knows, tallies past their years."""
        exports.sweep_exports(self.own)
        disclosures.forget_old_tallies(self.own)
