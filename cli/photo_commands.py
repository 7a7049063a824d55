"""The commands that need no service: make an ID photo, check a photo, list the specs. Same pipeline, in this process."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.kernel.errors import PocketError

if TYPE_CHECKING:
    from services.imaging.pipeline.cutout import Cutout
    from services.imaging.pipeline.order import RenderOrder
    from services.imaging.pipeline.studio import Studio

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"}
UNUSABLE = 2
"""Exit status when a photo cannot be used."""

PhotoArgument = Annotated[Path, typer.Argument(exists=True, help="A photo, or a folder of photos.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def make(
    photo: PhotoArgument,
    spec: Annotated[str, typer.Option(help="The spec's id: see 'pocketid specs'.")] = "one-inch",
    background: Annotated[str, typer.Option(help="white, blue, red, #RRGGBB, original, transparent, ...")] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file, or for a folder the folder, to write.")
    ] = None,
    sheet: Annotated[str, typer.Option(help="Print many on one paper: six-inch, a4, ...")] = "",
    as_json: JsonOption = False,
) -> None:
    """Makes a finished ID photo, without any service."""
    wanted = {"spec": spec, "background": background or None, "sheet": sheet or None}
    order = _or_exit(lambda: _order(wanted))
    photos = _photos(photo)
    studio = _or_exit(_studio)
    results = []
    for path in _with_progress(photos, shown=photo.is_dir()):
        target = _target(path, output, order, into_folder=photo.is_dir())
        results.append(_or_exit(lambda path=path, target=target: _make_one(studio, path, order, target)))
    _print_made(results, as_json=as_json, many=photo.is_dir())
    if any("code" in result for result in results):
        raise typer.Exit(UNUSABLE)


def check(
    photo: PhotoArgument,
    spec: Annotated[str, typer.Option(help="Also judge the finished photo against this spec.")] = "",
    as_json: JsonOption = False,
    annotate: Annotated[
        Path | None, typer.Option(help="Write a PNG with mesh, crown, eye line, chin and the spec's frame.")
    ] = None,
) -> None:
    """Prints the quality report of a photo; writes no file but the annotated picture, when asked."""
    order = _or_exit(lambda: _order({"spec": spec})) if spec else None
    studio = _or_exit(_studio)
    cutout = _or_exit(lambda: _cut_out(studio, photo.read_bytes()))
    report = _or_exit(lambda: _report(studio, cutout, order))
    if annotate is not None:
        _or_exit(lambda: annotate.write_bytes(_annotated(cutout, order)))
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
        window = "" if spec.kb is None else f"{spec.kb.low or 0:g}-{spec.kb.high or 0:g}"
        px, same_as = f"{spec.px[0]}x{spec.px[1]}", spec.alias_of or ""
        table.add_row(spec.id, spec.zh, spec.en, spec.category, mm, px, window, spec.confidence, same_as)
    _console().print(table)


def _order(wanted: dict[str, Any]) -> RenderOrder:
    from services.imaging.pipeline.order import RenderOrder

    return RenderOrder.parse({name: value for name, value in wanted.items() if value is not None})


def _studio() -> Studio:
    import os

    from services.imaging.pipeline.registry import default_weights_dir
    from services.imaging.pipeline.studio import Studio, StudioSettings

    configured = os.environ.get("POCKETID_WEIGHTS_DIR")
    weights = Path(configured) if configured else default_weights_dir()
    return Studio.load(StudioSettings(weights_dir=weights, threads=os.cpu_count() or 1))


def _make_one(studio: Studio, path: Path, order: RenderOrder, target: Path) -> dict[str, Any]:
    try:
        [cutout] = studio.matte([studio.prepare(path.read_bytes())])
        made = studio.render(cutout, order)
    except PocketError as error:
        return {"photo": str(path), "code": str(error.actual_code), "reason": _texts(error)}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(made.image)
    facts = {"width": made.width, "height": made.height, "kb": made.kb, "format": made.format}
    return {"photo": str(path), "file": str(target), **facts, "compliance": made.compliance}


def _cut_out(studio: Studio, content: bytes) -> Cutout:
    [cutout] = studio.matte([studio.prepare(content, refuse=False)])
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


def _photos(photo: Path) -> list[Path]:
    if not photo.is_dir():
        return [photo]
    found = sorted(path for path in photo.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)
    if not found:
        typer.echo(f"no photos in {photo}", err=True)
        raise typer.Exit(UNUSABLE)
    return found


def _target(path: Path, output: Path | None, order: RenderOrder, *, into_folder: bool) -> Path:
    suffix = ".png" if order.format == "png" else ".jpg"
    name = f"{path.stem}-{order.spec.id}{'-sheet' if order.sheet else ''}{suffix}"
    if output is None:
        return path.parent / "pocketid" / name if into_folder else path.with_name(name)
    return output / name if into_folder or output.is_dir() else output


def _with_progress(photos: list[Path], *, shown: bool) -> Iterator[Path]:
    if not shown:
        yield from photos
        return
    from rich.progress import track

    yield from track(photos, description="ID photos", console=_console(to_errors=True))


def _or_exit(action: Any) -> Any:
    """The action's result; a refusal becomes one line on stderr and exit status 2, a file that cannot be used status 1."""
    try:
        return action()
    except OSError as error:
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
        raise typer.Exit(1) from error
    except PocketError as error:
        texts = _texts(error)
        typer.echo(f"{error.actual_code}: {texts['zh']} / {texts['en']} ({error.detail})", err=True)
        raise typer.Exit(UNUSABLE) from error


def _texts(error: PocketError) -> dict[str, str]:
    return {"zh": error.public("zh"), "en": error.public("en")}


def _print_made(results: list[dict[str, Any]], *, as_json: bool, many: bool) -> None:
    if as_json:
        typer.echo(json.dumps(results if many else results[0], ensure_ascii=False, indent=2))
        return
    for result in results:
        if "code" in result:
            reason = result["reason"]
            typer.echo(f"{result['photo']}: {result['code']}: {reason['zh']} / {reason['en']}", err=True)
        else:
            size = f"{result['width']}x{result['height']} px, {result['kb']} KB"
            typer.echo(f"{result['file']}  {size}, {result['compliance']['verdict']}")
            for warning in result["compliance"]["warnings"]:
                typer.echo(f"  {warning['id']}: {warning['zh']} / {warning['en']}")


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
    _console().print(table)
    typer.echo(f"verdict: {report['verdict']}")


def _console(*, to_errors: bool = False) -> Any:
    from rich.console import Console

    return Console(stderr=to_errors, width=None if sys.stdout.isatty() else 160)
