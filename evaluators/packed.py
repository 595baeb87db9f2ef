"""The packed checkpoint: codes of 1, 2, 4 or 8 bits in safetensors, whose size ``evaluators.storage`` foretells.

A folder holds ``model.safetensors`` (the packed tensors), ``assignment.json``, ``config.json`` and ``vocab.json``.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import HubertConfig, HubertForCTC

from evaluators.fused import rounded
from evaluators.hubert import build, load_config, read_metadata, read_tensors
from evaluators.modules import ProductQuantizers, QuantConv1d, QuantLinear
from evaluators.quantize import insert_quantizers, set_precisions
from evaluators.quantizers import ActivationQuantizer, levels
from evaluators.storage import METADATA, head_path, packed_entries, weight_tensors
from evaluators.superb import HeadedModel, load_head
from evaluators.text import Vocabulary
from spaces.architecture import Architecture, Layer
from spaces.assignment import Assignment
from spaces.errors import UserError
from spaces.precision import Precision


def encode(weight: Tensor, scale: Tensor, bits: int) -> Tensor:
    """Codes 0 .. 2^bits - 1 (uint8, flat) of a weight whose output channels have these scales."""
    rows = weight.detach().float().flatten(1) / scale.float()[:, None]
    if bits == 1:
        return (~rows.signbit()).to(torch.uint8).flatten()
    at = levels(bits, "signed")
    return (rounded(rows * at.steps, at.low, at.high, at.shift) - at.shift + 2 ** (bits - 1)).to(torch.uint8).flatten()


def decode(codes: Tensor, scale: Tensor, bits: int) -> Tensor:
    """Weights (channels, rest) in float32 that some codes stand for."""
    rows = codes.view(len(scale), -1).float()
    if bits == 1:
        return (2 * rows - 1) * scale.float()[:, None]
    at = levels(bits, "signed")
    return (rows - 2 ** (bits - 1) + at.shift) * (scale.float()[:, None] / at.steps)


def pack_bits(codes: Tensor, bits: int) -> Tensor:
    """Codes (count,) into bytes (ceil(count * bits / 8),), the first code in the lowest bits."""
    per_byte = 8 // bits
    padded = nn.functional.pad(codes, (0, -len(codes) % per_byte)).view(-1, per_byte).to(torch.int32)
    return (padded << torch.arange(0, 8, bits, dtype=torch.int32)).sum(1).to(torch.uint8)


def unpack_bits(packed: Tensor, bits: int, count: int) -> Tensor:
    """The inverse of ``pack_bits``."""
    shifts = torch.arange(0, 8, bits, dtype=torch.int32)
    return ((packed.to(torch.int32)[:, None] >> shifts) & (2**bits - 1)).to(torch.uint8).flatten()[:count]


@torch.no_grad()
def pack(model: HubertForCTC, architecture: Architecture, assignment: Assignment) -> dict[str, Tensor]:
    """The packed tensors of a quantized model, named and shaped as ``packed_entries`` says."""
    state = model.state_dict()
    entries = packed_entries(architecture, assignment)
    for layer in architecture.layers:
        if layer.weights and f"{layer.path}.weight" in state:
            state |= _as_float(layer, state[f"{layer.path}.weight"])
    packed = {name: state[name].half().cpu().contiguous() for name in entries if name in state}
    for layer in architecture.layers:
        precision = assignment[layer.name]
        module = model.get_submodule(layer.path)
        if isinstance(module, QuantLinear | QuantConv1d) and precision.weight < 16:
            scale = module.weight_quantizer.scale(precision.weight).half().cpu()
            codes = encode(module.weight.cpu(), scale, precision.weight)
            packed[f"{layer.path}.weight.codes"] = pack_bits(codes, precision.weight)
            packed[f"{layer.path}.weight.scale"] = scale
        for operand, quantizer in _quantizers(layer, module, precision):
            packed[f"{layer.path}.{operand}.scale"] = quantizer.scale(precision.activation).half().cpu()
            shift = quantizer.threshold(precision.activation)
            if shift is not None:
                packed[f"{layer.path}.{operand}.shift"] = shift.half().cpu()
    return packed


def _quantizers(layer: Layer, module: nn.Module, precision: Precision) -> Iterator[tuple[str, ActivationQuantizer]]:
    if precision.activation == 16:
        return
    if isinstance(module, QuantLinear | QuantConv1d):
        yield "input", module.input_quantizer
    elif layer.kind == "product":
        products: ProductQuantizers = module.products  # type: ignore[assignment]
        yield from products.operands(layer.name.rsplit(".", 1)[1])


@torch.no_grad()
def unpack(
    tensors: dict[str, Tensor], config: HubertConfig, architecture: Architecture, assignment: Assignment, source: str
) -> HubertForCTC:
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
        bits = assignment[layer.name].weight
        if layer.weights and bits < 16:
            codes = unpack_bits(tensors[f"{layer.path}.weight.codes"], bits, layer.weights)
            rows = decode(codes, tensors[f"{layer.path}.weight.scale"], bits)
            state |= _as_float(layer, rows.view(_weight_shape(architecture, layer)))
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


def _as_float(layer: Layer, weight: Tensor) -> dict[str, Tensor]:
    """A weight under its names in the float model: weight norm wants its norm and its direction apart."""
    names = weight_tensors(layer)
    if len(names) == 1:
        return {names[0]: weight}
    return {names[0]: weight.norm(dim=(0, 1), keepdim=True), names[1]: weight}


def _activations_only(architecture: Architecture, assignment: Assignment) -> Assignment:
    return Assignment(
        {
            layer.name: assignment[layer.name]
            if layer.kind == "product"
            else Precision(16, assignment[layer.name].activation)
            for layer in architecture.layers
        }
    )


def save_packed(tensors: dict[str, Tensor], path: Path) -> None:
    """Write the packed file, whole or not at all."""
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata=METADATA)
    part.replace(path)


def load_packed(folder: Path) -> tuple[HubertForCTC | HeadedModel, Vocabulary, Assignment]:
    """Load an exported folder, with SUPERB's head where it holds one.

    Raises:
        UserError: naming the file that is missing, broken or another model's.
    """
    config = load_config(folder)
    architecture = Architecture(config.to_dict(), str(folder / "config.json"))
    assignment = Assignment.load(folder / "assignment.json", architecture)
    path = folder / "model.safetensors"
    if read_metadata(path) != METADATA:
        raise UserError(f"{path}: is not a packed checkpoint; make one with `hubits pick STUDY.toml --export DIR`")
    vocabulary = Vocabulary.load(folder / "vocab.json")
    model = unpack(read_tensors(path), config, architecture, assignment, str(path))
    head = head_path(path)
    return load_head(model, vocabulary, head) if head.exists() else model, vocabulary, assignment
