"""Wrapped keys, the two-second cache, and hashes that stand for what may not be kept."""

from __future__ import annotations

from base64 import b64encode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.keys import GatewayKeys
from services.imaging.adapters.keys import AskedKeys
from shared.contracts.auth import WrappedKey
from shared.crypto import (
    Keyring,
    Tampered,
    UnknownMasterKey,
    device_hash,
    keyed_hash,
    new_data_key,
    token_hash,
    tombstone,
)
from shared.crypto.subject_keys import KEY_LIFE_SECONDS, KeyCache
from shared.kernel.errors import TimedOut
from shared.kernel.ids import new_id
from shared.kernel.personal import Secret
from shared.testing.held_clock import HeldClock

OLD, NEW = Secret(b"o" * 32), Secret(b"n" * 32)
SUBJECT, NEIGHBOUR = new_id(), new_id()


def test_a_wrapped_key_unwraps_for_its_subject_and_for_nobody_else() -> None:
    """A wrapped key moved to another subject's row does not open."""
    ring, key = Keyring({"m1": OLD}), new_data_key()
    wrapped = ring.wrap(key, SUBJECT)
    assert ring.unwrap(wrapped, SUBJECT) == key
    assert key.reveal() not in wrapped
    with pytest.raises(Tampered):
        ring.unwrap(wrapped, NEIGHBOUR)


def test_after_a_rotation_old_keys_still_open_and_new_ones_are_wrapped_by_the_new_master() -> None:
    """The first master wraps, all unwrap; without the old one, what it wrapped is lost."""
    before, key = Keyring({"m1": OLD}), new_data_key()
    wrapped = before.wrap(key, SUBJECT)
    rotated = Keyring({"m2": NEW, "m1": OLD})
    assert rotated.unwrap(wrapped, SUBJECT) == key
    again = rotated.wrap(key, SUBJECT)
    assert (rotated.wrapped_by(wrapped), rotated.wrapped_by(again)) == ("m1", "m2")
    with pytest.raises(UnknownMasterKey):
        before.unwrap(again, SUBJECT)
    with pytest.raises(Tampered):
        Keyring({"m1": NEW}).unwrap(wrapped, SUBJECT)


@given(st.integers(0, 500), st.integers(1, 255))
def test_any_altered_byte_of_a_wrapped_key_is_noticed(position: int, change: int) -> None:
    """Name, nonce, ciphertext, tag."""
    ring = Keyring({"m1": OLD})
    wrapped = bytearray(ring.wrap(new_data_key(), SUBJECT))
    wrapped[position % len(wrapped)] ^= change
    with pytest.raises((Tampered, UnknownMasterKey)):
        ring.unwrap(bytes(wrapped), SUBJECT)


@given(st.binary(max_size=100))
def test_garbage_is_never_a_wrapped_key(garbage: bytes) -> None:
    """Only the two errors it may raise."""
    for candidate in (garbage, b"\x02m1" + garbage):
        with pytest.raises((Tampered, UnknownMasterKey)):
            Keyring({"m1": OLD}).unwrap(candidate, SUBJECT)


def test_what_is_sealed_for_a_purpose_opens_for_it_and_for_no_other() -> None:
    """A login proof is no provider's notice, and neither is anybody's data key."""
    ring = Keyring({"m1": OLD})
    sealed = ring.seal_for("login proof", b"a code")
    assert ring.open_for("login proof", sealed) == b"a code"
    assert b"a code" not in sealed
    assert ring.seal_for("login proof", b"a code") != sealed
    for wrong in ("provider notice", "login proof ", ""):
        with pytest.raises(Tampered):
            ring.open_for(wrong, sealed)
    with pytest.raises(Tampered):
        ring.unwrap(sealed, SUBJECT)
    with pytest.raises(Tampered):
        ring.open_for("login proof", ring.wrap(new_data_key(), SUBJECT))
    with pytest.raises(UnknownMasterKey):
        Keyring({"m2": OLD}).open_for("login proof", sealed)
    rotated = Keyring({"m2": NEW, "m1": OLD})
    assert rotated.open_for("login proof", sealed) == b"a code"
    assert rotated.wrapped_by(rotated.seal_for("login proof", b"")) == "m2"


@given(st.binary(max_size=80))
def test_garbage_is_never_sealed_for_a_purpose(garbage: bytes) -> None:
    """One of two errors, whatever comes."""
    with pytest.raises((Tampered, UnknownMasterKey)):
        Keyring({"m1": OLD}).open_for("login proof", garbage)


def test_a_keyring_without_a_key_is_refused() -> None:
    """There is no such thing as wrapping with nothing."""
    with pytest.raises(ValueError, match="master key"):
        Keyring({})


# ---- the two-second rule


def test_a_key_is_held_for_two_seconds_from_the_asking_and_not_a_moment_longer() -> None:
    """A promise: no process keeps an unwrapped key for more than two seconds. The asking counts."""
    clock = HeldClock()
    cache, key = KeyCache(clock.monotonic), new_data_key()
    asked_at = cache.now()
    clock.forward(1.5)  # auth was slow to answer
    cache.put(SUBJECT, "read_own", key, asked_at)
    assert cache.get(SUBJECT, "read_own") == key
    clock.forward(0.5)
    assert cache.get(SUBJECT, "read_own") == key
    clock.forward(0.001)
    assert cache.get(SUBJECT, "read_own") is None
    assert KEY_LIFE_SECONDS == 2.0


def test_an_answer_that_took_too_long_is_not_kept_at_all() -> None:
    """It was too old when it came."""
    clock = HeldClock()
    cache = KeyCache(clock.monotonic)
    asked_at = cache.now()
    clock.forward(2.001)
    cache.put(SUBJECT, "read_own", new_data_key(), asked_at)
    assert len(cache) == 0


def test_reading_does_not_prolong() -> None:
    """Two seconds from the asking, however often it is used."""
    clock = HeldClock()
    cache = KeyCache(clock.monotonic)
    cache.put(SUBJECT, "read_own", new_data_key(), cache.now())
    for _ in range(16):
        clock.forward(0.125)
        assert cache.get(SUBJECT, "read_own")
    clock.forward(0.1)
    assert cache.get(SUBJECT, "read_own") is None


def test_old_keys_leave_memory_even_when_nobody_asks_for_them() -> None:
    """Any use of the cache forgets all that is old, not only the one asked for."""
    clock = HeldClock()
    cache = KeyCache(clock.monotonic)
    cache.put(SUBJECT, "read_own", new_data_key(), cache.now())
    clock.forward(3)
    cache.get(NEIGHBOUR, "read_own")
    assert not cache._keys


def test_a_fence_takes_the_key_at_once_and_leaves_the_neighbours() -> None:
    """Not past a fence it has heard of."""
    cache, kept = KeyCache(HeldClock().monotonic), new_data_key()
    cache.put(SUBJECT, "read_own", new_data_key(), cache.now())
    cache.put(NEIGHBOUR, "read_own", kept, cache.now())
    cache.fence(SUBJECT)
    assert cache.get(SUBJECT, "read_own") is None
    assert cache.get(NEIGHBOUR, "read_own") == kept


def test_an_answer_on_its_way_when_the_fence_was_heard_is_not_kept() -> None:
    """The race: asked, fenced, answered."""
    clock = HeldClock()
    cache = KeyCache(clock.monotonic)
    asked_at = cache.now()
    clock.forward(0.1)
    cache.fence(SUBJECT)
    clock.forward(0.1)
    cache.put(SUBJECT, "read_own", new_data_key(), asked_at)
    assert cache.get(SUBJECT, "read_own") is None


def test_a_changed_consent_has_the_key_asked_for_anew_for_every_purpose_and_leaves_the_neighbours() -> None:
    """Forgotten, not fenced: the next answer is kept again; one that was on its way is not."""
    clock = HeldClock()
    cache, key = KeyCache(clock.monotonic), new_data_key()
    asked_at = cache.now()
    for purpose in ("process_photo", "read_own"):
        cache.put(SUBJECT, purpose, key, asked_at)
        cache.put(NEIGHBOUR, purpose, key, asked_at)
    clock.forward(0.1)
    cache.forget(SUBJECT)
    assert cache.get(SUBJECT, "process_photo") is None
    assert cache.get(SUBJECT, "read_own") is None
    assert cache.get(NEIGHBOUR, "read_own") == key
    cache.put(SUBJECT, "process_photo", key, asked_at)
    assert cache.get(SUBJECT, "process_photo") is None, "it was asked for before the change"
    clock.forward(0.1)
    cache.put(SUBJECT, "process_photo", key, cache.now())
    assert cache.get(SUBJECT, "process_photo") == key


def test_a_key_is_held_for_the_purpose_it_was_asked_for_and_for_no_other() -> None:
    """Reading one's own does not open processing."""
    cache = KeyCache(HeldClock().monotonic)
    cache.put(SUBJECT, "read_own", new_data_key(), cache.now())
    assert cache.get(SUBJECT, "process_photo") is None


def test_changes_are_not_collected_for_ever() -> None:
    """A moment later nothing is on its way any more."""
    clock = HeldClock()
    cache = KeyCache(clock.monotonic)
    cache.forget(SUBJECT)
    clock.forward(30 * KEY_LIFE_SECONDS)
    assert cache.get(NEIGHBOUR, "read_own") is None
    assert cache._forgotten == {}


@pytest.mark.parametrize(("seconds", "given"), [(1.9, True), (2.1, False), (4.9, False)])
async def test_an_answer_that_took_longer_than_a_key_lives_is_not_used(seconds: float, *, given: bool) -> None:
    """A key two seconds old may be a key past a fence, although nobody has kept it: the answer was slow."""
    clock, ring = HeldClock(), Keyring({"m1": OLD})
    wrapped = WrappedKey(wrapped=b64encode(ring.wrap(new_data_key(), SUBJECT)).decode())

    class Slow:
        def ask(self, call: object) -> WrappedKey:
            clock.forward(seconds)
            return wrapped

    class SlowToo:
        async def ask(self, call: object) -> WrappedKey:
            return Slow().ask(call)

    workers = AskedKeys(Slow(), ring, KeyCache(clock.monotonic))  # type: ignore[arg-type]
    gateways = GatewayKeys(SlowToo(), ring, KeyCache(clock.monotonic))  # type: ignore[arg-type]
    if given:
        assert workers.key_of(SUBJECT) == await gateways.key_of(SUBJECT, "read_own")
        return
    with pytest.raises(TimedOut):
        workers.key_of(SUBJECT)
    with pytest.raises(TimedOut):
        await gateways.key_of(SUBJECT, "read_own")


def test_fences_are_not_collected_for_ever() -> None:
    """Long after every answer from before the fence has come, there is nothing left to guard against."""
    clock = HeldClock()
    cache = KeyCache(clock.monotonic)
    cache.fence(SUBJECT)
    clock.forward(3600)
    cache.get(NEIGHBOUR, "read_own")
    assert not cache._fenced


# ---- hashes


@given(st.uuids(), st.uuids())
def test_a_device_is_recognised_and_cannot_be_read_back(device: UUID, other: UUID) -> None:
    """The same device, the same hash; another device or another pepper, another one; the id is not in it."""
    hashed = device_hash(OLD, device)
    assert hashed == device_hash(OLD, device)
    assert (hashed == device_hash(OLD, other)) == (device == other)
    assert hashed != device_hash(NEW, device)
    assert str(device) not in hashed
    assert device.hex not in hashed


def test_the_same_value_hashed_for_two_purposes_cannot_be_linked() -> None:
    """A tombstone does not tell which device it was."""
    assert tombstone(OLD, SUBJECT) != bytes.fromhex(device_hash(OLD, SUBJECT))
    assert keyed_hash(OLD, "a", b"bc") != keyed_hash(OLD, "ab", b"c")
    assert token_hash("x") != token_hash("y")
