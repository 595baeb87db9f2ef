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


@dataclass(frozen=True)
class Coded:
    """Integers of a graph that stand for ``scale * (codes - zero) + offset``.

    Attributes:
        codes: name of the uint8 value.
        scale: (scales,), float32.
        zero: the code of 0.
        offset: (scales,), float32, where levels do not start at 0.
    """

    codes: str
    scale: np.ndarray
    zero: int
    offset: np.ndarray | None = None


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
) -> Coded:
    """Quantize activations to uint8.

    Args:
        value: name of the float value, channels last.
        scale: (scales,), one for the tensor or one for each index of ``axis``.
        shift: thresholds (scales, channels or 1), taken off before rounding.
        axis: of the heads, where each has a scale.
    """
    scale = scale.astype(np.float32)
    threshold = None if shift is None else shift.astype(np.float32)
    at = form.signed if values == "signed" else None
    if values == "signed" and at is None:
        return _signs(graph, value, scale, threshold)
    steps, half = (1.0, 0.0) if at is None else (at.steps, at.shift)
    step = scale / np.float32(steps)
    zero = 0 if at is None else -round(at.low - at.shift)
    if half:  # round(x - half): taken off with the threshold
        half_step = (half * step).astype(np.float32)[:, None]
        threshold = half_step if threshold is None else threshold + half_step
    if threshold is not None:
        value = graph.op("Sub", value, _stored(graph, threshold, axis))
    codes = _rounded(graph, value, step, zero, axis)
    if form.count < 256:
        codes = graph.op("Clip", codes, "", graph.number(form.count - 1, np.uint8))
    if half:  # (i + 1/2) step = (2 i + 1) step / 2
        codes = graph.op("BitShift", codes, graph.number(1, np.uint8), direction="LEFT")
        return Coded(codes, step / 2, 2 * zero - 1)
    offset = shift.astype(np.float32)[:, 0] if shift is not None and values == "skewed" else None
    return Coded(codes, step, zero, offset)


def _signs(graph: Graph, value: str, scale: np.ndarray, threshold: np.ndarray | None) -> Coded:
    """1 bit: 0 and 2 about a zero of 1."""
    edge = graph.number(0.0) if threshold is None else _stored(graph, threshold, None)
    above = graph.op("GreaterOrEqual", value, edge)
    codes = graph.op("Where", above, graph.number(2, np.uint8), graph.number(0, np.uint8))
    return Coded(codes, scale, 1)


def _rounded(graph: Graph, value: str, step: np.ndarray, zero: int, axis: int | None) -> str:
    if axis is None:
        return graph.op("QuantizeLinear", value, graph.stored(step[0]), graph.number(zero, np.uint8))
    zeros = graph.stored(np.full(len(step), zero, np.uint8))
    return graph.op("QuantizeLinear", value, graph.stored(step), zeros, axis=axis)


def _stored(graph: Graph, threshold: np.ndarray, axis: int | None) -> str:
    """Thresholds so that they broadcast: over channels, or over heads and channels."""
    if len(threshold) == 1:
        return graph.stored(threshold[0])
    return graph.stored(threshold if axis != 1 else threshold[:, None])


def decoded(graph: Graph, values: Coded, axis: int | None = None) -> str:
    """Codes as the floats that they stand for."""
    if axis is None:
        scale, zero = graph.stored(values.scale[0]), graph.number(values.zero, np.uint8)
        out = graph.op("DequantizeLinear", values.codes, scale, zero)
    else:
        zeros = graph.stored(np.full(len(values.scale), values.zero, np.uint8))
        out = graph.op("DequantizeLinear", values.codes, graph.stored(values.scale), zeros, axis=axis)
    return out if values.offset is None else graph.op("Add", out, graph.stored(values.offset))


def as_float(graph: Graph, integers: str, scale: np.ndarray) -> str:
    """Integers (channels, ...) times a scale a channel; of constants the runtime does it once."""
    return graph.op("Mul", graph.op("Cast", integers, to=FLOAT), graph.floats(scale))
