"""``python -m services.gateway``: the gateway as a process."""

from __future__ import annotations

import uvicorn

from services.gateway.app import create_app
from shared.kernel import log
from shared.kernel.settings import GatewaySettings, load


def main() -> None:
    """Serve until SIGTERM. Access logs are off: a request line may hold a receipt."""
    settings = load(GatewaySettings)
    log.configure(settings.process, settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=64 * 1024,
    )


if __name__ == "__main__":
    main()
