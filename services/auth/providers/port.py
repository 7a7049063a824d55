"""The one port of third-party logins: what an app hands over, who it proves, and how a grant is withdrawn again.

Failures are :class:`shared.kernel.errors.LoginFailed` with a login or provider code; what is missing in a proof is a
:class:`~shared.kernel.errors.BadRequest`. Neither names a person, and neither quotes a provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from shared.kernel.personal import Personal, Secret

Platform = Literal["android", "ios", "web"]
PLATFORMS: tuple[Platform, ...] = ("android", "ios", "web")


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """One attempt to log in, made by us: everything in it is used once. ``nonce`` is the raw one."""

    platform: Platform
    state: str
    nonce: Secret[str]
    code_challenge: str | None = None
    """Base64url SHA-256 of the verifier (PKCE, method S256)."""
    redirect_uri: str | None = None


@dataclass(frozen=True, slots=True)
class LoginStart:
    """What the app needs to begin. ``url`` is for browsers, ``auth_string`` for Alipay's SDK, the rest for every SDK."""

    app_id: str
    scopes: tuple[str, ...] = ()
    uses_pkce: bool = False
    url: str | None = None
    auth_string: str | None = None
    nonce: str | None = None
    """What the SDK passes to the provider as nonce: for Apple the hash of the attempt's, which stays with us."""


@dataclass(frozen=True, slots=True)
class LoginProof:
    """What the app got from the provider. ``nonce``, ``code_verifier`` and ``redirect_uri`` are the attempt's own."""

    provider: str
    platform: Platform
    code: Secret[str] | None = None
    id_token: Secret[str] | None = None
    access_token: Secret[str] | None = None
    """Handed over by the mobile SDKs of QQ and Weibo; proves nothing until the provider says whose app it is for."""
    nonce: Secret[str] | None = None
    code_verifier: Secret[str] | None = None
    redirect_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Revocation:
    """What withdraws the grant at the provider. To be kept encrypted, and only until it was used."""

    token: Secret[str]
    token_type_hint: str
    """``refresh_token``, ``access_token``, or (Alipay) ``open_id`` or ``user_id``."""
    client_id: str


@dataclass(frozen=True, slots=True)
class ProviderIdentity:
    """Who a proof proves. An account is known by (provider, app_id, external_id): compare all three, byte by byte."""

    provider: str
    app_id: str
    external_id: Personal[str]
    """openid, uid or sub; case-sensitive, at most 255 characters."""
    union_id: Personal[str] | None = None
    """The same person in our other apps at this provider."""
    nickname: Personal[str] | None = None
    email: Personal[str] | None = None
    """Only when the provider says that it verified it."""
    revocation: Revocation | None = None


class RevocationStatus(StrEnum):
    """How withdrawing a grant ended."""

    REVOKED = "revoked"
    NOT_POSSIBLE = "not_possible"
    """The provider has no call for it (or we hold no token): the person can do it, see the advice."""
    TRY_LATER = "try_later"
    REFUSED = "refused"
    """The provider does not let us; trying again will not help before an operator looks."""


@dataclass(frozen=True, slots=True)
class RevocationOutcome:
    """How withdrawing ended; ``advice`` is a key of :data:`services.auth.providers.advice.ADVICE`."""

    status: RevocationStatus
    advice: str | None = None


class Granted(StrEnum):
    """Whether a grant still stands, as far as the provider tells."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class NoticeKind(StrEnum):
    """What a provider tells us unasked."""

    AUTHORIZATION_REVOKED = "authorization_revoked"
    ACCOUNT_CLOSED = "account_closed"
    PROFILE_CHANGED = "profile_changed"
    NOTHING = "nothing"
    """A handshake, or an event that changes nothing here: answer it, do no more."""


@dataclass(frozen=True, slots=True)
class NoticeAnswer:
    """Exactly what the provider waits for."""

    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200


@dataclass(frozen=True, slots=True)
class ProviderNotice:
    """A push from a provider. Unless ``proven`` it is a hint: ask :meth:`LoginProvider.still_granted` before acting."""

    provider: str
    app_id: str
    kind: NoticeKind
    answer: NoticeAnswer
    external_id: Personal[str] | None = None
    union_id: Personal[str] | None = None
    dedup_id: str = ""
    """The same for every repetition of the notice; names nobody."""
    proven: bool = True


class LoginProvider(Protocol):
    """One way to log in."""

    @property
    def name(self) -> str:
        """``wechat``, ``qq``, ``alipay``, ``apple``, ``weibo``, ``huawei``, or the configured OIDC provider's name."""

    @property
    def platforms(self) -> frozenset[Platform]:
        """Where it is on offer."""

    @property
    def in_browser(self) -> frozenset[Platform]:
        """Where its login is a page in a browser, which has to lead back to a ``redirect_uri``."""

    def start(self, attempt: LoginAttempt) -> LoginStart:
        """What the app needs to begin; makes no call, but for OIDC's discovery."""

    def authenticate(self, proof: LoginProof) -> ProviderIdentity:
        """Who the proof proves; spends its code. Raises ``LoginFailed``, ``BadRequest``."""

    def revoke(self, revocation: Revocation | None) -> RevocationOutcome:
        """Withdraw the grant; may be repeated. ``None``: nothing was kept. Never raises for what a provider does."""

    def still_granted(self, revocation: Revocation) -> Granted:
        """Whether the provider still honours the grant; for notices that are only hints. May raise ``LoginFailed``."""

    def read_notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> ProviderNotice | None:
        """What a push says; header names are lower case. ``None``: not genuine, answer 403 and do nothing.

        Raises ``LoginFailed`` when the provider's keys cannot be had: answer 503, it will come again.
        """
