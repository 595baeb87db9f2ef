"""Storage of an assignment, to the byte: the size of the packed safetensors file, computed before anything is trained.

Packed, a quantized weight is its codes (8 / bits in a byte) and an fp16 scale for each output channel; quantized
activations are fp16 scales and thresholds; everything else is fp16. MB means 10^6 bytes.
"""

import json
import math
from functools import lru_cache
from pathlib import Path

from spaces.architecture import Architecture, Layer
from spaces.assignment import Assignment
from spaces.precision import Precision

SHIFTED_BITS = (1, 2)  # widths at which signed activations have a threshold a channel
METADATA = {"format": "hubits-packed-1"}
_BYTES = {"F16": 2, "U8": 1}
_HEADER = len(json.dumps({"__metadata__": METADATA}, separators=(",", ":")))
_OPERANDS = {"scores": ("query", "key"), "context": ("softmax", "value")}

Entry = tuple[str, tuple[int, ...]]


def packed_entries(architecture: Architecture, assignment: Assignment) -> dict[str, Entry]:
    """Name -> (safetensors dtype, shape) of every tensor in the packed file."""
    entries: dict[str, Entry] = {name: ("F16", shape) for name, shape in architecture.tensors.items()}
    for layer in architecture.layers:
        precision = assignment[layer.name]
        if layer.weights and precision.weight < 16:
            for name in weight_tensors(layer):
                del entries[name]
            entries[f"{layer.path}.weight.codes"] = ("U8", (math.ceil(layer.weights * precision.weight / 8),))
            entries[f"{layer.path}.weight.scale"] = ("F16", (layer.channels,))
        entries |= {k: ("F16", shape) for k, shape in activation_tensors(layer, precision).items()}
    return entries


def weight_tensors(layer: Layer) -> list[str]:
    """The float tensors that a layer's codes stand for; weight norm has two."""
    if layer.group == "position":
        return [f"{layer.path}.parametrizations.weight.original{i}" for i in (0, 1)]
    return [f"{layer.path}.weight"]


@lru_cache(maxsize=2**14)
def activation_tensors(layer: Layer, precision: Precision) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the scales and thresholds of a layer's quantized inputs."""
    bits = precision.activation
    if bits == 16:
        return {}
    if layer.kind == "product":
        shapes: dict[str, tuple[int, ...]] = {}
        for operand in _OPERANDS[layer.name.rsplit(".", 1)[1]]:
            shapes[f"{layer.path}.{operand}.scale"] = (layer.channels,)
            if bits in SHIFTED_BITS and operand != "softmax":
                shapes[f"{layer.path}.{operand}.shift"] = (layer.channels, layer.inputs)
        return shapes
    shapes = {f"{layer.path}.input.scale": (1,)}
    if layer.form == "skewed":
        shapes[f"{layer.path}.input.shift"] = (1, 1)
    elif layer.form == "signed" and layer.kind == "linear" and bits in SHIFTED_BITS:
        shapes[f"{layer.path}.input.shift"] = (1, layer.inputs)
    return shapes


def storage_bytes(architecture: Architecture, assignment: Assignment) -> int:
    """Size of the packed checkpoint's file in bytes, its header included."""
    # counted, not written: the sampler asks this of hundreds of candidates for every one that is trained. The order is
    # that in which safetensors lays tensors out: by falling size of the element, then by name
    parts = sorted(_part(name, *entry) for name, entry in packed_entries(architecture, assignment).items())
    header, offset = _HEADER, 0
    for _, _, fixed, size in parts:
        end = offset + size
        header += fixed + len(str(offset)) + len(str(end))
        offset = end
    return 8 + -(-header // 8) * 8 + offset


def head_path(checkpoint: Path) -> Path:
    """Where SUPERB's head lies that was trained on a packed speech model, if one was; it counts for no storage."""
    return checkpoint.with_suffix(".head.safetensors")


@lru_cache(maxsize=2**16)
def _part(name: str, dtype: str, shape: tuple[int, ...]) -> tuple[int, str, int, int]:
    """A tensor's place in the order, the characters of its header entry without the offsets' digits, and its bytes."""
    entry = json.dumps({name: {"dtype": dtype, "shape": list(shape), "data_offsets": []}}, separators=(",", ":"))
    # the braces around the entry make room for the comma before it and the one between the offsets
    return -_BYTES[dtype], name, len(entry), math.prod(shape) * _BYTES[dtype]
