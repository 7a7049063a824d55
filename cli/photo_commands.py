"""The commands that look and make nothing: check a photo, list the specs. Same pipeline, in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.local_studio import UNUSABLE, JsonOption, PhotoArgument, console, open_studio, or_exit, order_of, require_there

if TYPE_CHECKING:
    from services.imaging.pipeline.cutout import Cutout
    from services.imaging.pipeline.order import RenderOrder
    from services.imaging.pipeline.studio import Studio


def check(
    photo: PhotoArgument,
    spec: Annotated[str, typer.Option(help="Also judge the finished photo against this spec.")] = "",
    as_json: JsonOption = False,
    annotate: Annotated[
        Path | None, typer.Option(help="Write a PNG with mesh, crown, eye line, chin and the spec's frame.")
    ] = None,
) -> None:
    """Prints the quality report of a photo; writes no file but the annotated picture, when asked."""
    require_there(photo, as_json=as_json)
    refused = photo if as_json else None
    order = or_exit(lambda: order_of({"spec": spec}), json_of=refused) if spec else None
    studio = or_exit(open_studio)
    people = order.spec.people if order is not None else 1
    cutout = or_exit(lambda: _cut_out(studio, photo.read_bytes(), people), json_of=refused)
    report = or_exit(lambda: _report(studio, cutout, order), json_of=refused)
    if annotate is not None:
        or_exit(lambda: annotate.write_bytes(_annotated(cutout, order)))
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        _print_report(report)
    if report["verdict"] == "fail":
        raise typer.Exit(UNUSABLE)


def specs(
    search: Annotated[
        str, typer.Option(help="Words in Chinese or English, pinyin (yicun, yc), an id, a size (35x45).")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Lists the catalogue of specs."""
    from services.imaging.specs import catalogue

    found = catalogue.search(search)
    if as_json:
        typer.echo(json.dumps([spec.to_dict() for spec in found], ensure_ascii=False, indent=2))
        return
    from rich.table import Table

    table = Table("id", "名称", "name", "category", "mm", "px", "KB", "confidence", "same as")
    for spec in found:
        mm = f"{spec.mm[0]:g}x{spec.mm[1]:g}" if spec.mm else ""
        window = "" if spec.kb is None else f"{spec.kb.low or 0:g}-{spec.kb.high or ''}"
        px, same_as = f"{spec.px[0]}x{spec.px[1]}", spec.alias_of or ""
        table.add_row(spec.id, spec.zh, spec.en, spec.category, mm, px, window, spec.confidence, same_as)
    console().print(table)


def _cut_out(studio: Studio, content: bytes, people: int) -> Cutout:
    [cutout] = studio.matte([studio.prepare(content, people=people, refuse=False)])
    return cutout


def _annotated(cutout: Cutout, order: RenderOrder | None) -> bytes:
    from services.imaging.pipeline.annotate import annotated

    return annotated(cutout, order.spec if order is not None else None)


def _report(studio: Studio, cutout: Cutout, order: RenderOrder | None) -> dict[str, Any]:
    report = dict(cutout.analysis)
    verdicts = {entry["verdict"] for entry in report["checks"]}
    if order is not None:
        report["compliance"] = studio.render(cutout, order).compliance
        verdicts.add(report["compliance"]["verdict"])
    report["verdict"] = "fail" if "fail" in verdicts else "warn" if "warn" in verdicts else "pass"
    return report


def _print_report(report: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table("check", "value", "unit", "threshold", "verdict", "advice")
    rows = [*report["checks"], *report.get("compliance", {}).get("checks", [])]
    colours = {"pass": "green", "warn": "yellow", "fail": "red"}
    for row in rows:
        limits = ", ".join(f"{name} {limit}" for name, limit in row["threshold"].items())
        verdict = f"[{colours[row['verdict']]}]{row['verdict']}[/]"
        advised = row.get("advice", {})
        table.add_row(row["id"], str(row["value"]), row["unit"], limits, verdict, " / ".join(advised.values()))
    console().print(table)
    for left_out in report["not_checked"]:
        typer.echo(f"not checked: {left_out['id']}: {left_out['zh']} / {left_out['en']}")
    typer.echo(f"verdict: {report['verdict']}")
