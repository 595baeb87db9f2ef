"""What each layer of a model has to do for one utterance: operations, values moved, and a key that names its shape."""

from dataclasses import dataclass
from functools import lru_cache

from spaces.architecture import SAMPLE_RATE, Architecture, Layer
from spaces.precision import Precision


@dataclass(frozen=True)
class Work:
    """One layer's work.

    Attributes:
        key: its kind and shape; layers of one key take the same time.
        multiply_adds: of the layer.
        weights: values of its weight.
        inputs: values that come in; ``outputs`` values that go out.
    """

    key: str
    multiply_adds: int
    weights: int
    inputs: int
    outputs: int


@lru_cache(maxsize=16)
def layer_work(architecture: Architecture, seconds: float) -> dict[str, Work]:
    """The work of every layer by name, for an utterance of so many seconds."""
    samples = round(seconds * SAMPLE_RATE)
    lengths = architecture.conv_lengths(samples)
    counts = architecture.multiply_adds(seconds)
    times = [samples, *lengths]
    return {x.name: _work(architecture, x, times, counts[x.name]) for x in architecture.layers}


def _work(architecture: Architecture, layer: Layer, times: list[int], count: int) -> Work:
    frames = times[-1]
    if layer.kind == "product":
        values, square = frames * architecture.hidden, layer.channels * frames * frames
        sides = (2 * values, square) if layer.module == "scores" else (square + values, values)
        return Work(f"{layer.module} {frames}x{layer.channels}x{layer.inputs}", count, 0, *sides)
    if layer.group == "front_end":
        kernel, stride = architecture.conv_kernel[layer.depth], architecture.conv_stride[layer.depth]
        before, after = times[layer.depth], times[layer.depth + 1]
        key = f"conv {before}x{layer.inputs}x{layer.channels} kernel {kernel} stride {stride}"
        return Work(key, count, layer.weights, before * layer.inputs, after * layer.channels)
    key = f"{layer.kind} {frames}x{layer.inputs}x{layer.channels}"
    if layer.kind == "conv":
        key += f" kernel {architecture.position_kernel}"
    return Work(key, count, layer.weights, frames * layer.inputs, frames * layer.channels)


def variant(layer: Layer, precision: Precision) -> str:
    """How a layer is computed in the ONNX export: integers of one input format, floats, or floats that are rounded."""
    form = precision.activation
    if not form.quantized:
        return "float"
    rounded = layer.kind != "product" and not precision.weight.quantized
    rounded |= layer.group == "position" and layer.form != "signed"  # their padding is no code
    return f"{layer.form} a{form}{' by floats' if rounded else ''}"
