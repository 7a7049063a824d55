"""Where an operator's command finds the broker: ``POCKETID_AMQP_URL``, or else the running local system."""

from __future__ import annotations

import os

import typer


def amqp_url() -> str:
    """The broker's URL; ends the command with one clear line when there is none."""
    given = os.environ.get("POCKETID_AMQP_URL")
    if given:
        return given
    from cli.launcher.errors import LauncherError
    from cli.launcher.overview import overview
    from cli.launcher.run_folder import RunFolder
    from cli.launcher.system import System

    try:
        return str(overview(System(RunFolder.from_environment(os.environ)))["amqp"])
    except LauncherError as error:
        typer.echo(f"pocketid: {error}", err=True)
        raise typer.Exit(1) from error
