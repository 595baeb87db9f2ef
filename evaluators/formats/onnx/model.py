"""A whole CTC model as an ONNX graph: input ``x`` (batch, samples), normalised 16 kHz; output ``logits``.

Follows HuBERT as transformers has it: front end with layer or group norm, blocks with the norm before or behind.
Length and batch are free; utterances of one batch are of one length.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from evaluators.costs.layout import packed_entries
from evaluators.formats.onnx.attention import Products
from evaluators.formats.onnx.graph import Graph
from evaluators.formats.onnx.layers import Tensors, Weights, convolution, linear, position
from evaluators.formats.onnx.metadata import onnx_metadata
from spaces.architecture import Architecture
from spaces.assignment import Assignment
from spaces.errors import UserError

_ACTIVATIONS = {"gelu": "Gelu", "relu": "Relu"}


class Exporter:
    """Walks a model front to back.

    Args:
        tensors: of the packed file, by name.

    Raises:
        UserError: if the config asks for something that the export does not know.
    """

    def __init__(self, architecture: Architecture, assignment: Assignment, tensors: Tensors) -> None:
        self._architecture, self._assignment, self._tensors = architecture, assignment, tensors
        self._graph = Graph()
        self._layers = {layer.name: layer for layer in architecture.layers}
        self._config: Mapping[str, Any] = architecture.settings
        for key in ("hidden_act", "feat_extract_activation"):
            if self._config[key] not in _ACTIVATIONS:
                known = " and ".join(_ACTIVATIONS)
                raise UserError(f"{architecture.name}: {key} {self._config[key]!r}: the ONNX export knows {known}")

    def model(self, metadata: dict[str, str]) -> onnx.ModelProto:
        """The whole graph."""
        graph = self._graph
        hidden = self._front_end(graph.op("Unsqueeze", "x", graph.number([2], np.int64)))
        if self._config["feat_proj_layer_norm"]:
            hidden = self._norm(hidden, f"{self._prefix}.feature_projection.layer_norm")
        hidden = linear(graph, hidden, self.weights("projection"))
        hidden = self._encoder(hidden)
        logits = self._head(hidden)
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "samples"])]
        shape = ["batch", "frames", self._config["vocab_size"]]
        outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)]
        return graph.model(inputs, outputs, logits, metadata)

    def weights(self, name: str) -> Weights:
        """What the packed file has of a layer."""
        layer = self._layers[name]
        names = (f"{layer.path}.weight", f"{layer.path}.parametrizations.weight.original1")
        shape = next(self._architecture.tensors[n] for n in names if n in self._architecture.tensors)
        return Weights(self._tensors, layer, self._assignment[name], shape)

    @property
    def _prefix(self) -> str:
        return self._architecture.prefix

    def _activated(self, value: str, key: str) -> str:
        return self._graph.op(_ACTIVATIONS[self._config[key]], value)

    def _norm(self, value: str, path: str) -> str:
        own = [self._graph.floats(self._tensors[f"{path}.{part}"].numpy()) for part in ("weight", "bias")]
        return self._graph.op("LayerNormalization", value, *own, axis=-1, epsilon=self._config["layer_norm_eps"])

    def _front_end(self, value: str) -> str:
        for i, stride in enumerate(self._architecture.conv_stride):
            value = convolution(self._graph, value, self.weights(f"front_end.conv{i}"), stride)
            path = f"{self._prefix}.feature_extractor.conv_layers.{i}.layer_norm"
            if self._config["feat_extract_norm"] == "layer":
                own = [self._graph.floats(self._tensors[f"{path}.{part}"].numpy()) for part in ("weight", "bias")]
                value = self._graph.op("LayerNormalization", value, *own, axis=-1, epsilon=1e-5)
            elif i == 0:
                value = self._group_norm(value, path)
            value = self._activated(value, "feat_extract_activation")
        return value

    def _group_norm(self, value: str, path: str) -> str:
        """Each channel normalised over time, as one multiplication and one addition of what was computed over it."""
        graph = self._graph
        time = graph.op("Gather", graph.op("Shape", value), graph.number([1], np.int64))
        share = graph.op("Div", graph.number(1.0), graph.op("Cast", time, to=TensorProto.FLOAT))
        # a product with 1 / time sums over time much faster than the runtime's ReduceMean over a middle axis
        mean_of = graph.op("Expand", share, graph.op("Concat", graph.number([1], np.int64), time, axis=0))
        mean = graph.op("MatMul", mean_of, value)
        square = graph.op("MatMul", mean_of, graph.op("Mul", value, value))
        variance = graph.op("Add", graph.op("Sub", square, graph.op("Mul", mean, mean)), graph.number(1e-5))
        weight, bias = (graph.floats(self._tensors[f"{path}.{part}"].numpy()) for part in ("weight", "bias"))
        factor = graph.op("Div", weight, graph.op("Sqrt", variance))
        return graph.op("Add", graph.op("Mul", value, factor), graph.op("Sub", bias, graph.op("Mul", mean, factor)))

    def _encoder(self, hidden: str) -> str:
        graph, norm = self._graph, f"{self._prefix}.encoder.layer_norm"
        hidden = graph.op("Add", hidden, self._positions(hidden))
        first = self._config["do_stable_layer_norm"]
        hidden = hidden if first else self._norm(hidden, norm)
        for block in range(self._architecture.blocks):
            hidden = self._block(hidden, block, first)
        return self._norm(hidden, norm) if first else hidden

    def _positions(self, hidden: str) -> str:
        """What is added for the places: one convolution, or a stack with norms that have no weights."""
        graph, ones = self._graph, np.ones(self._architecture.hidden, np.float32)
        for layer in self._layers.values():
            if layer.group == "position":
                groups = self._config["num_conv_pos_embedding_groups"]
                hidden = position(graph, hidden, self.weights(layer.name), groups)
                if not layer.weight_norm:
                    hidden = graph.op("LayerNormalization", hidden, graph.floats(ones), axis=-1, epsilon=1e-5)
                hidden = self._activated(hidden, "feat_extract_activation")
        return hidden

    def _block(self, hidden: str, block: int, norm_first: bool) -> str:
        graph, path = self._graph, f"{self._prefix}.encoder.layers.{block}"

        def attended(value: str) -> str:
            names = (f"block{block}.attention.{part}" for part in ("q_proj", "k_proj", "v_proj"))
            sides = [linear(graph, value, self.weights(name)) for name in names]
            own = (
                (self._layers[n], self._assignment[n])
                for n in (f"block{block}.products.{p}" for p in ("scores", "context"))
            )
            out = Products(self._tensors, *own).attend(graph, *sides)
            return linear(graph, out, self.weights(f"block{block}.attention.out_proj"))

        def fed_forward(value: str) -> str:
            value = linear(graph, value, self.weights(f"block{block}.feed_forward.intermediate_dense"))
            value = self._activated(value, "hidden_act")
            return linear(graph, value, self.weights(f"block{block}.feed_forward.output_dense"))

        if norm_first:
            hidden = graph.op("Add", hidden, attended(self._norm(hidden, f"{path}.layer_norm")))
            return graph.op("Add", hidden, fed_forward(self._norm(hidden, f"{path}.final_layer_norm")))
        hidden = self._norm(graph.op("Add", hidden, attended(hidden)), f"{path}.layer_norm")
        return self._norm(graph.op("Add", hidden, fed_forward(hidden)), f"{path}.final_layer_norm")

    def _head(self, hidden: str) -> str:
        graph = self._graph
        weight = graph.op("Transpose", graph.floats(self._tensors["lm_head.weight"].numpy()), perm=[1, 0])
        out = graph.op("MatMul", hidden, weight)
        return graph.op("Add", out, graph.floats(self._tensors["lm_head.bias"].numpy()))


def onnx_model(architecture: Architecture, assignment: Assignment, tensors: Tensors) -> onnx.ModelProto:
    """The ONNX model of a packed file.

    Raises:
        UserError: if the config asks for something that the export does not know.
    """
    return Exporter(architecture, assignment, tensors).model(onnx_metadata(assignment))


def onnx_bytes(architecture: Architecture, assignment: Assignment) -> int:
    """Size of the ONNX file of an assignment in bytes: it is built, of zeros."""
    import torch

    types = {"F16": torch.float16, "U8": torch.uint8}
    entries = packed_entries(architecture, assignment)
    tensors = {name: torch.zeros(shape, dtype=types[dtype]) for name, (dtype, shape) in entries.items()}
    return onnx_model(architecture, assignment, tensors).ByteSize()
