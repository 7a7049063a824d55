"""The finished photo: exact size, head where the spec wants it, the file inside its window, and a report that is true."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from services.imaging.pipeline import checks, compose, geometry
from services.imaging.pipeline.arrays import as_pixels, as_plane
from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.mesh import Face
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.studio import Rendered, Studio
from services.imaging.specs import catalogue
from services.imaging.specs.model import BANDS, Spec
from shared.kernel.errors import Code, PocketError
from tests.portraits import builders

pytestmark = pytest.mark.pictures


def rendered(studio: Studio, cutout: Cutout, **body: Any) -> Rendered:
    """A render of an API body."""
    return studio.render(cutout, RenderOrder.parse(body))


def opened(content: bytes) -> Image.Image:
    """The file, decoded."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def face_in(studio: Studio, content: bytes) -> Face:
    """The one face found in a finished picture."""
    [face] = studio._finder.find(as_pixels(np.asarray(opened(content).convert("RGB")))).faces
    return face


@pytest.mark.parametrize("spec_id", list(catalogue.specs()))
def test_a_photo_has_exactly_the_specs_pixels_resolution_and_bytes(
    studio: Studio, cutout: Cutout, spec_id: str
) -> None:
    """Width, height, DPI in the file, and the window of kilobytes, whichever way a kilobyte is counted."""
    spec = catalogue.spec_of(spec_id)
    made = rendered(studio, cutout, spec=spec_id)
    image = opened(made.image)
    assert image.size == spec.px == (made.width, made.height)
    assert image.info["dpi"] == (spec.dpi, spec.dpi)
    assert made.media_type == "image/jpeg"
    if spec.kb and spec.kb.high:
        assert len(made.image) <= spec.kb.high * 1000
    if spec.kb and spec.kb.low:
        assert len(made.image) >= spec.kb.low * 1024


@pytest.mark.parametrize("spec_id", list(catalogue.specs()))
def test_the_report_tells_what_the_finished_picture_measures(studio: Studio, obama: Cutout, spec_id: str) -> None:
    """Eye line, head width and eye distance of the report are those of a face found again in the output."""
    made = rendered(studio, obama, spec=spec_id)
    face = face_in(studio, made.image)
    reported = {check["id"]: check["value"] for check in made.compliance["checks"]}
    assert 1 - float(face.eye_middle[1]) / made.height == pytest.approx(reported["eye_line"], abs=0.02)
    assert face.eye_distance / made.width == pytest.approx(reported["eye_distance"], abs=0.02)
    assert float(face.eye_middle[0]) / made.width == pytest.approx(0.5, abs=0.03)
    assert abs(face.roll) < 2


@pytest.mark.parametrize("spec_id", list(catalogue.specs()))
def test_the_head_meets_every_band_of_the_spec(studio: Studio, cutout: Cutout, spec_id: str) -> None:
    """Head height, width, eye line and margins lie within the spec wherever this head can have them all at once.

    Where it cannot (a face too narrow for its length), the report says so: no verdict is better than its measure.
    """
    spec = catalogue.spec_of(spec_id)
    checks = {check["id"]: check for check in rendered(studio, cutout, spec=spec_id).compliance["checks"]}
    bands = [checks[name] for name in BANDS]
    failed = [check["id"] for check in bands if check["verdict"] == "fail"]
    if _can_be_met(cutout.head, spec):
        assert failed == []
    else:
        assert failed, "bands that exclude one another cannot all be met"
    for check in bands:
        low, high = check["threshold"].get("min", 0), check["threshold"].get("max", 1)
        assert (low - 0.002 <= check["value"] <= high + 0.002) == (check["verdict"] == "pass")


def _can_be_met(head: geometry.Head, spec: Spec) -> bool:
    """True when some size and height on the picture meet all bands, found by trying them all."""
    scale = np.linspace(0.2, 1.2, 500)[:, None] * spec.px[1] / (head.hair + head.chin)
    rows = np.linspace(0.1, 0.9, 500)[None, :] * spec.px[1]
    seen = geometry.ratios(head, spec, as_plane(scale), as_plane(rows))
    fits = np.ones((500, 500), dtype=bool)
    for name in BANDS:
        band = getattr(spec, name)
        if band is not None:
            low, high = band.low or 0.0, band.high or 1.0
            fits &= (seen[name] >= low) & (seen[name] <= high)
    return bool(fits.any())


def test_hair_is_never_cut(studio: Studio, cutout: Cutout) -> None:
    """The top rows of a finished photo show only background, whatever the spec."""
    for spec_id in catalogue.specs():
        made = rendered(studio, cutout, spec=spec_id, background="#00FF00", format="png", max_kb=20000)
        top = np.asarray(opened(made.image).convert("RGB"))[:2].astype(int)
        assert np.abs(top - (0, 255, 0)).max() < 40, spec_id


def test_a_slanted_head_is_set_upright(studio: Studio) -> None:
    """Thirty degrees of roll are gone in the output."""
    [cutout] = studio.matte([studio.prepare(builders.sideways(30))])
    assert abs(face_in(studio, rendered(studio, cutout, spec="one-inch").image).roll) < 2


@pytest.mark.parametrize("colour", ["white", "blue", "red", "#12AB9F"])
def test_the_background_is_the_colour_that_was_asked_for(studio: Studio, obama: Cutout, colour: str) -> None:
    """In a PNG exactly, in a JPEG within what JPEG does to flat colours."""
    wanted = catalogue.colours().get(colour, colour)
    rgb = [int(wanted[i : i + 2], 16) for i in (1, 3, 5)]
    exact = np.asarray(opened(rendered(studio, obama, spec="one-inch", background=colour, format="png").image))
    lossy = np.asarray(opened(rendered(studio, obama, spec="one-inch", background=colour).image)).astype(int)
    assert (exact[5, 5] == rgb).all()
    assert np.abs(lossy[5, 5] - rgb).max() <= 4


def test_no_dark_or_foreign_fringe_on_white(studio: Studio, obama: Cutout) -> None:
    """Beside the head, going outwards, the picture is white within a few pixels: no smoke, no halo."""
    picture = np.asarray(opened(rendered(studio, obama, spec="two-inch", format="png").image)).astype(int)
    _, alpha = _alpha_of(studio, obama, "two-inch")
    outside = alpha == 0
    assert np.abs(picture[outside] - 255).max() <= 1
    assert _smoke(alpha) < 0.0045


def _smoke(alpha: np.ndarray) -> float:
    """The part of the picture that holds a trace of the person more than four pixels beyond the edge's half-way line."""
    away = cv2.distanceTransform((alpha < 128).astype(np.uint8), cv2.DIST_L2, 5)
    return float(((away > 4) & (alpha > 12)).mean())


def _alpha_of(studio: Studio, cutout: Cutout, spec: str) -> tuple[np.ndarray, np.ndarray]:
    clear = np.asarray(opened(rendered(studio, cutout, spec=spec, background="transparent").image))
    return clear[..., :3], clear[..., 3]


def test_a_transparent_photo_is_a_png_with_alpha(studio: Studio, obama: Cutout) -> None:
    """Transparent means PNG, chosen by itself; asking for a transparent JPEG is an error."""
    made = rendered(studio, obama, spec="one-inch", background="transparent")
    assert (made.format, opened(made.image).mode) == ("png", "RGBA")
    with pytest.raises(PocketError):
        RenderOrder.parse({"spec": "one-inch", "background": "transparent", "format": "jpeg"})


def test_the_original_background_is_the_photos_own(studio: Studio, obama: Cutout) -> None:
    """Nothing is cut out: the curtain is still there, and red."""
    made = np.asarray(opened(rendered(studio, obama, spec="us-visa", background="original").image)).astype(int)
    reds = (made[..., 0] > made[..., 1] + 50) & (made[..., 0] > made[..., 2] + 40)
    assert reds[:200, :150].mean() + reds[:200, -150:].mean() > 0.3


def test_gradients_run_from_one_colour_to_the_other(studio: Studio, obama: Cutout) -> None:
    """Vertical from top to bottom; radial from behind the head outwards."""
    vertical = {"gradient": "vertical", "from": "#438EDB", "to": "#FFFFFF"}
    made = np.asarray(opened(rendered(studio, obama, spec="one-inch", background=vertical, format="png").image)).astype(
        int
    )
    assert np.abs(made[0, 3] - (67, 142, 219)).max() <= 2
    assert made[200, 3, 0] > made[0, 3, 0] + 60
    radial = {"gradient": "radial", "from": "#FFFFFF", "to": "#438EDB"}
    made = np.asarray(opened(rendered(studio, obama, spec="one-inch", background=radial, format="png").image)).astype(
        int
    )
    assert made[0, 0, 0] < made[0, 147, 0]


def test_a_kb_limit_is_met_or_refused(studio: Studio, obama: Cutout) -> None:
    """Down to what JPEG can do, the file fits; beyond that the order is refused, and says how near it came."""
    made = rendered(studio, obama, spec="one-inch", max_kb=12)
    assert len(made.image) <= 12_000
    assert opened(made.image).size == (295, 413)
    with pytest.raises(PocketError) as refused:
        rendered(studio, obama, spec="two-inch", max_kb=4)
    assert refused.value.actual_code is Code.KB_UNREACHABLE
    assert refused.value.public_extra["nearest_kb"]


def test_a_file_is_never_padded(studio: Studio, obama: Cutout) -> None:
    """A JPEG ends with its end marker: a window's lower side is met with quality, not with dead bytes."""
    for spec_id in ("cn-passport", "cn-id-card", "cn-driving-licence"):
        content = rendered(studio, obama, spec=spec_id).image
        assert content.endswith(b"\xff\xd9")
        assert content.count(b"\xff\xd9") == 1


def test_no_metadata_of_the_photo_survives(studio: Studio) -> None:
    """GPS, camera and comments are gone from the cutout, the photo and the preview."""
    [cutout] = studio.matte([studio.prepare(builders.with_secrets())])
    made = rendered(studio, cutout, spec="one-inch")
    for content in (cutout.to_bytes(), made.image, made.preview):
        assert builders.GPS_CANARY.encode() not in content
        assert b"Exif" not in content
    assert set(opened(made.image).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}


def test_a_preview_is_smaller_and_marked(studio: Studio, obama: Cutout) -> None:
    """What may be seen before paying is reduced and watermarked all over, the face included."""
    made = rendered(studio, obama, spec="two-inch")
    seen = opened(made.preview)
    assert seen.width < made.width
    assert seen.height <= 480
    plain = np.asarray(opened(made.image).resize(seen.size, Image.Resampling.BOX)).astype(int)
    marked = np.abs(np.asarray(seen).astype(int) - plain).max(axis=2) > 40
    for rows in np.array_split(marked, 4):
        for part in np.array_split(rows, 3, axis=1):
            assert part.mean() > 0.02


def test_a_photo_that_ends_at_the_shoulders_is_continued_and_says_so(studio: Studio) -> None:
    """The frame goes on below the photo: the body is continued, not cut off in mid-air, and the report warns."""
    short = builders.saved(builders.picture("obama").crop((0, 0, 910, 470)), quality=95)
    [cutout] = studio.matte([studio.prepare(short)])
    made = rendered(studio, cutout, spec="us-visa", format="png")
    assert "shoulders_inside" in [warning["id"] for warning in made.compliance["warnings"]]
    last = np.asarray(opened(made.image)).astype(int)[-1]
    assert (np.abs(last - 255).max(axis=1) > 60).mean() > 0.25


def test_a_layer_read_at_half_size_lands_on_the_same_place(studio: Studio, obama: Cutout) -> None:
    """Reading the cutout at a fraction changes sharpness, not place: no shift of even half a pixel."""
    spec = catalogue.spec_of("one-inch")
    placement = geometry.placed(obama.face, obama.head, spec)

    greys = []
    for reduction in (1, 2):
        colours, _ = obama.person(reduction)
        shown = compose.warp(colours, compose.reduced(placement.matrix, reduction), spec.px)
        greys.append(cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY).astype(np.float32)[80:330, 60:240])
    shift, _ = cv2.phaseCorrelate(greys[0], greys[1])
    assert max(abs(shift[0]), abs(shift[1])) < 0.15


@pytest.mark.parametrize(
    ("body", "px"),
    [
        ({"width_mm": 25, "height_mm": 35}, (295, 413)),
        ({"width_mm": 25, "height_mm": 35, "dpi": 600}, (591, 827)),
        ({"width_px": 480, "height_px": 640}, (480, 640)),
        ({"spec": "one-inch", "dpi": 350}, (344, 482)),
        ({"spec": "cn-id-card", "dpi": 300}, (358, 441)),
    ],
)
def test_millimetres_pixels_and_dpi_agree(
    studio: Studio, obama: Cutout, body: dict[str, Any], px: tuple[int, int]
) -> None:
    """A custom size, or a spec at another DPI: pixels follow the millimetres, unless the authority fixes the pixels."""
    made = rendered(studio, obama, **body)
    assert (made.width, made.height) == px
    assert opened(made.image).size == px


def test_retouching_changes_the_face_only_when_asked(studio: Studio, obama: Cutout) -> None:
    """Zero everywhere is the same file; each wish changes the skin."""
    plain = rendered(studio, obama, spec="two-inch", format="png")
    zero = rendered(studio, obama, spec="two-inch", format="png", beautify={"smoothing": 0, "whitening": 0})
    assert plain.image == zero.image
    for wish in ("brightness", "contrast", "whitening", "smoothing", "sharpening"):
        assert rendered(studio, obama, spec="two-inch", format="png", beautify={wish: 60}).image != plain.image


def test_a_verdict_is_the_worst_of_its_limits() -> None:
    """Limits judge from both sides: fail beyond the outer, warn beyond the inner, else pass."""
    limits = checks.Limits(warn_min=-10, fail_min=-20, warn_max=10, fail_max=20)
    assert [limits.judge(value) for value in (-25, -15, 0, 15, 25)] == ["fail", "warn", "pass", "warn", "fail"]
