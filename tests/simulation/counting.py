"""How much of a subject a database holds."""

from __future__ import annotations

from typing import Any
from uuid import UUID


def rows_of(tx: Any, subject_id: UUID) -> dict[str, int]:
    """How many rows of the subject a database has; retention's purge itself is not one of them."""
    counted: dict[str, int] = (tx.count_rights if hasattr(tx, "count_rights") else tx.count_subject)(subject_id)
    return counted
