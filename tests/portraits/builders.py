"""Files for tests, built from the portraits: good photos in every dress, and uploads that must be refused.

Every function returns a file's bytes, the same ones each time.
"""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

FOLDER = Path(__file__).parent
GPS_CANARY = "PlantedCameraMaker"


@cache
def portrait(name: str = "obama") -> bytes:
    """A portrait as it lies in the folder: astronaut, obama, biden or obama_partial_face."""
    return (FOLDER / f"{name}.jpg").read_bytes()


def picture(name: str = "obama") -> Image.Image:
    """A portrait as a picture."""
    return Image.open(io.BytesIO(portrait(name))).convert("RGB")


def saved(image: Image.Image, kind: str = "JPEG", **settings: object) -> bytes:
    """A picture as a file."""
    target = io.BytesIO()
    image.save(target, kind, **settings)
    return target.getvalue()


# Good photos in every dress.


def png(name: str = "obama") -> bytes:
    """The portrait as a PNG."""
    return saved(picture(name), "PNG")


def webp(name: str = "obama") -> bytes:
    """The portrait as a still WebP."""
    return saved(picture(name), "WEBP", quality=90)


def heic(name: str = "obama", orientation: int = 1) -> bytes:
    """The portrait as HEIC, stored turned by the EXIF orientation so that a right reader shows it upright."""
    import pillow_heif

    image = picture(name)
    exif = Image.Exif()
    exif[274] = orientation
    stored = image.transpose(_STORED[orientation]) if orientation > 1 else image
    heif = pillow_heif.from_pillow(stored)
    target = io.BytesIO()
    heif.save(target, quality=90, exif=exif.tobytes())
    return target.getvalue()


def progressive(name: str = "obama") -> bytes:
    """The portrait as a progressive JPEG."""
    return saved(picture(name), "JPEG", quality=90, progressive=True)


def cmyk(name: str = "obama") -> bytes:
    """The portrait as a CMYK JPEG, as print shops make them."""
    return saved(picture(name).convert("CMYK"), "JPEG", quality=90)


def grey_16_bit(name: str = "obama") -> bytes:
    """The portrait as a grey PNG of 16 bits a pixel."""
    grey = np.asarray(picture(name).convert("L")).astype(np.uint16) * 257
    return saved(Image.fromarray(grey), "PNG")


def colour_16_bit(name: str = "obama") -> bytes:
    """The portrait as a colour PNG of 16 bits a channel (written by hand: Pillow cannot)."""
    rgb = np.asarray(picture(name)).astype(">u2") * 257
    lines = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in rgb)
    return _png(rgb.shape[1], rgb.shape[0], 16, 2, zlib.compress(lines, 1))


def palette(name: str = "obama") -> bytes:
    """The portrait as a PNG of 256 colours."""
    return saved(picture(name).quantize(256), "PNG")


def see_through(name: str = "obama") -> bytes:
    """The portrait as a PNG whose left half fades out."""
    image = picture(name).convert("RGBA")
    fade = Image.linear_gradient("L").rotate(90).resize(image.size)
    image.putalpha(fade)
    return saved(image, "PNG")


def animated_webp(name: str = "obama") -> bytes:
    """An animation whose first frame is the portrait, and whose second is grey."""
    first = picture(name)
    second = Image.new("RGB", first.size, (128, 128, 128))
    return saved(first, "WEBP", save_all=True, append_images=[second], duration=100, quality=85)


def stored_turned(orientation: int, name: str = "obama") -> bytes:
    """The portrait stored turned or mirrored, with the EXIF orientation (1 to 8) that a reader needs to set it right."""
    exif = Image.Exif()
    exif[274] = orientation
    image = picture(name)
    stored = image.transpose(_STORED[orientation]) if orientation > 1 else image
    return saved(stored, "JPEG", quality=92, exif=exif)


def sideways(degrees: int, name: str = "obama") -> bytes:
    """The portrait turned counter-clockwise, with nothing in the file that says so; its edges are mirrored outwards."""
    image = picture(name)
    if degrees % 90 == 0:
        return saved(image.rotate(degrees, expand=True), "JPEG", quality=92)
    wide = Image.fromarray(np.pad(np.asarray(image), ((400, 400), (400, 400), (0, 0)), mode="symmetric"))
    turned = wide.rotate(degrees, resample=Image.Resampling.BICUBIC)
    return saved(turned.crop((300, 300, wide.width - 300, wide.height - 300)), "JPEG", quality=92)


def with_secrets(name: str = "obama") -> bytes:
    """The portrait with a camera maker, a GPS place and a comment in it."""
    exif = Image.Exif()
    exif[271] = GPS_CANARY
    exif.get_ifd(0x8825)[2] = (39.0, 54.0, 20.0)
    return saved(picture(name), "JPEG", quality=92, exif=exif, comment=GPS_CANARY.encode())


def wide_gamut(name: str = "obama") -> bytes:
    """The portrait's numbers tagged as Display P3, as iPhones do: shown rightly, its reds are stronger."""
    return saved(picture(name), "JPEG", quality=92, icc_profile=_display_p3())


def small_face(face_share: float = 0.02) -> bytes:
    """A 12 Mpx picture in which the face is ``face_share`` of the width."""
    canvas = Image.new("RGB", (4000, 3000), (122, 128, 120))
    person = picture("obama")
    scale = face_share * 4000 / 240
    person = person.resize((round(person.width * scale), round(person.height * scale)), Image.Resampling.LANCZOS)
    canvas.paste(person, (2600, 1500))
    return saved(canvas, "JPEG", quality=92)


def large(name: str = "obama", size: tuple[int, int] = (3000, 3748)) -> bytes:
    """The portrait enlarged, as a phone's 11 Mpx photo."""
    return saved(picture(name).resize(size, Image.Resampling.BICUBIC), "JPEG", quality=90)


def with_bystander(scale: float) -> bytes:
    """Obama, and Biden beside him at ``scale`` of his usual size: 1 is two people, 0.25 a bystander far off."""
    main, other = picture("obama"), picture("biden").crop((250, 60, 970, 1200))
    other = other.resize((round(other.width * scale), round(other.height * scale)), Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", (main.width + 760, main.height), (150, 148, 140))
    canvas.paste(main, (0, 0))
    canvas.paste(other, (main.width + 20, 60))
    return saved(canvas, "JPEG", quality=92)


def two_faces() -> bytes:
    """Two people of the same size: nobody can say whose photo it is."""
    return with_bystander(1.0)


def blurred(radius: float = 5.0, name: str = "obama") -> bytes:
    """The portrait out of focus."""
    from PIL import ImageFilter

    return saved(picture(name).filter(ImageFilter.GaussianBlur(radius)), "JPEG", quality=92)


def lit(factor: float, name: str = "obama") -> bytes:
    """The portrait with its light multiplied: 0.05 is night, 2.2 is glare."""
    return saved(picture(name).point(lambda value: min(255, round(value * factor))), "JPEG", quality=92)


# Uploads that must be refused, and the code each gets.


def empty() -> bytes:
    """Nothing. unsupported_format."""
    return b""


def text() -> bytes:
    """Words. unsupported_format."""
    return "这不是照片。 This is no photo.\n".encode() * 20


def gif() -> bytes:
    """A picture of a kind that is not accepted. unsupported_format."""
    return saved(Image.new("RGB", (64, 64), (200, 30, 30)), "GIF")


def truncated_jpeg(share: float = 0.5, name: str = "obama") -> bytes:
    """A JPEG whose end is missing. corrupt_image."""
    content = portrait(name)
    return content[: int(len(content) * share)]


def bomb_png() -> bytes:
    """A few KB that claim 100,000 x 100,000 pixels. too_many_pixels."""
    return _png(100_000, 100_000, 8, 0, zlib.compress(b"\0" * 4_000_000, 9))


def text_bomb_png() -> bytes:
    """A small picture with compressed text that unpacks to hundreds of MB. corrupt_image, or decoded without the text."""
    chunk = b"k\x00\x00" + zlib.compress(b"A" * 200_000_000, 9)
    return _png(64, 64, 8, 0, zlib.compress(b"\0" * 65 * 64), extra=_chunk(b"zTXt", chunk))


def sixty_megapixels() -> bytes:
    """A real JPEG of 60 million pixels. too_many_pixels."""
    return saved(Image.new("L", (10_000, 6_000), 128), "JPEG", quality=10)


def thirty_megabytes() -> bytes:
    """A portrait with 30 MB of padding after its end. too_large."""
    content = portrait()
    return content + bytes(30_000_000 - len(content))


def no_face() -> bytes:
    """A landscape of sorts. no_face."""
    y, x = np.mgrid[0:900, 0:1200]
    hills = (np.sin(x / 90) * 60 + 520 > y).astype(np.uint8)
    scene = np.dstack([60 + 90 * hills, 110 + 60 * hills, 70 + 150 * hills]).astype(np.uint8)
    return saved(Image.fromarray(scene), "JPEG", quality=90)


def face_cut_off() -> bytes:
    """Half a face at the picture's edge. face_cut_off."""
    return portrait("obama_partial_face")


BAD_UPLOADS: dict[str, tuple[str, object]] = {
    "empty": ("unsupported_format", empty),
    "text": ("unsupported_format", text),
    "gif": ("unsupported_format", gif),
    "truncated_jpeg": ("corrupt_image", truncated_jpeg),
    "bomb_png": ("too_many_pixels", bomb_png),
    "sixty_megapixels": ("too_many_pixels", sixty_megapixels),
    "thirty_megabytes": ("too_large", thirty_megabytes),
    "no_face": ("no_face", no_face),
    "two_faces": ("several_faces", two_faces),
    "face_cut_off": ("face_cut_off", face_cut_off),
}
"""Name to (the code that answers it, its builder)."""

_T = Image.Transpose
_STORED = {
    2: _T.FLIP_LEFT_RIGHT,
    3: _T.ROTATE_180,
    4: _T.FLIP_TOP_BOTTOM,
    5: _T.TRANSPOSE,
    6: _T.ROTATE_90,
    7: _T.TRANSVERSE,
    8: _T.ROTATE_270,
}


_P3_COLORANTS = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}


def _display_p3() -> bytes:
    """Pillow's sRGB profile with Display P3's primaries and another name."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (tags,) = struct.unpack_from(">I", profile, 128)
    for tag in range(tags):
        signature, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * tag)
        if signature in _P3_COLORANTS:
            struct.pack_into(">3i", profile, offset + 8, *(round(value * 65536) for value in _P3_COLORANTS[signature]))
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "P3P3".encode("utf-16-be"))


def _png(width: int, height: int, depth: int, colour: int, body: bytes, extra: bytes = b"") -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
