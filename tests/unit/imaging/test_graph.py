"""The rewritten network is the same network: less memory, the same answers."""

from __future__ import annotations

import hashlib

import numpy as np
import onnxruntime

from services.imaging.pipeline import graph, registry


def answers(content: bytes, tensors: np.ndarray) -> np.ndarray:
    """The first output of a model for a batch of inputs."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return np.asarray(session.run([session.get_outputs()[0].name], {session.get_inputs()[0].name: tensors})[0])


def test_the_lean_graph_gives_the_published_networks_answers() -> None:
    """Same alpha to a millionth, one output; no concatenation before a convolution, no wide kernel that ends in one channel."""
    import onnx

    published = registry.read_verified(registry.default_weights_dir(), "u2netp.onnx")
    rewritten = graph.lean(published)
    tensor = np.random.default_rng(3).standard_normal((1, 3, 320, 320)).astype(np.float32)
    assert np.abs(answers(published, tensor) - answers(rewritten, tensor)).max() < 1e-5
    model = onnx.load_from_string(rewritten)
    assert len(model.graph.output) == 1
    joined = {node.output[0] for node in model.graph.node if node.op_type == "Concat"}
    split = [node for node in model.graph.node if node.op_type == "Conv" and node.input[0] in joined]
    assert len(split) <= 1
    kernels = [tuple(value.dims) for value in model.graph.initializer if len(value.dims) == 4]
    assert not [kernel for kernel in kernels if kernel[0] == 1 and kernel[1] > 9 and kernel[2] > 1]


def test_the_lean_graph_is_the_pinned_one() -> None:
    """What set-up stores and what the registry pins are the same bytes, so a changed rewrite cannot go unnoticed."""
    published = registry.read_verified(registry.default_weights_dir(), "u2netp.onnx")
    digest = hashlib.sha256(graph.lean(published)).hexdigest()
    assert registry.matting_model("u2netp").lean == f"sha256:{digest}"


def test_a_free_batch_takes_any_number() -> None:
    """Three photos in one run."""
    published = registry.read_verified(registry.default_weights_dir(), "u2netp.onnx")
    tensors = np.zeros((3, 3, 320, 320), dtype=np.float32)
    assert answers(graph.lean(published, free_batch=True), tensors).shape == (3, 1, 320, 320)
