"""``python -m standins.alipay``: the stand-in as a process. Never in production."""

from __future__ import annotations

import sys
from typing import NoReturn

import uvicorn
from pydantic import ValidationError

from standins.alipay.app import create_app
from standins.alipay.settings import PREFIX, Profile, StandinSettings


def main() -> None:
    """Serve until SIGTERM; exit code 2 and one line when it must not, or cannot, start."""
    if Profile().profile != "local":
        _refuse("refused to start: the Alipay stand-in runs with POCKETID_PROFILE=local only")
    try:
        settings = StandinSettings()
        app = create_app(settings)
    except ValidationError as error:
        wrong = [f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False)]
        _refuse(f"refused to start, settings are wrong: {'; '.join(wrong)}")
    except (OSError, ValueError) as error:
        _refuse(f"refused to start, a key cannot be read: {error}")
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_level="error",
        timeout_graceful_shutdown=1,
    )


def _refuse(line: str) -> NoReturn:
    print(line, file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    main()
