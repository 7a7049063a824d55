"""Weights from a place of one's own: what is pinned is taken, anything else is refused."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts import fetch_weights

CONTENT = b"weights of a small network"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A bucket: its address and its folder."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder
    server.shutdown()
    server.server_close()


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """Two pinned files: one embedded, one larger matting model."""
    path = tmp_path / "models.toml"
    path.write_text(
        f'wheel = []\n[[weights]]\nfile = "small.onnx"\nsha256 = "{SHA256}"\nwheel = "none"\n'
        f'[[matting]]\nname = "u2netp"\nfile = "small.onnx"\ndigest = "sha256:{SHA256}"\n'
        f'[[matting]]\nname = "large"\nfile = "large.onnx"\ndigest = "md5:{hashlib.md5(CONTENT).hexdigest()}"\n'
    )
    return path


def test_pinned_files_come_from_the_configured_place_once(
    mirror: tuple[str, Path], registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded file and the model that the settings name are fetched; a second run fetches nothing."""
    address, bucket = mirror
    (bucket / "small.onnx").write_bytes(CONTENT)
    (bucket / "large.onnx").write_bytes(CONTENT)
    monkeypatch.setenv("POCKETID_WEIGHTS_URL", address + "/")
    monkeypatch.setenv("POCKETID_MATTING_MODEL", "large")
    written = fetch_weights.fetch(tmp_path / "weights", registry)
    assert {path.name for path in written} == {"small.onnx", "large.onnx"}
    assert {path.read_bytes() for path in written} == {CONTENT}
    assert fetch_weights.fetch(tmp_path / "weights", registry) == []


@pytest.mark.parametrize("file", ["small.onnx", "large.onnx"])
def test_other_bytes_than_the_pinned_ones_are_refused(
    mirror: tuple[str, Path], registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    """A bucket that was tampered with gives us nothing: the file is not put in place."""
    address, bucket = mirror
    for name in ("small.onnx", "large.onnx"):
        (bucket / name).write_bytes(CONTENT if name != file else CONTENT + b"!")
    monkeypatch.setenv("POCKETID_WEIGHTS_URL", address)
    monkeypatch.setenv("POCKETID_MATTING_MODEL", "large")
    with pytest.raises(fetch_weights.WeightsRefused, match=file):
        fetch_weights.fetch(tmp_path / "weights", registry)
    assert not (tmp_path / "weights" / file).exists()


def test_a_model_that_is_not_on_the_list_is_refused(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the settings name: only listed models are ever fetched."""
    monkeypatch.setenv("POCKETID_WEIGHTS_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("POCKETID_MATTING_MODEL", "bria-rmbg")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "small.onnx").write_bytes(CONTENT)
    with pytest.raises(fetch_weights.WeightsRefused, match="bria-rmbg"):
        fetch_weights.fetch(tmp_path / "weights", registry)
