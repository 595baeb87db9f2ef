"""The layout of a packed checkpoint: its files, and the name, type and shape of every tensor in it.

It lies beside the storage that follows from it, since it has to be known before anything is trained or torch is loaded.
"""

from functools import lru_cache
from pathlib import Path

from spaces.architecture import Architecture, Layer
from spaces.assignment import Assignment
from spaces.precision import Precision

FORMAT = 2  # version, in an exported folder's config
METADATA = {"format": "pt"}  # transformers asks for it; of two keys safetensors would write either first
CHECKPOINT, ASSIGNMENT, CONFIG, VOCABULARY = "model.safetensors", "assignment.json", "config.json", "vocab.json"
ONNX = "model.onnx"
_OPERANDS = {"scores": ("query", "key"), "context": ("softmax", "value")}

Entry = tuple[str, tuple[int, ...]]


def packed_entries(architecture: Architecture, assignment: Assignment) -> dict[str, Entry]:
    """Name -> (safetensors dtype, shape) of every tensor in the packed file."""
    entries = dict(fixed_entries(architecture))
    for layer in architecture.layers:
        entries |= layer_entries(architecture, layer, assignment[layer.name])
    return entries


@lru_cache(maxsize=8)
def fixed_entries(architecture: Architecture) -> dict[str, Entry]:
    """What of the packed file no assignment changes."""
    weights = {name for layer in architecture.layers if layer.weights for name in weight_tensors(layer)}
    return {name: ("F16", shape) for name, shape in architecture.tensors.items() if name not in weights}


def layer_entries(architecture: Architecture, layer: Layer, precision: Precision) -> dict[str, Entry]:
    """A layer's weights, or codes and scales, and the scales and thresholds of its inputs."""
    entries: dict[str, Entry] = {}
    if layer.weights and precision.weight.quantized:
        entries[f"{layer.path}.weight.codes"] = ("U8", (precision.weight.packed_bytes(layer.weights),))
        entries[f"{layer.path}.weight.scale"] = ("F16", (layer.channels,))
    elif layer.weights:
        entries |= {name: ("F16", architecture.tensors[name]) for name in weight_tensors(layer)}
    return entries | {k: ("F16", shape) for k, shape in activation_tensors(layer, precision).items()}


def weight_tensors(layer: Layer) -> list[str]:
    """The float tensors that a layer's codes stand for; weight norm has two."""
    if layer.weight_norm:
        return [f"{layer.path}.parametrizations.weight.original{i}" for i in (0, 1)]
    return [f"{layer.path}.weight"]


def product_operands(layer: Layer) -> tuple[str, str]:
    """The operands of an attention product, in the order in which they are multiplied."""
    return _OPERANDS[layer.module]


@lru_cache(maxsize=2**14)
def activation_tensors(layer: Layer, precision: Precision) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the scales and thresholds of a layer's quantized inputs."""
    form = precision.activation
    if not form.quantized:
        return {}
    if layer.kind == "product":
        shapes: dict[str, tuple[int, ...]] = {}
        for operand in product_operands(layer):
            shapes[f"{layer.path}.products.{operand}.scale"] = (layer.channels,)
            if form.threshold and operand != "softmax":
                shapes[f"{layer.path}.products.{operand}.shift"] = (layer.channels, layer.inputs)
        return shapes
    shapes = {f"{layer.path}.input.scale": (1,)}
    if layer.form == "skewed":
        shapes[f"{layer.path}.input.shift"] = (1, 1)
    elif layer.form == "signed" and layer.kind == "linear" and form.threshold:
        shapes[f"{layer.path}.input.shift"] = (1, layer.inputs)
    return shapes


def head_path(checkpoint: Path) -> Path:
    """Where SUPERB's head lies that was trained on a packed speech model, if one was; it counts for no storage."""
    return checkpoint.with_suffix(".head.safetensors")
