"""Auth's entry points: a table of contents."""

from __future__ import annotations

from nameko.timer import timer

from services.auth import fencing, revocations, use_cases
from services.auth.account_service import AccountEntryPoints
from services.auth.ports import AuthParts
from shared.contracts import auth, retention
from shared.contracts.base import Done
from shared.contracts.queues import AUTH_PURGES
from shared.host.answering import answers
from shared.host.listening import listens_to
from shared.host.running import Part, quietly


class AuthService(AccountEntryPoints):
    """Says who a subject is, and holds the keys that make its data readable."""

    name = "auth"
    parts: AuthParts = Part("auth")

    @answers(auth.AdmitGuest)
    def admit_guest(self, request: auth.AdmitGuest) -> auth.Tokens:
        """A device starts or resumes."""
        return use_cases.admit_guest(request, self.parts)

    @answers(auth.RefreshSession)
    def refresh_session(self, request: auth.RefreshSession) -> auth.Tokens:
        """New tokens for a refresh token."""
        return use_cases.refresh_session(request, self.parts)

    @answers(auth.EndSession)
    def end_session(self, request: auth.EndSession) -> Done:
        """Log out."""
        return use_cases.end_session(request, self.parts)

    @answers(auth.SubjectKey)
    def subject_key(self, request: auth.SubjectKey) -> auth.WrappedKey:
        """A subject's wrapped data key."""
        return use_cases.subject_key(request, self.parts)

    @answers(auth.FenceSubject)
    def fence_subject(self, request: auth.FenceSubject) -> Done:
        """Make a subject's data unreadable now."""
        use_cases.fence_subject(request.subject_id, request.purge_id, self.parts)
        return Done()

    @answers(auth.WhoAmI)
    def who_am_i(self, request: auth.WhoAmI) -> auth.Me:
        """The subject's own record."""
        return use_cases.who_am_i(request, self.parts)

    @answers(auth.TokenKeys)
    def token_keys(self, request: auth.TokenKeys) -> auth.PublicKeys:
        """The public keys of access tokens."""
        return use_cases.token_keys(self.parts)

    @answers(auth.Denials)
    def denials(self, request: auth.Denials) -> auth.Denied:
        """Who is to be refused just now."""
        return use_cases.denials(self.parts)

    @answers(auth.ListSubjects)
    def list_subjects(self, request: auth.ListSubjects) -> auth.SubjectPage:
        """Whom anything here names."""
        return use_cases.list_subjects(request, self.parts)

    @answers(auth.CountSubject)
    def count_subject(self, request: auth.CountSubject) -> auth.Count:
        """What is left of a subject here."""
        return use_cases.count_subject(request, self.parts)

    @listens_to(AUTH_PURGES, retention.PurgeRequested)
    def fence_for_purge(self, event: retention.PurgeRequested) -> None:
        """A purge begins: fence."""
        use_cases.fence_for_purge(event, self.parts)

    @listens_to(AUTH_PURGES, retention.DataRemoved)
    def forget_subject(self, event: retention.DataRemoved) -> None:
        """A purge ends: delete the identity."""
        use_cases.forget_subject(event, self.parts)

    @timer(interval=1)
    @quietly
    def tell_providers(self) -> None:
        """Every second: withdraw at providers what was granted to accounts that are gone."""
        revocations.revoke_what_is_due(self.parts)

    @timer(interval=60)
    @quietly
    def expire_guests(self) -> None:
        """Every minute: guests that were not seen for too long go."""
        fencing.expire_guests(self.parts)

    @timer(interval=3600)
    @quietly
    def forget_sessions(self) -> None:
        """Every hour: sessions that ended of themselves, withdrawals at providers that ended long ago."""
        fencing.forget_sessions(self.parts)
        revocations.forget_revocations(self.parts)

    @timer(interval=3600)
    @quietly
    def forget_denials(self) -> None:
        """Every hour: denials of tokens that have expired since."""
        fencing.forget_denials(self.parts)
