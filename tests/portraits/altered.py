"""Portraits with one thing wrong that an office would object to: each makes one check speak. Bytes of a PNG."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFilter

from tests.portraits import builders

EYES = ((438, 212), (545, 211))
"""The eyes of obama.jpg."""
JAW = (
    (352, 270),
    (372, 350),
    (400, 400),
    (440, 430),
    (487, 440),
    (540, 430),
    (580, 395),
    (606, 340),
    (622, 270),
    (490, 255),
)


def grey() -> bytes:
    """Black and white. in_colour."""
    return builders.saved(builders.picture().convert("L").convert("RGB"), "PNG")


def masked(colour: tuple[int, int, int] = (150, 190, 220)) -> bytes:
    """A mask over nose, mouth and chin. face_covered."""
    return _drawn(lambda draw: draw.polygon(JAW, fill=colour))


def bearded(colour: tuple[int, int, int] = (30, 27, 26)) -> bytes:
    """A full beard with a moustache, as grainy as hair is: nothing to object to."""
    beard = [(352, 300), *JAW[1:8], (615, 300), (575, 325), (520, 310), (488, 318), (450, 312), (400, 330)]
    mouth = [(440, 335), (488, 328), (535, 335), (488, 360)]
    image = builders.picture().copy()
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).polygon(beard, fill=235)
    ImageDraw.Draw(mask).polygon(mouth, fill=0)
    grain = Image.effect_noise(image.size, 40).convert("RGB")
    hair = Image.blend(Image.new("RGB", image.size, colour), grain, 0.1)
    image.paste(hair, mask=mask.filter(ImageFilter.GaussianBlur(3)))
    return builders.saved(image, "PNG")


def sunglasses() -> bytes:
    """Dark glasses. face_covered."""
    return _drawn(lambda draw: [draw.ellipse((x - 43, y - 34, x + 43, y + 34), fill=(20, 20, 24)) for x, y in EYES])


def glare() -> bytes:
    """A window's reflection on a lens, over one eye. glasses_glare."""
    x, y = EYES[0]
    return _drawn(
        lambda draw: draw.polygon([(x - 14, y - 8), (x + 18, y - 10), (x + 14, y + 2), (x - 16, y + 6)], "white")
    )


def red_eyes() -> bytes:
    """A flash's red pupils. red_eye."""
    return _drawn(lambda draw: [draw.ellipse((x - 8, y - 8, x + 8, y + 8), fill=(190, 20, 25)) for x, y in EYES])


def _drawn(paint: object) -> bytes:
    image: Image.Image = builders.picture().copy()
    paint(ImageDraw.Draw(image))  # type: ignore[operator]
    return builders.saved(image, "PNG")
