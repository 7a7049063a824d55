"""A folder of photos: every one is tried once, in parallel, and a second run goes on where the first one stopped."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import making
from cli.main import app_with
from cli.making import Job, Maker, finished_before, jobs_in, journal_of, make_all, workers_for
from services.imaging.pipeline.order import RenderOrder
from tests.portraits import builders
from tests.unit.imaging.conftest import loaded_studio

pytestmark = pytest.mark.pictures

WANTED = {"spec": "one-inch"}
ORDER = RenderOrder.parse(WANTED)


def run(*words: str | Path) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of ``pocketid make`` with these words."""
    result = CliRunner().invoke(app_with(["make"]), ["make", *(str(word) for word in words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three good photos and one without a face."""
    source = tmp_path / "photos"
    source.mkdir()
    for name in ("astronaut", "biden", "obama"):
        (source / f"{name}.jpg").write_bytes(builders.portrait(name))
    (source / "wall.png").write_bytes(builders.no_face())
    return source


def results_of(folder: Path, output: Path, **wanted: Any) -> dict[str, dict[str, Any]]:
    """The JSON results of a run, by the photo's name."""
    words = [word for name, value in wanted.items() for word in (f"--{name}", str(value))]
    _, out, _ = run(folder, "-o", output, "--json", *words)
    return {Path(result["photo"]).name: result for result in json.loads(out)}


def test_a_second_run_makes_nothing_again(folder: Path, tmp_path: Path) -> None:
    """Finished and refused photos are skipped and still reported; files keep their time; --again makes all again."""
    output = tmp_path / "out"
    first = results_of(folder, output)
    times = {path.name: path.stat().st_mtime_ns for path in output.iterdir()}
    second = results_of(folder, output)
    assert sorted(times) == ["astronaut-one-inch.jpg", "biden-one-inch.jpg", "obama-one-inch.jpg"]
    assert {path.name: path.stat().st_mtime_ns for path in output.iterdir()} == times
    assert first["wall.png"]["code"] == second["wall.png"]["code"] == "no_face"
    assert all(result["skipped"] for result in second.values())
    assert [name for name, one in second.items() if one | {"skipped": True} != first[name] | {"skipped": True}] == []
    _, out, err = run(folder, "-o", output, "--again")
    assert "made before" not in out
    assert "3 made, 0 made before, 1 refused" in err


def test_only_what_changed_is_made_again(folder: Path, tmp_path: Path) -> None:
    """A new photo, another content under the same name, a file that is gone; another order makes all again."""
    output = tmp_path / "out"
    results_of(folder, output)
    (folder / "new.jpg").write_bytes(builders.portrait("obama"))
    (folder / "biden.jpg").write_bytes(builders.portrait("astronaut"))
    (output / "obama-one-inch.jpg").unlink()
    second = results_of(folder, output)
    made = sorted(name for name, result in second.items() if not result.get("skipped"))
    assert made == ["biden.jpg", "new.jpg", "obama.jpg"]
    assert (output / "obama-one-inch.jpg").is_file()
    third = results_of(folder, output, background="red")
    assert not [name for name, result in third.items() if result.get("skipped")]


class Stops(Exception):
    """What kills a run half-way."""


def test_a_run_that_was_killed_goes_on_where_it_stopped(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at the third photo, with half a line in the journal: the next run makes the third and fourth only."""
    output, seen = tmp_path / "out", []
    jobs = jobs_in(folder, output, ORDER, WANTED)
    monkeypatch.setattr(making, "open_studio", lambda threads=None: loaded_studio())

    def dies(maker: Maker, job: Job) -> dict[str, Any]:
        seen.append(job.photo.name)
        if len(seen) == 3:
            raise Stops
        return maker.make(job.photo, job.target)

    monkeypatch.setattr(making, "_tried", dies)
    with pytest.raises(Stops):
        list(make_all(jobs, output, WANTED, 1))
    with journal_of(output).open("ab") as journal:
        journal.write(b'{"fingerprint": "abc", "resu')
    done = finished_before(jobs, output)
    left = [job for job in jobs if job.fingerprint not in done]
    assert [job.photo.name for job in left] == ["obama.jpg", "wall.png"]
    assert len(list(make_all(left, output, WANTED, 1))) == 2
    assert len(finished_before(jobs, output)) == 4


def test_several_workers_make_what_one_makes(folder: Path, tmp_path: Path) -> None:
    """The same files, byte by byte, and the same report, whatever the number of processes."""
    alone, together = results_of(folder, tmp_path / "one", workers=1), results_of(folder, tmp_path / "two", workers=2)
    assert list(alone) == list(together) == sorted(alone)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert {name: one.get("code") for name, one in alone.items()} == {
        name: one.get("code") for name, one in together.items()
    }


def test_a_worker_is_started_only_for_enough_photos() -> None:
    """What was asked for, never more than photos; else one for every four, up to one a core."""
    assert [workers_for(jobs, 0) for jobs in (0, 1, 3, 4)] == [1, 1, 1, 1]
    assert workers_for(1000, 0) >= 1
    assert [workers_for(jobs, 3) for jobs in (1, 2, 10)] == [1, 2, 3]


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_report_has_every_photo(folder: Path, tmp_path: Path, kind: str) -> None:
    """Status, file, size, verdict, and for a refused photo its code and reason in both languages."""
    report = tmp_path / f"report.{kind}"
    status, _, err = run(folder, "-o", tmp_path / "out", "--report", report)
    assert status == 2
    assert "3 made, 0 made before, 1 refused" in err
    assert "ID photos" in err, "the progress bar"
    if kind == "json":
        rows = {Path(row["photo"]).name: row for row in json.loads(report.read_text("utf-8"))}
        assert rows["wall.png"]["code"] == "no_face"
        assert rows["obama.jpg"]["compliance"]["checks"]
        return
    found = csv.DictReader(io.StringIO(report.read_text("utf-8-sig")))
    rows = {Path(row["photo"]).name: row for row in found}
    assert list(rows) == ["astronaut.jpg", "biden.jpg", "obama.jpg", "wall.png"]
    assert (rows["wall.png"]["status"], rows["wall.png"]["code"]) == ("refused", "no_face")
    assert rows["wall.png"]["zh"]
    assert rows["wall.png"]["en"]
    assert (rows["biden.jpg"]["status"], rows["biden.jpg"]["width"], rows["biden.jpg"]["verdict"]) == (
        "made",
        "295",
        "pass",
    )


def test_a_photos_name_is_no_formula_in_the_report(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spreadsheet shows =1+1.png, it does not work it out."""
    for path in folder.iterdir():
        path.unlink()
    (folder / "=1+1.png").write_bytes(builders.text())
    monkeypatch.chdir(folder)
    run(Path(), "-o", tmp_path / "out", "--report", tmp_path / "r.csv")
    [row] = csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text("utf-8-sig")))
    assert row["photo"] == "'=1+1.png"


def test_two_photos_of_one_stem_do_not_overwrite_each_other(folder: Path, tmp_path: Path) -> None:
    """obama.jpg and obama.png become two files."""
    (folder / "obama.png").write_bytes(builders.png("obama"))
    results_of(folder, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"obama-jpg-one-inch.jpg", "obama-png-one-inch.jpg", "biden-one-inch.jpg"} <= names


def test_a_photo_that_cannot_be_read_is_told_and_tried_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are made; the next run tries it again, since nothing was learnt about the photo."""
    output = tmp_path / "out"
    real = Path.read_bytes

    def unreadable(path: Path) -> bytes:
        if path.name == "biden.jpg":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", unreadable)
        first = results_of(folder, output)
    assert first["biden.jpg"]["code"] == "file_error"
    assert "file" in first["obama.jpg"]
    second = results_of(folder, output)
    assert [name for name, one in second.items() if not one.get("skipped")] == ["biden.jpg"]
    assert "file" in second["biden.jpg"]
