"""Both products of an attention as ONNX operations, in integers where they are quantized."""

from dataclasses import dataclass

import numpy as np

from evaluators.formats.onnx.codes import Coded, coded
from evaluators.formats.onnx.graph import FLOAT, Graph
from evaluators.formats.onnx.layers import Tensors
from spaces.architecture import Layer
from spaces.precision import Precision

_TURNED = {"query": [0, 2, 1, 3], "key": [0, 2, 3, 1], "value": [0, 2, 1, 3]}  # to heads first, the key's width last


@dataclass(frozen=True)
class Products:
    """Query by key, and softmax by value, with what the packed file has of their operands."""

    tensors: Tensors
    scores: tuple[Layer, Precision]
    context: tuple[Layer, Precision]

    def attend(self, graph: Graph, query: str, key: str, value: str) -> str:
        """(batch, time, hidden) each, to the same."""
        weights = graph.op("Softmax", self.compare(graph, query, key), axis=-1)
        return self.gather(graph, weights, value)

    def compare(self, graph: Graph, query: str, key: str) -> str:
        """Scores (batch, heads, time, time) of two (batch, time, hidden)."""
        sides = self._split(graph, query), self._split(graph, key)
        return self._product(graph, "query", sides[0], "key", sides[1], self.scores, self.scores[0].inputs ** -0.5)

    def gather(self, graph: Graph, weights: str, value: str) -> str:
        """(batch, time, hidden) of weights (batch, heads, time, time) and values (batch, time, hidden)."""
        out = self._product(graph, "softmax", weights, "value", self._split(graph, value), self.context, 1.0)
        layer = self.context[0]
        return graph.shaped(graph.op("Transpose", out, perm=[0, 2, 1, 3]), [0, 0, layer.channels * layer.inputs])

    def _split(self, graph: Graph, value: str) -> str:
        return graph.shaped(value, [0, 0, self.scores[0].channels, self.scores[0].inputs])

    def _product(
        self, graph: Graph, left: str, one: str, right: str, other: str, own: tuple[Layer, Precision], factor: float
    ) -> str:
        """The product of two operands by name, heads first, times a factor."""
        if not own[1].activation.quantized:
            out = graph.op("MatMul", self._turned(graph, left, one), self._turned(graph, right, other))
            return out if factor == 1.0 else graph.op("Mul", out, graph.number(factor))
        a, b = self._coded(graph, left, one, own), self._coded(graph, right, other, own, signed=True)
        zeros = a.zero_in(graph), b.zero_in(graph)
        codes = self._turned(graph, left, a.codes), self._turned(graph, right, b.codes)
        out = graph.op("Cast", graph.op("MatMulInteger", *codes, *zeros), to=FLOAT)
        scale = (a.scale * b.scale * np.float32(factor)).reshape(-1, 1, 1)
        return graph.op("Mul", out, graph.stored(scale))

    def _turned(self, graph: Graph, operand: str, value: str) -> str:
        return graph.op("Transpose", value, perm=_TURNED[operand]) if operand in _TURNED else value

    def _coded(
        self, graph: Graph, operand: str, value: str, own: tuple[Layer, Precision], *, signed: bool = False
    ) -> Coded:
        layer, precision = own
        name = f"{layer.path}.products.{operand}"
        shift = self.tensors.get(f"{name}.shift")
        return coded(
            graph, value, precision.activation, "nonnegative" if operand == "softmax" else layer.form,
            self.tensors[f"{name}.scale"].numpy(), None if shift is None else shift.numpy(),
            axis=1 if operand == "softmax" else 2, centred=True, signed=signed,
        )  # fmt: skip
