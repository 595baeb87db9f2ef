"""Linears, convolutions and attention products as ONNX operations; values are (batch, time, channels)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evaluators.formats.codes import decode, unpack_codes
from evaluators.formats.onnx.codes import Coded, as_float, coded, decoded, unpacked, weight_integers
from evaluators.formats.onnx.graph import FLOAT, Graph
from spaces.architecture import Layer
from spaces.precision import Precision

Tensors = Mapping[str, Any]  # of the packed file
_CONTRIB = "com.microsoft"
_TOGETHER = 4  # frames of the positional convolution that are computed together


@dataclass(frozen=True)
class Weights:
    """A layer's weight and bias in the packed file.

    Attributes:
        shape: of the weight, output channels first.
    """

    tensors: Tensors
    layer: Layer
    precision: Precision
    shape: tuple[int, ...]

    def integers(self, graph: Graph) -> tuple[str, np.ndarray]:
        """The weight as int8 and the scale of each output channel."""
        form, path = self.precision.weight, self.layer.path
        codes = unpacked(graph, self.tensors[f"{path}.weight.codes"].numpy(), form, self.shape)
        return codes, self.tensors[f"{path}.weight.scale"].numpy()

    def floats(self, graph: Graph) -> str:
        """The weight in float32, decoded when the model is loaded."""
        if self.precision.weight.quantized:
            integers, scale = self.integers(graph)
            share = np.float32(weight_integers(self.precision.weight)[2])
            return as_float(graph, integers, scale.astype(np.float32).reshape(-1, *[1] * (len(self.shape) - 1)) * share)
        if f"{self.layer.path}.weight" in self.tensors:
            return graph.floats(self.tensors[f"{self.layer.path}.weight"].numpy())
        parts = (f"{self.layer.path}.parametrizations.weight.original{i}" for i in (0, 1))
        norm, direction = (graph.floats(self.tensors[part].numpy()) for part in parts)
        length = graph.op("ReduceL2", direction, graph.number([0, 1], np.int64), keepdims=1)
        return graph.op("Mul", direction, graph.op("Div", norm, length))

    def sums(self) -> np.ndarray:
        """Sum of the decoded weight over the inputs of each output channel."""
        form, path = self.precision.weight, self.layer.path
        codes = unpack_codes(self.tensors[f"{path}.weight.codes"], form, self.layer.weights)
        return decode(codes, self.tensors[f"{path}.weight.scale"], form).double().sum(1).numpy()

    @property
    def bias(self) -> np.ndarray | None:
        """The bias as it is stored."""
        found = self.tensors.get(f"{self.layer.path}.bias")
        return None if found is None else found.numpy()

    def input(self, graph: Graph, value: str, *, centred: bool = False) -> Coded:
        """The layer's quantized input; ``centred`` as in ``coded``."""
        name = f"{self.layer.path}.input"
        shift = self.tensors.get(f"{name}.shift")
        scale, threshold = self.tensors[f"{name}.scale"].numpy(), None if shift is None else shift.numpy()
        return coded(graph, value, self.precision.activation, self.layer.form, scale, threshold, centred=centred)


def linear(graph: Graph, value: str, own: Weights) -> str:
    """A linear layer: a product of integers where both sides are quantized, else of floats."""
    precision = own.precision
    if precision.activation.quantized and precision.weight.quantized:
        values = own.input(graph, value)
        integers, scale = own.integers(graph)
        return integer_product(graph, values, graph.op("Transpose", integers, perm=[1, 0]), scale, own)
    if precision.activation.quantized:
        value = decoded(graph, own.input(graph, value))
    out = graph.op("MatMul", value, graph.op("Transpose", own.floats(graph), perm=[1, 0]))
    return _plus(graph, out, own.bias)


def integer_product(graph: Graph, values: Coded, weights: str, scale: np.ndarray, own: Weights) -> str:
    """Codes (batch, time, inputs) by int8 weights (inputs, channels), scaled, with the bias."""
    share = weight_integers(own.precision.weight)[2]
    scales = graph.op("Mul", graph.floats(scale), graph.number(share))
    bias = own.bias
    if values.offset is not None:  # the offset of every input reaches each channel by the sum of its weights
        bias = ((0.0 if bias is None else bias) + values.offset * own.sums()).astype(np.float32)
    inputs = [
        values.codes, weights, graph.stored(values.scale[0]), scales, values.zero_in(graph), "",
        *([graph.floats(bias)] if bias is not None else []),
    ]  # fmt: skip
    return graph.op("MatMulIntegerToFloat", *inputs, domain=_CONTRIB)


def _plus(graph: Graph, value: str, bias: np.ndarray | None) -> str:
    return value if bias is None else graph.op("Add", value, graph.floats(bias))


def convolution(graph: Graph, value: str, own: Weights, stride: int) -> str:
    """A convolution of the front end without padding; in integers its windows times its weight."""
    precision = own.precision
    if precision.activation.quantized and precision.weight.quantized:
        values = own.input(graph, value)
        integers, scale = own.integers(graph)
        windows = replace(values, codes=unfolded(graph, values.codes, own.shape, stride))
        channels, inputs, kernel = own.shape
        weights = graph.op("Transpose", integers, perm=[2, 1, 0])
        return integer_product(graph, windows, graph.shaped(weights, [kernel * inputs, channels]), scale, own)
    if precision.activation.quantized:
        value = decoded(graph, own.input(graph, value))
    value = graph.op("Transpose", value, perm=[0, 2, 1])
    inputs_ = [value, own.floats(graph), *([graph.floats(own.bias)] if own.bias is not None else [])]
    return graph.op("Transpose", graph.op("Conv", *inputs_, strides=[stride]), perm=[0, 2, 1])


def unfolded(graph: Graph, codes: str, shape: tuple[int, ...], stride: int) -> str:
    """Windows (batch, frames, kernel x inputs) of codes (batch, time, inputs).

    Time is cut into chunks of a stride, whose channels then lie side by side; a window is some chunks and a part.
    """
    _, inputs, kernel = shape
    whole, part = divmod(kernel, stride)
    one, axis = graph.number([1], np.int64), graph.number([1], np.int64)
    time = graph.op("Gather", graph.op("Shape", codes), axis)
    frames = graph.op("Div", graph.op("Sub", time, graph.number([kernel], np.int64)), graph.number([stride], np.int64))
    frames = graph.op("Add", frames, one)
    chunks = graph.op("Add", frames, graph.number([whole - 1 + bool(part)], np.int64))
    needed = graph.op("Mul", chunks, graph.number([stride], np.int64))
    if part:  # the last chunk may reach beyond the end
        missing = graph.op("Max", graph.op("Sub", needed, time), graph.number([0], np.int64))
        pads = graph.op("Concat", graph.number([0, 0, 0, 0], np.int64), missing, graph.number([0], np.int64), axis=0)
        codes = graph.op("Pad", codes, pads)
    codes = graph.sliced(codes, graph.number([0], np.int64), needed, 1)
    chunked = graph.shaped(codes, [0, -1, stride * inputs])
    pieces = []
    for first in range(whole + bool(part)):
        start = graph.number([first], np.int64)
        piece = graph.sliced(chunked, start, graph.op("Add", frames, start), 1)
        if first == whole:
            piece = graph.sliced(piece, graph.number([0], np.int64), graph.number([part * inputs], np.int64), 2)
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else graph.op("Concat", *pieces, axis=2)


def position(graph: Graph, value: str, own: Weights, groups: int) -> str:
    """A convolution of the positions, padded with zeros; an even kernel's last frame is dropped.

    In integers where those zeros are codes: behind a GELU no code is zero.
    """
    precision, kernel = own.precision, own.shape[-1]
    before, behind = kernel // 2, kernel // 2 - (kernel % 2 == 0)
    if precision.activation.quantized and precision.weight.quantized and own.layer.form == "signed":
        values = own.input(graph, value, centred=True)  # of the padding's zeros
        integers, scale = own.integers(graph)
        out = _grouped(graph, values, integers, own.shape, groups, before)
        share = np.float32(weight_integers(precision.weight)[2]) * values.scale[0]
        scales = graph.op("Mul", graph.floats(scale), graph.stored(share))
        return _plus(graph, graph.op("Mul", graph.op("Cast", out, to=FLOAT), scales), own.bias)
    if precision.activation.quantized:
        value = decoded(graph, own.input(graph, value))
    value = graph.op("Transpose", value, perm=[0, 2, 1])
    inputs = [value, own.floats(graph), *([graph.floats(own.bias)] if own.bias is not None else [])]
    out = graph.op("Conv", *inputs, group=groups, pads=[before, behind])
    return graph.op("Transpose", out, perm=[0, 2, 1])


def _grouped(graph: Graph, values: Coded, weights: str, shape: tuple[int, ...], groups: int, before: int) -> str:
    """int32 (batch, time, channels) of a convolution over time with groups, as one product a group.

    So many neighbouring frames are computed together from the frames that any of them hears: their weights are the
    kernel's, each shifted by a frame, beside one another. That copies and multiplies far less narrow windows.
    """
    channels, inputs, kernel = shape
    outputs, chunks = channels // groups, -(-(kernel - 1) // _TOGETHER) + 1
    heard = chunks * _TOGETHER
    time = graph.op("Gather", graph.op("Shape", values.codes), graph.number([1], np.int64))
    together = graph.number([_TOGETHER], np.int64)
    blocks = graph.op("Add", graph.op("Div", time, together), graph.number([1], np.int64))
    whole = graph.op("Mul", graph.op("Add", blocks, graph.number([chunks - 1], np.int64)), together)
    behind = graph.op("Sub", graph.op("Sub", whole, time), graph.number([before], np.int64))
    pads = graph.op("Concat", graph.number([0, before, 0, 0], np.int64), behind, graph.number([0], np.int64), axis=0)
    codes = graph.op("Pad", values.codes, pads, values.zero_in(graph))
    codes = graph.op("Transpose", graph.shaped(codes, [0, 0, groups, inputs]), perm=[0, 2, 1, 3])
    codes = graph.shaped(codes, [0, 0, -1, _TOGETHER * inputs])
    starts = [graph.number([first], np.int64) for first in range(chunks)]
    pieces = [graph.sliced(codes, start, graph.op("Add", blocks, start), 2) for start in starts]
    kernels = graph.op("Transpose", graph.shaped(weights, [groups, outputs, inputs, kernel]), perm=[0, 3, 2, 1])
    shifted = [
        graph.op("Pad", kernels, graph.number([0, r, 0, 0, 0, heard - kernel - r, 0, 0], np.int64))
        for r in range(_TOGETHER)
    ]
    beside = graph.shaped(graph.op("Concat", *shifted, axis=3), [groups, heard * inputs, _TOGETHER * outputs])
    windows = graph.op("Concat", *pieces, axis=3)
    out = graph.op("MatMulInteger", windows, beside, values.zero_in(graph))
    out = graph.op("Transpose", graph.shaped(out, [0, 0, -1, outputs]), perm=[0, 2, 1, 3])
    return graph.sliced(graph.shaped(out, [0, 0, channels]), graph.number([0], np.int64), time, 1)
