"""Uploads are sealed as they stream in: any chunking, one file, within the cap, never whole and never on a disk."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.uploads import SealedFile, Upload, receive
from shared.crypto import new_data_key, sealed_size, unseal
from shared.kernel.errors import BadRequest, Code, PhotoRejected, PocketError

KEY = new_data_key()
NAME = "subject/photo/original"
BOUNDARY = "----x1y2z3"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"
CAP = 3 * 1024 * 1024


def png(width: int = 300, height: int = 400, filler: int = 500) -> bytes:
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + size + os.urandom(filler)


def part(name: str, content: bytes, *, extra: str = "", file: bool = True) -> bytes:
    filename = '; filename="王小明 passport.png"' if file else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n{extra}\r\n'
    return head.encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def stream(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def upload(*pieces: bytes, content_type: str = TYPE, cap: int = CAP) -> Upload:
    return asyncio.run(receive(stream(list(pieces)), content_type, SealedFile(KEY, NAME, cap)))


def cut(body: bytes, edges: list[int]) -> list[bytes]:
    at = [0, *sorted(edge % (len(body) + 1) for edge in edges), len(body)]
    return [body[a:b] for a, b in zip(at, at[1:], strict=False)]  # noqa: RUF007 - pieces may be empty on purpose


def refused(code: Code, *pieces: bytes, **options: object) -> PocketError:
    with pytest.raises(PocketError) as refusal:
        upload(*pieces, **options)  # type: ignore[arg-type]
    assert refusal.value.actual_code is code
    return refusal.value


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 3000), st.lists(st.integers(0, 10**6), max_size=12))
def test_any_chunking_gives_the_same_content_sealed(filler: int, edges: list[int]) -> None:
    """The network cuts where it likes: within a boundary, a header, a line end."""
    content = png(filler=filler)
    received = upload(*cut(form(part("other", b"x", file=False), part("file", content)), edges))
    assert unseal(KEY, bytes(received.sealed), NAME) == content
    assert received.size == len(content)
    assert len(received.sealed) == sealed_size(len(content))


def test_byte_by_byte_is_the_same_too() -> None:
    """The finest cut there is; the content holds what looks like a boundary."""
    content = png() + f"\r\n--{BOUNDARY[:-1]}\r\n--".encode() + b"\r\n\r\n"
    received = upload(*[bytes([byte]) for byte in form(part("file", content))])
    assert unseal(KEY, bytes(received.sealed), NAME) == content


def test_the_fingerprint_knows_the_file_again_and_tells_nothing_without_the_key() -> None:
    """Idempotency keys are compared by it: keyed, so that it is no hash of a face."""
    content = png()
    first, again, other = (upload(form(part("file", each))) for each in (content, content, png()))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    under_another_key = asyncio.run(
        receive(stream([form(part("file", content))]), TYPE, SealedFile(new_data_key(), NAME, CAP))
    )
    assert under_another_key.fingerprint != first.fingerprint


def test_the_file_name_is_nowhere_in_what_is_kept() -> None:
    """It may be somebody's name."""
    received = upload(form(part("file", png())))
    assert "passport" not in repr(received)
    assert "王小明".encode() not in received.sealed


def test_two_files_are_refused() -> None:
    """One photo a call."""
    refused(Code.BAD_REQUEST, form(part("file", png()), part("file", png())))


def test_a_form_without_the_file_field_is_refused() -> None:
    """Whatever else it holds; and an empty one."""
    refused(Code.BAD_REQUEST, form(part("photo", png())))
    refused(Code.BAD_REQUEST, form())


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=x",
        f"image/png; boundary={BOUNDARY}",
    ],
)
def test_what_is_not_a_form_is_refused(content_type: str) -> None:
    """By its content type."""
    refused(Code.BAD_REQUEST, form(part("file", png())), content_type=content_type)


def test_another_boundary_than_the_one_announced_is_refused() -> None:
    """The body is not what the header says."""
    refused(Code.BAD_REQUEST, form(part("file", png())), content_type="multipart/form-data; boundary=other")


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6))
def test_a_form_that_is_cut_short_is_refused_wherever_it_is_cut(cut_at: int) -> None:
    """Half a picture does not pass for a whole one. (Cut within the very last line end, it is whole.)"""
    body = form(part("file", png()))
    refused(Code.BAD_REQUEST, body[: cut_at % (len(body) - 4)])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=4))
def test_garbage_is_refused_by_one_of_our_codes(garbage: bytes, edges: list[int]) -> None:
    """Never a 500."""
    for body in (garbage, f"--{BOUNDARY}\r\n".encode() + garbage, part("file", garbage)):
        with pytest.raises(PocketError) as refusal:
            upload(*cut(body, edges))
        assert refusal.value.http_status in (413, 415, 422)


def test_a_file_over_the_cap_is_refused_as_soon_as_the_cap_is_passed() -> None:
    """The rest is not even read."""
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        yield part("file", png())[:-2]
        while True:
            read.append(1)
            yield bytes(64 * 1024)

    with pytest.raises(PhotoRejected) as refusal:
        asyncio.run(receive(endless(), TYPE, SealedFile(KEY, NAME, 1024 * 1024)))
    assert refusal.value.actual_code is Code.TOO_LARGE
    assert len(read) <= 17


def test_a_form_over_the_cap_is_refused_even_when_its_file_is_small() -> None:
    """Other fields do not open a back door."""
    parts = [part("padding", bytes(64 * 1024), file=False) for _ in range(3)]
    refused(Code.TOO_LARGE, *parts, part("file", png()), cap=100 * 1024)


def test_a_file_of_exactly_the_cap_passes_and_one_byte_more_does_not() -> None:
    """The cap is the cap."""
    content = png(filler=1000)
    assert upload(form(part("file", content)), cap=len(content)).size == len(content)
    refused(Code.TOO_LARGE, form(part("file", content)), cap=len(content) - 1)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", Code.UNSUPPORTED_FORMAT),
        (b"plain text, however long it may be", Code.UNSUPPORTED_FORMAT),
        (b"GIF89a" + bytes(100), Code.UNSUPPORTED_FORMAT),
        (b"%PDF-1.7" + bytes(100), Code.UNSUPPORTED_FORMAT),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Code.UNSUPPORTED_FORMAT),
        (b"RIFF\x00\x00\x00\x00WAVE" + bytes(100), Code.UNSUPPORTED_FORMAT),
        (b"\x00\x00\x00\x18ftypavif" + bytes(100), Code.UNSUPPORTED_FORMAT),
        (png(50_000, 50_000), Code.TOO_MANY_PIXELS),
        (png(2**32 - 1, 2**32 - 1), Code.TOO_MANY_PIXELS),
    ],
)
def test_what_no_worker_could_use_is_refused_at_the_door(content: bytes, code: Code) -> None:
    """By its first bytes, never by its name or its announced type."""
    refused(code, form(part("file", content, extra="Content-Type: image/png\r\n")))


def test_a_large_file_is_refused_by_its_head_before_its_end_has_come() -> None:
    """Sniffed after 64 KiB."""
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        yield part("file", b"no picture")[:-2]
        while True:
            read.append(1)
            yield bytes(16 * 1024)

    with pytest.raises(PhotoRejected) as refusal:
        asyncio.run(receive(endless(), TYPE, SealedFile(KEY, NAME, CAP)))
    assert refusal.value.actual_code is Code.UNSUPPORTED_FORMAT
    assert len(read) <= 5


@pytest.mark.parametrize(
    "extra",
    [
        "X-Long: " + "a" * 20_000 + "\r\n",
        "X" * 20_000 + ": a\r\n",
        "".join(f"X-{number}: a\r\n" for number in range(200)),
    ],
)
def test_huge_part_headers_are_refused(extra: str) -> None:
    """Nobody fills our memory with headers, in one piece or in many."""
    body = form(part("file", png(), extra=extra))
    refused(Code.BAD_REQUEST, body)
    refused(Code.BAD_REQUEST, *[body[at : at + 100] for at in range(0, len(body), 100)])


_opened: list[tuple[object, ...]] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _opened is None:
        return
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if event.startswith("tempfile.") or writes:
        _opened.append((event, *arguments))


sys.addaudithook(_watch)


def test_nothing_is_written_to_a_file_however_large_the_upload() -> None:
    """The framework's own parser would spool it to a temporary file, in the clear. The interpreter itself is witness."""
    global _opened
    body = form(part("file", png(filler=2 * 1024 * 1024)))
    _opened = []
    try:
        upload(*[body[at : at + 65536] for at in range(0, len(body), 65536)])
        assert _opened == []
        import tempfile

        with tempfile.TemporaryFile() as control:
            control.write(b"x")
        assert _opened, "the witness is awake"
    finally:
        _opened = None


def test_the_errors_do_not_quote_what_was_uploaded() -> None:
    """Their details go to the log."""
    for body in (form(part("CANARY", png())), part("file", b"CANARY" * 10), form(part("file", b"CANARY" * 10))):
        with pytest.raises(PocketError) as refusal:
            upload(body)
        assert "CANARY" not in refusal.value.detail + str(refusal.value)
    assert isinstance(BadRequest("x"), PocketError)
