"""Logs tell a story without a face."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from shared.kernel import log
from shared.kernel.ids import new_id
from shared.kernel.personal import Personal
from shared.telemetry import tracing

CANARY = "王小明-13800138000"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    log.configure("test", "INFO")

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in written.getvalue().splitlines()]

    yield read
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_json_with_its_source_process_time_and_ids(lines: Any) -> None:
    """One line a decision."""
    photo_id = new_id()
    log.get_logger("worker").info("photo ready", photo_id=photo_id, ms=12)
    [line] = lines()
    assert line["event"] == "photo ready"
    assert (line["source"], line["process"], line["level"]) == ("worker", "test", "info")
    assert (line["photo_id"], line["ms"]) == (str(photo_id), 12)
    assert line["timestamp"].endswith("Z")


def test_what_is_not_on_the_allow_list_is_dropped_and_the_line_says_so(lines: Any) -> None:
    """A slip is seen and does not leak."""
    log.get_logger("auth").info("guest started", device_id=CANARY, nickname=CANARY, code="ok")
    [line] = lines()
    assert CANARY not in json.dumps(line, ensure_ascii=False)
    assert sorted(line["dropped"]) == ["device_id", "nickname"]
    assert line["code"] == "ok"


def test_bytes_and_personal_values_are_never_written(lines: Any) -> None:
    """Under an allowed name too."""
    log.get_logger("auth").info("odd", detail=CANARY.encode(), reason=Personal(CANARY))
    [line] = lines()
    assert line["detail"] == "***"
    assert "138001" not in json.dumps(line)


def test_a_librarys_message_loses_its_text_and_keeps_who_spoke(lines: Any) -> None:
    """It may quote a person's values: an SQL error quotes rows, an HTTP library URLs."""
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("somelib.pool").warning("bad value %s", CANARY, exc_info=True, extra={"device": CANARY})
    [line] = lines()
    assert CANARY not in json.dumps(line, ensure_ascii=False)
    assert (line["event"], line["source"], line["error"]) == ("library message", "somelib.pool", "ValueError")
    assert line["path"].startswith("test_log:")


def test_a_librarys_chatter_below_warning_is_not_written(lines: Any) -> None:
    """Ours tell the story."""
    logging.getLogger("somelib").info(CANARY)
    assert lines() == []


def test_a_line_within_a_span_carries_its_trace(lines: Any) -> None:
    """One request can be followed through all processes."""
    tracing.configure("test")
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with tracing.span("step", parent):
        log.get_logger("x").info("within")
        carried = tracing.current_traceparent()
    [line] = lines()
    assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert carried is not None
    assert carried.split("-")[1] == line["trace_id"]
    assert tracing.current_traceparent() is None
