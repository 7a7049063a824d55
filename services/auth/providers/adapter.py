"""What every adapter is made of: its apps by platform, and what holds where a provider has nothing to offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from services.auth.providers.calling import Caller
from services.auth.providers.port import (
    Granted,
    Platform,
    ProviderNotice,
    Revocation,
    RevocationOutcome,
    RevocationStatus,
)
from shared.kernel.errors import BadRequest, Code, LoginFailed
from shared.kernel.log import get_logger
from shared.kernel.personal import Secret

log = get_logger("auth.providers")


@dataclass(frozen=True, slots=True)
class App:
    """Our registration at a provider."""

    app_id: str
    secret: Secret[str]


class Adapter:
    """A provider without revocation and without notices; the real ones override what they can do better."""

    advice = "withdraw_at_provider"
    in_browser: frozenset[Platform] = frozenset({"web"})

    def __init__(self, name: str, apps: Mapping[Platform, App], caller: Caller) -> None:
        self.name = name
        self._apps = dict(apps)
        self._caller = caller

    @property
    def platforms(self) -> frozenset[Platform]:
        """Where we have an app."""
        return frozenset(self._apps)

    def revoke(self, revocation: Revocation | None) -> RevocationOutcome:
        """There is no call for it: the person has to."""
        return RevocationOutcome(RevocationStatus.NOT_POSSIBLE, self.advice)

    def still_granted(self, revocation: Revocation) -> Granted:
        """Nobody to ask."""
        return Granted.UNKNOWN

    def read_notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> ProviderNotice | None:
        """This provider sends none, so whatever comes is not genuine."""
        return None

    def app_on(self, platform: Platform) -> App:
        """Our app there; raises ``LoginFailed`` when this provider is not on offer there."""
        if platform not in self._apps:
            raise LoginFailed(Code.PROVIDER_UNKNOWN, f"{self.name}: not on offer on {platform}")
        return self._apps[platform]

    def owned(self, revocation: Revocation) -> App | None:
        """The app of ours that a grant was given to."""
        return next((app for app in self._apps.values() if app.app_id == revocation.client_id), None)

    def note(self, event: str, failed: LoginFailed) -> None:
        """One log line about something that the login can do without."""
        log.warning(event, provider=self.name, code=str(failed.actual_code), detail=failed.detail)


def outcome_of(failed: LoginFailed, advice: str) -> RevocationOutcome:
    """What a failed revocation means: later, or never."""
    passing = (Code.PROVIDER_UNAVAILABLE, Code.PROVIDER_RATE_LIMITED, Code.LOGIN_UNFINISHED)
    if failed.actual_code in passing:
        return RevocationOutcome(RevocationStatus.TRY_LATER)
    return RevocationOutcome(RevocationStatus.REFUSED, advice)


def needed_redirect(uri: str | None) -> str:
    """The redirect address of a login in a browser; raises ``BadRequest`` when there is none."""
    if not uri:
        raise BadRequest.at("redirect_uri", detail="a login in a browser needs its redirect_uri")
    return uri


def address(base: str, **query: str) -> str:
    """``base`` with a query."""
    return f"{base}?{urlencode(query)}"
