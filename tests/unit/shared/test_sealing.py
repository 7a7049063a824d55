"""Sealed bytes open under their key, for their object, unaltered; or not at all."""

from __future__ import annotations

import contextlib
import itertools
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.crypto import Sealer, Tampered, new_data_key, seal, sealed_size, unseal, unseal_chunks
from shared.crypto.sealing import CHUNK_BYTES, HEADER_BYTES, TAG_BYTES

KEY = new_data_key()
NAME = "subject/photo/original"
SEALED_CHUNK = CHUNK_BYTES + TAG_BYTES

sizes = st.one_of(
    st.integers(0, 70),
    st.sampled_from([1, 2, 3]).flatmap(lambda n: st.integers(n * CHUNK_BYTES - 2, n * CHUNK_BYTES + 2)),
)
few = settings(max_examples=60, deadline=None)


def plain_of(size: int) -> bytes:
    return os.urandom(16) * (size // 16) + os.urandom(size % 16)


def pieces_of(content: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    return [content[a:b] for a, b in itertools.pairwise(edges)]


@few
@given(sizes)
def test_what_is_sealed_opens_and_has_the_size_that_was_foretold(size: int) -> None:
    """Whatever the size, the boundaries of chunks above all."""
    plain = plain_of(size)
    sealed = seal(KEY, plain, NAME)
    assert unseal(KEY, sealed, NAME) == plain
    assert len(sealed) == sealed_size(size)
    assert size < 16 or plain[:16] not in sealed


@few
@given(sizes, st.lists(st.integers(0, 10**6), max_size=6), st.lists(st.integers(0, 10**6), max_size=6))
def test_a_stream_in_any_pieces_is_the_same_as_one_piece(size: int, cuts_in: list[int], cuts_out: list[int]) -> None:
    """Uploads come in pieces of any size, and so do downloads."""
    plain = plain_of(size)
    sealer = Sealer(KEY, NAME)
    sealed = sealer.header + b"".join(sealer.feed(piece) for piece in pieces_of(plain, cuts_in)) + sealer.finish()
    assert len(sealed) == sealed_size(size)
    assert unseal(KEY, sealed, NAME) == plain
    assert b"".join(unseal_chunks(KEY, pieces_of(sealed, cuts_out), NAME)) == plain


@few
@given(sizes, st.integers(0, 10**7), st.integers(1, 255))
def test_any_altered_byte_is_noticed(size: int, position: int, change: int) -> None:
    """Header, salt, ciphertext, tag: there is no byte that does not matter."""
    sealed = bytearray(seal(KEY, plain_of(size), NAME))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(Tampered):
        unseal(KEY, bytes(sealed), NAME)


@few
@given(sizes, st.integers(0, 10**7))
def test_any_truncation_is_noticed(size: int, cut: int) -> None:
    """At a chunk's end too: the last chunk says that it is the last."""
    sealed = seal(KEY, plain_of(size), NAME)
    with pytest.raises(Tampered):
        unseal(KEY, sealed[: cut % len(sealed)], NAME)


@pytest.mark.parametrize("chunks", [1, 2])
def test_a_cut_exactly_between_two_chunks_is_noticed(chunks: int) -> None:
    """The cut that a format without a last-chunk mark would miss."""
    sealed = seal(KEY, plain_of(3 * CHUNK_BYTES), NAME)
    with pytest.raises(Tampered):
        unseal(KEY, sealed[: HEADER_BYTES + chunks * SEALED_CHUNK], NAME)


def test_chunks_that_changed_places_are_noticed() -> None:
    """Each chunk knows its number."""
    sealed = seal(KEY, plain_of(3 * CHUNK_BYTES), NAME)
    header, first = sealed[:HEADER_BYTES], sealed[HEADER_BYTES : HEADER_BYTES + SEALED_CHUNK]
    second = sealed[HEADER_BYTES + SEALED_CHUNK : HEADER_BYTES + 2 * SEALED_CHUNK]
    rest = sealed[HEADER_BYTES + 2 * SEALED_CHUNK :]
    assert unseal(KEY, header + first + second + rest, NAME)
    for wrong in (header + second + first + rest, header + first + first + rest, header + first + rest, sealed + first):
        with pytest.raises(Tampered):
            unseal(KEY, wrong, NAME)


def test_a_chunk_of_another_seal_does_not_fit() -> None:
    """Every seal has its own salt: even the same content under the same name cannot be mixed."""
    one, other = seal(KEY, plain_of(2 * CHUNK_BYTES), NAME), seal(KEY, plain_of(2 * CHUNK_BYTES), NAME)
    end = HEADER_BYTES + SEALED_CHUNK
    with pytest.raises(Tampered):
        unseal(KEY, one[:end] + other[end:], NAME)


@few
@given(st.text(max_size=40), st.text(max_size=40))
def test_bytes_moved_to_another_object_do_not_open(name: str, other: str) -> None:
    """The object's identity is associated data."""
    sealed = seal(KEY, b"a face", name)
    if name == other:
        assert unseal(KEY, sealed, other) == b"a face"
    else:
        with pytest.raises(Tampered):
            unseal(KEY, sealed, other)


def test_another_key_opens_nothing() -> None:
    """A neighbour's key is just another key."""
    with pytest.raises(Tampered):
        unseal(new_data_key(), seal(KEY, b"a face", NAME), NAME)


def test_the_same_content_never_looks_the_same_twice() -> None:
    """Nobody learns from the store that two photos are equal."""
    assert seal(KEY, b"a face", NAME) != seal(KEY, b"a face", NAME)


@given(st.binary(max_size=200))
def test_garbage_is_tampered_and_never_another_error(garbage: bytes) -> None:
    """Whatever lies in the store."""
    for candidate in (garbage, b"PID1" + garbage):
        with pytest.raises(Tampered):
            unseal(KEY, candidate, NAME)


@few
@given(st.integers(2 * CHUNK_BYTES + 1, 3 * CHUNK_BYTES), st.integers(0, 10**7))
def test_what_was_yielded_before_a_fault_was_genuine(size: int, position: int) -> None:
    """A reader that streams never sees an altered byte."""
    plain = plain_of(size)
    sealed = bytearray(seal(KEY, plain, NAME))
    sealed[position % len(sealed)] ^= 1
    got = bytearray()
    with contextlib.suppress(Tampered):
        for piece in unseal_chunks(KEY, [bytes(sealed)], NAME):
            got += piece
    assert len(got) < size, "the fault was noticed"
    assert plain.startswith(bytes(got))
