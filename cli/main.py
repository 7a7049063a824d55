"""The ``pocketid`` command: finds the command that was asked for and loads nothing else, so that it starts at once."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable

import typer

COMMANDS = {
    "make": "cli.make_command",
    "check": "cli.photo_commands",
    "specs": "cli.photo_commands",
    "up": "cli.launcher.commands",
    "down": "cli.launcher.commands",
    "status": "cli.launcher.commands",
    "logs": "cli.launcher.commands",
    "env": "cli.launcher.commands",
    "run": "cli.launcher.commands",
    "doctor": "cli.launcher.doctor",
    "dead": "cli.dead_commands",
    "purge": "cli.purge_commands",
    "orders": "cli.order_commands",
    "policy": "cli.policy_commands",
    "keys": "cli.key_commands",
    "disclosures": "cli.disclosure_commands",
    "feedback": "cli.feedback_commands",
}
"""Command: the module that has it, under the command's own name, as a function or as a Typer app."""


def main() -> None:
    """The console script."""
    asked = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    app_with([asked] if is_there(asked) else filter(is_there, COMMANDS))()


def app_with(names: Iterable[str]) -> typer.Typer:
    """The application with just these commands, so that only their modules are imported."""
    app = typer.Typer(
        name="pocketid",
        help="口袋证件照 Pocket ID Photo: ID photos, and the local system that makes them for others.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,
    )
    app.callback()(_nothing)
    for name in names:
        command = getattr(importlib.import_module(COMMANDS[name]), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def is_there(name: str) -> bool:
    """Whether this build has the command."""
    return name in COMMANDS and importlib.util.find_spec(COMMANDS[name]) is not None


def _nothing() -> None:
    """口袋证件照 Pocket ID Photo: ID photos, and the local system that makes them for others."""


if __name__ == "__main__":
    main()
