"""Calls to a provider: bounded in time and size, never redirected, repeated only where repeating does no harm."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ssl import SSLContext
from typing import Any

import httpx

from shared.kernel.errors import Code, LoginFailed

MAX_BYTES = 256 * 1024
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""The provider cannot have heard us."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we wait, in seconds: for a connection, and for the answer."""

    connect: float = 3.0
    read: float = 8.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered, whatever its status below 500."""

    provider: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    unreadable: Code
    """The code of an answer that makes no sense: whether the call had its effect is then unknown."""

    def text(self) -> str:
        """The body as UTF-8, whatever the headers say; raises ``LoginFailed`` otherwise."""
        try:
            return self.body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise self.nonsense("not UTF-8") from None

    def fields(self) -> dict[str, Any]:
        """The body as a JSON object; raises ``LoginFailed`` otherwise."""
        try:
            found = json.loads(self.text())
        except (ValueError, RecursionError):
            raise self.nonsense("not JSON") from None
        if not isinstance(found, dict):
            raise self.nonsense("not a JSON object")
        return found

    def nonsense(self, why: str) -> LoginFailed:
        """The error of an answer that makes no sense."""
        return LoginFailed(self.unreadable, f"{self.provider}: status {self.status}, {why}")


class Caller:
    """One provider's HTTP client."""

    def __init__(self, provider: str, patience: Patience, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.provider = provider
        self._patience = patience
        self._monotonic = monotonic
        self._client = httpx.Client(
            timeout=httpx.Timeout(patience.read, connect=patience.connect),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
            verify=_trust(),
            headers={"User-Agent": "pocketid", "Accept": "application/json", "Accept-Encoding": "identity"},
        )

    def once(self, method: str, url: str, **parts: Any) -> Answer:
        """A call that must not be repeated (it spends a code); unknown outcomes are ``login_unfinished``."""
        return self._call(method, url, parts, Code.LOGIN_UNFINISHED)

    def repeatable(self, method: str, url: str, **parts: Any) -> Answer:
        """A call that may be repeated, and is, once; then it is ``provider_unavailable``."""
        try:
            return self._call(method, url, parts, Code.PROVIDER_UNAVAILABLE)
        except LoginFailed as failed:
            if failed.actual_code is not Code.PROVIDER_UNAVAILABLE:
                raise
        return self._call(method, url, parts, Code.PROVIDER_UNAVAILABLE)

    def _call(self, method: str, url: str, parts: Mapping[str, Any], unknown: Code) -> Answer:
        deadline = self._monotonic() + self._patience.connect + self._patience.read
        try:
            with self._client.stream(method, url, **parts) as response:
                body = self._read(response, deadline, unknown)
        except NOT_SENT as error:
            raise self._failed(Code.PROVIDER_UNAVAILABLE, type(error).__name__) from None
        except httpx.HTTPError as error:
            raise self._failed(unknown, type(error).__name__) from None
        if response.status_code >= 500:
            raise self._failed(unknown, f"status {response.status_code}")
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise self._failed(Code.PROVIDER_RATE_LIMITED, "status 429")
        if response.is_redirect:
            raise self._failed(Code.PROVIDER_REFUSED, f"status {response.status_code}: a redirect")
        return Answer(self.provider, response.status_code, response.headers, body, unknown)

    def _read(self, response: httpx.Response, deadline: float, unknown: Code) -> bytes:
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > MAX_BYTES:
                raise self._failed(unknown, f"more than {MAX_BYTES} bytes")
            if self._monotonic() > deadline:
                raise self._failed(unknown, "too slow")
        return bytes(body)

    def _failed(self, code: Code, detail: str) -> LoginFailed:
        return LoginFailed(code, f"{self.provider}: {detail}")


@cache
def _trust() -> SSLContext:
    """One for all callers: reading the list of authorities takes a while."""
    return httpx.create_ssl_context(trust_env=False)


@contextmanager
def code_is_spent() -> Iterator[None]:
    """What follows an exchange: with the code gone, "try again" would be a lie; the person has to log in again."""
    try:
        yield
    except LoginFailed as failed:
        if failed.actual_code in (Code.PROVIDER_UNAVAILABLE, Code.PROVIDER_RATE_LIMITED):
            raise LoginFailed(Code.LOGIN_UNFINISHED, failed.detail) from failed
        raise
