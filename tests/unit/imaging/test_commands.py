"""The commands that need no service, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from cli.main import app_with
from tests.portraits import builders

pytestmark = pytest.mark.pictures


def run(*words: str | Path) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of ``pocketid`` with these words."""
    result = CliRunner().invoke(app_with([str(words[0])]), [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def pixels_of(path: Path) -> tuple[int, int]:
    """A file's (width, height)."""
    with Image.open(path) as image:
        return image.size


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A good portrait on disk."""
    path = tmp_path / "me.jpg"
    path.write_bytes(builders.portrait("obama"))
    return path


def test_make_writes_a_finished_photo(photo: Path, tmp_path: Path) -> None:
    """One command, one file of the spec's size."""
    status, _, _ = run("make", photo, "--spec", "two-inch", "--background", "red", "-o", tmp_path / "out.jpg")
    assert status == 0
    assert pixels_of(tmp_path / "out.jpg") == (413, 579)


def test_make_prints_its_report_as_json(photo: Path) -> None:
    """Path, size and compliance, readable by machines."""
    status, out, _ = run("make", photo, "--json")
    made = json.loads(out)
    assert status == 0
    assert Path(made["file"]).is_file()
    assert made["compliance"]["spec"] == "one-inch"


def test_make_prints_a_sheet(photo: Path, tmp_path: Path) -> None:
    """Many on one paper, at the paper's true size."""
    status, _, _ = run("make", photo, "--sheet", "six-inch", "-o", tmp_path / "sheet.jpg")
    assert status == 0
    assert sorted(pixels_of(tmp_path / "sheet.jpg")) == [1205, 1795]


def test_make_says_in_one_line_why_a_photo_cannot_be_used(tmp_path: Path) -> None:
    """Exit 2, the code, the reason in both languages; no trace, no file."""
    (tmp_path / "bad.jpg").write_bytes(builders.two_faces())
    status, _, err = run("make", tmp_path / "bad.jpg")
    assert status == 2
    assert "several_faces" in err
    assert "keep them out" in err
    assert len(err.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.jpg"]


@pytest.mark.parametrize("words", [("--spec", "no-such"), ("--background", "mauve-ish"), ("--sheet", "napkin")])
def test_make_refuses_an_order_that_makes_no_sense(photo: Path, words: tuple[str, str]) -> None:
    """Exit 2 before any work."""
    status, _, err = run("make", photo, *words)
    assert status == 2
    assert "unknown_spec" in err or "bad_request" in err


def test_make_takes_a_folder(photo: Path, tmp_path: Path) -> None:
    """Every photo of a folder is tried; the bad one is named, the good ones are made."""
    (tmp_path / "text.png").write_bytes(builders.text())
    (tmp_path / "notes.txt").write_text("not a photo")
    (tmp_path / "her.jpg").write_bytes(builders.portrait("astronaut"))
    status, out, err = run("make", tmp_path, "-o", tmp_path / "made")
    assert status == 2
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["her-one-inch.jpg", "me-one-inch.jpg"]
    assert "unsupported_format" in err
    assert "notes.txt" not in out + err


def test_make_prints_a_mixed_sheet_as_a_pdf_of_true_size(photo: Path, tmp_path: Path) -> None:
    """Words for everything that the API takes; the page is the paper's size."""
    words = ("--sheet", "100x150", "--also", "two-inch:2", "--gap", "1", "--margin", "4", "--no-marks")
    status, out, _ = run("make", photo, *words, "--format", "pdf", "--dpi", "300", "-o", tmp_path / "s.pdf", "--json")
    made = json.loads(out)["compliance"]["sheet"]
    assert status == 0
    assert made["photos"][1] == {"spec": "two-inch", "count": 2, "verdict": "pass"}
    assert made["photos"][0]["count"] >= 6
    assert b"/MediaBox [0 0 283.465 425.197]" in (tmp_path / "s.pdf").read_bytes()


@pytest.mark.parametrize(
    "words", [("--count", "4"), ("--no-marks",), ("--sheet", "a4", "--also", "two-inch:x"), ("--report", "all.doc")]
)
def test_make_refuses_words_that_do_not_go_together(photo: Path, words: tuple[str, ...]) -> None:
    """Exit 2, as for every misuse."""
    assert run("make", photo, *words)[0] == 2


def test_make_warns_before_it_renders_what_an_authority_refuses(photo: Path, tmp_path: Path) -> None:
    """On stderr, in both languages; keeping the photo's own background takes the background's warning away."""
    _, _, err = run("make", photo, "--spec", "kr-passport", "-o", tmp_path / "a.jpg")
    assert "background was replaced" in err
    _, _, err = run("make", photo, "--spec", "kr-passport", "--background", "original", "-o", tmp_path / "b.jpg")
    assert err == ""


def test_check_reports_without_writing(photo: Path, tmp_path: Path) -> None:
    """The quality report, with the spec's measures when one is named; the folder stays as it was."""
    status, out, _ = run("check", photo, "--spec", "us-visa", "--json")
    report = json.loads(out)
    assert status == 0
    assert report["verdict"] in {"pass", "warn"}
    assert {"pose", "faces", "checks", "model", "compliance"} <= set(report)
    assert [path.name for path in tmp_path.iterdir()] == ["me.jpg"]


def test_check_fails_a_photo_that_make_would_refuse(tmp_path: Path) -> None:
    """Exit 2, and the failing check is in the report."""
    (tmp_path / "dark.jpg").write_bytes(builders.lit(0.06))
    status, out, _ = run("check", tmp_path / "dark.jpg", "--json")
    assert status == 2
    assert "fail" in {check["verdict"] for check in json.loads(out)["checks"]}


def test_specs_lists_and_searches_the_catalogue() -> None:
    """By Chinese word, as JSON and as a table."""
    status, out, _ = run("specs", "--search", "身份证", "--json")
    assert status == 0
    assert "cn-id-card" in [spec["id"] for spec in json.loads(out)]
    assert "schengen-visa" in run("specs", "--search", "35x45")[1]


def test_the_name_of_the_file_says_its_format(photo: Path, tmp_path: Path) -> None:
    """A .png holds a PNG and a .pdf a PDF; what cannot be is refused, not renamed."""
    assert run("make", photo, "-o", tmp_path / "a.png")[0] == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert run("make", photo, "--sheet", "six-inch", "-o", tmp_path / "a.pdf")[0] == 0
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert run("make", photo, "-o", tmp_path / "b.pdf")[0] == 2
    assert not (tmp_path / "b.pdf").exists()


@pytest.mark.parametrize(
    ("content", "code"), [(b"no picture at all", "unsupported_format"), (builders.no_face(), "no_face")]
)
def test_check_tells_as_json_why_a_photo_cannot_be_used(tmp_path: Path, content: bytes, code: str) -> None:
    """The same object as of make: a program that reads stdout always finds JSON there."""
    photo = tmp_path / "me.jpg"
    photo.write_bytes(content)
    told = []
    for command in ("check", "make"):
        status, out, _ = run(command, photo, "--json")
        assert status == 2
        told.append(json.loads(out))
    assert told[0] == told[1]
    assert (told[0]["code"], told[0]["photo"]) == (code, str(photo))
    assert set(told[0]["reason"]) == {"zh", "en"}


def test_check_tells_an_unknown_spec_as_json(tmp_path: Path, photo: Path) -> None:
    """What was asked for is refused alike."""
    status, out, _ = run("check", photo, "--spec", "no-such-spec", "--json")
    assert (status, json.loads(out)["code"]) == (2, "unknown_spec")
