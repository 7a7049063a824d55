"""The matte against rembg's with the same weights (u2netp), on people whose alpha is exact because it was drawn.

``python bench/matting.py [--rembg PYTHON] [--rounds N] [--keep FOLDER] [--others]``: PYTHON is an interpreter that has rembg (by
default this one). rembg reads its weights from ~/.u2net/u2netp.onnx; have the same file there and nothing is fetched.
Errors are taken on the head-and-shoulders crop, for all sides alike; times are processor seconds for a whole photo
(ours: decode, faces, checks, matte, colours, packing; rembg: ``remove`` on a decoded picture), one thread.
``--others`` takes people and backgrounds that no constant of the pipeline was chosen on.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2

from bench import drawn, matte_errors
from bench.drawn import Drawn
from services.imaging.pipeline.arrays import Pixels, Plane, as_pixels, as_plane, size_of
from services.imaging.pipeline.studio import Studio, StudioSettings

MEASURES = ("sad", "mse", "grad", "conn", "halo")
Box = tuple[int, int, int, int]
Rows = dict[str, list[dict[str, float]]]
Scenes = dict[str, tuple[Drawn, Pixels]]


def scenes(others: bool) -> Scenes:
    """Every subject before every background, by name."""
    people = [drawn.draw(subject) for subject in (drawn.OTHERS if others else drawn.SUBJECTS)]
    behind = drawn.other_backgrounds() if others else drawn.backgrounds()
    return {f"{i}-{name}": (who, who.over(back)) for i, who in enumerate(people) for name, back in behind.items()}


def ours(studio: Studio, content: bytes, photo: Pixels, rounds: int) -> tuple[Plane, Plane, Box, float]:
    """Our colours and alpha, the crop they cover (left, top, right, bottom), and the median seconds."""
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        prepared = studio.prepare(content, refuse=False)
        cutout = studio.matte([prepared])[0]
        taken.append(time.process_time() - start)
    _, _, _, (left, top) = cv2.minMaxLoc(cv2.matchTemplate(photo, prepared.crop, cv2.TM_CCORR_NORMED))
    width, height = size_of(prepared.crop)
    assert (photo[top : top + height, left : left + width] == prepared.crop).all(), "the crop must be unscaled"
    colours, alpha = cutout.person(1)
    return as_plane(colours), as_plane(alpha) / 255, (left, top, left + width, top + height), statistics.median(taken)


def judged(colours: Plane, alpha: Plane, who: Drawn, box: Box) -> dict[str, float]:
    """All errors of one matte on the crop."""
    left, top, right, bottom = box
    truth, premultiplied = who.alpha[top:bottom, left:right], who.premultiplied[top:bottom, left:right]
    found = matte_errors.errors(alpha, truth)
    return found | {"halo": matte_errors.halo(colours, alpha, premultiplied, truth)}


def run_rembg(python: str, folder: Path, rounds: int) -> dict[str, float] | None:
    """rembg's mattes into the folder; seconds by mode; None when that interpreter has no rembg."""
    if subprocess.run([python, "-c", "import rembg"], capture_output=True, check=False).returncode:
        return None
    runner = Path(__file__).with_name("rembg_runner.py")
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([python, str(runner), str(folder), str(rounds)], check=True, env=alone)
    times: dict[str, float] = json.loads((folder / "out" / "times.json").read_text())
    return times


def measure(folder: Path, python: str, rounds: int, scenes: Scenes) -> tuple[Rows, dict[str, float]]:
    """Errors by side, one row a scene, and seconds by side."""
    studio = Studio.load(StudioSettings(threads=1))
    rows: Rows = {"ours": []}
    boxes: dict[str, tuple[Drawn, Box]] = {}
    taken = []
    for name, (who, photo) in scenes.items():
        content = cv2.imencode(".png", cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))[1].tobytes()
        (folder / f"{name}.png").write_bytes(content)
        colours, alpha, box, seconds = ours(studio, content, photo, rounds)
        rows["ours"].append(judged(colours, alpha, who, box))
        taken.append(seconds)
        boxes[name] = who, box
        cv2.imwrite(str(folder / f"{name}.ours.jpg"), as_pixels(alpha * 255))
    times = run_rembg(python, folder, rounds)
    for mode in times or {}:
        for name, (who, box) in boxes.items():
            made = cv2.imread(str(folder / "out" / f"{name}.{mode}.png"), cv2.IMREAD_UNCHANGED)
            made = made[box[1] : box[3], box[0] : box[2]]
            colours, alpha = as_plane(made[:, :, 2::-1]), as_plane(made[:, :, 3]) / 255
            rows.setdefault(f"rembg {mode}", []).append(judged(colours, alpha, who, box))
    return rows, {"ours": statistics.median(taken)} | {f"rembg {mode}": one for mode, one in (times or {}).items()}


def show(rows: Rows, times: dict[str, float], names: list[str]) -> None:
    """The table of means, the claim, and the claim before each kind of background."""
    print(f"{'mean of ' + str(len(rows['ours'])) + ' photos':24}" + "".join(f"{m:>9}" for m in MEASURES) + f"{'s':>9}")
    means = {who: {m: statistics.mean(one[m] for one in found) for m in MEASURES} for who, found in rows.items()}
    for who, mean in means.items():
        print(f"{who:24}" + "".join(f"{mean[m]:9.2f}" for m in MEASURES) + f"{times[who]:9.3f}")
    if "rembg plain" not in means:
        print("rembg is not installed there: no comparison (see --rembg)")
        return
    for who in means:
        if who != "ours":
            parts = [f"{m} {means['ours'][m] / means[who][m]:.2f}" for m in MEASURES]
            print(f"ours / {who:20}" + ", ".join(parts) + f", time {times['ours'] / times[who]:.2f}")
    for scene in dict.fromkeys(name.partition("-")[2] for name in names):
        chosen = {
            who: [one for name, one in zip(names, found, strict=True) if name.endswith(scene)]
            for who, found in rows.items()
        }
        parts = [f"{m} {_mean(chosen['ours'], m) / _mean(chosen['rembg plain'], m):.2f}" for m in MEASURES]
        print(f"  before {scene:8}" + ", ".join(parts))
    print("target over rembg plain: mse <= 0.50, halo <= 0.50, time <= 1.25")


def _mean(found: list[dict[str, float]], measure: str) -> float:
    return statistics.mean(one[measure] for one in found)


def main() -> None:
    """Draws, runs both sides, prints."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rembg", default=sys.executable)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--keep", type=Path)
    arguments.add_argument("--others", action="store_true")
    chosen = arguments.parse_args()
    photos = scenes(chosen.others)
    with tempfile.TemporaryDirectory(prefix="pocketid-matting-") as scratch:
        folder = chosen.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        show(*measure(folder, chosen.rembg, chosen.rounds, photos), list(photos))


if __name__ == "__main__":
    main()
