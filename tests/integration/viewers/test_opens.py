"""Finished files open elsewhere: in libvips and in a browser, with the same pixels that Pillow sees."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from services.imaging.pipeline.cutout import Cutout
from services.imaging.pipeline.order import RenderOrder
from services.imaging.pipeline.studio import Rendered, Studio
from tests.portraits import builders
from tests.system.viewers import browse, program

ORDERS: dict[str, dict[str, Any]] = {
    "jpeg in a window of kilobytes": {"spec": "us-visa", "background": "white"},
    "png": {"spec": "one-inch", "background": "blue", "format": "png"},
    "png with alpha": {"spec": "two-inch", "background": "transparent"},
    "jpeg of a sheet": {"spec": "one-inch", "background": "red", "sheet": "six-inch"},
}
PAGE = """<!doctype html><meta charset="utf-8">%s<pre id="found"></pre><script>
onload = () => {
  const found = Array.from(document.images, image => {
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data, sums = [0, 0, 0, 0];
    for (let i = 0; i < data.length; i += 4)
      for (let c = 0; c < 4; c++) sums[c] += c < 3 ? data[i + c] * data[i + 3] / 255 : data[i + 3];
    return {width: canvas.width, height: canvas.height, mean: sums.map(sum => sum / (data.length / 4))};
  });
  document.getElementById('found').textContent = JSON.stringify(found);
};
</script>"""
"""Measures its pictures once all are loaded, which is also what the browser waits for before it prints the page."""


@pytest.fixture(scope="module")
def finished() -> dict[str, Rendered]:
    """Each order's file, all from one photo."""
    studio = Studio.load()
    cutout: Cutout = studio.matte([studio.prepare(builders.portrait("obama"))])[0]
    return {name: studio.render(cutout, RenderOrder.parse(order)) for name, order in ORDERS.items()}


def shown_by_pillow(content: bytes) -> np.ndarray:
    """Height x width x 4, colours times alpha."""
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA")).astype(float)
    pixels[:, :, :3] *= pixels[:, :, 3:] / 255
    return pixels


@pytest.mark.parametrize("name", ORDERS)
def test_libvips_reads_the_same_pixels_and_the_same_resolution(
    finished: dict[str, Rendered], name: str, tmp_path: Path
) -> None:
    """Converted to PNG by libvips: no warning, equal for PNG, nearly equal for JPEG; and the resolution, in pixels a mm."""
    file = finished[name]
    source, copy = tmp_path / f"photo.{file.format}", tmp_path / "copy.png"
    source.write_bytes(file.image)
    done = subprocess.run([program("vips"), "copy", source, copy], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    theirs, ours = shown_by_pillow(copy.read_bytes()), shown_by_pillow(file.image)
    assert theirs.shape == ours.shape == (file.height, file.width, 4)
    assert np.abs(theirs - ours).max() <= (0 if file.format == "png" else 3)
    asked = [program("vipsheader"), "-f", "xres", source]
    a_millimetre = float(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    dpi = Image.open(io.BytesIO(file.image)).info["dpi"][0]
    assert a_millimetre * 25.4 == pytest.approx(dpi, rel=0.01)
    assert dpi >= 290


def test_a_browser_shows_every_file_in_its_own_size_and_colours(finished: dict[str, Rendered], tmp_path: Path) -> None:
    """Decoded and drawn by Chromium: the width, the height, and the mean of each channel."""
    pictures = [
        f'<img src="data:{one.media_type};base64,{base64.b64encode(one.image).decode()}">' for one in finished.values()
    ]
    page = tmp_path / "page.html"
    page.write_text(PAGE % "".join(pictures), encoding="utf-8")
    answer = re.search(r'<pre id="found">(.+)</pre>', browse(page, tmp_path, "--dump-dom"))
    assert answer is not None, "the page measured nothing"
    for seen, file in zip(json.loads(answer[1]), finished.values(), strict=True):
        assert (seen["width"], seen["height"]) == (file.width, file.height)
        assert seen["mean"] == pytest.approx(shown_by_pillow(file.image).mean(axis=(0, 1)), abs=1)
