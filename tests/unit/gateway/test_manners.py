"""HTTP as clients and proxies expect it: Allow, HEAD, no redirects, addresses that no header bends, limits told truly."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from services.gateway.limits import RateLimiter
from services.retention.domain.exports import ExportState
from shared.kernel.errors import PocketError
from shared.kernel.ids import new_id
from tests.unit.gateway.phones import Phone, code
from tests.unit.gateway.test_uploads import png

GETS = ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/.well-known/jwks.json", "/v1/specs", "/v1/policies/privacy",
        "/.well-known/purge-certificate-keys.json", "/v1/products"]  # fmt: skip


async def test_405_names_every_method_that_the_path_takes(phone: Phone) -> None:
    """Of all routes of the path together, as RFC 9110 has it."""
    for method, path, allow in (
        ("PUT", "/v1/guests", "POST"),
        ("GET", "/v1/guests", "POST"),
        ("PUT", "/v1/me", "GET, HEAD, PATCH, DELETE"),
        ("PATCH", f"/v1/photos/{new_id()}", "GET, HEAD, DELETE"),
        ("DELETE", "/healthz", "GET, HEAD"),
        ("HEAD", "/v1/sessions/refresh", "POST"),
        ("POST", "/docs", "GET, HEAD"),
    ):
        answer = await phone.client.request(method, path)
        assert (answer.status_code, answer.headers.get("allow")) == (405, allow), f"{method} {path}"
    assert "allow" not in (await phone.client.get("/v1/nothing")).headers


@pytest.mark.parametrize("path", GETS)
async def test_head_is_get_without_its_body(phone: Phone, path: str) -> None:
    """The same status and type; proxies and monitors ask so."""
    whole, head = await phone.client.get(path), await phone.client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    if path != "/metrics":
        assert head.headers["content-length"] == str(len(whole.content))


async def test_head_of_what_is_refused_is_refused_alike_and_a_stream_ends_at_once(phone: Phone) -> None:
    """401 without a token, 404 for nothing; the event stream tells its type and is over."""
    assert (await phone.client.head("/v1/photos")).status_code == 401
    assert (await phone.client.head("/v1/nothing")).status_code == 404
    tokens = await phone.start()
    async with asyncio.timeout(5):
        events = await phone.call("HEAD", "/v1/events", tokens)
    assert (events.status_code, events.content) == (200, b"")
    assert events.headers["content-type"].startswith("text/event-stream")
    assert not phone.parts.hub._readers, "nobody goes on listening"


@pytest.mark.parametrize(
    "path", ["/v1/photos/", "/v1/photos%2f", "/v1/specs/one-inch/", "/healthz/", "/docs/", "//evil.example/.."]
)
async def test_no_path_is_redirected(phone: Phone, path: str) -> None:
    """404 with a code: a redirect would be built from the Host header."""
    tokens = await phone.start()
    answer = await phone.call("GET", path, tokens, headers={"Host": "evil.example"})
    assert (answer.status_code, code(answer)) == (404, "not_found")
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("public", "begins"),
    [("", "http://phone/v1/purges/"), ("https://photo.example/api", "https://photo.example/api/v1/purges/")],
)
async def test_the_receipts_address_does_not_follow_the_host_header(phone: Phone, public: str, begins: str) -> None:
    """It is below the public address, else below the socket that was called."""
    phone.parts.settings.public_url = public
    tokens = await phone.start()
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    wiped = (await phone.call("DELETE", "/v1/me/stash", tokens, headers=headers)).json()
    assert wiped["receipt_url"] == begins + wiped["receipt"]


async def test_what_is_too_large_is_told_the_limit_that_it_met(phone: Phone) -> None:
    """A photo the photo's, a body the body's; in both languages."""
    tokens = await phone.start()
    for language, photo, body in (("zh", "不能超过 2 MB", "不能超过 64 KB"), ("en", "2 MB at most", "64 KB at most")):
        headers = {"Accept-Language": language}
        large = await phone.upload(tokens, png(filler=2 * 1024 * 1024), **headers)
        assert (large.status_code, code(large)) == (413, "too_large")
        assert photo in large.json()["title"]
        assert large.json()["max_bytes"] == 2 * 1024 * 1024
        long = await phone.call("POST", "/v1/guests", None, json={"x": "y" * 70_000}, headers=headers)
        assert (long.status_code, code(long)) == (413, "too_large")
        assert body in long.json()["title"]


def test_a_limit_tells_the_seconds_until_the_next_use() -> None:
    """After just those it is allowed, before it is not."""
    now = [1000.0]
    limiter = RateLimiter(lambda: now[0])
    for _ in range(2):
        limiter.use("a", 2)
        now[0] += 100
    with pytest.raises(PocketError) as refusal:
        limiter.use("a", 2)
    wait: Any = refusal.value.public_extra["retry_after"]
    assert wait == 3400
    now[0] += wait - 1
    with pytest.raises(PocketError):
        limiter.use("a", 2)
    now[0] += 1
    limiter.use("a", 2)


def seconds(answer: httpx.Response) -> int:
    assert (answer.status_code, code(answer)) == (429, "too_many_requests")
    return int(answer.headers["retry-after"])


async def test_retry_after_tells_the_truth_for_hours_and_days(phone: Phone) -> None:
    """Guests of one device an hour; exports of one subject a day."""
    for _ in range(phone.parts.settings.rate_guests_per_device):
        tokens = await phone.start()
    refused = await phone.client.post("/v1/guests", json={"device_id": "6fa459ea-ee8a-4ca4-894e-db77e160355e"})
    assert 3590 <= seconds(refused) <= 3600
    for _ in range(phone.world.retention.rights.exports_a_day):
        asked = await phone.call("POST", "/v1/me/exports", tokens)
        assert asked.status_code == 202, asked.text
        _expire(phone)
        phone.world.clock.forward(3600)
    refused = await phone.call("POST", "/v1/me/exports", tokens)
    wait = seconds(refused)
    assert abs(wait - (86400 - 3600 * phone.world.retention.rights.exports_a_day)) <= 2


def _expire(phone: Phone) -> None:
    """The exports so far are over, so that the next one is a new one."""
    exports = phone.world.retention.work.state.exports
    for key, export in list(exports.items()):
        exports[key] = replace(export, state=ExportState.EXPIRED)
