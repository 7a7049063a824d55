"""Which networks may be loaded, and the proof that a file is the one that was meant."""

from __future__ import annotations

import hashlib
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from shared.kernel.errors import PocketError

REGISTRY = Path(__file__).with_name("models.toml")


class WeightsMissing(PocketError):
    """A model's file is not there, is another file than the pinned one, or may not be used at all."""


@dataclass(frozen=True, slots=True)
class MattingModel:
    """One allowed matting network: where it comes from and how its input is made."""

    name: str
    file: str
    digest: str
    licence: str
    source: str
    side: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    sigmoid: bool
    lean: str | None = None

    @property
    def lean_file(self) -> str:
        """The name of the rewritten graph beside the original."""
        return f"{Path(self.file).stem}.lean.onnx"

    @property
    def version(self) -> str:
        """The first twelve digits of the weights' digest: what a result records."""
        return self.digest.split(":")[1][:12]


def default_weights_dir() -> Path:
    """Where set-up puts the weights of this Python environment."""
    return Path(sys.prefix) / "share" / "pocketid" / "weights"


def matting_model(name: str) -> MattingModel:
    """The model called ``name``. Raises WeightsMissing for every name that is not on the list."""
    entries = {entry["name"]: entry for entry in _registry()["matting"]}
    if name not in entries:
        allowed = ", ".join(sorted(entries))
        raise WeightsMissing(
            f"matting model {name!r} is not allowed: its licence was not cleared; use one of {allowed}"
        )
    entry = entries[name]
    return MattingModel(**{**entry, "mean": tuple(entry["mean"]), "std": tuple(entry["std"])})


def read_verified(weights: Path, file: str, digest: str | None = None) -> bytes:
    """The bytes of a weights file, proven to be the pinned ones. Raises WeightsMissing otherwise."""
    pinned = digest or _pinned(file)
    try:
        content = (weights / file).read_bytes()
    except OSError as error:
        raise WeightsMissing(f"weights {file} are not in {weights}: run scripts/fetch_weights.py") from error
    kind, wanted = pinned.split(":")
    found = hashlib.new(kind, content, usedforsecurity=False).hexdigest()
    if found != wanted:
        raise WeightsMissing(f"weights {file} are not the pinned ones: {kind} {found}, wanted {wanted}")
    return content


def _pinned(file: str) -> str:
    for entry in _registry()["weights"]:
        if entry["file"] == file:
            return f"sha256:{entry['sha256']}"
    raise WeightsMissing(f"no digest is pinned for {file}")


@cache
def _registry() -> dict[str, Any]:
    return tomllib.loads(REGISTRY.read_text(encoding="utf-8"))
