"""Real image files with damage: flipped and missing bytes, wild header fields, pieces of one file inside another."""

from __future__ import annotations

import random
from functools import cache

from PIL import Image

from tests.portraits import builders

SIDE = 360


@cache
def originals() -> tuple[bytes, ...]:
    """One small portrait in every format and dress that is accepted."""
    import io

    import pillow_heif

    image = builders.picture("obama")
    image.thumbnail((SIDE, SIDE))
    exif = Image.Exif()
    exif[274] = 6
    exif[271] = "Maker"
    heic = io.BytesIO()
    pillow_heif.from_pillow(image).save(heic, quality=70)
    grey, clear = image.convert("L"), image.convert("RGBA")
    return (
        builders.saved(image, "JPEG", quality=85, exif=exif),
        builders.saved(image, "JPEG", quality=85, progressive=True),
        builders.saved(image.convert("CMYK"), "JPEG", quality=85),
        builders.saved(image, "PNG"),
        builders.saved(image.quantize(64), "PNG"),
        builders.saved(grey, "PNG"),
        builders.saved(clear, "WEBP", lossless=True),
        builders.saved(image, "WEBP", quality=80),
        heic.getvalue(),
    )


def mutated(seed: int) -> bytes:
    """The seed's damaged file: the same one each time."""
    chance = random.Random(seed)
    content = bytearray(chance.choice(originals()))
    for _ in range(chance.randint(1, 3)):
        chance.choice((_flip, _flip_header, _cut, _splice, _repeat, _wild_number))(content, chance)
    return bytes(content)


def _flip(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 4, 40))):
        if content:
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _flip_header(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 6))):
        if content:
            content[chance.randrange(min(len(content), 700))] = chance.randrange(256)


def _cut(content: bytearray, chance: random.Random) -> None:
    del content[chance.randint(0, len(content)) :]


def _splice(content: bytearray, chance: random.Random) -> None:
    other = chance.choice(originals())
    start, at = chance.randrange(len(other)), chance.randint(0, len(content))
    piece = other[start : start + chance.choice((4, 64, 2000))]
    content[at : at + chance.choice((0, len(piece)))] = piece


def _repeat(content: bytearray, chance: random.Random) -> None:
    at, length = chance.randint(0, len(content)), chance.choice((2, 30, 900))
    content[at:at] = content[max(0, at - length) : at] * chance.choice((1, 20))


def _wild_number(content: bytearray, chance: random.Random) -> None:
    at = chance.randint(0, max(0, min(len(content), 300) - 4))
    content[at : at + 4] = chance.choice((b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x00\x00\xff\xff"))
