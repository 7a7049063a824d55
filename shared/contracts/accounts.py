"""What auth can be asked about accounts: logins, identities, profile, sessions.

What a person hands over or owns (login proofs, profile, labels) travels sealed: ``sealed_*`` fields are base64 of bytes
under the subject's data key, or, before there is one, under a master key for one purpose (``Keyring.seal_for``).
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.contracts.auth import Me, Tokens
from shared.contracts.base import Answer, Call, Done, RepeatableCall

PROOF = "login proof"
"""Purpose under which a login proof is sealed on its way to auth."""
NOTICE = "provider notice"
"""Purpose under which a provider's push is sealed on its way to auth."""

# ---- logging in


class LoginBegun(Answer):
    """What an app needs to ask the provider for a login. ``auth_string`` is for Alipay's SDK, ``url`` for browsers.

    ``code_challenge`` (S256) is for SDKs that take one; its verifier stays with auth.
    """

    attempt_id: UUID
    state: str
    nonce: str | None
    code_challenge: str | None = None
    app_id: str
    scopes: list[str]
    url: str | None
    auth_string: str | None
    expires_in: int


class BeginLogin(RepeatableCall[LoginBegun]):
    """Begin a login: state, nonce and verifier are made here and used once."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "begin_login"
    answer: ClassVar[type[Answer]] = LoginBegun
    provider: str
    platform: str
    redirect_uri: str | None = None


class LoginMethods(Answer):
    """The logins on offer."""

    providers: list[str]


class ListLoginMethods(Call[LoginMethods]):
    """Ask which logins are on offer on a platform."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "list_login_methods"
    answer: ClassVar[type[Answer]] = LoginMethods
    platform: str


class SignedIn(Tokens):
    """An account's tokens; ``purge_id`` when a guest's stash is being wiped because of it."""

    purge_id: UUID | None = None


class SignIn(Call[SignedIn]):
    """Log in to the account of a provider's identity, made when there is none. The guest, if any, ends."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "sign_in"
    answer: ClassVar[type[Answer]] = SignedIn
    provider: str
    platform: str
    sealed_proof: str
    policy_version: str | None = None
    age_band: str | None = None
    guest_id: UUID | None = None
    idempotency_key: str | None = None
    fingerprint: str = ""


# ---- identities


class LinkedIdentity(Answer):
    """A login of the account; ``sealed`` holds the nickname."""

    provider: str
    linked_at: datetime
    sealed: str


class IdentityList(Answer):
    """The account's logins, oldest first."""

    items: list[LinkedIdentity]


class Identities(Call[IdentityList]):
    """Ask for an account's logins."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "identities"
    answer: ClassVar[type[Answer]] = IdentityList
    subject_id: UUID


class LinkIdentity(RepeatableCall[IdentityList]):
    """Link one more login. Somebody else's is refused."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "link_identity"
    answer: ClassVar[type[Answer]] = IdentityList
    subject_id: UUID
    provider: str
    platform: str
    sealed_proof: str


class UnlinkIdentity(RepeatableCall[Done]):
    """Unlink a login, never the last one; the provider is told."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "unlink_identity"
    answer: ClassVar[type[Answer]] = Done
    subject_id: UUID
    provider: str


class NoticeTaken(Answer):
    """What to answer the provider, byte for byte (base64)."""

    status: int
    content_type: str
    body: str


class TakeNotice(Call[NoticeTaken]):
    """A provider's push: somebody withdrew a login there, or closed the account there."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "take_notice"
    answer: ClassVar[type[Answer]] = NoticeTaken
    provider: str
    sealed_notice: str


# ---- profile and sessions


class ProfileState(Answer):
    """The account's profile, sealed, and the declared age."""

    sealed_profile: str | None
    age_band: str | None


class Profile(Call[ProfileState]):
    """Ask for a profile."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "profile"
    answer: ClassVar[type[Answer]] = ProfileState
    subject_id: UUID


class ProfileChanged(ProfileState):
    """The profile after a change, and the record that goes with it."""

    me: Me


class ChangeProfile(RepeatableCall[ProfileChanged]):
    """Change a profile; what is None stays. Who declared to be under 14 cannot take that back alone."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "change_profile"
    answer: ClassVar[type[Answer]] = ProfileChanged
    subject_id: UUID
    sealed_profile: str | None = None
    age_band: str | None = None


class LiveSession(Answer):
    """A session that has not ended; ``sealed_label`` is what the device calls itself."""

    session_id: UUID
    created_at: datetime
    last_used_at: datetime
    sealed_label: str | None


class SessionList(Answer):
    """Sessions, last used first."""

    items: list[LiveSession]


class Sessions(Call[SessionList]):
    """Ask for a subject's sessions."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "sessions"
    answer: ClassVar[type[Answer]] = SessionList
    subject_id: UUID


class EndedSessions(Answer):
    """The sessions that ended."""

    session_ids: list[UUID]


class EndSessions(RepeatableCall[EndedSessions]):
    """End all sessions of the subject, but for the one that is kept (if any)."""

    service: ClassVar[str] = "auth"
    method: ClassVar[str] = "end_sessions"
    answer: ClassVar[type[Answer]] = EndedSessions
    subject_id: UUID
    keep: UUID | None = None
