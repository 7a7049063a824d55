"""Receipts: only those we made are recognised."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.retention.domain.receipts import purge_of, receipt_of
from shared.kernel.errors import NotFound
from shared.kernel.personal import Secret

KEY = Secret(b"k" * 32)


@given(st.uuids())
def test_a_receipt_leads_back_to_its_purge_and_to_no_other(purge_id: UUID) -> None:
    """43 characters that fit into a URL."""
    receipt = receipt_of(purge_id, KEY)
    assert purge_of(receipt, KEY) == purge_id
    assert len(receipt) == 43
    assert receipt.isascii()
    assert not set(receipt) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text(max_size=60))
def test_what_we_did_not_make_is_not_found_and_never_another_error(text: str) -> None:
    """Anybody may ask with anything."""
    with pytest.raises(NotFound):
        purge_of(text, KEY)


@given(st.uuids(), st.integers(0, 42), st.characters(min_codepoint=33, max_codepoint=126))
def test_a_receipt_with_any_character_changed_is_not_found(purge_id: UUID, position: int, char: str) -> None:
    """Neither the id nor the MAC can be altered, nor written in another way."""
    receipt = receipt_of(purge_id, KEY)
    changed = receipt[:position] + char + receipt[position + 1 :]
    if changed != receipt:
        with pytest.raises(NotFound):
            purge_of(changed, KEY)


@given(st.uuids())
def test_knowing_a_purges_id_is_not_having_its_receipt(purge_id: UUID) -> None:
    """Made with another key, cut, or padded: not found."""
    receipt = receipt_of(purge_id, KEY)
    for forged in (receipt_of(purge_id, Secret(b"x" * 32)), receipt[:22], receipt[:-1], receipt + "=", receipt + "A"):
        with pytest.raises(NotFound):
            purge_of(forged, KEY)
