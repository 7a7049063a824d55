"""The errors of RFC 6749, as Apple and OpenID providers send them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.auth.providers.calling import Answer
from shared.kernel.errors import Code, LoginFailed

FAILURES: Mapping[str, Code] = {
    "invalid_grant": Code.LOGIN_CODE_INVALID,
    "invalid_client": Code.PROVIDER_REFUSED,
    "unauthorized_client": Code.PROVIDER_REFUSED,
    "invalid_request": Code.PROVIDER_REFUSED,
    "unsupported_grant_type": Code.PROVIDER_REFUSED,
    "unsupported_token_type": Code.PROVIDER_REFUSED,
    "invalid_scope": Code.PROVIDER_REFUSED,
    "access_denied": Code.LOGIN_CANCELLED,
    "user_cancelled_authorize": Code.LOGIN_CANCELLED,
    "temporarily_unavailable": Code.PROVIDER_UNAVAILABLE,
    "server_error": Code.LOGIN_UNFINISHED,
}
"""``error`` to our code; any other is ``provider_refused``."""


def judge(answer: Answer, step: str) -> dict[str, Any]:
    """The fields of a success (an empty body has none); raises ``LoginFailed`` for everything else."""
    if answer.status == 200 and not answer.body.strip():
        return {}
    fields = answer.fields()
    if answer.status == 200 and "error" not in fields:
        return fields
    error = fields.get("error")
    known = error if isinstance(error, str) and error in FAILURES else "an error we do not know"
    code = FAILURES.get(known, Code.PROVIDER_REFUSED)
    raise LoginFailed(code, f"{answer.provider} {step}: status {answer.status}, {known}")
