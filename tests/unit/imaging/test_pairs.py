"""Photos of two people, as marriage registration wants them: both found, both kept, both placed; no more and no fewer."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app_with
from services.imaging.pipeline import geometry, looks
from services.imaging.pipeline.annotate import annotated
from services.imaging.pipeline.arrays import Pixels, as_pixels
from services.imaging.pipeline.cutout import Cutout, CutoutError
from services.imaging.pipeline.mesh import Face
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.studio import Rendered, Studio
from services.imaging.specs import catalogue
from shared.kernel.errors import Code, PhotoRejected
from tests.portraits import builders
from tests.unit.imaging import couples
from tests.unit.imaging.conftest import cut_out, loaded_studio
from tests.unit.imaging.couples import TOGETHER, Someone

SPEC = "cn-marriage-registration"
LEANING = (Someone("biden", (560, 330), 1.0, 8), Someone("astronaut", (870, 380), 0.9, -8))
CLOSE = (Someone("obama", (640, 380)), Someone("biden", (860, 400), 0.95, -6))
APART = (Someone("obama", (450, 380), 0.8), Someone("biden", (1020, 360), 0.85))
COUPLES = {"together": TOGETHER, "leaning": LEANING, "close": CLOSE}


@cache
def couple(name: str = "together", turned: float = 0.0) -> Cutout:
    """A couple's cutout."""
    people = COUPLES.get(name, APART)
    studio = loaded_studio()
    return studio.matte([studio.prepare(couples.photo(*people, turned=turned), people=2)])[0]


def rendered(studio: Studio, cutout: Cutout, **order: Any) -> Rendered:
    """A finished photo, of the couple's spec when nothing else is asked for."""
    return studio.render(cutout, RenderOrder.parse({"spec": SPEC, "format": "png"} | order))


def opened(content: bytes) -> Pixels:
    """A finished file's pixels."""
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert picture is not None
    return as_pixels(picture)


def faces_in(studio: Studio, picture: Pixels) -> list[Face]:
    """The faces that are seen in a finished photo, from left to right."""
    return sorted(studio._finder.find(picture).faces, key=lambda face: float(face.eye_middle[0]))


def refusal(studio: Studio, content: bytes) -> Code:
    """The code that a photo of two is refused with."""
    with pytest.raises(PhotoRejected) as refused:
        studio.prepare(content, people=2)
    return refused.value.actual_code


def checked(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A report's checks by their ids."""
    return {check["id"]: check for check in shown["checks"]}


@pytest.mark.parametrize("name", list(COUPLES))
def test_both_people_stand_in_the_finished_photo(studio: Studio, name: str) -> None:
    """Two faces of the usual size, their middle on the photo's, whole heads with air around them, before the ordered red."""
    made = rendered(studio, couple(name))
    picture = opened(made.image)
    assert picture.shape == (413, 626, 3)
    faces = faces_in(studio, picture)
    assert len(faces) == 2
    middle = np.mean([face.eye_middle for face in faces], axis=0)
    assert middle[0] == pytest.approx(313, abs=8)
    assert sum(face.roll for face in faces) / 2 == pytest.approx(0, abs=2)
    for face in faces:
        assert 0.2 < face.eyes_to_chin / 413 < 0.33
    red = np.abs(picture.astype(int) - (255, 0, 0)).max(axis=2) < 12
    assert red[:8].mean() > 0.99
    assert red[:250, :12].mean() > 0.9
    assert red[:250, -12:].mean() > 0.9
    for face in faces:
        left, top, right, bottom = (int(side) for side in face.box)
        inset = (right - left) // 5  # the box's corners lie beside the jaw
        assert red[top : bottom - inset, left + inset : right - inset].mean() < 0.001


@pytest.mark.parametrize("name", list(COUPLES))
def test_what_the_couple_wear_is_kept_as_well(studio: Studio, name: str) -> None:
    """Matting keeps both bodies: below each chin stands somebody."""
    picture = opened(rendered(studio, couple(name)).image)
    red = np.abs(picture.astype(int) - (255, 0, 0)).max(axis=2) < 12
    for face in faces_in(studio, picture):
        x, y = (int(v) for v in face.chin)
        assert red[y:, x - 25 : x + 25].mean() < 0.02


def test_the_report_says_that_two_are_there(studio: Studio) -> None:
    """The people's check passes, no warning asks for two, and each measure is there once."""
    facts = rendered(studio, couple("together")).compliance
    found = checked(facts)
    assert (found["people"]["value"], found["people"]["verdict"]) == (2, "pass")
    assert "people" not in {warning["id"] for warning in facts["warnings"]}
    assert {"head_height", "top_margin", "background", "clothes_contrast"} <= set(found)
    assert len(found) == len(facts["checks"])


def test_each_check_is_of_the_one_who_does_worse(studio: Studio) -> None:
    """Obama's open mouth beside Biden's closed one is what is told; single_face has made way for nobody_else."""
    shown = checked(couple("close").analysis)
    assert shown["mouth_closed"]["verdict"] == "warn"
    assert (shown["nobody_else"]["verdict"], shown["side_by_side"]["verdict"]) == ("pass", "pass")
    assert "single_face" not in shown
    assert [face["main"] for face in couple("close").analysis["faces"]] == [True, True]


def test_two_who_stand_apart_are_told_to_come_closer(studio: Studio) -> None:
    """Nearly four face widths: a warning in both languages, and still whole heads in the frame."""
    cutout = couple("apart")
    check = checked(cutout.analysis)["side_by_side"]
    assert (check["verdict"], check["unit"], check["threshold"]) == ("warn", "ratio", {"warn_max": 2.5})
    assert check["value"] > 3.5
    assert all(check["advice"][language] for language in ("zh", "en"))
    made = rendered(studio, cutout)
    assert "side_by_side" in {warning["id"] for warning in made.compliance["warnings"]}
    assert len(faces_in(studio, opened(made.image))) == 2
    spec = catalogue.spec_of(SPEC)
    scale = geometry.place(cutout.head, spec).scale
    for head, side in zip(cutout.head.people, (-1, 1), strict=True):
        assert 313 + side * (head.aside + side * head.width / 2) * scale < 626 * 0.97


@pytest.mark.parametrize("degrees", [7, -7])
def test_a_crooked_camera_is_set_right_and_a_lean_is_kept(degrees: float) -> None:
    """Both turn by the mean of their rolls: the same couple upright and crooked lie alike."""
    upright, crooked = couple("leaning"), couple("leaning", degrees)
    assert crooked.head.roll - upright.head.roll == pytest.approx(-degrees, abs=1)
    for one, other in zip(upright.head.people, crooked.head.people, strict=True):
        assert other.aside / upright.head.width == pytest.approx(one.aside / upright.head.width, abs=0.05)
        assert other.drop / upright.head.width == pytest.approx(one.drop / upright.head.width, abs=0.05)


@pytest.mark.parametrize(
    "content",
    [builders.portrait("obama"), builders.with_bystander(0.25), builders.with_bystander(0.45)],
    ids=["alone", "somebody far off", "somebody behind"],
)
def test_one_person_is_not_enough(studio: Studio, content: bytes) -> None:
    """Alone, or beside a face that is much smaller: the second one is missing."""
    assert refusal(studio, content) is Code.SECOND_FACE_MISSING


def test_nobody_at_all_is_still_nobody(studio: Studio) -> None:
    """Without any face the answer stays no_face."""
    assert refusal(studio, builders.no_face()) is Code.NO_FACE


def test_a_third_face_is_one_too_many(studio: Studio) -> None:
    """Three of a size: several_faces, as for two in a photo of one."""
    third = Someone("biden", (1230, 380), 0.95)
    assert refusal(studio, couples.photo(*TOGETHER, third)) is Code.SEVERAL_FACES
    with pytest.raises(PhotoRejected) as refused:
        studio.prepare(couples.photo(*TOGETHER))
    assert refused.value.actual_code is Code.SEVERAL_FACES


def test_a_fault_of_either_refuses_the_photo(studio: Studio) -> None:
    """The one on the right is cut off by the photo's edge: no photo, though the other is fine."""
    beyond = (Someone("obama", (1050, 400)), Someone("biden", (1478, 400), 0.95))
    assert refusal(studio, couples.photo(*beyond)) in {Code.FACE_CUT_OFF, Code.SECOND_FACE_MISSING}


def test_a_couple_is_packed_and_unpacked_whole() -> None:
    """Both faces and heads come back; a cutout of one from before there were two is read as before."""
    cutout = couple("together")
    again = Cutout.from_bytes(cutout.to_bytes())
    assert again.head == cutout.head
    assert again.beside is not None
    for one, other in zip(again.faces, cutout.faces, strict=True):
        assert np.array_equal(one.points, other.points)
    alone = cut_out("obama")
    old = alone.to_bytes()
    for added in (b'"beside":null,', b',"aside":0.0,"drop":0.0,"beside":null'):
        shorter = old.replace(added, b"", 1)
        length = int.from_bytes(old[6:10], "big") - len(added)
        old = shorter[:6] + length.to_bytes(4, "big") + shorter[10:]
    assert b"aside" not in old[:2000]
    assert Cutout.from_bytes(old).head == alone.head


def test_a_cutout_with_a_face_and_no_head_for_it_is_refused() -> None:
    """Half a couple is damage, not a person."""
    cutout = couple("together")
    content = cutout.to_bytes().replace(b'"beside":{"roll"', b'"besidE":{"roll"')
    with pytest.raises(CutoutError):
        Cutout.from_bytes(content)


def test_one_spec_is_not_met_by_two(studio: Studio) -> None:
    """A couple in a one-inch photo fails, as one person in a couple's photo does."""
    facts = rendered(studio, couple("together"), spec="one-inch", format="jpeg").compliance
    assert checked(facts)["people"]["verdict"] == "fail"
    assert facts["verdict"] == "fail"


def test_retouching_reaches_both_faces(studio: Studio) -> None:
    """The skin's mask has both faces in it, and nothing between them."""
    cutout, spec = couple("together"), catalogue.spec_of(SPEC)
    placement = geometry.placed(cutout.face, cutout.head, spec)
    mask = looks.skin_mask(cutout, placement, spec.px)
    for face in cutout.faces:
        x, y = placement.matrix @ np.array([*face.points[4, :2], 1.0])
        assert mask[int(y), int(x)] > 0.9
    assert mask[:, 310].max() < 0.1


def test_the_annotated_picture_shows_both_meshes() -> None:
    """A picture with the frame and both people's measures."""
    assert opened(annotated(couple("together"), catalogue.spec_of(SPEC))).shape[1] > 1000


@pytest.mark.pictures
def test_the_command_makes_a_couples_photo(tmp_path: Path) -> None:
    """``pocketid make --spec cn-marriage-registration`` takes two, and refuses one; every other spec refuses two."""
    both, alone = tmp_path / "both.jpg", tmp_path / "alone.jpg"
    both.write_bytes(couples.photo(*TOGETHER))
    alone.write_bytes(builders.portrait("obama"))

    def made(photo: Path, spec: str) -> tuple[int, str]:
        words = ["make", str(photo), "--spec", spec, "--output", str(tmp_path / "out.jpg")]
        result = CliRunner().invoke(app_with(["make"]), words)
        return result.exit_code, result.stderr

    assert made(both, SPEC)[0] == 0
    assert opened((tmp_path / "out.jpg").read_bytes()).shape == (413, 626, 3)
    assert "second_face_missing" in made(alone, SPEC)[1]
    assert "several_faces" in made(both, "one-inch")[1]
