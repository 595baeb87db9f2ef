"""Quantized values as integers of an ONNX graph: codes of weights from their packed bytes, codes of activations.

Every format of ours is integers times a scale. A weight is int8: +-1 x s at 1 bit, {-3, -1, 1, 3} x s / 4 at 2 bits,
its level otherwise. An activation is uint8 with a zero point; what the levels of a skewed input have over that, an
offset, is the caller's to add.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.formats.onnx.graph import FLOAT, INT8, INT32, Graph
from spaces.architecture import Form
from spaces.precision import BitFormat

_TINY = 1e-37  # less than any step between two numbers that a network computes


@dataclass(frozen=True)
class Coded:
    """Integers of a graph that stand for ``scale * (codes - zero) + offset``.

    Attributes:
        codes: name of the uint8 or, where ``signed``, int8 value.
        scale: (scales,), float32.
        zero: the code of 0.
        offset: (scales,), float32, where levels do not start at 0.
    """

    codes: str
    scale: np.ndarray
    zero: int
    signed: bool = False
    offset: np.ndarray | None = None

    def zero_in(self, graph: Graph) -> str:
        """The zero point as a constant of the codes' type."""
        return graph.number(self.zero, np.int8 if self.signed else np.uint8)


def weight_integers(form: BitFormat) -> tuple[int, int, float]:
    """(a, b, c): code i of a format is the integer a i + b, which stands for that times c of the channel's scale."""
    at = form.signed
    if at is None:
        return 2, -1, 1.0
    lowest = round(at.low - at.shift)
    return (2, 2 * lowest + 1, 0.5 / at.steps) if at.shift else (1, lowest, 1.0 / at.steps)


def unpacked(graph: Graph, packed: np.ndarray, form: BitFormat, shape: tuple[int, ...]) -> str:
    """Packed bytes as int8 (channels, ...) by arithmetic on constants, which the runtime does once."""
    times, plus, _ = weight_integers(form)
    digits = graph.op("Cast", graph.stored(packed), to=INT32)
    if form.size > 1:
        places = 256 ** np.arange(form.size, dtype=np.int32)[:, None]
        digits = graph.op("MatMul", graph.shaped(digits, [-1, form.size]), graph.stored(places))
    if form.codes > 1:
        digits = graph.shaped(digits, [-1, 1])
        digits = graph.op("Div", digits, graph.stored((form.count ** np.arange(form.codes)).astype(np.int32)))
        digits = graph.op("Mod", digits, graph.number(form.count, np.int32))
    values = graph.op("Mul", graph.shaped(digits, [-1]), graph.number(times, np.int32))
    values = graph.op("Add", values, graph.number(plus, np.int32))
    count = int(np.prod(shape))
    values = graph.sliced(values, graph.number([0], np.int64), graph.number([count], np.int64), 0)
    return graph.op("Cast", graph.shaped(values, list(shape)), to=INT8)


def coded(
    graph: Graph,
    value: str,
    form: BitFormat,
    values: Form,
    scale: np.ndarray,
    shift: np.ndarray | None,
    axis: int | None = None,
    *,
    centred: bool = False,
    signed: bool = False,
) -> Coded:
    """Quantize activations to uint8.

    Args:
        value: name of the float value, channels last.
        scale: (scales,), one for the tensor or one for each index of ``axis``.
        shift: thresholds (scales, channels or 1), taken off before rounding.
        axis: of the heads, where each has a scale.
        centred: whether 0 needs a code, at the cost of an operation; else it may lie between two, by an offset.
        signed: int8 instead, as the second factor of a product is multiplied fastest.
    """
    scale = scale.astype(np.float32)
    threshold = None if shift is None else shift.astype(np.float32)
    at = form.signed if values == "signed" else None
    if values == "signed" and at is None:
        return _signs(graph, value, scale, threshold, signed=signed)
    steps, half = (1.0, 0.0) if at is None else (at.steps, at.shift)
    step = scale / np.float32(steps)
    lowest = 0 if at is None else round(at.low - at.shift)
    if half:  # round(x - half): taken off with the threshold
        half_step = np.asarray(half * step, np.float32)[:, None]
        threshold = half_step if threshold is None else np.add(threshold, half_step, dtype=np.float32)
    if threshold is not None:
        value = graph.op("Sub", value, _stored(graph, threshold))
    dtype = np.int8 if signed and not half else np.uint8
    first = lowest if dtype is np.int8 else 0
    codes = _rounded(graph, value, step, first - lowest, axis, dtype)
    if form.count < 256:
        low = graph.number(first, dtype) if first else ""
        codes = graph.op("Clip", codes, low, graph.number(first + form.count - 1, dtype))
    if half and centred:  # (i + 1/2) step = (2 i + 1) step / 2
        codes = graph.op("BitShift", codes, graph.number(1, np.uint8), direction="LEFT")
        return Coded(graph.op("Cast", codes, to=INT8) if signed else codes, step / 2, -2 * lowest - 1, signed)
    offset: np.ndarray | None = (half * step).astype(np.float32) if half else None
    if shift is not None and values == "skewed":
        offset = np.asarray(shift, np.float32)[:, 0]
    return Coded(codes, step, first - lowest, dtype is np.int8, offset)


def _signs(graph: Graph, value: str, scale: np.ndarray, threshold: np.ndarray | None, *, signed: bool) -> Coded:
    """1 bit: -1 and 1, or 0 and 2 about 1, by rounding to steps so small that all but the sign is cut off.

    A value at its threshold counts as above it: what is taken off is the next smaller number.
    """
    edge = np.zeros((1, 1), np.float32) if threshold is None else threshold
    value = graph.op("Sub", value, _stored(graph, np.nextafter(edge, np.float32(-np.inf))))
    dtype, low, high = (np.int8, -1, 1) if signed else (np.uint8, 0, 2)
    codes = _rounded(graph, value, np.full(1, _TINY, np.float32), 0, None, dtype)
    bounds = graph.number(low, dtype) if signed else "", graph.number(high, dtype)
    return Coded(graph.op("Clip", codes, *bounds), scale, 0 if signed else 1, signed)


def _rounded(graph: Graph, value: str, step: np.ndarray, zero: int, axis: int | None, dtype: type) -> str:
    if axis is None:
        return graph.op("QuantizeLinear", value, graph.stored(step[0]), graph.number(zero, dtype))
    zeros = graph.stored(np.full(len(step), zero, dtype))
    return graph.op("QuantizeLinear", value, graph.stored(step), zeros, axis=axis)


def _stored(graph: Graph, threshold: np.ndarray) -> str:
    """Thresholds so that they broadcast: over channels, or over heads and channels."""
    return graph.stored(threshold[0] if len(threshold) == 1 else threshold)


def decoded(graph: Graph, values: Coded) -> str:
    """Codes of one scale as the floats that they stand for."""
    out = graph.op("DequantizeLinear", values.codes, graph.stored(values.scale[0]), values.zero_in(graph))
    return out if values.offset is None else graph.op("Add", out, graph.stored(values.offset))


def as_float(graph: Graph, integers: str, scale: np.ndarray) -> str:
    """Integers (channels, ...) times a scale a channel; of constants the runtime does it once."""
    return graph.op("Mul", graph.op("Cast", integers, to=FLOAT), graph.floats(scale))
