"""``pocketid make``: a photo, or a folder of photos, to finished ID photos, without any service."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.local_studio import UNUSABLE, JsonOption, PhotoArgument, console, open_studio, or_exit, order_of, require_there
from cli.making import Maker, finished_before, jobs_in, make_all, target_name, workers_for
from cli.reporting import REPORTS, print_made, print_sum, write_report

if TYPE_CHECKING:
    from services.imaging.pipeline.order import RenderOrder

OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", help="The file, or for a folder the folder, to write.")
]
AlsoOption = Annotated[
    list[str] | None, typer.Option(help="Another spec on the sheet, with its number: two-inch:4. May be repeated.")
]
ReportOption = Annotated[Path | None, typer.Option(help="For a folder: write a .csv or .json report of all photos.")]


def make(
    photo: PhotoArgument,
    spec: Annotated[str, typer.Option(help="The spec's id: see 'pocketid specs'.")] = "one-inch",
    background: Annotated[str, typer.Option(help="white, blue, red, #RRGGBB, original, transparent, ...")] = "",
    output: OutputOption = None,
    sheet: Annotated[str, typer.Option(help="Print many on one paper: six-inch, a4, 100x150 (mm), ...")] = "",
    also: AlsoOption = None,
    count: Annotated[int | None, typer.Option(help="How many on the sheet; default: as many as fit.")] = None,
    gap: Annotated[float | None, typer.Option(help="Millimetres between photos on the sheet.")] = None,
    margin: Annotated[float | None, typer.Option(help="Millimetres to the sheet's edge.")] = None,
    marks: Annotated[bool, typer.Option(help="Marks to cut along on the sheet.")] = True,
    dpi: Annotated[int | None, typer.Option(help="Pixels an inch.")] = None,
    kind: Annotated[
        str | None,
        typer.Option("--format", help="jpeg, png, or for sheets pdf; default: as -o ends, or as the spec wants."),
    ] = None,
    max_kb: Annotated[float | None, typer.Option(help="The file's largest size.")] = None,
    report: ReportOption = None,
    workers: Annotated[int, typer.Option(min=0, help="For a folder: processes at once; 0 chooses.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="For a folder: make what is finished again, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Makes a finished ID photo, or one of every photo in a folder, without any service."""
    require_there(photo, as_json=as_json)
    if report is not None and report.suffix.lower() not in REPORTS:
        raise typer.BadParameter("a report ends in .csv or .json", param_hint="--report")
    laid = _sheet(sheet, also or [], {"count": count, "gap_mm": gap, "margin_mm": margin, "dpi": dpi}, marks=marks)
    wanted = {
        "spec": spec,
        "background": background or None,
        "sheet": laid,
        "dpi": dpi,
        "format": kind or _format_of(output),
        "max_kb": max_kb,
    }
    order = or_exit(lambda: order_of(wanted))
    _warn_before(order)
    if photo.is_dir():
        target = output or photo / "pocketid"
        results = or_exit(lambda: _make_folder(photo, target, order, wanted, workers, again=again))
    else:
        results = [or_exit(lambda: _make_one(photo, output, order))]
    print_made(results, as_json=as_json, many=photo.is_dir())
    if photo.is_dir():
        print_sum(results)
    if report is not None:
        or_exit(lambda: write_report(report, results))
    if any("code" in result for result in results):
        raise typer.Exit(UNUSABLE)


def _format_of(output: Path | None) -> str | None:
    """What the name of the file to write says: a .pdf holds a PDF."""
    ending = output.suffix.lower().removeprefix(".") if output is not None and not output.is_dir() else ""
    return ending if ending in ("jpg", "jpeg", "png", "pdf") else None


def _sheet(paper: str, also: list[str], numbers: dict[str, Any], *, marks: bool) -> dict[str, Any] | None:
    """The sheet as an order takes it, or None. Words about a sheet without a sheet are a mistake."""
    given = {name: number for name, number in numbers.items() if number is not None}
    if not paper:
        if also or not marks or given.keys() - {"dpi"}:
            raise typer.BadParameter(
                "goes with --sheet PAPER", param_hint="--also, --count, --gap, --margin, --no-marks"
            )
        return None
    asked: dict[str, Any] = {"paper": paper, **given}
    if not marks:
        asked["marks"] = False
    if also:
        asked["also"] = [_beside(word) for word in also]
    return asked


def _beside(word: str) -> dict[str, Any]:
    name, _, number = word.partition(":")
    if number and not number.isdecimal():
        raise typer.BadParameter(f"{word!r} is not SPEC or SPEC:NUMBER", param_hint="--also")
    return {"spec": name, "count": int(number)} if number else {"spec": name}


def _warn_before(order: RenderOrder) -> None:
    """What the specs' authorities refuse, before any work, on stderr."""
    from services.imaging.specs.model import before_rendering

    for spec in (order.spec,) if order.sheet is None else order.sheet.specs:
        for warning in before_rendering(spec):
            if not warning["id"].startswith("background_edit") or order.background.kind != "original":
                typer.echo(f"{spec.id}: {warning['zh']} / {warning['en']}", err=True)


def _make_one(photo: Path, output: Path | None, order: RenderOrder) -> dict[str, Any]:
    name = target_name(photo.stem, order)
    target = photo.with_name(name) if output is None else output / name if output.is_dir() else output
    return Maker(open_studio(), order).make(photo, target)


def _make_folder(
    folder: Path, output: Path, order: RenderOrder, wanted: dict[str, Any], workers: int, *, again: bool
) -> list[dict[str, Any]]:
    """Every photo's result, in the order of their names; what an earlier run finished is skipped."""
    jobs = jobs_in(folder, output, order, wanted)
    if not jobs:
        typer.echo(f"no photos in {folder}", err=True)
        raise typer.Exit(UNUSABLE)
    results = {} if again else finished_before(jobs, output)
    left = [job for job in jobs if job.fingerprint not in results]
    from rich.progress import Progress

    with Progress(console=console(to_errors=True)) as progress:
        task = progress.add_task("ID photos", total=len(jobs), completed=len(jobs) - len(left))
        try:
            for job, result in make_all(left, output, wanted, workers_for(len(left), workers)):
                results[job.fingerprint] = result
                progress.advance(task)
        except BrokenExecutor as error:
            typer.echo("a worker process died; run the same command again to go on from here", err=True)
            raise typer.Exit(1) from error
    return [results[job.fingerprint] for job in jobs]
