"""A world of payments whose books are looked at after every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.worlds import PaymentsWorld


@pytest.fixture
def world() -> Iterator[PaymentsWorld]:
    """Payments with Alipay in memory; afterwards the books hold."""
    made = PaymentsWorld()
    yield made
    made.check_books()
