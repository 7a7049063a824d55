"""The catalogue: data that cannot be wrong in the ways data is usually wrong, and that people find."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from services.imaging.pipeline.sheet import lay_out
from services.imaging.specs import catalogue
from services.imaging.specs.model import SpecError, parse_spec
from shared.kernel.errors import Code, PocketError

FIRST_TEN = {
    *("one-inch", "small-one-inch", "two-inch", "small-two-inch", "large-one-inch"),
    *("cn-passport", "cn-id-card", "cn-driving-licence", "us-visa", "schengen-visa"),
}


def entry(**changes: Any) -> dict[str, Any]:
    """A good catalogue entry with something changed."""
    good = {"id": "x", "zh": "某", "en": "X", "category": "general", "mm": [25, 35], "px": [295, 413], "dpi": 300}
    good |= {"px_rule": "suggested", "backgrounds": ["#FFFFFF"], "source": "a page", "confidence": "high"}
    return good | changes


def test_the_specs_that_clients_know_are_there() -> None:
    """The ten ids the interface promises."""
    assert set(catalogue.specs()) >= FIRST_TEN


def test_every_spec_names_its_source() -> None:
    """No rule without a source and how far to trust it."""
    for spec in catalogue.specs().values():
        assert spec.source
        assert spec.confidence in {"high", "medium", "low"}
        assert spec.to_dict()["name"]["zh"]


def test_millimetres_and_pixels_agree() -> None:
    """At the spec's DPI, its millimetres are its pixels, give or take the rounding that authorities did themselves."""
    for spec in catalogue.specs().values():
        if spec.mm and spec.px_rule == "suggested":
            for mm, px in zip(spec.mm, spec.px, strict=True):
                assert abs(mm / 25.4 * spec.dpi - px) <= 1, spec.id


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "Big Id"},
        {"px": [0, 413]},
        {"px": [413, 295]},
        {"px_rule": "whatever"},
        {"backgrounds": []},
        {"backgrounds": ["white"]},
        {"confidence": "sure"},
        {"source": ""},
        {"head_height": {"min": 0.7, "max": 0.6}},
        {"head_height": {"min": 60, "max": 70}},
        {"head_height": {}},
        {"eye_line": {"minimum": 0.5}},
        {"heigth": 3},
    ],
)
def test_an_entry_that_cannot_be_right_is_refused(changes: dict[str, Any]) -> None:
    """The loader refuses it, and names the spec."""
    assert parse_spec(entry()).id == "x"
    with pytest.raises(SpecError, match="spec"):
        parse_spec(entry(**changes))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("护照", "cn-passport"),
        ("passport", "cn-passport"),
        ("35x45", "schengen-visa"),
        ("413x579", "two-inch"),
        ("us-visa", "us-visa"),
    ],
)
def test_a_spec_is_found_by_name_id_or_size(text: str, found: str) -> None:
    """Chinese, English, id, millimetres, pixels."""
    assert found in [spec.id for spec in catalogue.search(text)]


def test_an_unknown_spec_has_its_own_code() -> None:
    """Not a crash, not an empty answer."""
    with pytest.raises(PocketError) as refused:
        catalogue.spec_of("moon-visa")
    assert refused.value.actual_code is Code.UNKNOWN_SPEC


def test_importing_the_domain_reads_nothing() -> None:
    """Import opens no data file and loads no network: the catalogue and the weights come when they are used."""
    code = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda e, a: opened.append(str(a[0])) if e == 'open' else None)\n"
        "import services.imaging.pipeline.studio, services.imaging.specs.catalogue, cli.photo_commands\n"
        "bad = [n for n in opened if n.endswith(('.toml', '.onnx', '.tflite')) and 'site-packages' not in n]\n"
        "assert not bad, bad\n"
        "assert 'onnxruntime' not in sys.modules and 'rembg' not in sys.modules and 'pillow_heif' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=catalogue.FOLDER.parents[2])


@pytest.mark.parametrize(
    ("paper", "mm", "least"),
    [("six-inch", (25, 35), 12), ("six-inch", (35, 45), 6), ("five-inch", (25, 35), 9), ("a4", (25, 35), 50)],
)
def test_a_sheet_holds_as_many_photos_as_fit(paper: str, mm: tuple[float, float], least: int) -> None:
    """At least what shops print; photos never overlap and never leave the paper."""
    layout = lay_out(mm, catalogue.papers()[paper])
    assert len(layout.places) >= least
    width, height = layout.photo
    for x, y in layout.places:
        assert x >= 0
        assert y >= 0
        assert x + width <= layout.sheet[0]
        assert y + height <= layout.sheet[1]
    for i, (x, y) in enumerate(layout.places):
        for other_x, other_y in layout.places[i + 1 :]:
            assert abs(x - other_x) >= width or abs(y - other_y) >= height
