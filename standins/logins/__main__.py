"""``python -m standins.logins --port N --apps FILE``: the stand-ins as one process.

``--make-apps FILE`` writes fresh registrations for ``http://127.0.0.1:N`` and prints the settings that match, one a line.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from pathlib import Path

import uvicorn

from standins.logins.app import create_app
from standins.logins.apps import fresh, parse_apps
from standins.logins.world import World


def main() -> int:
    """Serve until a signal comes; exit 2 in production."""
    if os.environ.get("POCKETID_PROFILE") == "production":
        print("refused: login stand-ins never run with POCKETID_PROFILE=production", file=sys.stderr)
        return 2
    arguments = _arguments()
    if arguments.make_apps:
        return _make_apps(arguments.make_apps, f"http://{arguments.host}:{arguments.port}")
    world = World(parse_apps(json.loads(arguments.apps.read_text())) if arguments.apps else [])
    listening = socket.create_server((arguments.host, arguments.port))
    print(f"login stand-ins on http://{arguments.host}:{listening.getsockname()[1]}", flush=True)
    settings = uvicorn.Config(create_app(world), log_level="warning", access_log=False)
    uvicorn.Server(settings).run(sockets=[listening])
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m standins.logins")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090, help="0 takes a free one and prints it")
    parser.add_argument("--apps", type=Path, help="JSON file of registered apps")
    parser.add_argument("--make-apps", type=Path, help="write such a file and print the matching settings")
    return parser.parse_args()


def _make_apps(file: Path, base_url: str) -> int:
    apps, settings = fresh(base_url)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        json.dump(apps, opened, indent=2)
    for name, value in settings.items():
        print(f"{name}={value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
