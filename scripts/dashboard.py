"""``python -m scripts.dashboard``: writes the Grafana dashboard of the promises from the list of panels below."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[1] / "deploy" / "grafana" / "promises.json"
BUCKETS = "sum by (le) (rate(pocketid_purge_seconds_bucket{{state='{state}'}}[10m]))"
PANELS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("Purges under way, by state", "timeseries", ("sum by (state) (pocketid_purges)",), "short"),
    ("Purges that are stuck", "stat", ("max(pocketid_purges_stuck)",), "short"),
    ("Age of the oldest purge", "stat", ("max(pocketid_purge_oldest_seconds)",), "s"),
    ("Erased data that was found again", "stat", ("sum(pocketid_retention_findings_total)",), "short"),
    (
        "Seconds until unreadable (p50, p99)",
        "timeseries",
        tuple(f"histogram_quantile({q}, {BUCKETS.format(state='fenced')})" for q in (0.5, 0.99)),
        "s",
    ),
    (
        "Seconds until certified (p50, p99)",
        "timeseries",
        tuple(f"histogram_quantile({q}, {BUCKETS.format(state='completed')})" for q in (0.5, 0.99)),
        "s",
    ),
    (
        "Purges asked for, by reason",
        "timeseries",
        ("sum by (reason) (rate(pocketid_purges_started_total[10m]))",),
        "ops",
    ),
    (
        "Messages buried",
        "timeseries",
        ("sum by (queue) (increase(pocketid_messages_handled_total{verdict='bury'}[1h]))",),
        "short",
    ),
    ("Photos by outcome", "timeseries", ("sum by (outcome) (rate(pocketid_photos_total[5m]))",), "ops"),
    ("Orders by state", "timeseries", ("sum by (state) (rate(pocketid_orders_total[10m]))",), "ops"),
    (
        "Ledger faults, bill differences",
        "stat",
        ("max(pocketid_ledger_faults)", "max(pocketid_bill_differences)"),
        "short",
    ),
    ("HTTP answers by status", "timeseries", ("sum by (status) (rate(pocketid_http_requests_total[5m]))",), "ops"),
)
WIDTH, HEIGHT, COLUMNS = 8, 7, 3


def dashboard() -> dict[str, Any]:
    """The dashboard, as Grafana imports it; the data source is chosen at import."""
    return {
        "title": "Pocket ID Photo: promises",
        "uid": "pocketid-promises",
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{"name": "source", "type": "datasource", "query": "prometheus"}]},
        "panels": [_panel(number, *panel) for number, panel in enumerate(PANELS)],
    }


def _panel(number: int, title: str, kind: str, queries: tuple[str, ...], unit: str) -> dict[str, Any]:
    place = {"x": number % COLUMNS * WIDTH, "y": number // COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT}
    return {
        "id": number + 1,
        "title": title,
        "type": kind,
        "gridPos": place,
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "fieldConfig": {"defaults": {"unit": unit}},
        "targets": [{"refId": chr(65 + i), "expr": query} for i, query in enumerate(queries)],
    }


def main() -> None:
    """Write it."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(dashboard(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
