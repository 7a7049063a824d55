"""Retention's entry points for operators and audits: the second half of its table of contents."""

from __future__ import annotations

from nameko.timer import timer

from services.retention import audits, use_cases
from services.retention.ports import RetentionParts
from shared.contracts import retention
from shared.host.answering import answers
from shared.host.running import quietly


class AuditEntryPoints:
    """Whether what was promised is true, and what to do when it is not."""

    parts: RetentionParts

    @answers(retention.ListPurges)
    def list_purges(self, request: retention.ListPurges) -> retention.PurgeList:
        """Purges, for operators."""
        return use_cases.list_purges(request, self.parts)

    @answers(retention.ShowPurge)
    def show_purge(self, request: retention.ShowPurge) -> retention.PurgeState:
        """One purge, for operators."""
        return use_cases.show_purge(request.purge_id, self.parts)

    @answers(retention.RetryPurge)
    def retry_purge(self, request: retention.RetryPurge) -> retention.PurgeSummary:
        """Have a purge start over."""
        return use_cases.retry_purge(request, self.parts)

    @answers(retention.ReplayTombstones)
    def replay_tombstones(self, request: retention.ReplayTombstones) -> retention.Replayed:
        """Purge again whoever was erased and is back."""
        return audits.replay_tombstones(request, self.parts)

    @timer(interval=10)
    @quietly
    def look_again(self) -> None:
        """Minutes after a certificate: is it still true?"""
        audits.look_again(self.parts)

    @timer(interval=86400)
    @quietly
    def sweep_tombstones(self) -> None:
        """Every day: nobody who was erased is back anywhere."""
        audits.sweep_tombstones(self.parts)
