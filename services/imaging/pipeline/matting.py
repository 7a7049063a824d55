"""The matting network: head-and-shoulders crops in, raw alpha out. Runs on ONNX Runtime; batches where that pays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from services.imaging.pipeline import graph, registry
from services.imaging.pipeline.arrays import Pixels, Plane, as_plane, shrunk
from services.imaging.pipeline.registry import MattingModel
from shared.kernel.errors import PocketError

Provider = Literal["cpu", "cuda"]
PROVIDERS: dict[str, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
BATCH: dict[str, int] = {"cpu": 1, "cuda": 16}
"""Photos in one run: a CPU gains nothing from more (measured: 0.40 s a photo alone, 0.52 s in fours) and needs the memory."""


class ProviderRefused(PocketError):
    """A GPU was asked for, and something else is what loaded."""


class Matter:
    """One loaded matting network."""

    def __init__(
        self, weights: Path, model: MattingModel, *, threads: int, provider: str, batch: int | None = None
    ) -> None:
        self.model = model
        self.batch = batch or BATCH[provider]
        single = self.batch == 1
        self._session = _session(_graph(weights, model, free_batch=not single), threads, provider, arena=single)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    def alphas(self, crops: Sequence[Pixels]) -> list[Plane]:
        """The raw alpha of each crop, 0..1, in the network's own square size; nothing is stretched."""
        return self.infer([self.tensor(crop) for crop in crops])

    def infer(self, tensors: Sequence[Plane]) -> list[Plane]:
        """The raw alpha for each of the ready-made inputs, in as few runs as the hardware likes."""
        found: list[Plane] = []
        for start in range(0, len(tensors), self.batch):
            stacked = np.stack(tensors[start : start + self.batch])
            found += list(self._run(stacked))
        return found

    def tensor(self, crop: Pixels) -> Plane:
        """A crop as the network wants it: square, normalised, channels first."""
        small = shrunk(crop, (self.model.side, self.model.side))
        mean, std = (np.asarray(v, dtype=np.float32) for v in (self.model.mean, self.model.std))
        return as_plane(((as_plane(small) / 255 - mean) / std).transpose(2, 0, 1))

    def _run(self, tensors: Plane) -> Plane:
        raw = self._session.run([self._output], {self._input: tensors})[0][:, 0]
        if self.model.sigmoid:
            raw = 1 / (1 + np.exp(-raw))
        return as_plane(np.clip(raw, 0, 1))


def _graph(weights: Path, model: MattingModel, *, free_batch: bool) -> bytes:
    """The model's lean graph: as set-up stored it, if it is the pinned one, else made now from the verified original."""
    if not free_batch and model.lean is not None:
        try:
            return registry.read_verified(weights, model.lean_file, model.lean)
        except registry.WeightsMissing:
            pass
    return graph.lean(_content(weights, model), free_batch=free_batch)


def _content(weights: Path, model: MattingModel) -> bytes:
    """The model's file from the weights folder, or, when only rembg's own cache has it, from there."""
    try:
        return registry.read_verified(weights, model.file, model.digest)
    except registry.WeightsMissing:
        cache = Path.home() / ".u2net"
        if not (cache / model.file).is_file():
            raise
        return registry.read_verified(cache, model.file, model.digest)


def _session(content: bytes, threads: int, provider: str, *, arena: bool) -> Any:
    import onnxruntime  # type: ignore[import-untyped, unused-ignore]

    if provider not in PROVIDERS:
        raise ProviderRefused(f"execution provider {provider!r}: use cpu or cuda")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # An arena is faster, but grows with every new batch size and is never given back: 2 GB after a few batches of four.
    options.enable_cpu_mem_arena = arena
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    wanted = PROVIDERS[provider]
    if wanted not in onnxruntime.get_available_providers():
        raise ProviderRefused(
            f"{provider} was asked for, this ONNX Runtime has {onnxruntime.get_available_providers()}"
        )
    session = onnxruntime.InferenceSession(content, options, providers=[wanted])
    if session.get_providers()[0] != wanted:
        raise ProviderRefused(f"{provider} was asked for, {session.get_providers()[0]} is what loaded")
    return session
