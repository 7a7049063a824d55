"""What the commands that need no service share: the pipeline in this process, refusals as one line, a console."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from shared.kernel.errors import PocketError

if TYPE_CHECKING:
    from services.imaging.pipeline.order import RenderOrder
    from services.imaging.pipeline.studio import Studio

UNUSABLE = 2
"""Exit status when a photo cannot be used."""

PhotoArgument = Annotated[Path, typer.Argument(help="A photo, or a folder of photos.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
FILE_ERROR = "file_error"
"""The code of a photo that is not there, or cannot be read."""

NOT_THERE = {"zh": "没有这个文件", "en": "there is no such file"}
T = TypeVar("T")


def order_of(wanted: dict[str, Any]) -> RenderOrder:
    """A checked order from what was typed; what is None was not. Raises PocketError."""
    from services.imaging.pipeline.order import RenderOrder

    return RenderOrder.parse({name: value for name, value in wanted.items() if value is not None})


def open_studio(threads: int | None = None) -> Studio:
    """The pipeline with its networks, on ``threads`` threads (default: all). Raises WeightsMissing."""
    import os

    from services.imaging.pipeline.registry import default_weights_dir
    from services.imaging.pipeline.studio import Studio, StudioSettings

    configured = os.environ.get("POCKETID_WEIGHTS_DIR")
    weights = Path(configured) if configured else default_weights_dir()
    return Studio.load(StudioSettings(weights_dir=weights, threads=threads or os.cpu_count() or 1))


def or_exit(action: Callable[[], T], *, json_of: Path | None = None) -> T:
    """The action's result; a refusal becomes one line on stderr and exit status 2, a file that cannot be used status 1.

    With ``json_of``, the photo that it is about, a refusal is JSON on stdout as well.
    """
    try:
        return action()
    except OSError as error:
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
        raise typer.Exit(1) from error
    except PocketError as error:
        reason = texts(error)
        if json_of is not None:
            _print_refusal(json_of, str(error.actual_code), reason)
        typer.echo(f"{error.actual_code}: {reason['zh']} / {reason['en']} ({error.detail})", err=True)
        raise typer.Exit(UNUSABLE) from error


def require_there(photo: Path, *, as_json: bool) -> None:
    """End the command with one line (or JSON) and exit status 2 when there is no such photo."""
    if photo.exists():
        return
    if as_json:
        _print_refusal(photo, FILE_ERROR, NOT_THERE)
    typer.echo(f"{photo}: {FILE_ERROR}: {NOT_THERE['zh']} / {NOT_THERE['en']}", err=True)
    raise typer.Exit(UNUSABLE)


def _print_refusal(photo: Path, code: str, reason: dict[str, str]) -> None:
    typer.echo(json.dumps({"photo": str(photo), "code": code, "reason": reason}, ensure_ascii=False, indent=2))


def texts(error: PocketError) -> dict[str, str]:
    """What a refusal says to people, in both languages."""
    return {"zh": error.public("zh"), "en": error.public("en")}


def console(*, to_errors: bool = False) -> Any:
    """A console on stdout or stderr, wide enough for tables when nobody looks."""
    from rich.console import Console

    return Console(stderr=to_errors, width=None if sys.stdout.isatty() else 160)
