"""What ``pocketid make`` says about what it made: lines for people, JSON for programs, a CSV or JSON report for a folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

COLUMNS = ("photo", "status", "file", "width", "height", "kb", "verdict", "failed", "warnings", "code", "zh", "en")
REPORTS = (".csv", ".json")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins like this is a formula to a spreadsheet: a photo's name must not become one."""


def print_made(results: Sequence[dict[str, Any]], *, as_json: bool, many: bool) -> None:
    """Every result: as JSON, or a line each, refusals on stderr."""
    if as_json:
        typer.echo(json.dumps(list(results) if many else results[0], ensure_ascii=False, indent=2))
        return
    for result in results:
        if "code" in result:
            reason = result["reason"]
            typer.echo(f"{result['photo']}: {result['code']}: {reason['zh']} / {reason['en']}", err=True)
        elif result.get("skipped"):
            typer.echo(f"{result['file']}  made before")
        else:
            size = f"{result['width']}x{result['height']} px, {result['kb']} KB"
            typer.echo(f"{result['file']}  {size}, {result['compliance']['verdict']}")
            for warning in result["compliance"]["warnings"]:
                typer.echo(f"  {warning['id']}: {warning['zh']} / {warning['en']}")


def print_sum(results: Sequence[dict[str, Any]]) -> None:
    """How many were made, made before, and refused, on stderr."""
    refused = sum("code" in result for result in results)
    before = sum(bool(result.get("skipped")) and "code" not in result for result in results)
    made = len(results) - refused - before
    typer.echo(f"{made} made, {before} made before, {refused} refused", err=True)


def write_report(path: Path, results: Sequence[dict[str, Any]]) -> None:
    """All results in one file: JSON with every measure, or CSV with one row a photo (opens in a spreadsheet)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".json":
        path.write_text(json.dumps(list(results), ensure_ascii=False, indent=2) + "\n", "utf-8")
        return
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        rows.writerows(_row(result) for result in results)


def _row(result: dict[str, Any]) -> dict[str, Any]:
    compliance, reason = result.get("compliance", {}), result.get("reason", {})
    failed = [check["id"] for check in compliance.get("checks", []) if check["verdict"] == "fail"]
    status = "refused" if "code" in result else "made before" if result.get("skipped") else "made"
    row = {name: result.get(name, "") for name in COLUMNS} | {"status": status}
    row |= {"verdict": compliance.get("verdict", ""), "failed": " ".join(failed)}
    row |= {"warnings": " ".join(warning["id"] for warning in compliance.get("warnings", []))}
    row |= {"zh": reason.get("zh", ""), "en": reason.get("en", "")}
    return {name: f"'{value}" if str(value).startswith(FORMULA) else value for name, value in row.items()}
