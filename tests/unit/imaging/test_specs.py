"""The catalogue: data that cannot be wrong in the ways data is usually wrong, and that people find."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from services.imaging.specs import catalogue
from services.imaging.specs.model import SpecError, before_rendering, parse_spec
from shared.kernel.errors import Code, PocketError

TWO_INCHES = {"us-passport", "us-green-card", "il-visa", "ke-evisa"}
"""Two inches by two, which their sources write as 51 mm; the 600 px are those of the inches."""
LOOSE = {"three-inch": 1.2}
"""Pixels of the published table that are a little more than one off its own millimetres."""

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


def test_the_catalogue_is_whole() -> None:
    """148 collected specs and the two ids that clients knew before; counted by category and by confidence."""
    found = catalogue.specs().values()
    assert len(found) == 150
    by_category = Counter(spec.category for spec in found)
    assert by_category == {"general": 14, "license": 15, "social": 5, "passport": 32, "visa": 50, "exam": 34}
    collected = [spec for spec in found if spec.id not in ("cn-passport", "us-visa")]
    assert Counter(spec.confidence for spec in collected) == {"high": 59, "medium": 61, "low": 28}
    assert len({spec.zh for spec in found}) == len({spec.en for spec in found}) == 150


def test_an_alias_has_the_size_and_the_rules_of_what_it_stands_for() -> None:
    """31 entries are another one's photo under another name; an alias points at no alias; a wrong one is refused."""
    found = catalogue.specs()
    aliases = [spec for spec in found.values() if spec.alias_of is not None]
    assert len(aliases) == 31
    for spec in aliases:
        other = found[spec.alias_of or ""]
        assert (spec.rules, other.alias_of) == (other.rules, None)
        assert spec.to_dict()["alias_of"] == other.id
    first, second = parse_spec(entry()), parse_spec(entry(id="y"))
    catalogue.check_aliases({"x": first, "y": parse_spec(entry(id="y", alias_of="x"))})
    for wrong in (second, parse_spec(entry(id="y", alias_of="x", kb={"max": 20}))):
        with pytest.raises(SpecError, match="alias_of"):
            catalogue.check_aliases({"x": first, "y": wrong})


def test_a_spec_says_before_rendering_what_its_authority_refuses() -> None:
    """Retouching and other backgrounds: in the spec's own words, so that an app can warn before it asks for a render."""
    warned = {spec.id: {w["id"] for w in before_rendering(spec)} for spec in catalogue.specs().values()}
    assert warned["one-inch"] == set()
    assert warned["us-visa"] == {"retouching", "background_edit"}
    assert warned["kr-passport"] == warned["exam-self-taught-sichuan"] == {"background_edit_forbidden"}
    for spec_id in ("cn-exit-entry-digital", "edu-graduation-chsi", "edu-gaokao", "cn-passport-consular", "exam-law"):
        assert "retouching" in warned[spec_id], spec_id
    shown = catalogue.spec_of("kr-passport").to_dict()["warnings"]
    assert [set(warning) for warning in shown] == [{"id", "zh", "en"}]


def test_a_proportion_without_a_tolerance_is_held_closely() -> None:
    """ "Head 7/10, top 1/10" is a band of a hundredth to each side, and says what it is about."""
    head = catalogue.spec_of("exam-ncre").head_height
    assert head is not None
    assert head.to_dict() == {"about": 0.7, "min": 0.69, "max": 0.71}


def test_pixel_bands_are_the_authoritys_own_pixels() -> None:
    """What GA 461, GA 482 and the graduation standard print, computed back from the ratios."""
    spec_of = catalogue.spec_of
    assert spec_of("cn-id-card").pixels("head_width") == {"min": 193, "max": 221}
    assert spec_of("cn-id-card").pixels("eye_line") == {"min": 207}
    assert spec_of("cn-id-card").pixels("top_margin") == {"min": 7, "max": 21}
    assert spec_of("cn-social-security-card").pixels("head_width") == {"min": 179, "max": 255}
    assert spec_of("cn-driving-licence").pixels("head_height") == {"min": 224, "max": 260}
    assert spec_of("cn-driving-licence").pixels("head_width") == {"min": 165, "max": 189}
    assert spec_of("cn-driving-licence").pixels("top_margin") == {"min": 10, "max": 20}
    assert spec_of("edu-graduation-chsi").pixels("eye_line") == {"min": 340, "max": 440}
    assert spec_of("edu-graduation-chsi").pixels("head_width") == {"min": 180, "max": 300}
    assert spec_of("edu-graduation-chsi").pixels("top_margin") == {"min": 50, "max": 110}


def test_papers_and_colours_keep_their_sources() -> None:
    """Nine papers, fifteen colours; each says where it is from and how far to trust it, and all names find it."""
    papers, named = set(catalogue.papers().values()), catalogue.named_colours()
    assert (len(papers), len(named)) == (9, 15)
    for one in (*papers, *named):
        assert one.source
        assert one.confidence in {"high", "medium", "low"}
    assert catalogue.papers()["4r"] is catalogue.papers()["six-inch"]
    assert catalogue.colours()["蓝"] == catalogue.colours()["blue-app"] == "#438EDB"
    assert [colour.hex for colour in named if colour.status == "official"] == ["#FFFFFF", "#64C5FF", "#F0F0F0"]


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
                true_mm = 50.8 if spec.id in TWO_INCHES else mm
                assert abs(true_mm / 25.4 * spec.dpi - px) <= LOOSE.get(spec.id, 1), spec.id


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
        {"category": "moon"},
        {"px_rule": "range", "px_min": [300, 420], "px_max": [600, 840]},
        {"eye_line": {"about": 0.5, "min": 0.4}},
        {"derived": ["nose"]},
        {"wins": "nose"},
        {"pose": {"nod": 5}},
        {"pose": {"yaw": 500}},
        {"retouching": "maybe"},
        {"background_edit": "no"},
        {"upscaling": "no"},
        {"head_top": "hat"},
        {"people": 0},
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
        ("35 x 45 mm", "schengen-visa"),
        ("35*45", "schengen-visa"),
        ("413x579", "two-inch"),
        ("us-visa", "us-visa"),
        ("yc", "one-inch"),
        ("yicun", "one-inch"),
        ("XYC", "small-one-inch"),
        ("hu zhao", "cn-passport"),
        ("jsz", "cn-driving-licence"),
        ("驾照", "cn-driving-licence"),
        ("1寸", "one-inch"),
        ("两寸", "two-inch"),
        ("美国 签证", "us-visa"),
        ("sfz", "cn-id-card"),
    ],
)
def test_a_spec_is_found_by_name_id_pinyin_or_size(text: str, found: str) -> None:
    """Chinese, English, id, initials and syllables, millimetres, pixels; several words must all match."""
    assert found in [spec.id for spec in catalogue.search(text)]


@pytest.mark.parametrize("spec_id", list(catalogue.specs()))
def test_every_spec_is_found_by_each_of_its_names(spec_id: str) -> None:
    """Its id is the best match for its id; name, initials, millimetres and pixels find it too."""
    spec = catalogue.spec_of(spec_id)
    assert catalogue.search(spec.id)[0] is spec
    initials = "".join(syllable[0] for syllable in spec.pinyin.split())
    sizes = [f"{spec.px[0]}x{spec.px[1]}"] + ([f"{spec.mm[0]:g}x{spec.mm[1]:g}"] if spec.mm else [])
    for text in (spec.zh, spec.en, initials, *sizes):
        assert spec in catalogue.search(text), text


def test_the_best_match_comes_first_and_nothing_foreign_comes_along() -> None:
    """A whole name before a piece of one; initials do not drown in chance hits; nonsense finds nothing."""
    assert catalogue.search("yc")[0].id == "one-inch"
    assert catalogue.search("hz")[0].id == "cn-passport"
    assert all("us" in f"{spec.id} {spec.en}".lower() for spec in catalogue.search("us"))
    assert catalogue.search("qqqq") == []
    assert catalogue.search() == list(catalogue.specs().values())
    assert {spec.category for spec in catalogue.search("", "exam")} == {"exam"}


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
        "import services.imaging.pipeline.studio, services.imaging.specs.catalogue\n"
        "import cli.photo_commands, cli.make_command\n"
        "bad = [n for n in opened if n.endswith(('.toml', '.onnx', '.tflite')) and 'site-packages' not in n]\n"
        "assert not bad, bad\n"
        "assert 'onnxruntime' not in sys.modules and 'rembg' not in sys.modules and 'pillow_heif' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=catalogue.FOLDER.parents[2])
