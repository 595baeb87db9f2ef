"""An ONNX graph under construction: every operation has one output, whose name is returned."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_OPSET = 20
_IR = 10
FLOAT = TensorProto.FLOAT
INT8, INT32 = TensorProto.INT8, TensorProto.INT32


class Graph:
    """Nodes and constants so far.

    Large constants keep the type that they are stored in; what is computed of constants alone the runtime computes
    once, when it loads the model.
    """

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._small: dict[tuple[Any, ...], str] = {}

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add an operation; the name of its output."""
        out = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [out], domain=domain, **attributes))
        return out

    def stored(self, array: np.ndarray) -> str:
        """A constant of the file, as it is."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def number(self, value: float | list[int], dtype: Any = np.float32) -> str:
        """A small constant; equal ones are stored once."""
        key = (tuple(value) if isinstance(value, list) else value, np.dtype(dtype).str, isinstance(value, list))
        if key not in self._small:
            self._small[key] = self.stored(np.array(value, dtype))
        return self._small[key]

    def floats(self, array: np.ndarray) -> str:
        """A stored constant as float32 to compute with."""
        name = self.stored(array)
        return name if array.dtype == np.float32 else self.op("Cast", name, to=FLOAT)

    def shaped(self, value: str, shape: list[int]) -> str:
        """Reshape; 0 keeps a dimension, -1 takes what is left."""
        return self.op("Reshape", value, self.number(shape, np.int64))

    def sliced(self, value: str, start: str, end: str, axis: int) -> str:
        """A part along an axis, both ends as names of one integer each."""
        return self.op("Slice", value, start, end, self.number([axis], np.int64))

    def model(self, inputs: list[Any], outputs: list[Any], last: str, metadata: dict[str, str]) -> onnx.ModelProto:
        """The whole model; the last value is its output."""
        nodes = [*self._nodes, helper.make_node("Identity", [last], [outputs[0].name])]
        graph = helper.make_graph(nodes, "hubits", inputs, outputs, self._constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("com.microsoft", 1)]
        made = helper.make_model(graph, opset_imports=opsets, ir_version=_IR, producer_name="hubits")
        helper.set_model_props(made, metadata)
        return made
