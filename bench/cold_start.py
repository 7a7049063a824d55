"""Claim: ``pocketid make PHOTO`` is quick from a cold start to the file on disk.

Baseline: a Python process that only imports the libraries it cannot do without.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.figures import claim, median

RUNS = 7
PHOTO = Path(__file__).parent.parent / "tests" / "portraits" / "obama.jpg"


def seconds(*command: str) -> float:
    begun = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - begun


def main() -> None:
    command = str(Path(sys.executable).parent / "pocketid")
    with tempfile.TemporaryDirectory() as folder:
        ours, bare = [], []
        for number in range(RUNS):
            ours.append(seconds(command, "make", str(PHOTO), "-o", f"{folder}/{number}.jpg"))
            bare.append(seconds(sys.executable, "-c", "import cv2, numpy, onnxruntime, PIL.Image"))
    claim(
        f"pocketid make, cold start to file on disk, p50 of {RUNS}",
        f"{median(ours):.2f} s",
        f"{median(bare):.2f} s, importing cv2, numpy, onnxruntime and Pillow",
        median(ours) / median(bare),
        "<= 2 s",
    )


if __name__ == "__main__":
    main()
