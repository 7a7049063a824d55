"""Runs in an environment of its own that has rembg: every picture of a folder, in every mode, with times.

``python rembg_runner.py FOLDER ROUNDS``: reads FOLDER/*.png, writes FOLDER/out/NAME.MODE.png (RGBA) and
FOLDER/out/times.json (median seconds of processor time by mode, after a warm-up).
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

MODES: dict[str, dict[str, Any]] = {
    "plain": {},
    "alpha matting": {"alpha_matting": True},
    "post-process": {"post_process_mask": True},
}


def main() -> None:
    """Does what the module says."""
    import inspect

    import rembg
    from PIL import Image

    session = rembg.new_session("u2netp")
    modes = dict(MODES)
    if "decontaminate" in inspect.signature(rembg.remove).parameters:
        modes["decontaminate"] = {"decontaminate": True}
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    (folder / "out").mkdir(exist_ok=True)
    times: dict[str, float] = {}
    for mode, options in modes.items():
        taken = []
        for path in sorted(folder.glob("*.png")):
            picture = Image.open(path).convert("RGB")
            rembg.remove(picture, session=session, **options) if not taken else None
            for _ in range(rounds if mode == "plain" else 1):
                start = time.process_time()
                made = rembg.remove(picture, session=session, **options)
                taken.append(time.process_time() - start)
            made.save(folder / "out" / f"{path.stem}.{mode}.png")
        times[mode] = statistics.median(taken)
    (folder / "out" / "times.json").write_text(json.dumps(times))


if __name__ == "__main__":
    main()
