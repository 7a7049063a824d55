"""Structured logs that tell a story without a face: one JSON line a decision, with correlation ids.

Only the keys on the allow-list are written. A value that was not meant for the log (a name, a device id, bytes) is left
out and the line says which key was dropped, so that a slip is seen and does not leak.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any
from uuid import UUID

import structlog
from opentelemetry import trace

ALLOWED = frozenset(
    [
        "event",
        "level",
        "timestamp",
        "process",
        "trace_id",
        "source",
        "service",
        "method",
        "subject_id",
        "photo_id",
        "render_id",
        "purge_id",
        "order_id",
        "refund_id",
        "cause",
        "amount",
        "day",
        "session_id",
        "event_id",
        "type",
        "queue",
        "consumer",
        "attempt",
        "verdict",
        "code",
        "detail",
        "error",
        "status",
        "reason",
        "reasons",
        "count",
        "counts",
        "objects",
        "rows",
        "seconds",
        "ms",
        "port",
        "path",
        "route",
        "url_host",
        "version",
        "model",
        "provider",
        "rss_mb",
        "batch",
        "bytes",
        "width",
        "height",
        "state",
        "participant",
        "dropped",
        "kid",
        "name",
        "signal",
        "delay",
        "spec",
        "size",
        "pid",
        "to",
        "stack",
        "export_id",
        "ticket_id",
        "ground",
    ]
)


def configure(process: str, level: str = "INFO") -> None:
    """Send this process's logs to stderr as JSON lines; library logs (warnings and worse) go the same way."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_process(process),
        _add_trace,
        _drop_what_is_not_allowed,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_shorten_foreign, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose lines say ``source=name``."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(source=name)
    return logger


def _add_process(process: str) -> structlog.typing.Processor:
    def add(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line["process"] = process
        return line

    return add


def _add_trace(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        line["trace_id"] = format(context.trace_id, "032x")
    return line


def _shorten_foreign(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A library's message may quote a person's values: keep who spoke and the kind of error, never its text."""
    record: logging.LogRecord = line["_record"]
    line["source"] = record.name
    line["event"] = "library message"
    line["path"] = f"{record.module}:{record.lineno}"
    if record.exc_info and record.exc_info[0]:
        line["error"] = record.exc_info[0].__name__
    line.pop("exc_info", None)
    record.exc_info = None
    record.exc_text = None
    return line


def _drop_what_is_not_allowed(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    private = ("_record", "_from_structlog")
    refused = [key for key in line if key not in ALLOWED and key not in private]
    for key in refused:
        del line[key]
    if refused:
        line["dropped"] = refused
    for key, value in line.items():
        if isinstance(value, UUID):
            line[key] = str(value)
        elif isinstance(value, bytes):
            line[key] = "***"
    return line
