"""Auth's entry points about accounts and consents: the second half of its table of contents."""

from __future__ import annotations

from services.auth import accounts as login_cases
from services.auth import guardians, ledger, notices, policy_cases, profiles, proofs, rights
from services.auth.ports import AuthParts
from shared.contracts import accounts, auth, consents
from shared.contracts import feedback as tickets
from shared.contracts.base import Done
from shared.host.answering import answers


class AccountEntryPoints:
    """What an account can do, and what operators can."""

    parts: AuthParts

    @answers(accounts.BeginLogin)
    def begin_login(self, request: accounts.BeginLogin) -> accounts.LoginBegun:
        """What an app needs to go to a provider with."""
        return proofs.begin_login(request, self.parts)

    @answers(accounts.SignIn)
    def sign_in(self, request: accounts.SignIn) -> accounts.SignedIn:
        """Log in; the guest ends."""
        return login_cases.sign_in(request, self.parts)

    @answers(accounts.Identities)
    def identities(self, request: accounts.Identities) -> accounts.IdentityList:
        """An account's logins."""
        return login_cases.identities(request, self.parts)

    @answers(accounts.LinkIdentity)
    def link_identity(self, request: accounts.LinkIdentity) -> accounts.IdentityList:
        """One more login."""
        return login_cases.link_identity(request, self.parts)

    @answers(accounts.UnlinkIdentity)
    def unlink_identity(self, request: accounts.UnlinkIdentity) -> Done:
        """One login less."""
        return login_cases.unlink_identity(request, self.parts)

    @answers(accounts.ListLoginMethods)
    def list_login_methods(self, request: accounts.ListLoginMethods) -> accounts.LoginMethods:
        """The logins on offer."""
        return login_cases.list_login_methods(request, self.parts)

    @answers(accounts.TakeNotice)
    def take_notice(self, request: accounts.TakeNotice) -> accounts.NoticeTaken:
        """A provider's push."""
        return notices.take_notice(request, self.parts)

    @answers(accounts.Profile)
    def profile(self, request: accounts.Profile) -> accounts.ProfileState:
        """The sealed profile."""
        return profiles.profile(request, self.parts)

    @answers(accounts.ChangeProfile)
    def change_profile(self, request: accounts.ChangeProfile) -> accounts.ProfileState:
        """Change it."""
        return profiles.change_profile(request, self.parts)

    @answers(accounts.Sessions)
    def sessions(self, request: accounts.Sessions) -> accounts.SessionList:
        """The live sessions."""
        return profiles.sessions(request, self.parts)

    @answers(accounts.EndSessions)
    def end_sessions(self, request: accounts.EndSessions) -> accounts.EndedSessions:
        """Log out everywhere (else)."""
        return profiles.end_sessions(request, self.parts)

    @answers(consents.Consents)
    def consent_ledger(self, request: consents.Consents) -> consents.ConsentLedger:
        """The consent ledger."""
        return ledger.consent_ledger(request, self.parts)

    @answers(consents.RecordConsent)
    def record_consent(self, request: consents.RecordConsent) -> consents.ConsentLedger:
        """Grant or withdraw."""
        return ledger.record_consent(request, self.parts)

    @answers(consents.AskGuardian)
    def ask_guardian(self, request: consents.AskGuardian) -> consents.GuardianLink:
        """A child asks for a guardian's consent."""
        return guardians.ask_guardian(request, self.parts)

    @answers(consents.AnswerGuardian)
    def answer_guardian(self, request: consents.AnswerGuardian) -> consents.GuardianshipState:
        """A guardian grants or withdraws."""
        return guardians.answer_guardian(request, self.parts)

    @answers(consents.Guardianships)
    def guardianships(self, request: consents.Guardianships) -> consents.GuardianshipList:
        """A subject's guardianships."""
        return guardians.guardianships(request, self.parts)

    @answers(consents.ExportSubject)
    def export_subject(self, request: consents.ExportSubject) -> consents.AuthPortion:
        """Auth's part of an export."""
        return rights.export_subject(request, self.parts)

    @answers(consents.HandOverTicketKey)
    def hand_over_ticket_key(self, request: consents.HandOverTicketKey) -> consents.HandedKey:
        """Operators: the key of one feedback ticket."""
        return rights.hand_over_ticket_key(request, self.parts)

    @answers(consents.RewrapTicketKeys)
    def rewrap_ticket_keys(self, request: consents.RewrapTicketKeys) -> tickets.TicketKeys:
        """Operators: seal tickets' keys by the current master key."""
        return rights.rewrap_ticket_keys(request, self.parts)

    @answers(auth.PolicyText)
    def policy_text(self, request: auth.PolicyText) -> auth.PolicyVersion:
        """A policy document."""
        return policy_cases.policy_text(request, self.parts)

    @answers(consents.ListPolicyVersions)
    def list_policy_versions(self, request: consents.ListPolicyVersions) -> consents.PolicyVersions:
        """A document's versions."""
        return policy_cases.list_policy_versions(request, self.parts)

    @answers(consents.PublishPolicy)
    def publish_policy(self, request: consents.PublishPolicy) -> consents.PolicyPublished:
        """Operators: publish a version."""
        return policy_cases.publish_policy(request, self.parts)

    @answers(consents.RewrapKeys)
    def rewrap_keys(self, request: consents.RewrapKeys) -> consents.Rewrapped:
        """Operators: wrap data keys by the current master key."""
        return profiles.rewrap_keys(request, self.parts)
