"""The phone that the gateway's tests talk through."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.gateway.phones import Phone, ringing


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with ringing() as one:
        yield one
