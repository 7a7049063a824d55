"""A login provider that lives in memory: its people, their codes (each good once), and what it was asked to withdraw."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.auth.providers.port import (
    PLATFORMS,
    Granted,
    LoginAttempt,
    LoginProof,
    LoginStart,
    NoticeAnswer,
    NoticeKind,
    Platform,
    ProviderIdentity,
    ProviderNotice,
    Revocation,
    RevocationOutcome,
    RevocationStatus,
)
from shared.kernel.errors import BadRequest, Code, LoginFailed
from shared.kernel.ids import new_id
from shared.kernel.personal import Personal, Secret

SIGNATURE = "signed-by-the-provider"
HINT = "anybody could have sent this"


@dataclass
class FakeProvider:
    """Implements :class:`~services.auth.providers.port.LoginProvider`; tests read and set its attributes."""

    name: str = "wechat"
    app_id: str = "app-one"
    platforms: frozenset[Platform] = frozenset(PLATFORMS)
    in_browser: frozenset[Platform] = frozenset({"web"})
    uses_pkce: bool = True
    asked: list[LoginProof] = field(default_factory=list)
    revoked: list[str | None] = field(default_factory=list)
    while_revoking: Callable[[], None] = field(default=lambda: None)
    outcomes: list[RevocationStatus | BaseException] = field(default_factory=list)
    """How the next calls of ``revoke`` end; afterwards they succeed."""
    granted: Granted | BaseException = Granted.YES
    trouble: BaseException | None = None
    """What the next ``authenticate`` raises before it looks at the code."""
    _codes: dict[str, tuple[ProviderIdentity, LoginAttempt | None]] = field(default_factory=dict)
    _id_tokens: dict[str, tuple[ProviderIdentity, str]] = field(default_factory=dict)
    attempts: list[LoginAttempt] = field(default_factory=list)

    # ---- what the provider's own people do

    def identity(
        self, who: str, *, app_id: str | None = None, union: str | None = None, token: bool = True
    ) -> ProviderIdentity:
        """Who the provider says this is."""
        app = app_id or self.app_id
        return ProviderIdentity(
            provider=self.name,
            app_id=app,
            external_id=Personal(f"{who}@{app}"),
            union_id=Personal(union) if union else None,
            nickname=Personal(f"nick of {who}"),
            email=None,
            revocation=Revocation(Secret(f"token of {who} {new_id()}"), "refresh_token", app) if token else None,
        )

    def code_for(
        self, who: str, *, app_id: str | None = None, union: str | None = None, token: bool = True, bound: bool = False
    ) -> str:
        """A code the person got; ``bound``: for the latest attempt, whose verifier must come with it."""
        code = f"code-{new_id()}"
        attempt = self.attempts[-1] if bound else None
        self._codes[code] = (self.identity(who, app_id=app_id, union=union, token=token), attempt)
        return code

    def id_token_for(self, who: str, nonce: str) -> str:
        """An identity token, good as often as it is shown: only its nonce protects it."""
        token = f"id-token-{new_id()}"
        self._id_tokens[token] = (self.identity(who), nonce)
        return token

    # ---- the port

    def start(self, attempt: LoginAttempt) -> LoginStart:
        """What the app needs to begin."""
        self.attempts.append(attempt)
        return LoginStart(self.app_id, ("profile",), self.uses_pkce, nonce=attempt.nonce.reveal())

    def authenticate(self, proof: LoginProof) -> ProviderIdentity:
        """Who the proof proves; a code is spent by it."""
        self.asked.append(proof)
        trouble, self.trouble = self.trouble, None
        if trouble is not None:
            raise trouble
        if proof.id_token is not None:
            identity, nonce = self._id_tokens.get(proof.id_token.reveal(), (None, ""))
            if identity is None or proof.nonce is None or proof.nonce.reveal() != nonce:
                raise LoginFailed(Code.LOGIN_TOKEN_INVALID, "nonce")
            return identity
        if proof.code is None:
            raise BadRequest("code")
        found, attempt = self._codes.pop(proof.code.reveal(), (None, None))
        if found is None or (attempt is not None and proof.code_verifier is None):
            raise LoginFailed(Code.LOGIN_CODE_INVALID, "unknown or spent")
        return found

    def revoke(self, revocation: Revocation | None) -> RevocationOutcome:
        """Withdraw the grant, as the test has planned."""
        self.while_revoking()
        self.revoked.append(revocation.token.reveal() if revocation else None)
        outcome = self.outcomes.pop(0) if self.outcomes else RevocationStatus.REVOKED
        if isinstance(outcome, BaseException):
            raise outcome
        return RevocationOutcome(outcome)

    def still_granted(self, revocation: Revocation) -> Granted:
        """As the test has planned."""
        if isinstance(self.granted, BaseException):
            raise self.granted
        return self.granted

    def read_notice(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> ProviderNotice | None:
        """A push with our signature is proven, one without is a hint, one with another signature is forged."""
        signature = headers.get("x-signature")
        if signature not in (SIGNATURE, HINT):
            return None
        told = json.loads(body)
        return ProviderNotice(
            provider=self.name,
            app_id=told.get("app_id", self.app_id),
            kind=NoticeKind(told["kind"]),
            answer=NoticeAnswer(b"<xml>\x00ok</xml>", "application/xml", 200),
            external_id=Personal(told["external_id"]) if "external_id" in told else None,
            union_id=Personal(told["union_id"]) if "union_id" in told else None,
            dedup_id=told.get("dedup_id", ""),
            proven=signature == SIGNATURE,
        )
