"""Alerts and the dashboard name metrics that the code has; every promise's metric has an alert."""

from __future__ import annotations

import json
import re
from pathlib import Path

from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from scripts.dashboard import TARGET, dashboard
from shared.telemetry import metrics

ALERTS = Path(__file__).resolve().parents[3] / "deploy" / "prometheus" / "alerts.yml"
NAME = re.compile(r"pocketid_[a-z_]+")


def names() -> set[str]:
    """Every sample name of our metrics."""
    ours = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    known = {name for metric in ours for name in REGISTRY._get_names(metric)}
    return known | {name.removesuffix("_created") for name in known}


def test_every_metric_that_an_alert_names_exists() -> None:
    """A renamed metric would silence its alert."""
    used = set(NAME.findall(ALERTS.read_text("utf-8")))
    assert used
    assert used <= names(), used - names()


def test_every_metric_that_the_dashboard_names_exists_and_the_file_is_fresh() -> None:
    """The JSON is made by scripts/dashboard.py."""
    made = dashboard()
    used = set(NAME.findall(json.dumps(made)))
    assert used <= names(), used - names()
    assert json.loads(TARGET.read_text("utf-8")) == made


def test_whatever_must_be_zero_has_an_alert() -> None:
    """Metrics that the code itself calls a promise."""
    text = ALERTS.read_text("utf-8")
    for name in (
        "pocketid_purges_stuck",
        "pocketid_purge_oldest_seconds",
        "pocketid_retention_findings_total",
        "pocketid_objects_missing",
        "pocketid_ledger_faults",
        "pocketid_bill_differences",
    ):
        assert name in text
