"""Errors as RFC 9457 problems with a stable ``code``; the person's language decides the title."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from services.gateway.addresses import allowed
from services.gateway.field_reasons import field_error, field_errors, told_of
from shared.kernel import log
from shared.kernel.errors import Code, PocketError, TimedOut, Unavailable
from shared.rpc.wire import where
from shared.storage import ObjectMissing

logger = log.get_logger("gateway")
MEDIA_TYPE = "application/problem+json"
_BY_STATUS = {404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED, 413: Code.TOO_LARGE, 415: Code.UNSUPPORTED_FORMAT}


class ProblemResponse(JSONResponse):
    """A problem; a text that cannot be encoded does not turn it into another one."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """The body's bytes."""
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(errors="replace")


def language_of(request: Request) -> str:
    """``en`` when the client prefers English to Chinese, else ``zh``."""
    best, best_weight = "zh", 0.0
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, weight = part.replace(" ", "").lower().partition(";q=")
        language = tag.split("-")[0]
        try:
            value = float(weight) if weight else 1.0
        except ValueError:
            continue
        if language in ("zh", "en") and value > best_weight:
            best, best_weight = language, value
    return best


def problem(request: Request, error: PocketError, **extra: Any) -> JSONResponse:
    """The response that tells ``error``; its detail stays in the log."""
    language = language_of(request)
    own_extra = told_of(error.public_extra, language)
    title = own_extra.pop("title", error.public(language))
    own = {
        "type": f"urn:pocketid:problem:{error.actual_code}",
        "title": title,
        "status": error.http_status,
        "code": str(error.actual_code),
        "retryable": error.retryable,
    }
    # What an error adds never takes the place of a problem's own members.
    body = own | {name: value for name, value in {**own_extra, **extra}.items() if name not in own}
    headers = {"Retry-After": str(own_extra.get("retry_after", 2))} if error.http_status in (429, 503) else {}
    if error.http_status == 401:
        headers["WWW-Authenticate"] = f'Bearer error="invalid_token", error_description="{error.actual_code}"'
    if error.http_status == 500:
        headers["Connection"] = "close"  # the server hangs up after an error that nobody expected
    return ProblemResponse(body, status_code=error.http_status, headers=headers)


def field_problem(request: Request, field: str, kind: str) -> JSONResponse:
    """The refusal of one field (the whole body: an empty name), ``kind`` as the field reasons name it."""
    told = field_error(field, kind, language_of(request))
    return problem(request, PocketError(code=Code.BAD_REQUEST), errors=[told])


def install(app: FastAPI) -> None:
    """Turn every error of the app into a problem."""

    @app.exception_handler(PocketError)
    async def ours(request: Request, error: PocketError) -> JSONResponse:
        if isinstance(error, (Unavailable, TimedOut)) or error.actual_code is Code.INTERNAL:
            logger.warning("refused", code=error.actual_code, detail=error.detail)
        return problem(request, error)

    @app.exception_handler(ObjectMissing)
    async def missing(request: Request, error: ObjectMissing) -> JSONResponse:
        return problem(request, PocketError("object missing", code=Code.NOT_FOUND))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        fields = field_errors(list(error.errors()), language_of(request))
        return problem(request, PocketError(code=Code.BAD_REQUEST), errors=fields)

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> JSONResponse:
        code = _BY_STATUS.get(error.status_code, Code.BAD_REQUEST if error.status_code < 500 else Code.INTERNAL)
        answer = problem(request, PocketError(code=code))
        if error.status_code == 405:
            answer.headers["Allow"] = allowed(request)
        return answer

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        logger.error("unexpected", error=type(error).__name__, detail=where(error))
        return problem(request, PocketError(code=Code.INTERNAL))
