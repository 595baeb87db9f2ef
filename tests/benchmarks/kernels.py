"""Is any kernel below 8 bits faster than int8 here? ``python -m tests.benchmarks.kernels --json``.

One thread, the linears of HuBERT Base, 10 s of speech, interleaved rounds; each as a share of onnxruntime's fp32. Ours
is the layer as the export has it, the quantization of its input included. MatMulNBits is onnxruntime's own for few bits
(blocks of 128, int8 arithmetic). XNOR is the package bnn-lab's, where it is installed: on packed inputs, and with the
packing of the input's signs, which a layer has to do.
"""

import argparse
import importlib.util
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from onnx import TensorProto, helper

from evaluators.formats.onnx.graph import Graph
from evaluators.formats.onnx.session import session
from evaluators.formats.onnx.timing import layer_model, processor
from spaces import Assignment, Precision, named_architecture
from tests.benchmarks.runtime import interleaved

SHAPES = {
    "768x768": "block0.attention.q_proj",
    "768x3072": "block0.feed_forward.intermediate_dense",
    "3072x768": "block0.feed_forward.output_dense",
}
_SECONDS, _BLOCK = 10.0, 128
Run = Callable[[], object]


def runs(shape: str, folder: Path) -> dict[str, Run]:
    """Every kernel for one shape."""
    architecture = named_architecture("hubert-base")
    layer = next(x for x in architecture.layers if x.name == SHAPES[shape])
    inputs, outputs = layer.inputs, layer.channels
    wave = np.random.default_rng(0).standard_normal((architecture.frames(160_000), inputs)).astype(np.float32)
    found: dict[str, Run] = {}
    for name in ("fp16", "w8a8", "w4a4", "w2a2", "w1a1"):
        chosen = Assignment({layer.name: Precision.parse(name)})
        model, _ = layer_model(architecture, layer, chosen[layer.name], _SECONDS)
        found["fp32" if name == "fp16" else f"ours {name}"] = _onnx(folder, name, model.SerializeToString(), wave[None])
    for bits in (8, 4, 2):
        found[f"MatMulNBits w{bits}"] = _onnx(folder, f"n{bits}", _few_bits(inputs, outputs, bits), wave)
    if importlib.util.find_spec("bnn"):
        found |= _xnor(wave, outputs)
    return found


def _onnx(folder: Path, name: str, content: bytes, value: np.ndarray) -> Run:
    path = folder / f"{name}.onnx"
    path.write_bytes(content)
    running = session(path, threads=1)
    return lambda: running.run(None, {"x": value})


def _few_bits(inputs: int, outputs: int, bits: int) -> bytes:
    """onnxruntime's product with weights of few bits, whose activations are rounded to int8 inside."""
    graph, rng = Graph(), np.random.default_rng(0)
    blocks = -(-inputs // _BLOCK)
    codes = rng.integers(0, 256, (outputs, blocks, _BLOCK * bits // 8)).astype(np.uint8)
    scales = np.full(outputs * blocks, 0.01, np.float32)
    out = graph.op(
        "MatMulNBits", "x", graph.stored(codes), graph.stored(scales), domain="com.microsoft", K=inputs, N=outputs,
        bits=bits, block_size=_BLOCK, accuracy_level=4,
    )  # fmt: skip
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["time", inputs])]
    return graph.model(
        given, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], out, {}
    ).SerializeToString()


def _xnor(value: np.ndarray, outputs: int) -> dict[str, Run]:
    from bnn.kernels import binary_gemm_native_prepacked, native_kernel_available, pack_binary_pm1, set_num_threads

    if not native_kernel_available():
        return {}
    set_num_threads(1)
    inputs = value.shape[1]
    weights, _ = pack_binary_pm1(np.random.default_rng(0).standard_normal((outputs, inputs)).astype(np.float32))
    packed, _ = pack_binary_pm1(value)

    def packing() -> object:
        return binary_gemm_native_prepacked(pack_binary_pm1(value)[0], weights, inputs)

    return {"XNOR w1a1, packed": lambda: binary_gemm_native_prepacked(packed, weights, inputs), "XNOR w1a1": packing}


def main() -> None:
    """Time every shape and print the shares of fp32."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    told: dict[str, dict[str, float]] = {}
    for shape in SHAPES:
        with TemporaryDirectory() as folder:
            times = interleaved(runs(shape, Path(folder)), chosen.rounds)
        middle = {name: statistics.median(found) for name, found in times.items()}
        told[shape] = {name: round(seconds / middle["fp32"], 3) for name, seconds in middle.items()}
    print(json.dumps({"cpu": processor(), "of_fp32": told}, indent=None if chosen.json else 2))


if __name__ == "__main__":
    main()
