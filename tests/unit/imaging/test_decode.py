"""The decoder's laws: every good file becomes the same upright picture, every other file a coded refusal."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from services.imaging.pipeline import decode as decoding
from services.imaging.pipeline.decode import Format, decode, peek
from shared.kernel.errors import Code, PhotoRejected
from tests.portraits import builders

pytestmark = pytest.mark.pictures

SAME_PICTURE = {
    "png": (builders.png, Format.PNG, 1),
    "webp": (builders.webp, Format.WEBP, 6),
    "heic": (builders.heic, Format.HEIC, 6),
    "progressive": (builders.progressive, Format.JPEG, 4),
    "cmyk": (builders.cmyk, Format.JPEG, 4),
    "16-bit colour": (builders.colour_16_bit, Format.PNG, 1),
    "palette": (builders.palette, Format.PNG, 12),
    "animated webp": (builders.animated_webp, Format.WEBP, 8),
}


def original() -> np.ndarray:
    """The portrait's pixels as Pillow reads them."""
    return np.asarray(builders.picture()).astype(int)


@pytest.mark.parametrize("case", SAME_PICTURE)
def test_every_accepted_format_gives_the_same_picture(case: str) -> None:
    """Whatever container, colour mode or depth a photo comes in, its pixels are those of the photo."""
    build, kind, tolerance = SAME_PICTURE[case]
    photo = decode(build())
    assert photo.format is kind
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.shape == original().shape
    assert np.abs(photo.pixels.astype(int) - original()).mean() < tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation: int) -> None:
    """All eight EXIF orientations come out upright and unmirrored."""
    photo = decode(builders.stored_turned(orientation))
    assert photo.size == (910, 1137) == photo.full_size
    assert np.abs(photo.pixels.astype(int) - original()).mean() < 4


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_heic_is_turned_exactly_once(orientation: int) -> None:
    """HEIC carries its rotation twice (its own and EXIF's); it must not be applied twice."""
    photo = decode(builders.heic(orientation=orientation))
    assert photo.size[0] < photo.size[1]
    assert np.abs(photo.pixels[:1137].astype(int) - original()).mean() < 8


def test_colours_of_a_wide_gamut_photo_become_srgb() -> None:
    """A profile is converted, not dropped: the same numbers in Display P3 are stronger reds in sRGB."""
    tagged, plain = decode(builders.wide_gamut()).pixels, decode(builders.saved(builders.picture(), quality=92)).pixels
    reds = plain[..., 0].astype(int) > plain[..., 1].astype(int) + 60
    assert reds.sum() > 50_000
    assert tagged[reds][:, 0].mean() > plain[reds][:, 0].mean() + 5
    assert tagged[reds][:, 1].mean() < plain[reds][:, 1].mean() - 2


def test_transparency_is_shown_on_white() -> None:
    """A see-through part becomes white, not black and not whatever colour hid beneath."""
    faded = decode(builders.see_through()).pixels
    columns = faded.mean(axis=(0, 2))
    assert max(columns[:20].mean(), columns[-20:].mean()) > 250


def test_a_16_bit_grey_photo_keeps_its_light() -> None:
    """Sixteen bits are scaled to eight, not cut off or wrapped round."""
    grey = decode(builders.grey_16_bit()).pixels.astype(int)
    assert np.abs(grey[..., 0] - np.asarray(builders.picture().convert("L")).astype(int)).mean() < 1


def test_a_large_jpeg_is_read_at_a_fraction_of_its_size() -> None:
    """A phone's photo is halved inside the decoder, and says so; it can still be had in full."""
    content = builders.large()
    half = decode(content)
    assert half.reduction == 2
    assert half.size == (1500, 1874)
    assert half.full_size == (3000, 3748)
    assert decode(content, working_side=None).size == (3000, 3748)


def test_no_picture_stays_larger_than_memory_allows() -> None:
    """Fifty megapixels are accepted and halved until they fit."""
    photo = decode(builders.saved(Image.new("L", (9_000, 5_500), 99), "PNG"))
    assert photo.size[0] * photo.size[1] <= decoding.MEMORY_PIXELS
    assert photo.full_size == (9_000, 5_500)


@pytest.mark.parametrize(
    "name", ["empty", "text", "gif", "truncated_jpeg", "bomb_png", "sixty_megapixels", "thirty_megabytes"]
)
def test_a_file_that_is_no_usable_picture_is_refused_with_its_code(name: str) -> None:
    """Each kind of bad file has its own code."""
    code, build = builders.BAD_UPLOADS[name]
    with pytest.raises(PhotoRejected) as refusal:
        decode(build())
    assert refusal.value.actual_code == code


def test_a_text_bomb_inside_a_png_is_harmless() -> None:
    """Compressed text that unpacks to hundreds of MB is refused or ignored, never unpacked into memory."""
    assert _outcome(builders.text_bomb_png()) in {None, Code.CORRUPT_IMAGE}


@pytest.mark.parametrize("build", [builders.portrait, builders.png, builders.webp, builders.heic, builders.palette])
def test_no_mutation_of_a_photo_raises_anything_but_a_refusal(build: Callable[[], bytes]) -> None:
    """Two hundred damaged files a format: flipped bytes, cut ends, swapped pieces. Each is a picture or a coded refusal."""
    chance = random.Random(build.__name__)
    small = _smaller(build)
    for _ in range(200):
        outcome = _outcome(_mutated(small, chance))
        assert outcome in {None, Code.CORRUPT_IMAGE, Code.UNSUPPORTED_FORMAT, Code.TOO_MANY_PIXELS}


def _outcome(content: bytes) -> Code | None:
    """None when it decodes, else the code it is refused with; anything else that is raised fails the test."""
    try:
        decode(content)
    except PhotoRejected as refusal:
        return refusal.actual_code
    return None


def _smaller(build: Callable[[], bytes]) -> bytes:
    """The same kind of file, 96 pixels wide, so that two hundred of them decode in no time."""
    kind = peek(build())[0]
    image = builders.picture().resize((96, 120))
    if kind is Format.HEIC:
        import pillow_heif

        target = io.BytesIO()
        pillow_heif.from_pillow(image).save(target, quality=60)
        return target.getvalue()
    return builders.saved(image if build is not builders.palette else image.quantize(64), kind.value.upper())


def _mutated(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 12)):
        damaged[chance.randrange(4 if chance.random() < 0.9 else 0, len(damaged))] = chance.randrange(256)
    if chance.random() < 0.3:
        del damaged[chance.randrange(8, len(damaged)) :]
    if chance.random() < 0.1:
        at = chance.randrange(8, len(damaged))
        damaged[at:at] = chance.randbytes(chance.randint(1, 400))
    return bytes(damaged)


@pytest.mark.parametrize(
    ("build", "size"),
    [
        (builders.portrait, (910, 1137)),
        (builders.png, (910, 1137)),
        (builders.webp, (910, 1137)),
        (builders.animated_webp, (910, 1137)),
        (builders.heic, (910, 1138)),
        (builders.large, (3000, 3748)),
    ],
)
def test_a_peek_at_the_first_bytes_knows_format_and_size(build: Callable[[], bytes], size: tuple[int, int]) -> None:
    """The gateway learns both from 64 KiB, without decoding."""
    kind, found = peek(build()[:65536])
    assert found == size
    assert kind in set(Format)


@pytest.mark.parametrize("name", ["empty", "text", "gif", "bomb_png", "sixty_megapixels"])
def test_a_peek_already_refuses_what_no_decoder_should_see(name: str) -> None:
    """Unknown formats and too many pixels are refused from the header alone."""
    code, build = builders.BAD_UPLOADS[name]
    with pytest.raises(PhotoRejected) as refusal:
        peek(build()[:65536])
    assert refusal.value.actual_code == code
