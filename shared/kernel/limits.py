"""What is told to somebody who has reached a limit."""

from __future__ import annotations

import math
from datetime import datetime

from shared.kernel.errors import Code, PocketError


def too_many_requests(detail: str, now: datetime, free_at: datetime) -> PocketError:
    """A limit is reached; the person is told how many seconds it takes until ``free_at``."""
    wait = max(1, math.ceil((free_at - now).total_seconds()))
    return PocketError(detail, code=Code.TOO_MANY_REQUESTS, public_extra={"retry_after": wait})
