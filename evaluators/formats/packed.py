"""The packed checkpoint: codes of a few bits in safetensors, whose size ``evaluators.costs.storage`` foretells.

A folder holds ``model.safetensors`` (the packed tensors), ``assignment.json``, ``config.json`` and ``vocab.json``.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig

from evaluators.costs.layout import (
    ASSIGNMENT,
    CHECKPOINT,
    CONFIG,
    FORMAT,
    METADATA,
    VOCABULARY,
    head_path,
    packed_entries,
    weight_tensors,
)
from evaluators.data.vocabulary import Vocabulary
from evaluators.formats.codes import decode, encode, pack_codes, unpack_codes
from evaluators.models.families import build
from evaluators.models.folder import load_config
from evaluators.models.forward import CtcModel
from evaluators.models.superb import HeadedModel, load_head
from evaluators.models.tensors import read_metadata, read_tensors, save_tensors
from evaluators.models.weight_norm import as_float
from evaluators.quantization.insert import insert_quantizers, set_precisions
from evaluators.quantization.layers import ProductQuantizers, QuantConv1d, QuantLinear
from evaluators.quantization.quantizers import ActivationQuantizer
from spaces.architecture import Architecture, Layer
from spaces.assignment import Assignment
from spaces.errors import UserError
from spaces.precision import FLOAT, Precision


@torch.no_grad()
def pack(model: CtcModel, architecture: Architecture, assignment: Assignment) -> dict[str, Tensor]:
    """The packed tensors of a quantized model, named and shaped as ``packed_entries`` says."""
    state = model.state_dict()
    entries = packed_entries(architecture, assignment)
    for layer in architecture.layers:
        if layer.weights and f"{layer.path}.weight" in state:
            state |= as_float(weight_tensors(layer), state[f"{layer.path}.weight"])
    packed = {name: state[name].half().cpu().contiguous() for name in entries if name in state}
    for layer in architecture.layers:
        precision = assignment[layer.name]
        module = model.get_submodule(layer.path)
        if isinstance(module, QuantLinear | QuantConv1d) and precision.weight.quantized:
            scale = module.weight_quantizer.scale(precision.weight).half().cpu()
            codes = encode(module.weight.cpu(), scale, precision.weight)
            packed[f"{layer.path}.weight.codes"] = pack_codes(codes, precision.weight)
            packed[f"{layer.path}.weight.scale"] = scale
        for operand, quantizer in _quantizers(layer, module, precision):
            packed[f"{layer.path}.{operand}.scale"] = quantizer.scale(precision.activation).half().cpu()
            shift = quantizer.threshold(precision.activation)
            if shift is not None:
                packed[f"{layer.path}.{operand}.shift"] = shift.half().cpu()
    return packed


def _quantizers(layer: Layer, module: nn.Module, precision: Precision) -> Iterator[tuple[str, ActivationQuantizer]]:
    if not precision.activation.quantized:
        return
    if isinstance(module, QuantLinear | QuantConv1d):
        yield "input", module.input_quantizer
    elif layer.kind == "product":
        products: ProductQuantizers = module.products  # type: ignore[assignment]
        yield from products.operands(layer.module)


@torch.no_grad()
def unpack(
    tensors: dict[str, Tensor],
    config: PreTrainedConfig,
    architecture: Architecture,
    assignment: Assignment,
    source: str,
) -> CtcModel:
    """A model that computes what the packed tensors say: decoded weights, quantized activations.

    Raises:
        UserError: if the tensors are not those of this assignment and architecture.
    """
    entries = packed_entries(architecture, assignment)
    for name, (_, shape) in entries.items():
        if name not in tensors or tuple(tensors[name].shape) != shape:
            raise UserError(
                f"{source}: tensor {name} is not there or not of shape {shape}; the assignment is another's"
            )
    model = build(config, seed=0)
    state = {name: tensors[name].float() for name in entries if name in architecture.tensors}
    for layer in architecture.layers:
        form = assignment[layer.name].weight
        if layer.weights and form.quantized:
            codes = unpack_codes(tensors[f"{layer.path}.weight.codes"], form, layer.weights)
            rows = decode(codes, tensors[f"{layer.path}.weight.scale"], form)
            state |= as_float(weight_tensors(layer), rows.view(_weight_shape(architecture, layer)))
    model.load_state_dict(state)
    # the weights are decoded already: only the activations still have something to quantize
    activations = _activations_only(architecture, assignment)
    insert_quantizers(model, architecture.layers, [activations])
    for layer in architecture.layers:
        precision = assignment[layer.name]
        for operand, quantizer in _quantizers(layer, model.get_submodule(layer.path), precision):
            name = f"{layer.path}.{operand}"
            quantizer.set_scale(precision.activation, tensors[f"{name}.scale"].float(), tensors.get(f"{name}.shift"))
    set_precisions(model, architecture.layers, activations)
    return model.eval()


def _weight_shape(architecture: Architecture, layer: Layer) -> tuple[int, ...]:
    return architecture.tensors[weight_tensors(layer)[-1]]


def _activations_only(architecture: Architecture, assignment: Assignment) -> Assignment:
    return Assignment(
        {
            layer.name: assignment[layer.name]
            if layer.kind == "product"
            else Precision(FLOAT, assignment[layer.name].activation)
            for layer in architecture.layers
        }
    )


def save_packed(tensors: dict[str, Tensor], path: Path) -> None:
    """Write the packed file, whole or not at all."""
    save_tensors(tensors, path, METADATA)


def load_packed(folder: Path) -> tuple[CtcModel | HeadedModel, Vocabulary, Assignment]:
    """Load an exported folder, with SUPERB's head where it holds one.

    Raises:
        UserError: naming the file that is missing, broken, another model's or of another version.
    """
    config = load_config(folder)
    architecture = Architecture(config.to_dict(), str(folder / CONFIG))
    assignment = Assignment.load(folder / ASSIGNMENT, architecture)
    path = folder / CHECKPOINT
    found = read_metadata(path).get("format", "")
    if not found.startswith(FORMAT.rpartition("-")[0]):
        raise UserError(f"{path}: is not a packed checkpoint; make one with `hubits pick STUDY.toml --export DIR`")
    if found != FORMAT:
        raise UserError(f"{path}: is of format {found}, this hubits reads {FORMAT}; use the hubits that wrote it")
    vocabulary = Vocabulary.load(folder / VOCABULARY)
    model = unpack(read_tensors(path), config, architecture, assignment, str(path))
    head = head_path(path)
    return load_head(model, vocabulary, head) if head.exists() else model, vocabulary, assignment
