"""W3C trace context, carried through HTTP, calls and events into the logs; not exported anywhere yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()


def configure(process: str) -> None:
    """Make spans real in this process (once, at start)."""
    trace.set_tracer_provider(TracerProvider(resource=Resource.create({"service.name": process})))


def current_traceparent() -> str | None:
    """The ``traceparent`` of the present span, or None outside of one."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def span(name: str, traceparent: str | None = None, kind: SpanKind = SpanKind.INTERNAL) -> Iterator[None]:
    """A span, the child of the one in ``traceparent`` when it is given (and valid)."""
    context = _propagator.extract({"traceparent": traceparent}) if traceparent else None
    tracer = trace.get_tracer("pocketid")
    with tracer.start_as_current_span(name, context=context, kind=kind, record_exception=False):
        yield
