"""The FastAPI application: parts built at start, routes installed, health and metrics beside them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from fastapi import FastAPI, Request, Response
from opentelemetry.trace import SpanKind

from services.gateway import problems
from services.gateway.access import Access
from services.gateway.body_limit import BodyLimit
from services.gateway.head import HeadAsGet
from services.gateway.interface import describe
from services.gateway.json_door import JsonDoor
from services.gateway.keys import GatewayKeys
from services.gateway.limits import RateLimiter
from services.gateway.parts import Parts
from services.gateway.routes import (
    accounts,
    capabilities,
    catalogue,
    events,
    guests,
    me,
    payments,
    photos,
    purges,
    reference,
    renders,
    rights,
)
from services.gateway.stream import Hub
from shared.contracts import Message, auth
from shared.crypto import Keyring
from shared.crypto.subject_keys import KeyCache
from shared.kernel import log
from shared.kernel.errors import PocketError
from shared.kernel.settings import GatewaySettings, named_keys
from shared.rpc.asking import Asker
from shared.storage import S3Store
from shared.telemetry import health, metrics, tracing

logger = log.get_logger("gateway")
TITLE = "Pocket ID Photo 口袋证件照"
DESCRIPTION = "A selfie becomes an ID photo that offices accept, and the face is provably gone when asked."
MAX_BODY_BYTES = 64 * 1024
"""The largest body of any call but an upload; the largest that makes sense is a few hundred bytes."""

Next = Callable[[Request], Awaitable[Response]]


def create_app(settings: GatewaySettings) -> FastAPI:
    """The gateway as an ASGI application; it connects when it starts, not here."""
    app = FastAPI(
        title=TITLE,
        description=DESCRIPTION,
        version="1",
        lifespan=_lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.state.parts = _parts(settings)
    app.state.health = health.Health()
    problems.install(app)
    for module in (
        guests,
        accounts,
        me,
        photos,
        renders,
        payments,
        purges,
        rights,
        events,
        catalogue,
        capabilities,
        reference,
    ):
        app.include_router(module.router)
    describe(app)
    app.add_middleware(JsonDoor)
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES, streamed_paths=frozenset({"/v1/photos"}))
    app.middleware("http")(_observed)
    app.add_middleware(HeadAsGet)
    for path in ("/healthz", "/readyz", "/metrics"):
        app.add_api_route(path, _health_page, include_in_schema=False)
    return app


def _parts(settings: GatewaySettings) -> Parts:
    asker = Asker(settings.amqp_url.get_secret_value(), settings.rpc_timeout_seconds)
    keys = GatewayKeys(asker, Keyring(named_keys(settings.master_keys)), KeyCache())
    hub = Hub()
    access = Access(asker, hub.deny)
    hub.on_heard.append(Ear(access, keys))
    return Parts(
        settings=settings,
        asker=asker,
        access=access,
        keys=keys,
        hub=hub,
        store=S3Store(settings),
        limits=RateLimiter(),
        uploads=anyio.CapacityLimiter(settings.max_concurrent_uploads),
    )


class Ear:
    """Acts on what the gateway hears: a fence or a log-out takes effect at once."""

    def __init__(self, access: Access, keys: GatewayKeys) -> None:
        self._access = access
        self._keys = keys

    def __call__(self, message: Message) -> None:
        """Refuse and forget what the message says is over."""
        if isinstance(message, auth.SubjectFenced):
            self._access.deny(message.subject_id)
            self._keys.cache.fence(message.subject_id)
        elif isinstance(message, auth.SessionRevoked):
            self._access.deny(message.session_id)
        elif isinstance(message, auth.ConsentWithdrawn):
            self._keys.cache.forget(message.subject_id)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    pages: health.Health = app.state.health
    pages.ready["broker"] = lambda: _require(parts.asker.connected and parts.hub.listening)
    pages.ready["access"] = lambda: _require(parts.access.loaded)
    pages.ready["store"] = parts.store.ping  # type: ignore[attr-defined]  # the real store has it
    tracing.configure(parts.settings.process)
    starting = asyncio.create_task(_start(parts))
    try:
        yield
    finally:
        starting.cancel()
        await parts.asker.close()


async def _start(parts: Parts) -> None:
    """Connect and catch up, for as long as it takes; the health pages are up meanwhile."""
    await parts.asker.connect()
    connection = parts.asker.connection
    await parts.hub.listen(connection)
    connection.reconnect_callbacks.add(lambda *_: asyncio.ensure_future(_catch_up(parts)))
    await _catch_up(parts)


async def _catch_up(parts: Parts) -> None:
    """What was said while we were not listening: denials, keys. Until it is known, we are not ready."""
    parts.access.loaded = False
    while not parts.access.loaded:
        try:
            await parts.access.load()
        except PocketError as error:
            logger.warning("auth does not answer yet", code=error.actual_code)
            await asyncio.sleep(0.5)


async def _observed(request: Request, call_next: Next) -> Response:
    started = time.monotonic()
    with tracing.span(f"{request.method}", request.headers.get("traceparent"), SpanKind.SERVER):
        response = await call_next(request)
    route: Any = request.scope.get("route")
    path = getattr(route, "path", "unmatched")
    metrics.HTTP.labels(path, request.method, response.status_code).inc()
    metrics.HTTP_SECONDS.labels(path).observe(time.monotonic() - started)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    return response


async def _health_page(request: Request) -> Response:
    pages: health.Health = request.app.state.health
    status, kind, body = await anyio.to_thread.run_sync(pages.page, request.url.path)
    return Response(body, status_code=status, media_type=kind)


def _require(condition: bool) -> None:
    if not condition:
        raise RuntimeError("not yet")
