"""A secret handed to the holder of one key pair."""

from __future__ import annotations

import pytest

from shared.crypto import Tampered
from shared.crypto.handover import Taker, hand_over


def test_what_is_handed_over_opens_for_its_taker_and_nobody_else() -> None:
    """Not for another taker, not under another name, not altered."""
    taker = Taker()
    handed = hand_over(b"a key", taker.public, "ticket 1")
    assert taker.take(handed, "ticket 1") == b"a key"
    assert b"a key" not in handed
    for wrong, bound in ((handed, "ticket 2"), (handed[:-1] + b"\x00", "ticket 1"), (b"short", "ticket 1")):
        with pytest.raises(Tampered):
            taker.take(wrong, bound)
    with pytest.raises(Tampered):
        Taker().take(handed, "ticket 1")


def test_the_same_secret_handed_over_twice_looks_different() -> None:
    """A fresh key pair each time."""
    taker = Taker()
    assert hand_over(b"a key", taker.public, "t") != hand_over(b"a key", taker.public, "t")


def test_something_that_is_no_public_key_is_refused() -> None:
    """Before anything is sealed."""
    with pytest.raises(ValueError):
        hand_over(b"a key", b"too short", "t")
