"""Cutting out: the person whole, the background gone, and nothing of the old background's light on the edge."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from services.imaging.pipeline import foreground, person, refine, registry
from services.imaging.pipeline.arrays import as_pixels, as_plane, size_of
from services.imaging.pipeline.cutout import Cutout, CutoutError
from services.imaging.pipeline.faces import network
from services.imaging.pipeline.matting import Matter, ProviderRefused
from services.imaging.pipeline.mesh import OUTLINE
from services.imaging.pipeline.registry import WeightsMissing, matting_model
from services.imaging.pipeline.studio import Studio
from tests.portraits import builders


def test_the_face_is_solid_and_the_corners_are_clear(cutout: Cutout) -> None:
    """Inside the face alpha is full; in the picture's upper corners it is nothing."""
    _, alpha = cutout.person(1)
    inner = cutout.face.points[list(OUTLINE), :2]
    middle = inner.mean(axis=0)
    samples = np.rint(middle + (inner - middle) * 0.8).astype(int)
    assert alpha[samples[:, 1], samples[:, 0]].min() > 250
    assert alpha[:20, :20].max() == 0
    assert alpha[:20, -20:].max() == 0


def test_the_person_is_one_piece(cutout: Cutout) -> None:
    """Flags, chairs and model rockets do not survive: what is solid hangs together."""
    _, alpha = cutout.person(1)
    pieces, _, sizes, _ = cv2.connectedComponentsWithStats((alpha > 127).astype(np.uint8))
    assert pieces == 2 or sorted(sizes[1:, 4])[-2] < 0.002 * alpha.size


def test_the_edge_is_sharper_than_the_network_draws_it(studio: Studio) -> None:
    """Refinement works at full resolution: the soft band is a third narrower than the enlarged network's alpha."""
    prepared = studio.prepare(builders.portrait("obama"))
    raw = studio._matter.alphas([prepared.crop])[0]
    enlarged = cv2.resize(raw, size_of(prepared.crop), interpolation=cv2.INTER_LINEAR)
    fine = refine.refine(raw, prepared.crop)
    assert ((fine > 12) & (fine < 243)).mean() < 0.67 * ((enlarged > 0.05) & (enlarged < 0.95)).mean()


def test_refinement_follows_an_edge_that_the_network_only_guessed() -> None:
    """A blurred guess beside a hard edge snaps to the edge, at four times the network's resolution."""
    scene = np.zeros((1280, 1280, 3), dtype=np.uint8)
    scene[:, :640] = (200, 60, 40)
    scene[:, 640:] = (30, 90, 200)
    guess = as_plane(np.clip((160 - np.arange(320)) / 6 + 0.5, 0, 1) * np.ones((320, 1)))
    enlarged = cv2.resize(guess, (1280, 1280), interpolation=cv2.INTER_LINEAR)
    fine = refine.refine(guess, scene) / 255.0
    truth = (np.arange(1280) < 640).astype(float)
    assert np.abs(fine[400] - truth).mean() < 0.6 * np.abs(enlarged[400] - truth).mean()


def test_foreground_colours_do_not_hold_the_old_background() -> None:
    """A known person colour mixed with a known background: what comes back is the person's colour, in the whole band."""
    alpha = as_pixels(255 * np.clip((120 - np.arange(240)) / 40 + 0.5, 0, 1) * np.ones((240, 1)))
    own, behind = np.array([90.0, 60, 40]), np.array([40.0, 200, 60])
    share = alpha[..., None] / 255.0
    seen = as_pixels(share * own + (1 - share) * behind)
    band = (alpha > 12) & (alpha < 243)
    mended = foreground.foreground(seen, alpha)
    halo_left = np.abs(mended[band] - own).mean()
    halo_before = np.abs(seen[band] - own).mean()
    assert halo_left < 0.25 * halo_before


def test_solid_pixels_keep_the_photos_own_colours(studio: Studio) -> None:
    """Nothing inside the person is repainted."""
    prepared = studio.prepare(builders.portrait("obama"))
    alpha = np.full(prepared.crop.shape[:2], 255, dtype=np.uint8)
    alpha[:, :50] = 0
    colours = foreground.foreground(prepared.crop, alpha)
    assert np.array_equal(colours[:, 50:], prepared.crop[:, 50:])


def test_a_hole_deep_inside_the_person_is_filled(studio: Studio) -> None:
    """Matting that loses half a jacket is mended by the segmentation; near the outline it is left alone."""
    prepared = studio.prepare(builders.portrait("obama"))
    raw = studio._matter.alphas([prepared.crop])[0]
    likely = studio._people.person(prepared.crop)
    damaged = raw.copy()
    damaged[250:290, 120:200] = 0.2
    mended = person.gated(damaged, likely, [prepared.face], size_of(prepared.crop))
    assert mended[255:285, 125:195].min() > 0.9


def test_a_thing_apart_from_the_person_is_dropped(studio: Studio) -> None:
    """A confident blob that is not connected to the face does not survive."""
    prepared = studio.prepare(builders.portrait("obama"))
    raw = studio._matter.alphas([prepared.crop])[0]
    likely = studio._people.person(prepared.crop)
    raw[5:40, 5:40] = 1.0
    assert person.gated(raw, likely, [prepared.face], size_of(prepared.crop))[:45, :45].max() < 0.02


def test_a_matte_that_runs_astray_is_held_back_and_reported(studio: Studio) -> None:
    """When matting takes the whole picture for the person, the segmentation's outline holds it, and the check says so."""
    prepared = studio.prepare(builders.portrait("obama"))
    everything = as_plane(np.ones((320, 320)))
    cut = studio._cut(prepared, everything)
    _, alpha = cut.person(1)
    assert alpha[:60, :60].max() == 0
    [matte] = [check for check in cut.analysis["checks"] if check["id"] == "matte"]
    assert matte["verdict"] == "warn"


def test_one_batch_gives_what_single_runs_give(studio: Studio) -> None:
    """A batch of different photos: each alpha is its own photo's, as if it had been alone."""
    crops = [studio.prepare(builders.portrait(name)).crop for name in ("obama", "astronaut")]
    batched = Matter(registry.default_weights_dir(), matting_model("u2netp"), threads=2, provider="cpu", batch=2)
    for together, alone in zip(batched.alphas(crops), studio._matter.alphas(crops), strict=True):
        assert np.abs(together - alone).max() < 0.02


@pytest.mark.parametrize("name", ["bria-rmbg", "u2net", "withoutbg", ""])
def test_a_model_that_is_not_on_the_list_is_refused(name: str) -> None:
    """Only models whose licence allows this product are ever loaded."""
    with pytest.raises(WeightsMissing, match="not allowed"):
        matting_model(name)


def test_an_allowed_model_without_its_weights_says_so(tmp_path: object) -> None:
    """A missing file is one clear error, not a download behind anyone's back."""
    with pytest.raises(WeightsMissing, match="birefnet"):
        Matter(registry.default_weights_dir(), matting_model("birefnet-portrait"), threads=1, provider="cpu")


def test_weights_that_are_not_the_pinned_ones_are_refused(tmp_path: object) -> None:
    """One changed byte, and the file is not loaded."""
    from pathlib import Path

    folder = Path(str(tmp_path))
    genuine = (registry.default_weights_dir() / "face_landmark.tflite").read_bytes()
    (folder / "face_landmark.tflite").write_bytes(genuine[:-1] + bytes([genuine[-1] ^ 1]))
    with pytest.raises(WeightsMissing, match="not the pinned ones"):
        registry.read_verified(folder, "face_landmark.tflite")


def test_asking_for_a_gpu_that_is_not_there_is_refused() -> None:
    """No silent fall-back to the CPU."""
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ProviderRefused):
        Matter(registry.default_weights_dir(), matting_model("u2netp"), threads=1, provider="cuda")


def test_a_cutout_survives_its_container(cutout: Cutout) -> None:
    """Bytes and back: the same layers, face, head and analysis; and small enough to store."""
    content = cutout.to_bytes()
    again = Cutout.from_bytes(content)
    assert len(content) < 1_500_000
    assert again.analysis == cutout.analysis
    assert again.head == cutout.head
    assert np.array_equal(again.face.points, cutout.face.points)
    for layer, same in zip(again.person(1), cutout.person(1), strict=True):
        assert np.array_equal(layer, same)


def test_a_cutouts_analysis_records_the_model(obama: Cutout) -> None:
    """Which network, which weights: every result says."""
    assert obama.analysis["model"] == {"name": "u2netp", "version": "309c8469258d"}
    assert set(obama.analysis) == {"faces", "pose", "checks", "not_checked", "model"}


@pytest.mark.parametrize(
    "damage", [lambda c: b"", lambda c: c[:100], lambda c: b"X" + c[1:], lambda c: c + b"x", lambda c: c[:-9]]
)
def test_a_damaged_container_is_refused(obama: Cutout, damage: object) -> None:
    """Anything but a whole container is a CutoutError."""
    assert callable(damage)
    with pytest.raises(CutoutError):
        Cutout.from_bytes(damage(obama.to_bytes()))


def test_the_person_is_what_the_segmentation_network_says() -> None:
    """Its last layers, which are computed here, give what the whole network gives."""
    weights = registry.default_weights_dir()
    crop = as_pixels(np.asarray(builders.picture("obama").resize((person.SIDE, person.SIDE))))
    whole = network(weights, "selfie_segmentation.tflite")
    whole.setInput(as_plane(as_plane(crop).transpose(2, 0, 1)[None] / 255))
    answer, ours = whole.forward()[0, 0], person.PersonFinder(weights).person(crop)
    assert answer.shape == ours.shape
    assert answer.max() > 0.9 > 0.1 > answer.min()
    assert np.abs(answer - ours).max() < 1e-5
