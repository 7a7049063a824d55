"""What the commands that need no service share: the pipeline in this process, refusals as one line, a console."""

from __future__ import annotations

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

PhotoArgument = Annotated[Path, typer.Argument(exists=True, help="A photo, or a folder of photos.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
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


def or_exit(action: Callable[[], T]) -> T:
    """The action's result; a refusal becomes one line on stderr and exit status 2, a file that cannot be used status 1."""
    try:
        return action()
    except OSError as error:
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
        raise typer.Exit(1) from error
    except PocketError as error:
        reason = texts(error)
        typer.echo(f"{error.actual_code}: {reason['zh']} / {reason['en']} ({error.detail})", err=True)
        raise typer.Exit(UNUSABLE) from error


def texts(error: PocketError) -> dict[str, str]:
    """What a refusal says to people, in both languages."""
    return {"zh": error.public("zh"), "en": error.public("en")}


def console(*, to_errors: bool = False) -> Any:
    """A console on stdout or stderr, wide enough for tables when nobody looks."""
    from rich.console import Console

    return Console(stderr=to_errors, width=None if sys.stdout.isatty() else 160)
