"""Huawei: a code for an id_token that we verify; where it names no openid, the token's own record does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.auth.providers.adapter import Adapter, App, address, needed_redirect, outcome_of
from services.auth.providers.calling import Answer, Caller, code_is_spent
from services.auth.providers.jose import Expected, KeySet, check_nonce, verify
from services.auth.providers.port import (
    LoginAttempt,
    LoginProof,
    LoginStart,
    Platform,
    ProviderIdentity,
    Revocation,
    RevocationOutcome,
    RevocationStatus,
)
from services.auth.providers.reading import all_needed, id_of, is_true, needed, number_of, personal, text_of
from shared.kernel.clock import Clock
from shared.kernel.errors import Code, LoginFailed
from shared.kernel.personal import Personal, Secret

ALGORITHMS = frozenset({"RS256", "PS256"})
FAILURES: Mapping[int, Code] = {
    20152: Code.LOGIN_CODE_INVALID,  # sub_error of 1101
    1101: Code.PROVIDER_REFUSED,
    6: Code.LOGIN_TOKEN_INVALID,  # NSP_STATUS, as the next two
    102: Code.LOGIN_TOKEN_INVALID,
    31204: Code.LOGIN_TOKEN_INVALID,
}
"""``sub_error``, else ``error``, or ``NSP_STATUS``, to our code; any other is ``provider_refused``."""


@dataclass(frozen=True, slots=True)
class HuaweiPlace:
    """Where Huawei is, and its name in tokens."""

    base_url: str
    api_url: str
    issuer: str


class HuaweiLogin(Adapter):
    """Logs in by Huawei, with PKCE."""

    advice = "withdraw_in_huawei"

    def __init__(
        self, apps: Mapping[Platform, App], caller: Caller, place: HuaweiPlace, refetch_seconds: float, clock: Clock
    ) -> None:
        super().__init__("huawei", apps, caller)
        self._place = place
        self._clock = clock
        self._keys = KeySet(caller, lambda: f"{place.base_url}/oauth2/v3/certs", refetch_seconds=refetch_seconds)

    def start(self, attempt: LoginAttempt) -> LoginStart:
        """The login page in a browser; scopes for the SDK elsewhere."""
        app, scopes = self.app_on(attempt.platform), ("openid",)
        if attempt.platform != "web":
            return LoginStart(app.app_id, scopes, uses_pkce=True, nonce=attempt.nonce.reveal())
        url = address(
            f"{self._place.base_url}/oauth2/v3/authorize",
            response_type="code",
            client_id=app.app_id,
            redirect_uri=needed_redirect(attempt.redirect_uri),
            scope="openid",
            state=attempt.state,
            nonce=attempt.nonce.reveal(),
            code_challenge=attempt.code_challenge or "",
            code_challenge_method="S256",
        )
        return LoginStart(app.app_id, scopes, uses_pkce=True, url=url)

    def authenticate(self, proof: LoginProof) -> ProviderIdentity:
        """The code came from Huawei straight to us, so the nonce is compared only where the id_token repeats it."""
        app = self.app_on(proof.platform)
        all_needed(code=proof.code, code_verifier=proof.code_verifier)
        code = needed(proof.code, "code")
        self._keys.ready()
        granted = self._exchange(app, code, proof)
        with code_is_spent():
            claims = self._claims(app, granted, proof)
            openid, union = text_of(claims, "openid"), text_of(claims, "sub")
            if openid is None:
                record = self._record(app, id_of(granted, "access_token", self.name))
                openid, union = id_of(record, "open_id", self.name), text_of(record, "union_id")
        return ProviderIdentity(
            provider=self.name,
            app_id=app.app_id,
            external_id=Personal(id_of({"openid": openid}, "openid", self.name)),
            union_id=personal(union),
            nickname=personal(text_of(claims, "display_name")),
            email=personal(text_of(claims, "email")) if is_true(claims, "email_verified") else None,
            revocation=_kept(granted, app),
        )

    def revoke(self, revocation: Revocation | None) -> RevocationOutcome:
        """``POST /oauth2/v3/revoke``."""
        if revocation is None:
            return super().revoke(revocation)
        form = {"token": revocation.token.reveal()}
        try:
            answer = self._caller.repeatable("POST", f"{self._place.base_url}/oauth2/v3/revoke", data=form)
            if answer.status != 200 or answer.body.strip():
                self._judge(answer, "revoke")
        except LoginFailed as failed:
            if failed.actual_code is Code.LOGIN_TOKEN_INVALID:
                return RevocationOutcome(RevocationStatus.REVOKED)
            self.note("a revocation failed", failed)
            return outcome_of(failed, self.advice)
        return RevocationOutcome(RevocationStatus.REVOKED)

    def _exchange(self, app: App, code: str, proof: LoginProof) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": app.app_id,
            "client_secret": app.secret.reveal(),
            "code_verifier": needed(proof.code_verifier, "code_verifier"),
        }
        if proof.redirect_uri:
            form["redirect_uri"] = proof.redirect_uri
        return self._judge(self._caller.once("POST", f"{self._place.base_url}/oauth2/v3/token", data=form), "exchange")

    def _claims(self, app: App, granted: Mapping[str, Any], proof: LoginProof) -> dict[str, Any]:
        """What the id_token says; nothing when there is none (the scope ``openid`` was not granted)."""
        token = text_of(granted, "id_token")
        if token is None:
            return {}
        expected = Expected(self.name, self._place.issuer, frozenset({app.app_id}), ALGORITHMS)
        claims = verify(token, expected, self._keys, self._clock())
        if "nonce" in claims:
            check_nonce(claims, needed(proof.nonce, "nonce"), self.name)
        return claims

    def _record(self, app: App, token: str) -> dict[str, Any]:
        """``getTokenInfo``: whose the token is, and for which app."""
        query = {"nsp_fmt": "JSON", "nsp_svc": "huawei.oauth2.user.getTokenInfo"}
        form = {"access_token": token, "open_id": "OPENID"}
        answer = self._caller.repeatable("POST", f"{self._place.api_url}/rest.php", params=query, data=form)
        record = self._judge(answer, "getTokenInfo")
        if text_of(record, "client_id") != app.app_id:
            raise LoginFailed(Code.LOGIN_TOKEN_INVALID, f"{self.name} token: for another app")
        return record

    def _judge(self, answer: Answer, step: str) -> dict[str, Any]:
        """The fields of a success: no ``error``, no ``NSP_STATUS`` (which comes with 200)."""
        status = answer.headers.get("NSP_STATUS", "0")
        if status not in ("", "0"):
            number = int(status) if status.isdecimal() and len(status) < 10 else None
            raise LoginFailed(_mapped(number), f"{self.name} {step}: NSP_STATUS {number}")
        fields = answer.fields()
        if answer.status == 200 and "error" not in fields:
            return fields
        error, sub_error = number_of(fields, "error"), number_of(fields, "sub_error")
        code = _mapped(sub_error if sub_error in FAILURES else error)
        raise LoginFailed(code, f"{self.name} {step}: status {answer.status}, error {error}, {sub_error}")


def _mapped(number: int | None) -> Code:
    return Code.PROVIDER_REFUSED if number is None else FAILURES.get(number, Code.PROVIDER_REFUSED)


def _kept(granted: Mapping[str, Any], app: App) -> Revocation | None:
    for kind in ("refresh_token", "access_token"):
        token = text_of(granted, kind)
        if token:
            return Revocation(Secret(token), kind, app.app_id)
    return None
