"""The interface's own description: what the framework finds in the routes, and what every route has in common besides.

Each call says who may make it and which problems it may answer; a problem has one schema everywhere.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from services.gateway.problems import MEDIA_TYPE
from shared.kernel.errors import MEANINGS, Code

ROOT = "#/components/schemas/"
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "the `access_token` of a guest or an account"}
}  # fmt: skip
LIMITED = {
    "POST /v1/guests", "POST /v1/sessions", "POST /v1/login-attempts", "POST /v1/me/identities", "POST /v1/feedback",
    "POST /v1/me/exports", "POST /v1/me/guardian-requests",
}  # fmt: skip
"""Calls that are answered only so often."""

LOGINS = {"POST /v1/sessions", "POST /v1/sessions/refresh", "POST /v1/me/identities"}
"""Calls that prove by something else than a token who asks."""

CONSENTED = {
    "POST /v1/guests", "POST /v1/sessions", "POST /v1/photos", "POST /v1/photos/{photo_id}/renders", "PATCH /v1/me",
    "POST /v1/me/identities", "POST /v1/me/consents", "POST /v1/me/guardian-consents", "POST /v1/me/guardian-requests",
}  # fmt: skip
"""Calls that need a consent, an account, or an adult."""

CONFLICTING = {"DELETE /v1/me", "DELETE /v1/me/stash", "DELETE /v1/me/identities/{provider}", "GET /v1/me/exports/{export_id}/file"}  # fmt: skip
"""Calls without a body that the present state may forbid."""

FOR_ALIPAY = "POST /v1/payments/alipay/notify"
"""Whatever is wrong with a notice, Alipay is answered `failure`."""

PAID = {"GET /v1/renders/{render_id}/file", "POST /v1/photos/{photo_id}/unlock"}
TEXTS = {
    401: "No token, or one that is not (or no longer) good",
    402: "It has to be paid for first",
    403: "A consent, an account or an adult is missing",
    404: "There is no such thing, or it is somebody else's",
    409: "The present state does not allow it, or the Idempotency-Key was used for another body",
    413: "More than is taken",
    415: "No picture of a kind that is taken",
    422: "The request is not valid; `errors` says where and why",
    429: "Too often; `Retry-After` tells the seconds until the next time",
    502: "The login's provider refused",
    503: "Something that is needed does not answer; try again after `Retry-After`",
    504: "It took too long; try again",
}


def describe(app: FastAPI) -> None:
    """Have the application describe itself in full."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # the framework's own way to extend it


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = made["components"]["schemas"]
    for of_the_framework in ("HTTPValidationError", "ValidationError"):
        schemas.pop(of_the_framework, None)
    schemas |= {"Problem": _PROBLEM, "FieldError": _FIELD_ERROR}
    made["components"]["securitySchemes"] = SCHEMES
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            _complete(f"{method.upper()} {path}", operation)
    return made


def _complete(call: str, operation: dict[str, Any]) -> None:
    """Add to one call who may make it, and the problems that it may answer."""
    operation.setdefault("security", [])
    answers = operation["responses"]
    answers.pop("422", None)
    for status in _problems_of(call, operation):
        told = answers.setdefault(str(status), {"description": TEXTS[status]})
        told["content"] = {MEDIA_TYPE: {"schema": {"$ref": f"{ROOT}Problem"}}}
        if status in (429, 503):
            told["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    operation["responses"] = dict(sorted(answers.items()))


def _problems_of(call: str, operation: dict[str, Any]) -> list[int]:
    if call == FOR_ALIPAY:
        return [413, 422]
    method, _, path = call.partition(" ")
    changes = method in ("POST", "PATCH")
    applies = {
        401: bool(operation["security"]) or call in LOGINS,
        402: call in PAID,
        403: call in CONSENTED,
        404: "{" in path or call == "POST /v1/orders" or call == "POST /v1/me/guardian-consents",
        409: changes or call in CONFLICTING,
        413: changes,
        415: call == "POST /v1/photos",
        422: True,
        429: call in LIMITED,
        502: call in LOGINS or call == "POST /v1/login-attempts",
        503: True,
        504: True,
    }
    return [status for status, does in applies.items() if does]


_FIELD_ERROR = {
    "type": "object",
    "title": "FieldError",
    "description": "One field that was refused. Its value is never told.",
    "required": ["field", "reason", "code"],
    "properties": {
        "field": {"type": "string", "description": "its name, parts with dots between; empty: the whole body"},
        "reason": {"type": "string", "description": "in the language of `Accept-Language`"},
        "code": {"type": "string", "description": "the kind of mistake", "examples": ["missing"]},
    },
}
_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. What an error adds stands beside these members and never in their place.",
    "required": ["type", "title", "status", "code", "retryable"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:pocketid:problem:not_found"]},
        "title": {"type": "string", "description": "for people, in the language of `Accept-Language`"},
        "status": {"type": "integer", "description": "the HTTP status", "examples": [404]},
        "code": {"type": "string", "enum": [str(code) for code in Code if code in MEANINGS]},
        "retryable": {"type": "boolean", "description": "whether the same call may succeed later"},
        "errors": {"type": "array", "items": {"$ref": f"{ROOT}FieldError"}, "description": "with 422: where and why"},
        "retry_after": {"type": "integer", "description": "with 429: seconds until the next time"},
        "max_bytes": {"type": "integer", "description": "with 413: the most that is taken"},
        "photo_status": {"type": "string", "description": "with 409: the state of the photo that cannot be used"},
        "export_status": {"type": "string", "description": "with 409: the state of the export that is not ready"},
        "reasons": {"type": "array", "items": {"$ref": f"{ROOT}Reason"}, "description": "with 409: why the photo was rejected"},
        "policy_version": {"type": "string", "description": "with `policy_outdated`: the version in force"},
    },
    "additionalProperties": True,
}  # fmt: skip
